/** A page with libraries of old: every object and every list has names of theirs. Driven by test/regression/browser/observe-beside-old-libraries.test.ts. */
const SPOILT = [
  [Object.prototype, ['each', 'extend', 'kind', 'monitor', 'toJSON']],
  [Array.prototype, ['each', 'toJSON', 'include']],
];

/** While the work goes on: a driver's own words to the page would not survive them either. */
async function besideOldLibraries(work) {
  for (const [prototype, names] of SPOILT) for (const name of names) prototype[name] = () => 'a library of old';
  try {
    return await work();
  } finally {
    for (const [prototype, names] of SPOILT) for (const name of names) delete prototype[name];
  }
}

window.observe = (collector) => besideOldLibraries(() => observe(collector));
window.load = () => besideOldLibraries(load);
window.ready = true;

async function observe(collector) {
  const { createClient } = await import('/insitu/insitu.js');
  const client = createClient({ collector: { url: collector, key: 'demo' }, consent: 'granted' });
  const observer = await client.observe('/models/digits/model.json');
  for (let run = 0; run < 9; run++)
    observer.record({ feeds: { image: new Float32Array(64).fill(run) }, outputs: { scores: new Float32Array(10) } });
  await client.telemetry.flush();
  const status = client.telemetry.status();
  const sent = await client.telemetry.inspect();
  await client.close();
  return { sentWindows: status.sentWindows, words: sent.flatMap(({ windows }) => windows).flatMap(({ cells }) => cells).length };
}

async function load() {
  const { createClient } = await import('/insitu/insitu.js');
  const client = createClient();
  const model = await client.load('/models/digits/model.json', { provider: 'wasm' });
  const { outputs } = await model.run({ image: { data: new Float32Array(64), dims: [1, 1, 8, 8] } });
  const { length } = outputs.scores.data;
  await client.close();
  return length;
}
