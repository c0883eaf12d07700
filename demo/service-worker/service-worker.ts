/**
 * Service worker of the demo: the page, the library and the runtime that this device uses, without a network; and counts that a
 * closed page has left, once there is one.
 *
 * Invariants
 *  - The API and the dashboard are never touched, and neither are model files: the library's own store keeps those, verified.
 *  - The library's own files are left to its `keepAssets`, the page's to workbox; neither keeps the other's.
 */
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching';
import { registerRoute } from 'workbox-routing';
import { NetworkFirst } from 'workbox-strategies';

declare const self: ServiceWorkerGlobalScope;
/** Put in by vite.config.ts: the built files with their hashes, by their addresses from here. */
declare const __PRECACHE__: { url: string; revision: string | null }[];
/** What insitu.sw.js puts into this realm; the browser keeps that file together with this one. */
declare const insitu: {
  sendOnSync(options: { collector: { url: string; key: string } }): void;
  keepAssets(options: { assets: string }): void;
};

const DATA = 'demo-data';
/** The collector's own address: this file lies in its root, behind whatever path prefix. */
const ROOT = new URL('./', location.href);
const PAGE = new URL('index.html', ROOT);
const HELD_OUT = new URL('models/digits/heldout.json', ROOT).href;

importScripts('./insitu/insitu.sw.js');
insitu.sendOnSync({ collector: { url: ROOT.href, key: 'demo' } });
insitu.keepAssets({ assets: new URL('insitu/', ROOT).href });

precacheAndRoute(__PRECACHE__);
cleanupOutdatedCaches();
const isPage = ({ origin, pathname }: URL) => origin === ROOT.origin && [ROOT.pathname, PAGE.pathname].includes(pathname);
registerRoute(({ url, request }) => request.mode === 'navigate' && isPage(url), createHandlerBoundToURL(PAGE.href));

const data = new NetworkFirst({ cacheName: DATA });
registerRoute(({ url }) => url.href === HELD_OUT, data);

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
