/**
 * Kept assets, the service worker's half: insitu's own files without a network.
 *
 *   importScripts('/insitu/insitu.sw.js');                        in a classic worker, or
 *   import * as insitu from 'insitu/service-worker';              in a module or bundled one; then
 *   insitu.keepAssets({ assets: '/insitu/' });
 *
 * Invariants
 *  - Responses are handed on as they came, headers and stream: the page stays cross-origin isolated, WASM is compiled while it streams, and
 *    the browser's cache of compiled code applies.
 *  - Scripts of our own are asked for from the network first and are small; the runtime, megabytes of it, is not asked for again.
 *  - A new release is met before any of its runtime: when the server's worker is another than the kept one, all that was kept is dropped.
 *  - One cache per release; those of other releases go when this service worker takes over.
 *  - Only files below `assets` are touched, and nothing is fetched that no page asked for.
 *
 * Not here: which files a device uses (sdk/assets/offline-files.ts), the site's own pages (the site's own service worker).
 * Source: Service Workers; "Code caching for JavaScript developers" (v8.dev) on responses from Cache Storage.
 */
import { inTime } from '../../protocol/deadline.ts';
import { STORE_OPEN_TIMEOUT_MS } from '../../protocol/limits.ts';
import * as shipped from '../../protocol/shipped-files.json';
import { type Names, require, requireKnown } from '../api/option-rules.ts';
import { KEEP_MESSAGE } from '../assets/keep-message.ts';

export interface KeepOptions {
  /** Folder that holds insitu's dist/ files, where the pages load them from. */
  readonly assets: string | URL;
}

const KEEP: Names<KeepOptions> = { assets: true };

interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

const CACHE_PREFIX = 'insitu-assets-';
const CACHE = CACHE_PREFIX + __RELEASE__;
const RUNTIME_FOLDER = 'ort/';

/**
 * Answers for insitu's files from now on. Call it while the worker's script runs for the first time.
 *
 * @throws {SdkError} `invalid-option`
 */
export function keepAssets(options: KeepOptions): void {
  const { assets } = requireKnown('options', options, KEEP);
  require('assets', URL.canParse(assets, location.href), 'the URL of a folder');
  const folder = new URL(assets, location.href);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const nameOf = (url: string) => (url.startsWith(folder.href) ? url.slice(folder.href.length) : null);
  addEventListener('activate', (event) => (event as ExtendableEvent).waitUntil(dropOtherReleases()));
  addEventListener('fetch', (event) => {
    const { request } = event as FetchEvent;
    const name = nameOf(request.url);
    // A part of a file (Range) is nothing to keep.
    if (name === null || request.method !== 'GET' || request.headers.has('range')) return;
    (event as FetchEvent).respondWith(name.startsWith(RUNTIME_FOLDER) ? keptFirst(request) : networkFirst(request, name));
  });
  addEventListener('message', (event) => {
    const { data, ports } = event as MessageEvent<{ type?: unknown; files?: unknown } | null>;
    if (data?.type !== KEEP_MESSAGE || !Array.isArray(data.files)) return;
    const files = data.files.filter((file): file is string => typeof file === 'string' && nameOf(file) !== null);
    (event as unknown as ExtendableEvent).waitUntil(keep(files).then((isKept) => ports[0]?.postMessage(isKept)));
  });
}

async function keptFirst(request: Request): Promise<Response> {
  return (await kept(request)) ?? fetchAndKeep(request);
}

async function networkFirst(request: Request, name: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    const answer = await kept(request);
    if (answer === undefined) throw error;
    return answer;
  }
  if (!isWhole(response)) return response;
  if (name === shipped.worker && !(await isKeptRelease(request, response.clone()))) await answered(caches.delete(CACHE));
  await store(request, response.clone());
  return response;
}

async function fetchAndKeep(request: Request): Promise<Response> {
  const response = await fetch(request);
  // Not awaited: the page compiles while the copy is written. What the browser's own cache alone answers may be of any release.
  if (isWhole(response) && request.cache !== 'only-if-cached') void store(request, response.clone());
  return response;
}

function isWhole({ ok, status, type }: Response): boolean {
  return ok && status === 200 && type !== 'opaque';
}

/** True as well while no worker is kept: what is there then was fetched by the page that asks for it now. */
async function isKeptRelease(request: Request, response: Response): Promise<boolean> {
  const before = await kept(request);
  return before === undefined || (await before.text()) === (await response.text());
}

async function kept(request: Request | string): Promise<Response | undefined> {
  return answered(caches.open(CACHE).then((cache) => cache.match(request, { ignoreVary: true })));
}

/** A browser that refuses storage costs the offline visit and nothing else. */
async function store(request: Request, response: Response): Promise<void> {
  await answered(caches.open(CACHE).then((cache) => cache.put(request.url, response)));
}

/** What the cache refuses, or does not answer in time, it does not have: a page waits for the answer. */
function answered<T>(asked: Promise<T>): Promise<T | undefined> {
  return inTime(asked, STORE_OPEN_TIMEOUT_MS).catch(() => undefined);
}

async function keep(files: readonly string[]): Promise<boolean> {
  try {
    const cache = await caches.open(CACHE);
    for (const file of files) if ((await cache.match(file)) === undefined) await cache.add(file);
    return true;
  } catch {
    return false;
  }
}

async function dropOtherReleases(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
}
