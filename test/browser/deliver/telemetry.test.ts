/**
 * Telemetry through the whole page: the built library under the collector's own strict policy, the real outbox, the real collector.
 *
 * Goal: each count once, none before consent, a failing page is heard. Method: test/pages/telemetry.html behind a proxy
 * that logs and breaks requests; what the collector's database holds is the judge.
 */
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { metricOf } from '../../../counts/layout/plan.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { decodeBody } from '../../../protocol/report/report.ts';
import { UNKNOWN_MODEL_VERSION, type Window } from '../../../protocol/report/window.ts';
import { type Browser, browserTest, type Page } from '../../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../../harness/collector-process.ts';
import { type FaultProxy, type LoggedRequest, startFaultProxy } from '../../harness/fault-proxy.ts';

const PAGES = fileURLToPath(new URL('../../pages', import.meta.url));
/** As the proxy's rules see a report: method and address. */
const REPORT = /^POST \/v1\/report\//;

interface Scene {
  readonly collector: CollectorProcess;
  readonly proxy: FaultProxy;
  /** A visit: a fresh page with a client; resolves to what `load` came to. */
  visit(consent?: 'granted' | 'required', manifest?: string): Promise<{ page: Page; loaded: string }>;
  reports(): LoggedRequest[];
  windows(): Window[];
  sums(): Promise<{ reports: number; runs: number }>;
}

async function withScene(browser: Browser, body: (scene: Scene) => Promise<void>): Promise<void> {
  const collector = await startCollectorProcess({ siteFolder: PAGES });
  const proxy = await startFaultProxy(collector.url);
  const reports = () => proxy.log.filter(({ url, method }) => REPORT.test(`${method} ${url}`));
  const windows = () =>
    reports().flatMap((request) => {
      const verdict = decodeBody(request.body);
      return verdict.ok ? verdict.body.windows : [];
    });
  try {
    await body({
      collector,
      proxy,
      reports,
      windows,
      visit: async (consent = 'granted', manifest = '/models/digits/model.json') => {
        const page = await browser.newPage();
        await page.goto(`${proxy.url}/telemetry.html`);
        await page.waitFor('() => window.ready === true', { timeoutMs: 30_000 });
        const loaded = await page.evaluate<string>('(consent, manifest) => start(consent, manifest)', consent, manifest);
        return { page, loaded };
      },
      sums: async () => {
        const [model] = (await (await fetch(`${collector.url}/v1/models`)).json()) as { modelVersion: string }[];
        const { totals } = (await (await fetch(`${collector.url}/v1/series?model=${model?.modelVersion}&hours=2`)).json()) as {
          totals: { report: string; reports: number; runs: number }[];
        };
        const data = totals.filter(({ report }) => report === 'data');
        return { reports: data.reduce((sum, total) => sum + total.reports, 0), runs: data.reduce((sum, total) => sum + total.runs, 0) };
      },
    });
  } finally {
    await proxy.close();
    await collector.close();
  }
}

