/**
 * The main job, end to end: the demo as a person uses it, the collector's database as the owner reads it.
 *
 * Goal: what was drawn and streamed is in the sums, exactly, and nothing else. Method: real pointer events and clicks in
 * each engine, the built collector behind a proxy that logs every request.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { metricOf } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { decodeBody } from '../../protocol/report/report.ts';
import { browserTest, type Page, type Point } from '../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../harness/collector-process.ts';
import { type FaultProxy, startFaultProxy } from '../harness/fault-proxy.ts';

const DIGITS = fileURLToPath(new URL('../../models/digits/', import.meta.url));
const OWN_MODEL = `${DIGITS}digits.fp32.onnx`;
const PATIENCE = { timeoutMs: 60_000 };

const strokes = JSON.parse(await readFile(`${DIGITS}strokes.json`, 'utf8')) as Record<string, Point[][][]>;
const manifest = await readManifest();

async function readManifest(): Promise<Manifest> {
  const verdict = checkManifest(JSON.parse(await readFile(`${DIGITS}model.json`, 'utf8')));
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.manifest;
}

async function withCollector(body: (collector: CollectorProcess, proxy: FaultProxy) => Promise<void>): Promise<void> {
  const collector = await startCollectorProcess();
  const proxy = await startFaultProxy(collector.url);
  try {
    await body(collector, proxy);
  } finally {
    await proxy.close();
    await collector.close();
  }
}

async function openDemo(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/`);
  await page.waitFor("() => document.documentElement.dataset.model === 'ready'", PATIENCE);
}

/** Draws inside the middle of the pad, as a person does. */
async function draw(page: Page, digit: number): Promise<void> {
  await page.evaluate("() => document.querySelector('#pad').scrollIntoView({ block: 'center' })");
  for (const stroke of strokes[digit]?.[0] ?? [])
    await page.stroke(
      '#pad',
      stroke.map(([x, y]) => [0.15 + 0.7 * x, 0.1 + 0.8 * y]),
    );
}

interface Sums {
  readonly dataRuns: number;
  readonly classes: number;
  readonly brightness: number;
}

/** What the collector's database holds of the digits model. */
async function sumsOf(collector: CollectorProcess): Promise<Sums> {
  const [model] = (await (await fetch(`${collector.url}/v1/models`)).json()) as { modelVersion: string }[];
  const response = await fetch(`${collector.url}/v1/series?model=${model?.modelVersion}&hours=2`);
  const { totals, data } = (await response.json()) as {
    totals: { report: string; runs: number }[];
    data: { cell: number; count: number }[];
  };
  const plan = dataPlanOf(manifest);
  const totalOf = (id: string) => {
    const { offset, cells } = metricOf(plan, id);
    return data.filter(({ cell }) => cell >= offset && cell < offset + cells.length).reduce((sum, { count }) => sum + count, 0);
  };
  const dataRuns = totals.filter(({ report }) => report === 'data').reduce((sum, { runs }) => sum + runs, 0);
  return { dataRuns, classes: totalOf('output.scores.class'), brightness: totalOf('input.image.brightness') };
}

