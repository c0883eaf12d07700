/**
 * Bundlers, the daily part: an application that webpack has built delivers a window. Of all bundlers it is the one that rewrites most.
 *
 * Not here: the others and their development servers (test/prove/bundlers.prove.test.ts), Vite as this repository has it (package.test.ts).
 */
import { browserTest } from '../harness/browsers.ts';
import { expectDelivery } from './bundled-visit.ts';

browserTest('an application on webpack 5, built, delivers a window', ['chromium'], async ({ browser }) => {
  await expectDelivery(browser, 'webpack 5', 'built');
});
