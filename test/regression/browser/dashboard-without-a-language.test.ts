/**
 * A browser whose system has no language says "C", which is no language tag. A format made of it threw as the dashboard was imported, and
 * the page stayed at "Connecting …" for ever. WebKitGTK here is such a browser by itself; Chromium is made one.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { browserTest } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';

const SITE = fileURLToPath(new URL('../../../dist/site/', import.meta.url));

browserTest('the dashboard is live in a browser whose language is no language tag', ['chromium', 'webkit'], async ({ page }) => {
  const siteFolder = await mkdtemp(join(tmpdir(), 'insitu-language-'));
  await cp(SITE, siteFolder, { recursive: true });
  await writeFile(join(siteFolder, 'assets/said.js'), "Object.defineProperty(navigator, 'language', { value: 'C', configurable: true });");
  const file = join(siteFolder, 'dashboard/index.html');
  await writeFile(file, (await readFile(file, 'utf8')).replace('<head>', '<head><script src="../assets/said.js"></script>'));
  const collector = await startCollectorProcess({ siteFolder });
  try {
    await page.goto(`${collector.url}/dashboard/#/models`);
    await page.waitFor(() => document.querySelector('#connection')?.textContent === 'Live', { timeoutMs: 40_000 });
    await page.waitFor(() => document.querySelector('#tile-runs dd')?.textContent === '0', { timeoutMs: 40_000 });
    expect(page.consoleLines.filter((line) => line.startsWith('uncaught'))).toEqual([]);
  } finally {
    await collector.close();
    await rm(siteFolder, { recursive: true });
  }
});
