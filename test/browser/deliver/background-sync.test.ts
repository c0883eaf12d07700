/**
 * Background Sync: what a closed tab has left is sent by the site's service worker, with no page open.
 *
 * Goal: counts of people who do not come back arrive too, and nothing is sent that a visit would not send. Method: Chromium,
 * whose DevTools protocol can say "there is a network now" (`ServiceWorker.dispatchSyncEvent`); a proxy that breaks the
 * network; the sums in the collector's database.
 *
 * Not here: Firefox and WebKit, which have no Background Sync; there the next visit sends (test/browser/deliver/telemetry.test.ts).
 */
import { fileURLToPath } from 'node:url';
import { type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { CHROMIUM_PATHS, firstExisting } from '../../harness/browser-paths.mjs';
import { enginesUnderTest } from '../../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../../harness/collector-process.ts';
import { type FaultProxy, startFaultProxy } from '../../harness/fault-proxy.ts';
import { guardedFolder, removeFolder } from '../../harness/guardian.ts';

const PAGES = fileURLToPath(new URL('../../pages', import.meta.url));
const FLAGS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const REPORT = /^POST \/v1\/report\//;
const profiles: string[] = [];

afterAll(() => {
  for (const folder of profiles) removeFolder(folder);
});

interface Registration {
  readonly registrationId: string;
  readonly scopeURL: string;
}

interface Scene {
  readonly context: BrowserContext;
  readonly collector: CollectorProcess;
  readonly proxy: FaultProxy;
  visit(worker: string, consent: 'required' | 'granted'): Promise<Page>;
  /** As the browser does when there is a network again; on the empty page, so with none of the site's open. */
  dispatchSync(): Promise<void>;
  sums(): Promise<{ reports: number; runs: number }>;
}

async function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  const profile = guardedFolder('background-sync');
  profiles.push(profile);
  const collector = await startCollectorProcess({ siteFolder: PAGES });
  const proxy = await startFaultProxy(collector.url);
  const context = await chromium.launchPersistentContext(profile, { executablePath: firstExisting(CHROMIUM_PATHS) ?? '', args: FLAGS });
  const registrations = new Map<string, Registration>();
  const empty = context.pages()[0] ?? (await context.newPage());
  const session: CDPSession = await context.newCDPSession(empty);
  session.on('ServiceWorker.workerRegistrationUpdated', (event: { registrations: Registration[] }) => {
    for (const registration of event.registrations) registrations.set(registration.scopeURL, registration);
  });
  await session.send('ServiceWorker.enable');
  try {
    await body({
      context,
      collector,
      proxy,
      async visit(worker, consent) {
        const page = await context.newPage();
        await page.goto(`${proxy.url}/sync.html`);
        await page.waitForFunction('window.ready === true');
        await page.evaluate(`register('${worker}', '${worker.includes('module') ? 'module' : 'classic'}')`);
        await page.evaluate(`start('${consent}')`);
        return page;
      },
      async dispatchSync() {
        const registration = registrations.get(`${proxy.url}/`);
        if (registration === undefined) throw new Error(`no service worker of ${proxy.url} is registered`);
        const { registrationId } = registration;
        await session.send('ServiceWorker.dispatchSyncEvent', {
          origin: proxy.url,
          registrationId,
          tag: 'insitu-outbox',
          lastChance: false,
        });
      },
      async sums() {
        const [model] = (await (await fetch(`${collector.url}/v1/models`)).json()) as { modelVersion: string }[];
        const series = await fetch(`${collector.url}/v1/series?model=${model?.modelVersion}&hours=2`);
        const { totals } = (await series.json()) as { totals: { report: string; reports: number; runs: number }[] };
        const data = totals.filter(({ report }) => report === 'data');
        return { reports: data.reduce((sum, { reports }) => sum + reports, 0), runs: data.reduce((sum, { runs }) => sum + runs, 0) };
      },
    });
  } finally {
    await context.close();
    await proxy.close();
    await collector.close();
  }
}

const chromiumTest = test.skipIf(!enginesUnderTest().includes('chromium'));
const posted = ({ proxy }: Scene) => proxy.log.filter(({ method, url, status }) => REPORT.test(`${method} ${url}`) && status === 204);

async function untilRuns(scene: Scene, runs: number): Promise<{ reports: number; runs: number }> {
  for (const endMs = Date.now() + 15_000; Date.now() < endMs; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const sums = await scene.sums();
    if (sums.runs >= runs) return sums;
  }
  return scene.sums();
}

const settled = ({ proxy }: Scene) => proxy.log.flatMap(({ url }) => /^\/sync-(succeeded|failed)$/.exec(url)?.[1] ?? []);

async function untilSettled(scene: Scene): Promise<string> {
  const before = settled(scene).length;
  await scene.dispatchSync();
  await expect.poll(() => settled(scene).length, { timeout: 15_000 }).toBeGreaterThan(before);
  return settled(scene).at(-1) as string;
}

