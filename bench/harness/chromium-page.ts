/**
 * Runs one bundled page script in a real headless Chromium and gives back what it computed.
 *
 * Why Chromium's own process and not Node: the product runs in a page, and V8 there has other flags, timers and heap limits.
 *
 * Invariants
 *  - The browser makes no request of its own and ends with the bench.
 */
import { rolldown } from 'rolldown';
import { launchChromium } from '../../test/harness/chromium.ts';

/** @param entry Page module, relative to the repository; its export `run` is called without arguments. */
export async function runInChromium<Result>(entry: string): Promise<Result> {
  const build = await rolldown({ input: entry, platform: 'browser' });
  const { output } = await build.generate({ format: 'iife', name: 'bench', minify: true, codeSplitting: false });
  await build.close();
  const browser = await launchChromium({});
  try {
    const page = await browser.newPage();
    return await page.evaluate<Result>(`() => { ${output[0].code}; return bench.run(); }`);
  } finally {
    await browser.close();
  }
}
