/**
 * `<html lang="en_US">` is often written and is no language tag. No time could be said in it, so the element threw as soon as a report had
 * left, and showed none.
 */
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { browserTest } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';

const PAGES = fileURLToPath(new URL('../../pages', import.meta.url));
const PATIENCE = { timeoutMs: 30_000 };

browserTest('what was sent is shown on a page that names no language that there is', ['chromium'], async ({ page }) => {
  const collector = await startCollectorProcess({ siteFolder: PAGES });
  try {
    await page.goto(`${collector.url}/sent.html`);
    await page.waitFor('() => window.ready === true', PATIENCE);
    await page.evaluate("() => { document.documentElement.lang = 'en_US'; }");
    await page.evaluate("() => window.start('granted')");
    await page.evaluate('() => runDigits(8)');
    await page.evaluate("() => press('flush')");
    await page.waitFor("() => requests().some(({ line }) => line.includes('answered'))", PATIENCE);
    expect(page.consoleLines.filter((line) => line.startsWith('uncaught'))).toEqual([]);
  } finally {
    await collector.close();
  }
});
