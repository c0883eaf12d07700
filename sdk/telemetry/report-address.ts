/**
 * Where reports are posted, of page and service worker alike.
 */
export function reportAddress({ url, key }: { readonly url: string; readonly key: string }): string {
  return `${url.replace(/\/+$/, '')}/v1/report/${encodeURIComponent(key)}`;
}
