/**
 * A site's service worker: insitu's files by insitu, its own two files by itself.
 */
importScripts('/insitu/insitu.sw.js');
insitu.keepAssets({ assets: '/insitu/' });

const OWN = ['/pages/offline.html', '/pages/offline.js'];
addEventListener('install', (event) => event.waitUntil(caches.open('own').then((cache) => cache.addAll(OWN))));
addEventListener('fetch', (event) => {
  if (OWN.includes(new URL(event.request.url).pathname)) event.respondWith(caches.match(event.request));
});
