/**
 * Service worker of the demo: the page, the library and the runtime that this device uses, without a network; and counts that a
 * closed page has left, once there is one.
 *
 * Invariants
 *  - The API is never touched, and neither are model files: the library's own store keeps those, verified.
 *  - The library's own files are left to its `keepAssets`, the page's to workbox; neither keeps the other's.
 */
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';
import { NetworkFirst } from 'workbox-strategies';

declare const self: ServiceWorkerGlobalScope;
/** Put in by vite.config.ts: the built files with their hashes. */
declare const __PRECACHE__: { url: string; revision: string | null }[];
/** What insitu.sw.js puts into this realm; the browser keeps that file together with this one. */
declare const insitu: {
  sendOnSync(options: { collector: { url: string; key: string } }): void;
  keepAssets(options: { assets: string }): void;
};

const DATA = 'demo-data';
const HELD_OUT = '/models/digits/heldout.json';

importScripts('/insitu/insitu.sw.js');
insitu.sendOnSync({ collector: { url: location.origin, key: 'demo' } });
insitu.keepAssets({ assets: '/insitu/' });

precacheAndRoute(__PRECACHE__);
cleanupOutdatedCaches();
registerRoute(
  new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: [/^\/dashboard/, /^\/v1\//, /^\/insitu\//, /^\/models\//] }),
);

const data = new NetworkFirst({ cacheName: DATA });
registerRoute(({ url }) => url.origin === location.origin && url.pathname === HELD_OUT, data);

self.addEventListener('install', (event) => {
  // The first visit asked for it before this worker was there. Without it, the page lacks its stream of digits and nothing else.
  event.waitUntil(
    caches
      .open(DATA)
      .then((cache) => cache.add(HELD_OUT))
      .catch(() => undefined),
  );
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('message', (event) => {
  const { type } = event.data as { type?: string };
  if (type === 'SKIP_WAITING') void self.skipWaiting();
});
