/**
 * The dashboard as an owner uses it, in front of a whole collector with a clock that the test moves.
 *
 * Goal: from the overview to an incident, an acknowledgement and back, by keyboard alone; a key is taken in, refused and forgotten as the
 * form says; and no page has a fault that axe-core finds. Method: a threshold rule is passed by real reports, so the incident is a real one.
 */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Collector, startCollector } from '../../../collector/index.ts';
import type { AuditEntry, IncidentList } from '../../../protocol/read/incidents.ts';
import { DATA_COUNTED, dataReport } from '../../fixtures/field-reports.ts';
import { bodyOf, MODEL_VERSION, manifestText, NOW_MS, nextId, softwareWindow } from '../../fixtures/reports.ts';
import { browserTest, type Page } from '../../harness/browsers.ts';

const KEY = 'the-admin-key';
const PATIENCE = { timeoutMs: 40_000 };
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const AXE = readFileSync(`${ROOT}node_modules/axe-core/axe.min.js`, 'utf8');
/** Presses of the Tab key until what is looked for has the focus: no page has more stops. */
const TAB_COUNT_MAX = 60;

let folder: string;
let collector: Collector;
let nowMs = NOW_MS;
let incidentId = '';

const owner = (path: string, init: RequestInit = {}) =>
  fetch(collector.url + path, { ...init, headers: { Authorization: `Bearer ${KEY}` } });
const get = async <T>(path: string) => (await (await owner(path)).json()) as T;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-dashboard-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
  collector = await startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: KEY, now: () => nowMs },
    ...{ siteFolder: `${ROOT}dist/site`, libraryFolder: `${ROOT}dist` },
  });
  const rule = {
    model: 'fixture',
    metric: 'load.outcome',
    statistic: 'share',
    cells: ['failed'],
    comparison: 'above',
    value: 0.5,
    minutes: 1,
  };
  expect((await owner('/v1/rules/loads', { method: 'PUT', body: JSON.stringify(rule) })).status).toBe(201);
  nowMs += 30_000;
  const windows = [softwareWindow({ id: nextId() }), { ...dataReport(10, DATA_COUNTED), id: nextId() }];
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body: bodyOf(windows) })).status).toBe(204);
  nowMs += 60_000;
  while (incidentId === '') {
    await new Promise((resolve) => setTimeout(resolve, 50));
    incidentId = (await get<IncidentList>('/v1/incidents')).incidents[0]?.id ?? '';
  }
});
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

async function tabTo(page: Page, selector: string): Promise<void> {
  for (let count = 0; count < TAB_COUNT_MAX; count++) {
    await page.press('Tab');
    if (await page.evaluate((wanted: string) => document.activeElement?.matches(wanted) === true, selector)) return;
  }
  throw new Error(`the Tab key does not reach ${selector}`);
}

const focused = (page: Page) => page.evaluate(() => document.activeElement?.id ?? '');
const errorsOf = ({ consoleLines }: Page) => consoleLines.filter((line) => line.startsWith('uncaught'));

browserTest(
  'an owner goes from the overview to an incident, acknowledges it and goes back, by keyboard',
  ['chromium'],
  async ({ page }) => {
    await page.goto(`${collector.url}/dashboard/#key=${KEY}`);
    await page.waitFor(() => document.querySelector('#overview-rows .verdict')?.textContent === 'Incident open', PATIENCE);
    // The key is in no address, and only in this tab.
    expect(await page.evaluate(() => [location.hash, sessionStorage.length, localStorage.length])).toEqual(['#/', 1, 0]);
    await tabTo(page, '#overview-rows a[href^="#/incidents/"]');
    await page.press('Enter');
    await page.waitFor(() => document.querySelector('#incident-title')?.textContent?.startsWith('load.outcome at 1, limit 0.5'), PATIENCE);
    expect(await focused(page)).toBe('incident-title');
    await tabTo(page, '#incident-body button.primary');
    await page.press('Enter');
    await page.waitFor(() => document.querySelector('#incident-body ol')?.textContent?.includes('Acknowledged by admin'), PATIENCE);
    // Its form is gone, and the focus is not lost with it.
    expect(await focused(page)).toBe('incident-title');
    expect((await get<AuditEntry[]>('/v1/audit'))[0]).toMatchObject({ what: 'acknowledged', by: 'admin', subject: incidentId });
    await page.back();
    await page.waitFor(() => document.querySelector('#overview-rows .verdict')?.textContent === 'Incident, acknowledged', PATIENCE);
    expect(await focused(page)).toBe('overview-title');
    expect(errorsOf(page)).toEqual([]);
  },
);

