/**
 * What comes from elsewhere: values of another window, and addresses in a realm without a document.
 *
 * Invariants
 *  - Nothing is told by `instanceof`: a frame, a pop-up and a test's DOM have classes of their own.
 *  - A relative address is relative to the document, in a worker to the worker's script; on a server, which fetches nothing, to anything.
 */
import { SdkError } from '../../protocol/errors.ts';
import * as shipped from '../../protocol/shipped-files.json';

/** `[object Blob]`, whichever window's. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}

export function isUrl(value: unknown): value is string | URL {
  return typeof value === 'string' || tagOf(value) === '[object URL]';
}

interface Realm {
  readonly document?: { readonly baseURI: string };
  readonly location?: { readonly protocol: string; readonly href: string };
  readonly origin?: string;
}

/** What relative addresses are relative to. */
function base(): string {
  const { document, location, origin } = globalThis as Realm;
  // A worker that was made of a blob has an address that nothing can be relative to.
  return document?.baseURI ?? (location?.protocol === 'blob:' ? origin : location?.href) ?? 'http://localhost';
}

export function canResolve(address: unknown): boolean {
  return isUrl(address) && URL.canParse(address, base());
}

export function resolved(address: string | URL): URL {
  return new URL(address, base());
}

/** @throws {SdkError} `asset-unreachable` on a server, and in workers that can start none. */
export function requireWorkers(): void {
  if (globalThis.Worker !== undefined && (globalThis as Realm).location !== undefined) return;
  const reason = 'there are no workers here, as on a server and in a service worker';
  throw new SdkError('asset-unreachable', { asset: shipped.worker, reason, advice: 'Call it in a page or a worker.' });
}