/** The browser repeats an event that failed; one fails while the closed page's lock is not given back yet. */
async function syncUntilSent(scene: Scene): Promise<void> {
  await expect.poll(() => untilSettled(scene), { timeout: 20_000, interval: 200 }).toBe('succeeded');
}

async function closeLast(scene: Scene, page: Page): Promise<void> {
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => scene.context.pages().length, { timeout: 10_000 }).toBe(1);
}

for (const worker of ['/sync-worker.js', '/sync-worker-module.js']) {
  chromiumTest(`what a tab leaves that was closed without a network is sent by ${worker} with no page open, and once`, async () => {
    await withScene(async (scene) => {
      const page = await scene.visit(worker, 'granted');
      scene.proxy.rules.push({ match: REPORT, action: { kind: 'drop-before' } });
      await page.evaluate('runDigits(12)');
      await page.evaluate('client.telemetry.flush()');
      await page.evaluate('runDigits(9)');
      await page.waitForFunction('client.telemetry.status().outboxWindows > 0');
      // The last record before the tab goes; a draft interval later at the latest.
      await expect.poll(() => page.evaluate('isStored(9)'), { timeout: 20_000 }).toBe(true);
      await closeLast(scene, page);
      expect(await scene.sums()).toEqual({ reports: 0, runs: 0 });
      scene.proxy.rules.length = 0;
      await syncUntilSent(scene);
      expect(await scene.sums()).toEqual({ reports: 2, runs: 21 });
      expect(scene.context.pages()).toHaveLength(1);
      const answered = posted(scene).length;
      await scene.dispatchSync();
      const next = await scene.visit(worker, 'granted');
      await next.evaluate('client.telemetry.flush()');
      expect(await scene.sums()).toEqual({ reports: 2, runs: 21 });
      expect(posted(scene).length).toBeLessThanOrEqual(answered + 1);
    });
  });
}

chromiumTest('a hidden page whose reports wait asks for a sync event, which fails as long as they do and then succeeds', async () => {
  await withScene(async (scene) => {
    scene.proxy.rules.push({ match: REPORT, action: { kind: 'drop-before' } });
    const page = await scene.visit('/sync-worker.js', 'granted');
    await page.evaluate('runDigits(12)');
    await page.evaluate('client.telemetry.flush()');
    await page.waitForFunction('client.telemetry.status().outboxWindows > 0');
    expect(settled(scene)).toEqual([]);
    // Said to the page, and not done to the tab: what a dying page still asks for the browser may not hear.
    await page.evaluate(`Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));`);
    // The browser is not without a network, so the event that the page asked for comes at once.
    await expect.poll(() => settled(scene), { timeout: 15_000 }).toEqual(['failed']);
    await closeLast(scene, page);
    scene.proxy.rules.length = 0;
    await syncUntilSent(scene);
    expect(await scene.sums()).toEqual({ reports: 1, runs: 12 });
  });
});

chromiumTest('without consent, and after it was taken back, a sync event sends nothing and creates no database', async () => {
  await withScene(async (scene) => {
    scene.proxy.rules.push({ match: REPORT, action: { kind: 'drop-before' } });
    const page = await scene.visit('/sync-worker.js', 'required');
    await page.evaluate('runDigits(12)');
    expect(await untilSettled(scene)).toBe('succeeded');
    expect(await page.evaluate('databases()')).not.toContain('insitu-telemetry');
    await page.evaluate('client.telemetry.grant()');
    await page.evaluate('runDigits(12)');
    expect(await page.evaluate('databases()')).toContain('insitu-telemetry');
    await page.evaluate('client.telemetry.withdraw()');
    await closeLast(scene, page);
    expect(await untilSettled(scene)).toBe('succeeded');
    const next = await scene.context.newPage();
    await next.goto(`${scene.proxy.url}/sync.html`);
    await next.waitForFunction('window.ready === true');
    expect(await next.evaluate('databases()')).not.toContain('insitu-telemetry');
    expect(scene.proxy.log.filter(({ method, url }) => REPORT.test(`${method} ${url}`))).toEqual([]);
  });
});

chromiumTest('a service worker that meets Global Privacy Control sends nothing and leaves what there is', async () => {
  await withScene(async (scene) => {
    const page = await scene.visit('/sync-worker.js?gpc', 'granted');
    scene.proxy.rules.push({ match: REPORT, action: { kind: 'drop-before' } });
    await page.evaluate('runDigits(12)');
    await page.evaluate('client.telemetry.flush()');
    await closeLast(scene, page);
    scene.proxy.rules.length = 0;
    expect(await untilSettled(scene)).toBe('succeeded');
    expect(await scene.sums()).toEqual({ reports: 0, runs: 0 });
    await scene.visit('/sync-worker.js?gpc', 'granted');
    expect(await untilRuns(scene, 12)).toEqual({ reports: 1, runs: 12 });
  });
});
