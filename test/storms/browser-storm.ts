/**
 * A storm over delivery in a real browser: pages that run, hide, close, die and come back, behind a proxy that breaks what it can.
 *
 * Every run bumps a cell of its own (one category of one categorical input), so the collector's sums say of each run whether it
 * arrived, and how often. The observer is apart from our code: it reads the outbox's committed records from another page of the
 * origin, and what the proxy saw posted and answered.
 *
 * *Sealed* is a run that stood in a committed record, or in a report whose ack its page has read. Of a page that died before it
 * could say so, the first 2xx to a window is taken for read. What must hold in the end: no run is counted twice; every sealed run is counted, or is a rest in the outbox, or was in a window that the collector refused alone (and a
 * loss counter says so), or in an outbox that was cleared; a window's runs arrive all or none.
 *
 * Not here: sizes and which engines (test/browser/deliver/exactly-once.test.ts, test/prove/exactly-once.prove.test.ts).
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { metricOf } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { decodeBody, decodeWindow } from '../../protocol/report/report.ts';
import type { Window } from '../../protocol/report/window.ts';
import { type Browser, type Engine, launch, type Page } from '../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../harness/collector-process.ts';
import { type FaultAction, type FaultProxy, type LoggedRequest, startFaultProxy } from '../harness/fault-proxy.ts';
import { guardedFolder, removeFolder } from '../harness/guardian.ts';
import type { StormReport } from './storm-report.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUNS_PER_INPUT = 1_000;
const INPUT_COUNT = 30;
const TAB_COUNT_MAX = 4;
const REPORT = /^\/v1\/report\//;

/** Numbers from a seed (mulberry32): the same storm again. */
function diceOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function stormManifest(): Manifest {
  const categories = Array.from({ length: RUNS_PER_INPUT }, (_, index) => `run${index}`);
  const inputs = Array.from({ length: INPUT_COUNT }, (_, index) => ({
    name: `c${index}`,
    type: 'int32',
    dims: ['n'],
    kind: 'categorical',
    categories,
  }));
  const output = { name: 'none', type: 'float32', dims: [1], kind: 'opaque' };
  const verdict = checkManifest({
    schema: 1,
    name: 'storm',
    version: '1',
    licence: 'none',
    variants: [],
    inputs,
    outputs: [output],
    golden: [],
  });
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.manifest;
}

const manifest = stormManifest();
const plan = dataPlanOf(manifest);
const runOfCell = new Map<number, number>();
for (let input = 0; input < INPUT_COUNT; input++) {
  const { offset, cells } = metricOf(plan, `input.c${input}.values`);
  for (let run = 0; run < RUNS_PER_INPUT; run++) runOfCell.set(offset + cells.indexOf(`category:${run}`), input * RUNS_PER_INPUT + run);
}

function runsOf({ cells }: Window): number[] {
  return [...cells].flatMap((cell) => runOfCell.get(cell) ?? []);
}

