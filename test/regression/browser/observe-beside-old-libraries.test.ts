/**
 * `observe()` failed on pages with `Array.prototype.toJSON` (its plan had another hash, which no collector knows) or an enumerable
 * `Object.prototype` (its manifest had fields that the schema refuses).
 */
import { expect } from 'vitest';
import { browserTest } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';
import { StaticServer } from '../../harness/static-server.ts';

browserTest('a page whose libraries write on the prototypes observes, delivers, loads and runs as any other', async ({ page }) => {
  const [site, collector] = await Promise.all([StaticServer.start(), startCollectorProcess()]);
  try {
    site.faults.set('/old.html', {
      body: '<!doctype html><link rel="icon" href="data:," /><script type="module" src="/pages/foreign-prototypes.js"></script>',
    });
    await page.goto(`${site.origin}/old.html`);
    await page.waitFor('() => window.ready === true');
    const { sentWindows, words } = await page.evaluate<{ sentWindows: number; words: number }>(
      '(url) => window.observe(url)',
      collector.url,
    );
    expect(sentWindows).toBe(2);
    expect(words).toBeGreaterThan(9);
    expect(await page.evaluate('() => window.load()')).toBe(10);
  } finally {
    await Promise.all([site.close(), collector.close()]);
  }
});
