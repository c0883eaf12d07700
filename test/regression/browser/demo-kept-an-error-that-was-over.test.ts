/**
 * Whoever drew before the model was there read "The model is not loaded yet", far from the pad, and went on reading it beside "Ready".
 *
 * Goal: a drawing waits for its model, and a failure that is over is no longer said. Method: the model's file is held back, and fails once.
 */
import { expect } from 'vitest';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';
import { startFaultProxy } from '../../harness/fault-proxy.ts';

const PATIENCE = { timeoutMs: 60_000 };
const MODEL_FILE = /\.onnx/;

const alertsOf = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('[role=alert]')].filter((alert) => !(alert as HTMLElement).hidden).map(({ textContent }) => textContent),
  );

browserTest('a digit that was chosen before the model is there is read when it is, and no error stays', ['chromium'], async ({ page }) => {
  const collector = await startCollectorProcess();
  const proxy = await startFaultProxy(collector.url, [{ match: MODEL_FILE, action: { kind: 'delay', delayMs: 4_000 } }]);
  try {
    await page.goto(`${proxy.url}/`);
    await page.evaluate(() => (document.querySelectorAll('#samples button')[4] as HTMLButtonElement).click());
    await page.waitFor(() => document.querySelector('#answer-note')?.textContent?.startsWith('It is read as soon as'), PATIENCE);
    expect(await alertsOf(page)).toEqual([]);
    await page.waitFor(() => document.documentElement.dataset.model === 'ready', PATIENCE);
    await page.waitFor(() => document.querySelector('#answer')?.textContent === '4', PATIENCE);
    expect(await alertsOf(page)).toEqual([]);
    expect(await page.evaluate(() => (document.querySelector('#pad-invite') as HTMLElement).hidden)).toBe(true);
  } finally {
    await proxy.close();
    await collector.close();
  }
});

browserTest('a load that failed is said beside its status, and no longer once the next one is ready', ['chromium'], async ({ page }) => {
  const collector = await startCollectorProcess();
  const proxy = await startFaultProxy(collector.url, [{ match: MODEL_FILE, action: { kind: 'status', status: 404 } }]);
  try {
    await page.goto(`${proxy.url}/`);
    await page.waitFor(() => document.documentElement.dataset.model === 'failed', PATIENCE);
    expect((await alertsOf(page))[0]).toMatch(/\(model-unreachable\)$/);
    await page.evaluate(() => (document.querySelectorAll('#samples button')[4] as HTMLButtonElement).click());
    proxy.rules.length = 0;
    await page.evaluate(() => document.querySelector('#variant')?.dispatchEvent(new Event('change')));
    await page.waitFor(() => document.documentElement.dataset.model === 'ready', PATIENCE);
    await page.waitFor(() => document.querySelector('#answer')?.textContent === '4', PATIENCE);
    expect(await alertsOf(page)).toEqual([]);
  } finally {
    await proxy.close();
    await collector.close();
  }
});
