/**
 * Names and numbers of strangers in the dashboard. One long name made it 4,184 px wide, a numeric output without bins 7,500 px, a model
 * of categories alone stopped it, a model that was registered while it was open never appeared.
 *
 * Goal: whatever the schema lets a manifest say and a page count, every model can be chosen, the page is as wide as its window, nothing
 * is thrown. Method: worlds of odd names and numbers against a real collector, looked at at three widths.
 */
import { expect } from 'vitest';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { categoryWorld, labelWorld, numberWorld, opaqueWorld, reportOf, STRANGE_NAMES, type World } from '../../fixtures/strange-worlds.ts';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../../harness/collector-process.ts';

const PATIENCE = { timeoutMs: 30_000 };
const WIDTHS = [360, 768, 1280];
/** Beyond what anybody scrolls through: the select still offers each. */
const MODEL_COUNT = 300;
const RUN_COUNT = 40;

async function register({ url, adminKey }: CollectorProcess, { manifest }: World): Promise<ModelEntry> {
  const response = await fetch(`${url}/v1/models`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ manifest: JSON.stringify(manifest) }),
  });
  expect(response.status, await response.clone().text()).toBe(201);
  return (await response.json()) as ModelEntry;
}

async function send({ url }: CollectorProcess, world: World, entry: ModelEntry): Promise<void> {
  const response = await fetch(`${url}/v1/report/demo`, { method: 'POST', body: reportOf(world, entry, RUN_COUNT) });
  expect([200, 204], await response.clone().text()).toContain(response.status);
}

/** Chooses a model as a person does, and waits until its numbers are there. */
async function choose(page: Page, { modelVersion }: ModelEntry, runs: number): Promise<void> {
  await page.evaluate((version: string) => {
    const select = document.querySelector('#model') as HTMLSelectElement;
    select.value = version;
    select.dispatchEvent(new Event('change'));
    return select.value;
  }, modelVersion);
  await page.waitFor((count: string) => document.querySelector('#tile-runs dd')?.textContent === count, PATIENCE, String(runs));
}

/** Every metric is shown once, at every width; the widest overflow. */
async function overflowOf(page: Page): Promise<number> {
  let widest = 0;
  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 900 });
    const overflow = await page.evaluate(() => {
      const metric = document.querySelector('#metric') as HTMLSelectElement;
      return Math.max(
        ...[...metric.options].map(({ value }) => {
          metric.value = value;
          metric.dispatchEvent(new Event('change'));
          for (const details of document.querySelectorAll('details')) details.open = true;
          return document.documentElement.scrollWidth - innerWidth;
        }),
      );
    });
    widest = Math.max(widest, overflow);
  }
  return widest;
}

browserTest('whatever names and numbers a model has, it is shown whole, and no wider than the window', ['chromium'], async ({ page }) => {
  const collector = await startCollectorProcess({ modelsFolder: null });
  try {
    await page.goto(`${collector.url}/dashboard/#/models`);
    await page.waitFor(() => document.querySelector('#empty')?.textContent?.startsWith('No model'), PATIENCE);
    const worlds = STRANGE_NAMES.flatMap((name) => [numberWorld(name, name), labelWorld(name), categoryWorld(name), opaqueWorld(name)]);
    const entries: [World, ModelEntry][] = [];
    for (const world of worlds) entries.push([world, await register(collector, world)]);
    // Nobody tells an open dashboard of a registration: it looks.
    await page.waitFor((count: number) => document.querySelectorAll('#model option').length === count, PATIENCE, entries.length);
    for (const [world, entry] of entries) await send(collector, world, entry);
    for (const [, entry] of entries) {
      await choose(page, entry, RUN_COUNT);
      expect(await overflowOf(page)).toBeLessThanOrEqual(0);
    }
    const texts = await page.evaluate(() => [...(document.querySelector('#model') as HTMLSelectElement).options].map(({ text }) => text));
    expect(new Set(texts).size).toBe(entries.length);
    expect(await page.evaluate(() => document.title)).toBe('Model · Insitu dashboard');
    expect(page.consoleLines.filter((line) => line.startsWith('uncaught'))).toEqual([]);
    expect(await page.evaluate(() => (document.querySelector('#alert') as HTMLElement).hidden)).toBe(true);
  } finally {
    await collector.close();
  }
});

browserTest('the counts of categories alone are shown, and move when more of them come', ['chromium'], async ({ page }) => {
  const collector = await startCollectorProcess({ modelsFolder: null });
  try {
    const world = categoryWorld('only categories');
    const entry = await register(collector, world);
    await page.goto(`${collector.url}/dashboard/#/models`);
    await page.waitFor(() => document.querySelector('#tile-runs dd')?.textContent === '0', PATIENCE);
    await send(collector, world, entry);
    await page.waitFor((count: string) => document.querySelector('#tile-runs dd')?.textContent === count, PATIENCE, String(RUN_COUNT));
    await page.waitFor(() => document.querySelector('#live-text')?.textContent?.includes('1 update'), PATIENCE);
    await page.evaluate(() => {
      const metric = document.querySelector('#metric') as HTMLSelectElement;
      metric.value = 'input.x.values';
      metric.dispatchEvent(new Event('change'));
    });
    await page.evaluate(() => {
      for (const details of document.querySelectorAll('details')) details.open = true;
    });
    await page.waitFor(() => /b25\.0 %/.test(document.querySelector('#metric-chart table')?.textContent ?? ''), PATIENCE);
    expect(await page.evaluate(() => (document.querySelector('#mean-figure') as HTMLElement).hidden)).toBe(true);
  } finally {
    await collector.close();
  }
});

browserTest(`each of ${MODEL_COUNT} models of one name can be told apart and chosen`, ['chromium'], async ({ page }) => {
  const collector = await startCollectorProcess({ modelsFolder: null });
  try {
    let last: [World, ModelEntry] | null = null;
    for (let index = 0; index < MODEL_COUNT; index++) {
      const world = categoryWorld('many');
      const numbered = { ...world, manifest: { ...world.manifest, description: String(index) } };
      last = [numbered, await register(collector, numbered)];
    }
    const [world, entry] = last as [World, ModelEntry];
    await send(collector, world, entry);
    await page.goto(`${collector.url}/dashboard/#/models`);
    await page.waitFor((count: number) => document.querySelectorAll('#model option').length === count, PATIENCE, MODEL_COUNT);
    await choose(page, entry, RUN_COUNT);
    const texts = await page.evaluate(() => [...(document.querySelector('#model') as HTMLSelectElement).options].map(({ text }) => text));
    expect(new Set(texts).size).toBe(MODEL_COUNT);
  } finally {
    await collector.close();
  }
});
