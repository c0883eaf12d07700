/**
 * Bundlers: an application of each kind, in development and built, answers ten drawings in Chromium and has them counted.
 *
 * Goal: a file that a bundler loses, renames or rewrites is found here and not by a user. Method: the packed package, the
 * bundler's own command line at a pinned version, what the README says and nothing else, a real collector.
 */
import { test } from 'vitest';
import { BUNDLERS, type BundlerName } from '../e2e/application.ts';
import { expectDelivery } from '../e2e/bundled-visit.ts';
import { launch } from '../harness/browsers.ts';

for (const name of Object.keys(BUNDLERS) as BundlerName[]) {
  for (const mode of ['in development', 'built'] as const) {
    test(`an application on ${name}, ${mode}, delivers a window`, async () => {
      const browser = await launch('chromium');
      try {
        await expectDelivery(browser, name, mode);
      } finally {
        await browser.close();
      }
    });
  }
}
