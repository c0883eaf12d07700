/**
 * Browsers under test: one small interface over three engines.
 *
 * Why: every claim that we make about the page is made for Chromium, Firefox and WebKitGTK, so a test is written once.
 * Playwright cannot drive a stock Firefox or WebKitGTK; each engine gets the driver that can, behind this interface.
 *
 * Invariants
 *  - Whatever was launched dies with the test process (guardian.ts); temporary profiles are removed.
 *  - `evaluate` and `waitFor` take a function or a source, JSON arguments, and await promises; results are JSON.
 *  - One browser per engine and test file for `browserTest`, a fresh page per test.
 *
 * Profiles: Chromium and Firefox keep one per `profileDir`. A WebKitGTK session under automation is ephemeral: what its
 * pages store lives exactly as long as the browser, shared by all its pages; `profileDir` is refused there.
 *
 * Not here: the engines (chromium.ts, firefox.ts, webkit.ts) and the servers (collector-process.ts, fault-proxy.ts).
 */
import { afterAll, test } from 'vitest';
import { launchChromium } from './chromium.ts';
import { launchFirefox } from './firefox.ts';
import type { Browser, Engine, LaunchOptions, Page } from './page.ts';
import { launchWebkit } from './webkit.ts';

export type { Browser, Engine, LaunchOptions, Page, Point } from './page.ts';

export const ENGINES: readonly Engine[] = ['chromium', 'firefox', 'webkit'];

/** The engines named in INSITU_BROWSERS, all three by default. */
export function enginesUnderTest(): readonly Engine[] {
  const names = (process.env.INSITU_BROWSERS ?? ENGINES.join(',')).split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !ENGINES.some((engine) => engine === name));
  if (unknown.length > 0) throw new Error(`INSITU_BROWSERS names ${unknown.join(', ')}; known are ${ENGINES.join(', ')}`);
  return ENGINES.filter((engine) => names.includes(engine));
}

export function launch(engine: Engine, options: LaunchOptions = {}): Promise<Browser> {
  if (engine === 'chromium') return launchChromium(options);
  if (engine === 'firefox') return launchFirefox(options);
  return launchWebkit(options);
}

/** An engine, or Chromium with WebGPU on its CPU adapter. */
export type Target = Engine | 'chromium-webgpu';

const shared = new Map<Target, Promise<Browser>>();

function sharedBrowser(target: Target): Promise<Browser> {
  const running = shared.get(target);
  if (running !== undefined) return running;
  const started = target === 'chromium-webgpu' ? launch('chromium', { webgpu: true }) : launch(target);
  shared.set(target, started);
  return started;
}

export interface BrowserTestContext {
  engine: Engine;
  target: Target;
  browser: Browser;
  page: Page;
}

type BrowserTestBody = (context: BrowserTestContext) => Promise<void>;

/** One test per target, `title [target]`, each with a fresh page in the file's browser of that target. */
export function browserTest(title: string, targets: readonly Target[], body: BrowserTestBody): void;
export function browserTest(title: string, body: BrowserTestBody): void;
export function browserTest(title: string, targetsOrBody: readonly Target[] | BrowserTestBody, maybeBody?: BrowserTestBody): void {
  const targets = typeof targetsOrBody === 'function' ? ENGINES : targetsOrBody;
  const body = typeof targetsOrBody === 'function' ? targetsOrBody : maybeBody;
  if (body === undefined) throw new Error(`browserTest "${title}" has no body`);
  for (const target of targets) {
    const engine = target === 'chromium-webgpu' ? 'chromium' : target;
    test.skipIf(!enginesUnderTest().includes(engine))(`${title} [${target}]`, async () => {
      const browser = await sharedBrowser(target);
      const page = await browser.newPage();
      try {
        await body({ engine, target, browser, page });
      } finally {
        await page.close();
      }
    });
  }
}

afterAll(async () => {
  const started = [...shared.values()];
  shared.clear();
  for (const outcome of await Promise.allSettled(started)) if (outcome.status === 'fulfilled') await outcome.value.close();
});
