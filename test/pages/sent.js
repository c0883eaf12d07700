/**
 * A page with `<insitu-sent>`, under the collector's own strict Content-Security-Policy. Driven by test/browser/deliver/sent-element.test.ts.
 */
import { createClient } from '/insitu/insitu.js';

const element = document.querySelector('insitu-sent');

/** Loads the digits model. With `isEarly` the element has its client before its class is known. */
window.start = async (consent, isEarly = false) => {
  window.client = createClient({ collector: { url: location.origin, key: 'demo' }, consent });
  const define = () => import('/insitu/insitu.element.js');
  if (!isEarly) await define();
  element.client = window.client;
  if (isEarly) await define();
  window.model = await window.client.load('/models/digits/model.json');
};

let runCount = 0;
window.runDigits = async (count) => {
  for (let index = 0; index < count; index++) {
    const data = Float32Array.from({ length: 64 }, (_, at) => ((at * 5 + index) % 4) * 4);
    // No run repeats another one, or nothing would leave.
    data[63] += ++runCount * 1e-4;
    await window.model.run({ image: { data, dims: [1, 1, 8, 8] } });
  }
};

const find = (selector) => [...element.shadowRoot.querySelectorAll(selector)];
window.textOf = (part) => find(`[part=${part}]`)[0].textContent;
window.press = (part) => find(`[part=${part}]`)[0].click();
window.open = () => {
  for (const details of find('details')) details.open = true;
};
/** What a reader sees of each request, newest first: its line, its bytes without the offsets, the offsets, its tables. */
window.requests = () =>
  find('details').map((details) => {
    const rows = [...details.querySelectorAll('[part=bytes] > div')];
    return {
      line: details.querySelector('summary').textContent,
      hex: rows.map((row) => row.lastChild.textContent).join(' '),
      offsets: rows.map((row) => Number.parseInt(row.firstChild.textContent, 16)),
      windows: [...details.querySelectorAll('[part=window]')].map((window) => ({
        facts: window.querySelector('p').textContent,
        rows: [...window.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent)),
      })),
    };
  });
window.ready = true;
