/**
 * Service worker of the demo: the page, the library and the runtime that this device uses, without a network; and counts that a
 * closed page has left, once there is one.
 *
 * Invariants
 *  - The API is never touched, and neither are model files: the library's own store keeps those, verified.
 *  - Responses are kept as they came, so COOP, COEP and CORP hold offline and the page stays cross-origin isolated, and WASM
 *    is compiled while it streams.
 */
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';
import { CacheFirst } from 'workbox-strategies';

declare const self: ServiceWorkerGlobalScope;
/** Put in by vite.config.ts: the built files with their hashes. */
declare const __PRECACHE__: { url: string; revision: string | null }[];
/** What insitu.sw.js puts into this realm; the browser keeps that file together with this one. */
declare const insitu: { sendOnSync(options: { collector: { url: string; key: string } }): void };

const CACHE = `insitu-assets-${__RELEASE__}`;
const HELD_OUT = '/models/digits/heldout.json';

importScripts('/insitu/insitu.sw.js');
insitu.sendOnSync({ collector: { url: location.origin, key: 'demo' } });

precacheAndRoute(__PRECACHE__);
cleanupOutdatedCaches();
registerRoute(
  new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: [/^\/dashboard/, /^\/v1\//, /^\/insitu\//, /^\/models\//] }),
);

const assets = new CacheFirst({ cacheName: CACHE });
registerRoute(
  ({ url }) =>
    url.origin === location.origin &&
    (/^\/insitu\/(ort\/.*|insitu\.(worker|telemetry|counts)\.js)$/.test(url.pathname) || url.pathname === HELD_OUT),
  assets,
);

self.addEventListener('activate', (event) => {
  const outdated = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith('insitu-assets-') && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(outdated());
});

self.addEventListener('message', (event) => {
  const { type, files } = event.data as { type?: string; files?: string[] };
  if (type === 'SKIP_WAITING') void self.skipWaiting();
  if (type === 'keep' && Array.isArray(files)) event.waitUntil(keep(files, event.ports[0]));
});

async function keep(files: readonly string[], port: MessagePort | undefined): Promise<void> {
  const cache = await caches.open(CACHE);
  const urls = [
    '/insitu/insitu.worker.js',
    '/insitu/insitu.telemetry.js',
    '/insitu/insitu.counts.js',
    HELD_OUT,
    ...files.map((file) => `/insitu/ort/${file}`),
  ];
  try {
    for (const url of urls) if ((await cache.match(url)) === undefined) await cache.add(url);
    port?.postMessage(true);
  } catch {
    port?.postMessage(false);
  }
}
