/**
 * Runs one bundled page script in a real headless Chromium and gives back what it computed.
 *
 * Why Chromium's own process and not Node: the product runs in a page, and V8 there has other flags, timers and heap limits.
 *
 * Invariants
 *  - The browser makes no request of its own and ends with the bench.
 */
import { chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import { CHROMIUM_PATHS, firstExisting } from '../../test/harness/browser-paths.mjs';

const FLAGS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

/** @param entry Page module, relative to the repository; its export `run` is called without arguments. */
export async function runInChromium<Result>(entry: string): Promise<Result> {
  const build = await rolldown({ input: entry, platform: 'browser' });
  const { output } = await build.generate({ format: 'iife', name: 'bench', minify: true, codeSplitting: false });
  await build.close();
  const executablePath = firstExisting(CHROMIUM_PATHS);
  if (executablePath === null) throw new Error('no Chromium or Chrome was found; set INSITU_CHROMIUM to its path');
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ content: output[0].code });
    return (await page.evaluate('bench.run()')) as Result;
  } finally {
    await browser.close();
  }
}
