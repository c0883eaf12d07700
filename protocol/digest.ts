/**
 * Digests: the SHA-256 of bytes, or of a text's UTF-8.
 *
 * Why asynchronous, also where there is a synchronous one: `crypto.subtle` is what page, worker and Node have in common.
 *
 * Not here: whether there is one; a page that is not served over HTTPS has none (`crypto-unavailable`).
 */
import { toHex } from './hex.ts';

/** 64 hex digits. */
export async function sha256Hex(content: string | Uint8Array): Promise<string> {
  return toHex(await sha256(content));
}

/** The first 8 bytes, 16 hex digits: what names a plan, a manifest or a class of devices. */
export async function shortSha256Hex(content: string | Uint8Array): Promise<string> {
  return toHex((await sha256(content)).subarray(0, 8));
}

async function sha256(content: string | Uint8Array): Promise<Uint8Array> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  // Shared memory, which the type would have us rule out here, is refused by `digest` itself.
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}
