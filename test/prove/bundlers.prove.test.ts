/**
 * Bundlers: an application of each kind, in development and built, answers ten drawings in Chromium and has them counted.
 *
 * Goal: a file that a bundler loses, renames or rewrites is found here and not by a user. Method: the packed package, the
 * bundler's own command line at a pinned version, what the README says and nothing else, a real collector.
 */
import { afterAll, beforeAll, test } from 'vitest';
import { BUNDLERS, type BundlerName, packPackage } from '../e2e/application.ts';
import { expectDelivery } from '../e2e/bundled-visit.ts';
import { launch } from '../harness/browsers.ts';
import { guardedFolder, removeFolder } from '../harness/guardian.ts';

const home = guardedFolder('bundlers');
let tarball = '';

beforeAll(async () => {
  tarball = await packPackage(home);
});

afterAll(() => removeFolder(home));

for (const name of Object.keys(BUNDLERS) as BundlerName[]) {
  for (const mode of ['in development', 'built'] as const) {
    test(`an application on ${name}, ${mode}, delivers a window, without and with threads`, async () => {
      const browser = await launch('chromium');
      try {
        await expectDelivery(browser, tarball, { name, mode, isolations: [false, true] });
      } finally {
        await browser.close();
      }
    });
  }
}
