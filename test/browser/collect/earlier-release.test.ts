/**
 * A page of the release before, as it was built, and everything around it of this release.
 *
 * Goal: an upgrade of the collector costs nobody's counts, and a half upgrade of the page's files says what it is. Method: the page
 * files of 0.1.0 (test/fixtures/release-0.1.0) in a real browser, the runtime beside them, and this tree's collector on an empty folder.
 */
import { expect } from 'vitest';
import { SOFTWARE_PLAN_HASH } from '../../../counts/plans/software-layout.ts';
import type { Devices, ModelDetail, ModelEntry, Series } from '../../../protocol/read/read-api.ts';
import { EARLIER_RELEASE, EARLIER_SOFTWARE_PLAN_HASH, earlierFile } from '../../fixtures/earlier-release.ts';
import { loadDigits, type Outcome, openBarePage, readRepositoryFile } from '../../harness/bare-page.ts';
import { type Browser, browserTest, type Page } from '../../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../../harness/collector-process.ts';
import { StaticServer } from '../../harness/static-server.ts';

const PAGE_FILES = ['insitu.js', 'insitu.worker.js', 'insitu.telemetry.js', 'insitu.counts.js'];
const RUN_COUNT = 9;

/** This tree's files, with those of the release before in place of the named ones. */
async function serveEarlier(names: readonly string[]): Promise<StaticServer> {
  const server = await StaticServer.start();
  for (const name of names) server.files.set(`/insitu/${name}`, earlierFile(name));
  return server;
}

/** A visit to the page of the release before, up to the moment when its reports are answered. */
async function countEarlier(page: Page, server: StaticServer, collectorUrl: string): Promise<void> {
  await openBarePage(page, server);
  const loaded = await page.evaluate<Outcome<unknown>>(
    `(url) => outcome(async () => {
      window.client = insitu.createClient({ collector: { url, key: 'demo' }, consent: 'granted' });
      window.model = await client.load(digitsUrl);
      for (let run = 0; run < ${RUN_COUNT}; run++) await model.run(digit(run / ${RUN_COUNT}));
      return null;
    })`,
    collectorUrl,
  );
  expect(loaded).toMatchObject({ ok: true });
  await page.evaluate('() => client.telemetry.flush()');
  await page.waitFor('() => client.telemetry.status().sentWindows >= 2', { timeoutMs: 20_000 });
}

async function read<T>({ url }: CollectorProcess, path: string): Promise<T> {
  return (await (await fetch(url + path)).json()) as T;
}

async function openDashboard(browser: Browser, { url }: CollectorProcess): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${url}/dashboard/#/models`);
  await page.waitFor("() => document.querySelector('#tile-runs') !== null", { timeoutMs: 20_000 });
  return page;
}

browserTest('its data and software windows are counted, and the dashboard shows both', ['chromium'], async ({ browser, page }) => {
  const server = await serveEarlier(PAGE_FILES);
  const collector = await startCollectorProcess();
  try {
    await countEarlier(page, server, collector.url);
    const models = await read<readonly ModelEntry[]>(collector, '/v1/models');
    const { modelVersion } = models.find(({ name }) => name === 'digits') as ModelEntry;
    const { plan, plans } = await read<ModelDetail>(collector, `/v1/models/${modelVersion}`);
    const { totals, data, software } = await read<Series>(
      collector,
      `/v1/series?model=${modelVersion}&hours=2&software=${EARLIER_SOFTWARE_PLAN_HASH}`,
    );
    const runsBy = totals.map((total) => `${total.report} ${total.plan} ${total.report === 'data' ? total.runs : ''}`);
    expect(new Set(runsBy)).toEqual(new Set([`data ${plan} ${RUN_COUNT}`, `software ${EARLIER_SOFTWARE_PLAN_HASH} `]));
    expect([data.length > 0, software.length > 0]).toEqual([true, true]);
    expect(plans.find(({ hash }) => hash === EARLIER_SOFTWARE_PLAN_HASH)).toMatchObject({ release: EARLIER_RELEASE, isPresent: false });

    const dashboard = await openDashboard(browser, collector);
    expect(await dashboard.text('#tile-runs dd')).toBe(String(RUN_COUNT));
    expect(await dashboard.text('#tile-loads dd')).toBe('0');
    expect(await dashboard.text('#other-plans')).toMatch(/software reports? of these hours .*release 0\.1\.0 .*“Software counted by”\.$/);
    const choose = (hash: string) =>
      dashboard.evaluate(
        `(hash) => {
          const select = document.querySelector('#software-plan');
          select.value = hash;
          select.dispatchEvent(new Event('change'));
        }`,
        hash,
      );
    await choose(EARLIER_SOFTWARE_PLAN_HASH);
    await dashboard.waitFor("() => document.querySelector('#tile-loads dd').textContent === '1'");
    await dashboard.waitFor("() => document.querySelector('#phases').textContent.includes('total cold')");
    expect(await dashboard.evaluate<boolean>("() => document.querySelector('#other-plans').hidden")).toBe(true);
    expect(await dashboard.text('#tile-runs dd')).toBe(String(RUN_COUNT));
    await choose(SOFTWARE_PLAN_HASH);
    await dashboard.waitFor("() => document.querySelector('#tile-loads dd').textContent === '0'");
    await dashboard.close();
  } finally {
    await server.close();
    await collector.close();
  }
});

// Goal: what this release keeps in the browser does not shut out a page that comes out of a cache. Method: both on one origin, one after the other.
browserTest('it goes on in a browser that a page of this release has marked windows in', ['chromium'], async ({ browser, page }) => {
  const server = await StaticServer.start();
  const collector = await startCollectorProcess();
  try {
    await countEarlier(page, server, collector.url);
    for (const name of PAGE_FILES) server.files.set(`/insitu/${name}`, earlierFile(name));
    const earlier = await browser.newPage();
    await countEarlier(earlier, server, collector.url);
    expect(await earlier.evaluate('() => client.telemetry.status().storage')).toBe('indexeddb');
    const models = await read<readonly ModelEntry[]>(collector, '/v1/models');
    const { modelVersion } = models.find(({ name }) => name === 'digits') as ModelEntry;
    const { totals } = await read<Series>(collector, `/v1/series?model=${modelVersion}&hours=2`);
    expect(totals.filter(({ report }) => report === 'data').reduce((sum, { runs }) => sum + runs, 0)).toBe(2 * RUN_COUNT);
    expect(totals.some(({ plan }) => plan === EARLIER_SOFTWARE_PLAN_HASH)).toBe(true);
    expect((await read<Devices>(collector, `/v1/devices?model=${modelVersion}`)).days).toMatchObject([{ devices: 1 }]);
    await earlier.close();
  } finally {
    await server.close();
    await collector.close();
  }
});

browserTest('its page script from a cache, beside worker and runtime of this release, fails with release-mismatch', async ({ page }) => {
  const { version } = JSON.parse((await readRepositoryFile('package.json')).toString()) as { version: string };
  const server = await serveEarlier(['insitu.js']);
  try {
    await openBarePage(page, server);
    expect(await page.evaluate<Outcome<unknown>>(loadDigits())).toMatchObject({
      ok: false,
      code: 'release-mismatch',
      details: { page: EARLIER_RELEASE, worker: version },
    });
  } finally {
    await server.close();
  }
});