async function settled(collector: CollectorProcess, runs: number, patienceMs: number): Promise<Sums> {
  const endMs = Date.now() + patienceMs;
  for (;;) {
    const sums = await sumsOf(collector);
    if (sums.dataRuns >= runs || Date.now() > endMs) return sums;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Whether the open data window is stored with that many runs: what a killed page would leave behind. */
const IS_DRAFTED = `async (runs) => {
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open('insitu-telemetry');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const all = await new Promise((resolve, reject) => {
    const request = db.transaction('windows').objectStore('windows').getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  db.close();
  return all.some((record) => record.report === 'data' && record.state === 'draft' && record.runs === runs);
}`;

// The last request of a closed tab mostly arrives at once; where it does not (seen in Firefox, on a busy machine), the next
// visit sends the draft under the same id. The draft is awaited here, so that in both cases nothing of the tail is missing.
browserTest(
  'a drawn digit is answered, 100 are streamed, the tab is closed: exactly those 101 runs are in the database',
  async ({ browser }) => {
    await withCollector(async (collector, proxy) => {
      const page = await browser.newPage();
      await openDemo(page, proxy.url);
      await page.click('#consent');
      await draw(page, 3);
      await page.waitFor("() => document.querySelector('#answer').textContent === '3'", PATIENCE);
      await page.click('#stream-start');
      await page.waitFor("() => document.querySelector('#stream-result').textContent.startsWith('Done: 100')", PATIENCE);
      await page.waitFor(IS_DRAFTED, PATIENCE, 101);
      await page.close();
      await settled(collector, 101, 3_000);
      // The next visit sends what is missing, and nothing of it again.
      const visit = await browser.newPage();
      await openDemo(visit, proxy.url);
      expect(await settled(collector, 101, 15_000)).toEqual({ dataRuns: 101, classes: 101, brightness: 101 });
      await visit.close();
      expect((await sumsOf(collector)).dataRuns).toBe(101);
      const bodies = proxy.log.filter(({ url }) => url.startsWith('/v1/report/')).map(({ body }) => decodeBody(body));
      expect(bodies.length).toBeGreaterThan(0);
      expect(bodies.every((body) => body.ok)).toBe(true);
    });
  },
);

browserTest('the second visit asks the server for nothing of the model before its first result', async ({ browser }) => {
  await withCollector(async (_collector, proxy) => {
    const first = await browser.newPage();
    await openDemo(first, proxy.url);
    await draw(first, 0);
    await first.waitFor("() => document.querySelector('#answer').textContent === '0'", PATIENCE);
    await first.close();
    const before = proxy.log.length;
    const second = await browser.newPage();
    await openDemo(second, proxy.url);
    await draw(second, 4);
    await second.waitFor("() => document.querySelector('#answer').textContent === '4'", PATIENCE);
    const answeredAtMs = Date.now();
    const asked = proxy.log.slice(before).filter(({ receivedAtMs }) => receivedAtMs <= answeredAtMs);
    expect(asked.map(({ url }) => url).filter((url) => /\.onnx|model\.json/.test(url))).toEqual([]);
    await second.close();
  });
});

browserTest('with the network off the demo answers a drawing and runs a dropped .onnx', async ({ browser }) => {
  await withCollector(async (collector, proxy) => {
    const first = await browser.newPage();
    await openDemo(first, proxy.url);
    await draw(first, 0);
    await first.waitFor("() => document.querySelector('#offline-ready').textContent.startsWith('Ready')", PATIENCE);
    await first.close();
    await collector.kill('SIGTERM');
    await proxy.close();
    const second = await browser.newPage();
    await openDemo(second, proxy.url);
    await draw(second, 7);
    await second.waitFor("() => document.querySelector('#answer').textContent === '7'", PATIENCE);
    await second.chooseFile('#model-file', OWN_MODEL);
    await second.waitFor("() => document.querySelector('#own-run') !== null", PATIENCE);
    await second.click('#own-run');
    await second.waitFor("() => /scores: float32 \\[1, 10\\]/.test(document.querySelector('#own-result').textContent)", PATIENCE);
    await second.close();
  });
});

browserTest('a file that is no model ends in a sentence with its code, and the page goes on', ['chromium'], async ({ page }) => {
  await withCollector(async (_collector, proxy) => {
    await openDemo(page, proxy.url);
    await page.chooseFile('#model-file', `${DIGITS}README.md`);
    await page.waitFor("() => document.querySelector('#own-alert').textContent.includes('(model-not-onnx)')", PATIENCE);
    await draw(page, 3);
    await page.waitFor("() => document.querySelector('#answer').textContent === '3'", PATIENCE);
  });
});

browserTest('without the switch nothing is counted, stored or sent', ['chromium'], async ({ browser }) => {
  await withCollector(async (_collector, proxy) => {
    const page = await browser.newPage();
    await page.goto(`${proxy.url}/`);
    await page.evaluate('() => localStorage.clear()');
    await openDemo(page, proxy.url);
    await page.click('#stream-start');
    await page.waitFor("() => document.querySelector('#stream-result').textContent.startsWith('Done: 100')", PATIENCE);
    const databases = await page.evaluate<string[]>('async () => (await indexedDB.databases()).map(({ name }) => name)');
    expect(databases).not.toContain('insitu-telemetry');
    await page.close();
    expect(proxy.log.filter(({ url }) => url.startsWith('/v1/report/'))).toEqual([]);
  });
});

browserTest('the dashboard leaves the baseline within seconds of a tilted world, without a reload', ['chromium'], async ({ browser }) => {
  await withCollector(async (_collector, proxy) => {
    const demo = await browser.newPage();
    await openDemo(demo, proxy.url);
    await demo.click('#consent');
    const dashboard = await browser.newPage();
    await dashboard.goto(`${proxy.url}/dashboard/#/models`);
    await dashboard.waitFor("() => document.querySelector('#tile-runs') !== null", PATIENCE);
    const streamAndSend = async () => {
      await demo.click('#stream-start');
      await demo.waitFor("() => document.querySelector('#stream-result').textContent.startsWith('Done: 100')", PATIENCE);
      await demo.evaluate("() => document.querySelector('insitu-sent').shadowRoot.querySelector('[part=flush]').click()");
    };
    const psi = "() => Number(/PSI ([\\d.]+)/.exec(document.querySelector('#metric-distance').textContent)?.[1] ?? NaN)";
    await streamAndSend();
    await dashboard.waitFor("() => document.querySelector('#tile-runs dd').textContent === '100'", PATIENCE);
    const straight = await dashboard.evaluate<number>(psi);
    await demo.evaluate(
      "() => { const dark = document.querySelector('#tilt-dark'); dark.value = '60'; dark.dispatchEvent(new Event('input')); }",
    );
    await demo.evaluate("() => { document.querySelector('#stream-result').textContent = ''; }");
    await streamAndSend();
    await dashboard.waitFor("() => document.querySelector('#tile-runs dd').textContent === '200'", PATIENCE);
    expect(straight).toBeLessThan(0.5);
    expect(await dashboard.evaluate<number>(psi)).toBeGreaterThan(1);
    await demo.close();
    await dashboard.close();
  });
});