function windowsOf({ body }: Pick<LoggedRequest, 'body'>): readonly Window[] {
  const verdict = decodeBody(body);
  return verdict.ok ? verdict.body.windows : [];
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What the proxy does to reports, and how many of a hundred it does it to. */
const FAULTS: readonly (readonly [share: number, name: string, action: FaultAction])[] = [
  [8, 'committed, answer lost', { kind: 'drop-after-forward' }],
  [7, 'connection reset', { kind: 'drop-before' }],
  [6, 'HTTP 500', { kind: 'status', status: 500 }],
  [6, 'HTTP 429 with Retry-After', { kind: 'status', status: 429, headers: { 'Retry-After': '1' } }],
  [4, 'HTTP 503 with Retry-After', { kind: 'status', status: 503, headers: { 'Retry-After': '1' } }],
  // Of several windows it means that one of them is too large; of one alone, that this one is dropped.
  [4, 'HTTP 413', { kind: 'status', status: 413, isCollector: true }],
  // A sign-in page, and an ingress without a backend: nothing may be deleted for either.
  [4, 'HTTP 200 of a stranger', { kind: 'status', status: 200, body: '<!doctype html><title>Sign in</title>' }],
  [4, 'HTTP 404 of a stranger', { kind: 'status', status: 404 }],
  [5, 'answer late', { kind: 'delay', delayMs: 1_500 }],
];

class Storm {
  private readonly engine: Engine;
  private readonly seed: number;
  private readonly dice: (below: number) => number;
  private readonly collector: CollectorProcess;
  private readonly proxy: FaultProxy;
  private readonly profileDir: string | null;
  private browser: Browser;
  private watcher: Page;
  private pages: Page[] = [];
  private nextRun = 0;
  private readonly sealed = new Set<number>();
  private readonly cleared = new Set<number>();
  private readonly faults: Record<string, number> = {};

  private constructor(
    engine: Engine,
    seed: number,
    parts: { collector: CollectorProcess; proxy: FaultProxy; browser: Browser; watcher: Page; profileDir: string | null },
  ) {
    this.engine = engine;
    this.seed = seed;
    this.dice = diceOf(seed);
    this.collector = parts.collector;
    this.proxy = parts.proxy;
    this.browser = parts.browser;
    this.watcher = parts.watcher;
    this.profileDir = parts.profileDir;
  }

  static async run(engine: Engine, windowCount: number, seed: number): Promise<StormReport> {
    const models = guardedFolder('storm-models');
    mkdirSync(join(models, 'storm'));
    writeFileSync(join(models, 'storm/model.json'), JSON.stringify(manifest));
    const site = guardedFolder('storm-site');
    for (const file of ['storm.html', 'storm.js']) cpSync(join(ROOT, 'test/pages', file), join(site, file));
    writeFileSync(join(site, 'away.html'), '<!doctype html><title>away</title><link rel="icon" href="data:," />');
    // WebKitGTK under automation keeps storage only while the browser lives.
    const profileDir = engine === 'webkit' ? null : guardedFolder(`storm-${engine}`);
    const collector = await startCollectorProcess({ siteFolder: site, modelsFolder: models });
    const proxy = await startFaultProxy(collector.url);
    const browser = await launch(engine, profileDir === null ? {} : { profileDir });
    const watcher = await browser.newPage();
    const storm = new Storm(engine, seed, { collector, proxy, browser, watcher, profileDir });
    try {
      await watcher.goto(`${proxy.url}/storm.html`);
      await watcher.waitFor('() => window.ready === true');
      return await storm.play(windowCount);
    } finally {
      await storm.browser.close();
      await proxy.close();
      await collector.close();
      for (const folder of [models, site, ...(profileDir === null ? [] : [profileDir])]) removeFolder(folder);
    }
  }

  private async play(windowCount: number): Promise<StormReport> {
    this.breakThings();
    const runCountMax = RUNS_PER_INPUT * INPUT_COUNT - 200;
    while (this.windowIds().size < windowCount && this.nextRun < runCountMax) {
      await this.step();
      await this.watch();
    }
    await this.watch();
    await this.calm();
    return this.report();
  }

  private note(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  /** One rule per fault, each with its own draw per report. */
  private breakThings(): void {
    const isReport = ({ url, method }: LoggedRequest) => method === 'POST' && REPORT.test(url);
    for (const [share, name, action] of FAULTS) {
      this.proxy.rules.push({
        match: (request) => {
          const hits = isReport(request) && this.dice(100) < share;
          if (hits) this.note(name);
          return hits;
        },
        action,
      });
    }
    // Once: the client gives up after REPORT_TIMEOUT_MS.
    this.proxy.rules.push({ match: isReport, action: { kind: 'delay', delayMs: 25_000 }, times: 1 });
  }

  private async step(): Promise<void> {
    const draw = this.dice(100);
    if (this.pages.length === 0 || (draw < 10 && this.pages.length < TAB_COUNT_MAX)) return this.open();
    const page = this.pages[this.dice(this.pages.length)] as Page;
    if (draw < 55) return this.runAndFlush(page, 8 + this.dice(5));
    if (draw < 75) return this.count(page, 1 + this.dice(5));
    if (draw < 84) return this.leave(page);
    if (draw < 90) return this.goBack(page);
    if (draw < 94) return pause(500);
    if (draw < 96) return this.tenTabs();
    if (draw < 97) return this.kill();
    if (draw < 98) return this.fill();
    if (this.dice(4) === 0) return this.clear();
  }

  private async open(): Promise<void> {
    const page = await this.browser.newPage();
    await page.goto(`${this.proxy.url}/storm.html?count`);
    await page.waitFor('() => window.ready === true');
    this.pages.push(page);
  }

  private async count(page: Page, count: number): Promise<void> {
    const from = this.nextRun;
    this.nextRun += count;
    await page.evaluate('(from, count, perInput) => countRuns(from, count, perInput)', from, count, RUNS_PER_INPUT).catch(() => undefined);
  }

  private async runAndFlush(page: Page, count: number): Promise<void> {
    await this.count(page, count);
    await page.evaluate('() => { client.telemetry.flush(); }').catch(() => undefined);
    if (this.dice(3) > 0) await pause(30 + this.dice(150));
  }

  private async leave(page: Page): Promise<void> {
    this.note('tab closed');
    this.pages = this.pages.filter((other) => other !== page);
    await page.close();
  }

  private async goBack(page: Page): Promise<void> {
    await this.count(page, 1 + this.dice(10));
    await page.goto(`${this.proxy.url}/away.html`);
    await page.back();
    await page.waitFor('() => window.ready === true && location.pathname === "/storm.html"').catch(() => undefined);
    const restores = await page.evaluate<number>('() => window.restores ?? 0').catch(() => 0);
    this.note(restores > 0 ? 'came back from the back/forward cache' : 'came back as a new page');
  }

  private async tenTabs(): Promise<void> {
    this.note('ten tabs at once');
    const tabs: Page[] = [];
    while (tabs.length + this.pages.length < 10) {
      const tab = await this.browser.newPage();
      await tab.goto(`${this.proxy.url}/storm.html?count`);
      await tab.waitFor('() => window.ready === true');
      tabs.push(tab);
    }
    for (const tab of tabs) await this.count(tab, 3);
    await pause(200);
    await this.watch();
    for (const tab of tabs) await tab.close();
  }

  private async kill(): Promise<void> {
    if (this.profileDir === null) return;
    this.note('browser killed');
    await this.browser.kill();
    this.pages = [];
    this.browser = await launch(this.engine, { profileDir: this.profileDir });
    this.watcher = await this.browser.newPage();
    await this.watcher.goto(`${this.proxy.url}/storm.html`);
    await this.watcher.waitFor('() => window.ready === true');
  }

  /** For a while nothing more can be stored. */
  private async fill(): Promise<void> {
    const { limitStorage } = this.browser;
    if (limitStorage === undefined) return;
    this.note('storage full');
    const { origin } = new URL(this.proxy.url);
    await limitStorage(origin, 1);
    for (const page of this.pages) await this.runAndFlush(page, 8 + this.dice(5));
    await pause(500);
    await limitStorage(origin, null);
  }

  /** All that is in the outbox at that moment is the person's to delete. */
  private async clear(): Promise<void> {
    this.note('storage cleared');
    for (const page of this.pages.splice(0)) await page.close();
    await pause(300);
    for (const window of await this.stored()) for (const run of runsOf(window)) this.cleared.add(run);
    await this.watcher.evaluate('() => clearStorage()');
  }

  /** Committed records, as another page of the origin reads them. */
  private async stored(): Promise<Window[]> {
    const records = await this.watcher.evaluate<{ report: string; base64: string }[] | null>('() => records()');
    return (records ?? []).flatMap(({ report, base64 }) => {
      const window = report === 'data' ? decodeWindow(Buffer.from(base64, 'base64')) : null;
      return window === null ? [] : [window];
    });
  }

  private async watch(): Promise<void> {
    for (const window of await this.stored()) this.seal(window);
    for (const page of this.pages) {
      const acks = await page.evaluate<string[]>('() => takeAcks()').catch(() => []);
      for (const ack of acks) for (const window of windowsOf({ body: Buffer.from(ack, 'base64') })) this.seal(window);
    }
  }

  private seal(window: Window): void {
    if (window.report === 'data') for (const run of runsOf(window)) this.sealed.add(run);
  }

  /** The first 2xx to each window. */
  private sealAnswered(): void {
    const answered = new Set<string>();
    const ended = this.posted().filter(({ status }) => status !== null && status >= 200 && status < 300);
    for (const request of ended.sort((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0))) {
      for (const window of windowsOf(request)) {
        if (!answered.has(window.id)) this.seal(window);
        answered.add(window.id);
      }
    }
  }

  private posted(): LoggedRequest[] {
    return this.proxy.log.filter(({ url, method, isBodyComplete }) => method === 'POST' && REPORT.test(url) && isBodyComplete);
  }

  private windowIds(): Set<string> {
    return new Set(this.posted().flatMap((request) => windowsOf(request).flatMap(({ report, id }) => (report === 'data' ? [id] : []))));
  }

  /** The network is fine again; one visit after the other sends what is left. */
  private async calm(): Promise<void> {
    this.proxy.rules.length = 0;
    for (const page of this.pages.splice(0)) await page.close();
    for (let visit = 0; visit < 20; visit++) {
      await this.open();
      const [page] = this.pages;
      await page?.evaluate('() => client.telemetry.flush()');
      await pause(500);
      await page?.evaluate('() => client.telemetry.flush()');
      await this.leave(page as Page);
      const left = (await this.stored()).filter(({ runs }) => runs >= 8);
      if (left.length === 0) return;
      await pause(1_000);
    }
  }

  private async report(): Promise<StormReport> {
    const { accepted, losses } = await this.sums();
    this.sealAnswered();
    const rests = new Set((await this.stored()).flatMap(runsOf));
    const refused = this.posted()
      .filter((request) => request.status === 413 && windowsOf(request).length === 1)
      .flatMap((request) => windowsOf(request));
    const refusedRuns = new Set(refused.flatMap((window) => (window.report === 'data' ? runsOf(window) : [])));
    const excused = (run: number) => rests.has(run) || this.cleared.has(run) || refusedRuns.has(run);
    const gone = [...this.sealed].filter((run) => !accepted.has(run) && !excused(run));
    const lost = Array.from({ length: this.nextRun }, (_, run) => run).filter((run) => !this.sealed.has(run) && !accepted.has(run));
    return {
      engine: this.engine,
      seed: this.seed,
      windows: this.windowIds().size,
      runs: this.nextRun,
      sealedRuns: this.sealed.size,
      acceptedRuns: accepted.size,
      lostBeforeSealing: lost.length,
      clearedRuns: [...this.cleared].filter((run) => !accepted.has(run)).length,
      refusedRuns: [...refusedRuns].filter((run) => !accepted.has(run)).length,
      restRuns: rests.size,
      doubled: [...accepted].filter(([, count]) => count > 1).map(([run]) => run),
      gone,
      inPart: this.windowsInPart(accepted),
      refusedWindows: new Set(refused.map(({ id }) => id)).size,
      countedLosses: losses,
      faults: this.faults,
    };
  }

  /** Windows of whose posted forms none has arrived whole while some of its runs have. */
  private windowsInPart(accepted: ReadonlyMap<number, number>): string[] {
    const forms = new Map<string, number[][]>();
    for (const request of this.posted()) {
      for (const window of windowsOf(request)) {
        if (window.report === 'data') forms.set(window.id, [...(forms.get(window.id) ?? []), runsOf(window)]);
      }
    }
    return [...forms]
      .filter(([, bodies]) => {
        const arrived = new Set(bodies.flat().filter((run) => accepted.has(run)));
        return arrived.size > 0 && !bodies.some((runs) => runs.length === arrived.size && runs.every((run) => arrived.has(run)));
      })
      .map(([id]) => id);
  }

  private async sums(): Promise<{ accepted: Map<number, number>; losses: number }> {
    const [model] = (await (await fetch(`${this.collector.url}/v1/models`)).json()) as { modelVersion: string }[];
    const { data, software } = (await (await fetch(`${this.collector.url}/v1/series?model=${model?.modelVersion}&hours=3`)).json()) as {
      data: { cell: number; count: number }[];
      software: { cell: number; count: number }[];
    };
    const accepted = new Map<number, number>();
    for (const { cell, count } of data) {
      const run = runOfCell.get(cell);
      if (run !== undefined) accepted.set(run, (accepted.get(run) ?? 0) + count);
    }
    const { offset, cells } = metricOf(SOFTWARE_PLAN, 'loss');
    const refused = offset + cells.indexOf('too-large');
    const losses = software.filter(({ cell }) => cell === refused).reduce((sum, { count }) => sum + count, 0);
    return { accepted, losses };
  }
}

/** @param windowCount Data windows that are posted at the least. */
export function browserStorm(engine: Engine, windowCount: number, seed: number): Promise<StormReport> {
  return Storm.run(engine, windowCount, seed);
}