/** Waits until the database has as many data runs; then, or when patience ends, what it has. */
async function settle(scene: Scene, runs: number, patienceMs = 15_000): Promise<{ reports: number; runs: number }> {
  const endMs = Date.now() + patienceMs;
  for (;;) {
    const sums = await scene.sums();
    if (sums.runs >= runs || Date.now() > endMs) return sums;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const runDigits = (page: Page, count: number) => page.evaluate('(count) => runDigits(count)', count);
const restOf = (runs: number) => `async () => (await records())?.some(({ report, runs }) => report === 'data' && runs === ${runs})`;

browserTest('three runs in each of three visits arrive as one data report of nine', async ({ browser }) => {
  await withScene(browser, async (scene) => {
    for (const total of [3, 6]) {
      const { page } = await scene.visit();
      await runDigits(page, 3);
      // The last record before the tab goes; a draft interval later at the latest.
      await page.waitFor(restOf(total), { timeoutMs: 20_000 });
      await page.close();
    }
    expect(await scene.sums()).toEqual({ reports: 0, runs: 0 });
    expect(scene.windows().filter(({ report }) => report === 'data')).toEqual([]);
    const { page } = await scene.visit();
    await runDigits(page, 3);
    await page.waitFor(restOf(9), { timeoutMs: 20_000 });
    await page.close();
    // Where the closed tab's last request does not arrive, the next visit sends the draft.
    await settle(scene, 9, 3_000);
    const next = await scene.visit();
    expect(await settle(scene, 9)).toEqual({ reports: 1, runs: 9 });
    await next.page.close();
  });
});

browserTest('a page whose model cannot be fetched is heard, and so is one whose manifest is missing', async ({ browser }) => {
  await withScene(browser, async (scene) => {
    scene.proxy.rules.push({ match: /\.onnx$/, action: { kind: 'status', status: 404 } });
    const { page, loaded } = await scene.visit();
    expect(loaded).toBe('model-unreachable');
    await page.waitFor('() => client.telemetry.status().sentWindows >= 1', { timeoutMs: 20_000 });
    await page.close();
    const lost = await scene.visit('granted', '/models/none/model.json');
    expect(lost.loaded).toBe('manifest-unreachable');
    await lost.page.waitFor('() => client.telemetry.status().sentWindows >= 1', { timeoutMs: 20_000 });
    await lost.page.close();
    const { offset, cells } = metricOf(SOFTWARE_PLAN, 'error.load');
    const codes = scene
      .windows()
      .flatMap((window) => Array.from(window.cells, (cell) => cells[cell - offset]).filter((code) => code !== undefined));
    expect(codes).toEqual(expect.arrayContaining(['model-unreachable', 'manifest-unreachable']));
    const versions = scene
      .reports()
      .map(({ body }) => decodeBody(body))
      .map((verdict) => (verdict.ok ? verdict.body.modelVersion : 'refused'));
    expect(versions).toContain(UNKNOWN_MODEL_VERSION);
    expect(scene.reports().every(({ status }) => status === 204)).toBe(true);
  });
});

browserTest(
  'a worker that is lost under a run is heard, so is one that is lost while nothing runs, and so is each load that follows',
  ['chromium'],
  async ({ browser }) => {
    await withScene(browser, async (scene) => {
      const page = await browser.newPage();
      await page.goto(`${scene.proxy.url}/telemetry.html`);
      await page.waitFor('() => window.ready === true', { timeoutMs: 30_000 });
      const counts = await page.evaluate<Record<string, number>>(`async () => {
      const workers = [];
      window.Worker = class extends Worker { constructor(...args) { super(...args); workers.push(this); } };
      await start('granted');
      const lost = runDigits(1).catch(({ code }) => code);
      workers.at(-1).terminate();
      if ((await lost) !== 'worker-lost') return { lost: await lost };
      await runDigits(1);
      workers.at(-1).terminate();
      while ((await navigator.locks.query()).held.some(({ name }) => name.startsWith('insitu-worker-'))) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await runDigits(1);
      await client.telemetry.flush();
      const cells = (await client.telemetry.inspect()).flatMap(({ windows }) => windows).flatMap(({ cells }) => cells);
      const sum = (metric, cell) => cells.filter((each) => each.metric === metric && (cell === null || each.cell === cell)).reduce((total, { count }) => total + count, 0);
      return { lost: sum('error.run', 'worker-lost'), failed: sum('run.outcome', 'failed'), answered: sum('run.outcome', 'answered'), loads: sum('load.outcome', null) };
    }`);
      expect(counts).toEqual({ lost: 2, failed: 1, answered: 2, loads: 3 });
      await page.close();
    });
  },
);

browserTest('a report whose answer is lost is sent again with the same bytes and counted once', async ({ browser }) => {
  await withScene(browser, async (scene) => {
    const { page } = await scene.visit();
    await runDigits(page, 12);
    scene.proxy.rules.push({ match: REPORT, action: { kind: 'drop-after-forward' }, times: 1 });
    await page.evaluate('() => client.telemetry.flush()');
    await page.evaluate('() => client.telemetry.flush()');
    expect(await settle(scene, 12)).toEqual({ reports: 1, runs: 12 });
    const bodies = scene.reports().map(({ body }) => Buffer.from(body).toString('hex'));
    expect(bodies.length).toBeGreaterThanOrEqual(2);
    expect(bodies[1]).toBe(bodies[0]);
    expect(await page.evaluate('() => records()')).toEqual([]);
    await page.close();
  });
});

browserTest('an unreachable collector disturbs no run, and what was counted arrives once on a later visit', async ({ browser }) => {
  await withScene(browser, async (scene) => {
    scene.proxy.rules.push({ match: REPORT, action: { kind: 'drop-before' } });
    const { page } = await scene.visit();
    expect(await runDigits(page, 10)).toBe(10);
    await page.evaluate('() => client.telemetry.flush()');
    expect(await runDigits(page, 10)).toBe(10);
    // The sealed window of the first ten, and the last record of the second ten: a draft interval later at the latest.
    const bothStored = "async () => (await records()).filter(({ report, runs }) => report === 'data' && runs === 10).length === 2";
    await page.waitFor(bothStored, { timeoutMs: 20_000 });
    await page.close();
    expect(await scene.sums()).toEqual({ reports: 0, runs: 0 });
    scene.proxy.rules.length = 0;
    const later = await scene.visit();
    expect(await settle(scene, 20)).toEqual({ reports: 2, runs: 20 });
    await later.page.close();
    expect((await scene.sums()).runs).toBe(20);
  });
});

const marksOf = (scene: Scene) => scene.windows().map(({ report, mark }) => `${report} ${mark ?? 'none'}`);

// Goal: two tabs that ask in the same moment are told apart by the database. Method: both run and flush at once, in one browser.
browserTest('of the windows of two tabs one of each kind is marked, and none of a later visit', async ({ browser }) => {
  await withScene(browser, async (scene) => {
    const tabs = [await scene.visit('required'), await scene.visit('required')];
    await Promise.all(tabs.map(({ page }) => page.evaluate('() => client.telemetry.grant()')));
    await Promise.all(tabs.map(({ page }) => runDigits(page, 9)));
    await Promise.all(tabs.map(({ page }) => page.evaluate('() => client.telemetry.flush()')));
    await settle(scene, 18);
    const marks = marksOf(scene);
    expect(marks.filter((mark) => mark === 'data week')).toHaveLength(1);
    expect(marks.filter((mark) => mark === 'data none')).toHaveLength(1);
    expect(marks.filter((mark) => mark === 'software week')).toHaveLength(1);
    for (const { page } of tabs) await page.close();
    const later = await scene.visit();
    await runDigits(later.page, 9);
    await later.page.evaluate('() => client.telemetry.flush()');
    await settle(scene, 27);
    expect(marksOf(scene).filter((mark) => mark.endsWith(' week'))).toHaveLength(2);
    expect(marksOf(scene).some((mark) => mark.endsWith(' day'))).toBe(false);
    await later.page.close();
  });
});

browserTest('what was marked is deleted with the outbox: who consents again is counted again', ['chromium'], async ({ browser }) => {
  await withScene(browser, async (scene) => {
    const { page } = await scene.visit();
    await runDigits(page, 9);
    await page.evaluate('() => client.telemetry.flush()');
    await page.evaluate('() => client.telemetry.withdraw()');
    expect(await page.evaluate('() => records()')).toBeNull();
    await page.evaluate('() => client.telemetry.grant()');
    await runDigits(page, 9);
    await page.evaluate('() => client.telemetry.flush()');
    await settle(scene, 18);
    expect(marksOf(scene).filter((mark) => mark === 'data week')).toHaveLength(2);
    await page.close();
  });
});

browserTest('a refused window is dropped alone and its loss is in the next software report', ['chromium'], async ({ browser }) => {
  await withScene(browser, async (scene) => {
    const { page } = await scene.visit();
    await runDigits(page, 9);
    // The body of two windows first, then the software window alone: the data window goes through.
    scene.proxy.rules.push({ match: REPORT, action: { kind: 'status', status: 400, isCollector: true }, times: 2 });
    await page.evaluate('() => client.telemetry.flush()');
    await runDigits(page, 8);
    await page.evaluate('() => client.telemetry.flush()');
    expect(await settle(scene, 17)).toEqual({ reports: 2, runs: 17 });
    const { offset, cells } = metricOf(SOFTWARE_PLAN, 'loss');
    const lossCell = offset + cells.indexOf('refused');
    const losses = scene.windows().flatMap((window) => Array.from(window.cells).filter((cell) => cell === lossCell));
    expect(losses).toHaveLength(1);
    await page.close();
  });
});

browserTest('before consent nothing is stored or sent, after it is counted, after withdrawal the store is gone', async ({ browser }) => {
  await withScene(browser, async (scene) => {
    const { page } = await scene.visit('required');
    await runDigits(page, 10);
    expect(await page.evaluate('() => records()')).toBeNull();
    expect(
      await page.evaluate("async () => (await navigator.locks.query()).held.filter(({ name }) => name.startsWith('insitu-page-')).length"),
    ).toBe(0);
    await page.evaluate('() => client.telemetry.grant()');
    await runDigits(page, 10);
    await page.waitFor(restOf(10), { timeoutMs: 20_000 });
    await page.evaluate('() => client.telemetry.withdraw()');
    expect(await page.evaluate('() => client.telemetry.status().offReason')).toBe('consent-required');
    await runDigits(page, 10);
    await page.close();
    expect(scene.reports()).toEqual([]);
  });
});

browserTest('Global Privacy Control outranks consent', ['chromium'], async ({ browser }) => {
  await withScene(browser, async (scene) => {
    const page = await browser.newPage();
    await page.goto(`${scene.proxy.url}/telemetry.html`);
    await page.waitFor('() => window.ready === true', { timeoutMs: 30_000 });
    await page.evaluate("() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })");
    expect(await page.evaluate("() => start('granted')")).toBe('loaded');
    await runDigits(page, 10);
    expect(await page.evaluate('() => client.telemetry.status().offReason')).toBe('global-privacy-control');
    await page.close();
    expect(scene.reports()).toEqual([]);
  });
});

browserTest(
  'the request is a bare POST: no query, cookie, referrer, content type or header of ours, and no preflight',
  async ({ browser }) => {
    await withScene(browser, async (scene) => {
      const { page } = await scene.visit();
      await page.evaluate("() => { document.cookie = 'secret=1'; }");
      await runDigits(page, 10);
      await page.evaluate('() => client.telemetry.flush()');
      await page.close();
      const [report] = scene.reports();
      expect(report?.url).toBe('/v1/report/demo');
      for (const header of ['cookie', 'referer', 'content-type', 'authorization']) expect(report?.headers).not.toHaveProperty(header);
      expect(Object.keys(report?.headers ?? {}).filter((name) => name.startsWith('x-') || name.startsWith('insitu'))).toEqual([]);
      expect(scene.proxy.log.filter(({ method }) => method === 'OPTIONS')).toEqual([]);
    });
  },
);
