/**
 * A model's owner at the dashboard who uses the keyboard alone: signs in, opens an incident, acknowledges it.
 *
 * Invariants
 *  - After the address was entered nothing but keys is pressed, and what is pressed is what has the focus.
 */
import type { Incident } from '../../protocol/read/incidents.ts';
import type { Page } from '../harness/browsers.ts';
import type { StoryCollector } from './story-collector.ts';

/** More than a page has places for the focus. */
const TAB_COUNT_MAX = 200;
const PATIENCE = { timeoutMs: 60_000 };

export async function acknowledgeByKeyboard(page: Page, { url, adminKey }: StoryCollector, { id }: Incident): Promise<void> {
  await page.goto(`${url}/dashboard/#/incidents`);
  await enterOn(page, '#key-notice-button');
  await page.waitFor("() => document.activeElement?.id === 'key'", PATIENCE);
  for (const letter of adminKey) await page.press(letter);
  await page.press('Enter');
  await enterOn(page, `a[href*="${id}"]`);
  await enterOn(page, 'form[aria-label="Acknowledge"] button');
  await page.waitFor(IS_SEEN, PATIENCE);
}

/** Tab until it has the focus, then Enter. */
async function enterOn(page: Page, selector: string): Promise<void> {
  await page.waitFor(IS_SHOWN, PATIENCE, selector);
  for (let count = 0; count < TAB_COUNT_MAX; count++) {
    await page.press('Tab');
    if (await page.evaluate<boolean>('(selector) => document.activeElement?.matches(selector) ?? false', selector)) {
      await page.press('Enter');
      return;
    }
  }
  throw new Error(`the focus does not come to ${selector}`);
}

const IS_SHOWN = '(selector) => document.querySelector(selector)?.checkVisibility() === true';
/** What the page says once it has the answer. */
const IS_SEEN =
  "() => [...document.querySelectorAll('dt')].some((name) => name.textContent === 'Seen by' && /^admin/.test(name.nextElementSibling.textContent))";
