/**
 * Visitors in Chromium: each opens the built demo in a browser of its own, grants, tilts its world with the keyboard, reads ten digits and
 * leaves. What arrives comes through the real SDK.
 *
 * Invariants
 *  - A visit is over when the collector has taken its vote. A page whose last request did not arrive is opened once more, as a person
 *    comes back: the next visit sends what waits.
 *  - A visitor leaves when its window may leave the device and has its mark.
 *
 * Not here: when they come (drift-story.ts), visitors without a browser (node-visitors.ts).
 */
import type { Tilt } from '../../demo/tilted-digit.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { Browser, Page, Visitor } from '../harness/browsers.ts';
import { LABEL_COUNT } from './digits.ts';
import type { StoryCollector } from './story-collector.ts';

/** Visitors at a time: two cores are busy with three. */
const TOGETHER_COUNT = 3;
const PATIENCE = { timeoutMs: 120_000 };
/** The last request of a closed page mostly arrives at once. */
const LAST_REQUEST_MS_MAX = 3_000;

/** Sliders by what they tilt, with what one key press adds. */
const SLIDERS = { dark: ['#tilt-dark', 5], noise: ['#tilt-noise', 1], shift: ['#tilt-shift', 1] } as const;

/** Lets so many visitors come, at about the collector's present time. */
export async function pageVisits(browser: Browser, collector: StoryCollector, count: number, tilt: Tilt): Promise<void> {
  for (let left = count; left > 0; left -= TOGETHER_COUNT) await visitTogether(browser, collector, Math.min(left, TOGETHER_COUNT), tilt);
}

async function visitTogether(browser: Browser, collector: StoryCollector, count: number, tilt: Tilt): Promise<void> {
  const hour = Math.floor(collector.nowMs / HOUR_MS);
  const before = await collector.votes(hour);
  const hasAll = async () => ((await collector.votes(hour)) >= before + count ? true : null);
  const visitors: Visitor[] = [];
  try {
    for (let index = 0; index < count; index++) visitors.push(await newVisitor(browser));
    await Promise.all(visitors.map((visitor) => visit(visitor, collector.url, tilt)));
    await collector.until('the last requests arrived', hasAll, LAST_REQUEST_MS_MAX).catch(async () => {
      await Promise.all(visitors.map(async (visitor) => openDemo(await visitor.newPage(), collector.url)));
      await collector.until('what waited was sent', hasAll);
    });
  } finally {
    await Promise.all(visitors.map((visitor) => visitor.close()));
  }
}

function newVisitor(browser: Browser): Promise<Visitor> {
  if (browser.newVisitor === undefined) throw new Error(`${browser.engine} has no visitors`);
  return browser.newVisitor();
}

async function openDemo(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/`);
  await page.waitFor("() => document.documentElement.dataset.model === 'ready'", PATIENCE);
}

async function visit(visitor: Visitor, url: string, tilt: Tilt): Promise<void> {
  const page = await visitor.newPage();
  await openDemo(page, url);
  await page.click('#consent');
  await tiltWorld(page, tilt);
  for (let label = 0; label < LABEL_COUNT; label++) await page.click(`#samples button:nth-of-type(${label + 1})`);
  await page.waitFor(MAY_LEAVE, PATIENCE, LABEL_COUNT);
  await page.close();
}

async function tiltWorld(page: Page, tilt: Tilt): Promise<void> {
  for (const [name, [selector, step]] of Object.entries(SLIDERS)) {
    const presses = tilt[name as keyof typeof SLIDERS] / step;
    await page.evaluate('(selector) => document.querySelector(selector).focus()', selector);
    for (let press = 0; press < Math.abs(presses); press++) await page.press(presses > 0 ? 'ArrowRight' : 'ArrowLeft');
  }
  if (tilt.isInverted) await page.click('#tilt-invert');
}

/** Whether the open window is stored with that many runs and the mark of the week: what a closing page sends, or a killed one leaves. */
const MAY_LEAVE = `async (runs) => {
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
  return all.some(({ report, state, mark, runs: own }) => report === 'data' && state === 'draft' && mark === 'week' && own === runs);
}`;
