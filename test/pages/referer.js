/** A page that sends its whole address with every request, and has the library from another origin. Driven by test/regression/browser/referer-with-query.test.ts. */
window.visit = async (models, collector, level) => {
  const client = insitu.createClient({ collector: { url: collector, key: 'demo' }, consent: 'granted', privacy: level });
  const model = await client.load(`${models}/models/digits/model.json`);
  const feeds = { image: { data: new Float32Array(64), dims: [1, 1, 8, 8] } };
  for (let run = 0; run < 9; run++) await model.run(feeds);
  const observer = await client.observe(`${models}/models/tiny-text/observe.json`);
  observer.record({ feeds: { text: 'hello' }, outputs: { scores: [1] } });
  await client.telemetry.flush();
  await client.telemetry.inspect();
  await client.close();
};
window.ready = true;
