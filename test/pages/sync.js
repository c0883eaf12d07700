/**
 * A page whose site has a service worker with `sendOnSync`. Driven by test/browser/deliver/background-sync.test.ts.
 */
import { createClient } from '/insitu/insitu.js';

/** Registers the worker at that path, with `type`, and waits until it is active. */
window.register = async (path, type) => {
  await navigator.serviceWorker.register(path, { type });
  await navigator.serviceWorker.ready;
};

window.start = async (consent) => {
  window.client = createClient({ collector: { url: location.origin, key: 'demo' }, consent, backgroundSync: true });
  window.model = await window.client.load('/models/digits/model.json');
};

let runCount = 0;
window.runDigits = async (count) => {
  // No run repeats another one, or nothing would leave.
  for (let index = 0; index < count; index++)
    await window.model.run({ image: { data: new Float32Array(64).fill((runCount++ * 0.1) % 17), dims: [1, 1, 8, 8] } });
};
/** Whether the open data window is stored with that many runs. */
window.isStored = async (count) => {
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open('insitu-telemetry');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const records = await new Promise((resolve, reject) => {
    const request = db.transaction('windows').objectStore('windows').getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  db.close();
  return records.some(({ report, state, runs }) => report === 'data' && state === 'draft' && runs === count);
};
window.databases = async () => (await indexedDB.databases()).map(({ name }) => name);
window.ready = true;
