/**
 * A page under the collector's own strict Content-Security-Policy that loads the digits model and counts.
 * Served by the real collector (`--site test/pages`), driven by test/browser/deliver/telemetry.test.ts.
 */
import { createClient } from '/insitu/insitu.js';

window.logLines = [];
window.start = async (consent = 'granted', manifest = '/models/digits/model.json') => {
  const logger = (level, code, message) => window.logLines.push(`${level} ${code} ${message}`);
  window.client = createClient({ collector: { url: location.origin, key: 'demo' }, consent, logger });
  try {
    window.model = await window.client.load(manifest);
    return 'loaded';
  } catch (error) {
    return error.code;
  }
};
let runCount = 0;
/** Runs the model on `count` digits of that brightness. */
window.runDigits = async (count, value = 8) => {
  for (let index = 0; index < count; index++) {
    const data = Float32Array.from({ length: 64 }, (_, at) => ((at * 7 + index) % 3) * (value / 2));
    // No run repeats another one, or nothing would leave.
    data[63] += ++runCount * 1e-4;
    await window.model.run({ image: { data, dims: [1, 1, 8, 8] } });
  }
  return count;
};
/** Records of the outbox, without opening a database that is not there. */
window.records = async () => {
  if (indexedDB.databases !== undefined && !(await indexedDB.databases()).some(({ name }) => name === 'insitu-telemetry')) return null;
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open('insitu-telemetry');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  if (!db.objectStoreNames.contains('windows')) return null;
  const all = await new Promise((resolve, reject) => {
    const request = db.transaction('windows').objectStore('windows').getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  db.close();
  return all.map(({ id, state, report, runs, page }) => ({ id, state, report, runs, page }));
};
window.ready = true;
