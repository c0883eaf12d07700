/**
 * A visit at the level `local-dp`, so many days from now by this page's clock. Driven by test/browser/deliver/local-dp.test.ts.
 */
const shiftMs = Number(new URLSearchParams(location.search).get('days')) * 86_400_000;
const now = Date.now;
Date.now = () => now() + shiftMs;

const { createClient } = await import('/insitu/insitu.js');

/** Runs, a person's correction, and a load that fails: what other levels would report. */
window.visit = async () => {
  const collector = { url: location.origin, key: 'demo' };
  const client = createClient({ collector, consent: 'granted', privacy: 'local-dp' });
  const model = await client.load('/models/digits/model.json');
  for (let run = 0; run < 9; run++) await model.run({ image: { data: new Float32Array(64).fill(run), dims: [1, 1, 8, 8] } });
  await client.load('/models/digits/none.json').catch(() => undefined);
  await client.telemetry.flush();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const shown = await client.telemetry.inspect();
  await client.close();
  return shown.flatMap(({ windows }) => windows.map(({ report }) => report));
};
window.databases = async () => (await indexedDB.databases()).map(({ name }) => name);
window.ready = true;
