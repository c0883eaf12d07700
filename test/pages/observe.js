/** A page that counts what something else ran, and what people did with answers. Driven by test/browser/count/observe.test.ts. */
import { createClient } from '/insitu/insitu.js';

window.logCodes = [];
const logger = (_level, code) => window.logCodes.push(code);
const client = createClient({ collector: { url: location.origin, key: 'demo' }, consent: 'granted', logger });
window.client = client;

window.observe = async (count) => {
  const observer = await client.observe('/models/reviews/model.json');
  for (let index = 0; index < count; index++) {
    observer.record({ feeds: { text: [`Ein schöner Tag ${'abcdefghi'[index % 9]}!`] }, outputs: { scores: [0.9, 0.1] }, durationMs: 12 });
  }
  // What cannot be read is a cell; what has no name in the manifest is not counted; nothing throws.
  observer.record({ feeds: { text: 7n, secret: 'x' }, outputs: { scores: 'no numbers' } });
  observer.record(null);
  await client.telemetry.flush();
  return observer.modelVersion;
};

window.failToObserve = (url) =>
  client.observe(url).then(
    () => 'observed',
    (error) => error.code,
  );

let runCount = 0;
window.runSegment = async (count, segment) => {
  window.model ??= await client.load('/models/digits-feedback/model.json');
  const results = [];
  for (let index = 0; index < count; index++) {
    const data = Float32Array.from({ length: 64 }, (_, at) => ((at * 7 + index) % 3) * 4);
    // No run repeats another one, or nothing would leave.
    data[63] += ++runCount * 1e-4;
    results.push(await window.model.run({ image: { data, dims: [1, 1, 8, 8] } }, { segment }));
  }
  window.results = results;
  return results.map(({ outputs }) => outputs.scores.data.indexOf(Math.max(...outputs.scores.data)));
};

window.give = (index, feedback) =>
  window.model.feedback(window.results[index], feedback).then(
    () => 'given',
    (error) => error.code,
  );
window.ready = true;
