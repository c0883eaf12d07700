/**
 * For both kinds of service worker: tells the server when the work of a sync event has ended, whichever way.
 */
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