browserTest('a wrong key is told, a right one shows verdicts, and signing out hides them', ['chromium'], async ({ page }) => {
  await page.goto(`${collector.url}/dashboard/#/incidents?state=all`);
  await page.waitFor(() => (document.querySelector('#key-notice') as HTMLElement).hidden === false, PATIENCE);
  const tryKey = (key: string) =>
    page.evaluate((text: string) => {
      const field = document.querySelector('#key') as HTMLInputElement;
      field.value = text;
      (document.querySelector('#key-form button[type=submit]') as HTMLButtonElement).click();
    }, key);
  await page.click('#key-notice-button');
  await tryKey('another-key');
  await page.waitFor(() => document.querySelector('#key-problem')?.textContent?.includes('does not take this key'), PATIENCE);
  await tryKey(KEY);
  await page.waitFor(() => document.querySelectorAll('#incident-rows tr').length === 1, PATIENCE);
  expect(
    await page.evaluate(() => [
      (document.querySelector('#key') as HTMLInputElement).value,
      document.body.innerHTML.includes('the-admin-key'),
    ]),
  ).toEqual(['', false]);
  await page.click('#key-button');
  await page.waitFor(() => (document.querySelector('#incidents-card') as HTMLElement).hidden, PATIENCE);
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  // A link with a wrong key is told, and takes a kept one away from nobody.
  const follow = (key: string) =>
    page.evaluate((text: string) => {
      location.hash = `#key=${text}#/incidents?state=all`;
    }, key);
  await follow('another-key');
  await page.waitFor(() => document.querySelector('#key-notice-text')?.textContent?.startsWith('The collector does not take'), PATIENCE);
  await page.evaluate((key: string) => localStorage.setItem('insitu-admin-key', key), KEY);
  await follow('a-third-key');
  await page.waitFor(() => document.querySelectorAll('#incident-rows tr').length === 1, PATIENCE);
  await page.evaluate(() => localStorage.clear());
  expect(errorsOf(page)).toEqual([]);
});

browserTest('a chart says exact values by the arrow keys, and its file has them', ['chromium'], async ({ page }) => {
  await page.goto(`${collector.url}/dashboard/#/models/${MODEL_VERSION}`);
  // A map is drawn when it comes into sight.
  await page.waitFor(() => document.querySelector('#distributions:not([hidden]) figure') !== null, PATIENCE);
  await page.evaluate(() => {
    document.querySelector('#distributions')?.scrollIntoView();
  });
  const map = '#distributions [role=slider]';
  await page.waitFor((of: string) => document.querySelector(of)?.getAttribute('aria-label') === 'Heat map of run.repeat', PATIENCE, map);
  const told = (of: string) => page.evaluate((slider: string) => document.querySelector(slider)?.getAttribute('aria-valuetext') ?? '', of);
  const focus = (of: string) => page.evaluate((slider: string) => (document.querySelector(slider) as HTMLElement).focus(), of);
  await focus(map);
  expect(await told(map)).toMatch(/ · new: 100\.0 % \(10 of 10\) · whole time 100\.0 %$/);
  await page.press('ArrowDown');
  expect(await told(map)).toMatch(/ · repeat: 0\.0 % \(0 of 10\)/);
  await page.press('ArrowLeft');
  expect(await told(map)).toMatch(/: nothing counted\.$/);
  await page.press('Home');
  expect(await told(map)).toBe('whole time · repeat: 0.0 % (0 of 10)');
  await focus('#states [role=slider]');
  expect(await told('#states [role=slider]')).toMatch(/: missing 20 %$/);
  const file = await page.evaluate(async () => {
    const files: Promise<string>[] = [];
    URL.createObjectURL = (blob) => {
      files.push((blob as Blob).text());
      return '#';
    };
    (document.querySelector('#states button.csv') as HTMLElement).click();
    return (await files[0])?.split('\r\n');
  });
  expect(file?.[0]).toBe('time,missing');
  expect(file?.filter((line) => line.endsWith(',20')).length).toBe(1);
  expect(errorsOf(page)).toEqual([]);
});

browserTest('axe-core finds nothing on any page, wide and narrow, light and dark', ['chromium'], async ({ page }) => {
  await page.goto(`${collector.url}/dashboard/#key=${KEY}`);
  await page.evaluate(`() => { ${AXE} }`);
  const addresses = ['#/', `#/models/${MODEL_VERSION}`, '#/incidents?state=all', `#/incidents/${incidentId}`, '#/alarms', '#/collector'];
  const findings: string[] = [];
  for (const width of [360, 1280]) {
    await page.setViewport({ width, height: 900 });
    await page.click('#theme');
    for (const address of addresses) {
      await page.evaluate((hash: string) => {
        location.hash = hash;
      }, address);
      await page.waitFor(
        (seen: string) =>
          location.hash === seen &&
          document.querySelector('section.page:not([hidden]) .verdict, section.page:not([hidden]) .tile') !== null,
        PATIENCE,
        address,
      );
      const found = await page.evaluate<readonly string[]>(`async () => {
        const { violations } = await axe.run(document, { resultTypes: ['violations'] });
        return violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | '));
      }`);
      findings.push(...found.map((finding) => `${address} at ${width} px: ${finding}`));
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) findings.push(`${address} is ${overflow} px wider than ${width} px`);
    }
  }
  expect(findings).toEqual([]);
  expect(errorsOf(page)).toEqual([]);
});
