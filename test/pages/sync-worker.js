/**
 * A classic service worker of a site. It tells the server when the work of a sync event has ended, whichever way;
 * `?gpc` has it meet Global Privacy Control, which the tests' browser does not send.
 */
importScripts('/insitu/insitu.sw.js');
if (self.location.search === '?gpc') Object.defineProperty(navigator, 'globalPrivacyControl', { value: true });

self.addEventListener('sync', (event) => {
  const { waitUntil } = event;
  const tell = (outcome) => fetch(`/sync-${outcome}`);
  event.waitUntil = (work) => {
    work.then(
      () => tell('succeeded'),
      () => tell('failed'),
    );
    waitUntil.call(event, work);
  };
});
self.insitu.sendOnSync({ collector: { url: self.location.origin, key: 'demo' } });
