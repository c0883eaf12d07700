/**
 * A page in a storm over delivery: every run that it counts has a cell of its own. Driven by test/storms/browser-storm.ts.
 */
import { createClient } from '/insitu/insitu.js';

window.restores = 0;
addEventListener('pageshow', (event) => {
  if (event.persisted) window.restores++;
});

// Reports whose ack this page has read. What was under way when it froze is not: delivery has stopped listening for it.
const acks = [];
let freezeCount = 0;
addEventListener('pagehide', (event) => {
  if (event.persisted) freezeCount++;
});
const plainFetch = window.fetch;
window.fetch = async (url, options) => {
  const { body } = options ?? {};
  const countBefore = freezeCount;
  const response = await plainFetch(url, options);
  if (body instanceof Uint8Array && response.ok && countBefore === freezeCount) acks.push(btoa(String.fromCharCode(...body)));
  return response;
};
window.takeAcks = () => acks.splice(0);

const collector = { url: location.origin, key: 'demo' };
const isCounting = new URLSearchParams(location.search).has('count');
const client = isCounting ? createClient({ collector, consent: 'granted' }) : null;
window.client = client;
const observer = client === null ? null : await client.observe('/models/storm/model.json');

/** Counts runs `from … from + count - 1`: input `c<n>` has category `run % perInput`, all others are missing. */
window.countRuns = (from, count, perInput) => {
  for (let run = from; run < from + count; run++) observer.record({ feeds: { [`c${Math.floor(run / perInput)}`]: [run % perInput] } });
  return from + count;
};

/** Bytes of all records of the outbox in base64, with their states; null where there is no outbox. */
window.records = async () => {
  if (indexedDB.databases !== undefined && !(await indexedDB.databases()).some(({ name }) => name === 'insitu-telemetry')) return null;
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open('insitu-telemetry');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  // Never in the way of a page that deletes.
  db.onversionchange = () => db.close();
  try {
    if (!db.objectStoreNames.contains('windows')) return null;
    const all = await new Promise((resolve, reject) => {
      const request = db.transaction('windows').objectStore('windows').getAll();
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    return all.map(({ state, report, bytes }) => ({ state, report, base64: btoa(String.fromCharCode(...bytes)) }));
  } finally {
    db.close();
  }
};

/** What a person does who clears the site's data. */
window.clearStorage = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase('insitu-telemetry');
    request.onsuccess = () => resolve(true);
    request.onerror = () => reject(request.error);
  });
window.ready = true;
