/**
 * A page under a strict Content-Security-Policy: loads the digits model, counts, sends, and notes every violation.
 * Served and driven by test/browser/load/csp.test.ts; the library comes as a module, or from a script tag as the global `insitu`.
 */
window.violations = [];
document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sourceFile, lineNumber, sample }) =>
  window.violations.push([effectiveDirective, blockedURI, sourceFile, lineNumber, sample].join(' ')),
);

/** Loads, runs `count` digits and sends what was counted; answers how it went. */
window.visit = async ({ collector, models, count, assets }) => {
  const { createClient } = window.insitu ?? (await import('/insitu/insitu.js'));
  window.logLines = [];
  const client = createClient({
    collector: { url: collector, key: 'demo' },
    consent: 'granted',
    threads: 2,
    logger: (level, code, message) => window.logLines.push(`${level} ${code} ${message}`),
    ...(assets === undefined ? {} : { assets }),
  });
  window.client = client;
  const model = await client.load(`${models}/models/digits/model.json`);
  for (let index = 0; index < count; index++)
    await model.run({ image: { data: new Float32Array(64).fill(index % 17), dims: [1, 1, 8, 8] } });
  await client.telemetry.flush();
  const sent = await client.telemetry.inspect();
  const answer = {
    isIsolated: window.crossOriginIsolated,
    threadCount: model.explain().threadCount,
    statuses: sent.map(({ status }) => status),
    cells: sent.reduce((sum, { windows }) => sum + windows.reduce((of, { cells }) => of + cells.length, 0), 0),
  };
  await client.close();
  return answer;
};
/** Puts `<insitu-sent>` into the page; answers how its bytes are laid out, which only its own style sheet says. */
window.showSent = async () => {
  await import('/insitu/insitu.element.js');
  const element = document.createElement('insitu-sent');
  element.client = window.client;
  document.body.append(element);
  const found = async (selector) => {
    while (element.shadowRoot.querySelector(selector) === null) await new Promise(requestAnimationFrame);
    return element.shadowRoot.querySelector(selector);
  };
  (await found('details')).open = true;
  return getComputedStyle(await found('[part=bytes]')).display;
};
window.ready = true;
