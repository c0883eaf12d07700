/**
 * A page whose service worker keeps itself and insitu's files. Driven by test/browser/load/offline.test.ts.
 */
import { createClient } from '/insitu/insitu.js';

window.client = createClient();
window.answer = async () => {
  const model = await client.load('/models/digits/model.json', { provider: 'wasm' });
  const { outputs } = await model.run({ image: { data: new Float32Array(64), dims: [1, 1, 8, 8] } });
  const { threadCount, isFromSnapshot } = model.explain();
  return { length: outputs.scores.data.length, threads: threadCount, isolated: crossOriginIsolated, isFromSnapshot };
};
window.register = async () => {
  await navigator.serviceWorker.register('offline-worker.js', { scope: '/' });
  await navigator.serviceWorker.ready;
};
window.kept = async () => {
  const [name] = (await caches.keys()).filter((name) => name.startsWith('insitu-assets-'));
  const requests = name === undefined ? [] : await (await caches.open(name)).keys();
  return requests.map(({ url }) => new URL(url).pathname).sort();
};
window.ready = true;
