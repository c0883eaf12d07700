/**
 * Browsers under test: one small interface over three engines.
 *
 * Why: every claim that we make about the page is made for Chromium, Firefox and WebKitGTK, so a test is written once.
 * Playwright cannot drive a stock Firefox or WebKitGTK; each engine gets the driver that can, behind this interface.
 *
 * Invariants
 *  - Whatever was launched dies with the test process (guardian.ts); temporary profiles are removed.
 *  - `evaluate` and `waitFor` take a function or a source, JSON arguments, and await promises; results are JSON.
 *  - One browser per engine and test process for `browserTest`: starting one costs seconds, and its tests' origins differ
 *    (unseen-port.ts). Each test that takes a `page` has a fresh one; whatever pages a test opened are closed behind it.
 *  - A browser in which a test has failed serves no further one.
 *
 * Profiles: Chromium and Firefox keep one per `profileDir`. A WebKitGTK session under automation is ephemeral: what its
 * pages store lives exactly as long as the browser, shared by all its pages; `profileDir` is refused there.
 *
 * Not here: the engines (chromium.ts, firefox.ts, webkit.ts) and the servers (collector-process.ts, fault-proxy.ts).
 */
import { test } from 'vitest';
import { launchChromium } from './chromium.ts';
import { launchFirefox } from './firefox.ts';
import type { Browser, Engine, LaunchOptions, Page } from './page.ts';
import { launchWebkit } from './webkit.ts';

export type { Browser, Engine, LaunchOptions, Page, Point, Visitor } from './page.ts';

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

/** One test per target, `title [target]`, in the browser of that target. What the body does not take is not opened. */
export function browserTest(title: string, targets: readonly Target[], body: BrowserTestBody): void;
export function browserTest(title: string, body: BrowserTestBody): void;
export function browserTest(title: string, targetsOrBody: readonly Target[] | BrowserTestBody, maybeBody?: BrowserTestBody): void {
  const targets = typeof targetsOrBody === 'function' ? ENGINES : targetsOrBody;
  const body = typeof targetsOrBody === 'function' ? targetsOrBody : maybeBody;
  if (body === undefined) throw new Error(`browserTest "${title}" has no body`);
  for (const target of targets) {
    const engine = target === 'chromium-webgpu' ? 'chromium' : target;
    const onTarget = test.extend<BrowserTestContext>({
      engine,
      target,
      browser: async ({ onTestFailed }, use) => {
        const { browser, closePages } = withPagesNoted(await sharedBrowser(target));
        onTestFailed(async () => {
          shared.delete(target);
          await browser.kill();
        });
        await use(browser);
        await closePages();
      },
      page: async ({ browser }, use) => use(await browser.newPage()),
    });
    onTarget.skipIf(!enginesUnderTest().includes(engine))(`${title} [${target}]`, body);
  }
}

/** Longest time in which pages close; a browser that needs more hangs, and its test fails. */
const CLOSE_TIMEOUT_MS = 15_000;

/** The browser, and the way to close what a test has opened in it. */
function withPagesNoted(browser: Browser): { readonly browser: Browser; closePages(): Promise<void> } {
  const pages: Page[] = [];
  return {
    browser: {
      ...browser,
      async newPage() {
        const page = await browser.newPage();
        pages.push(page);
        return page;
      },
    },
    async closePages() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`its pages did not close in ${CLOSE_TIMEOUT_MS} ms`)), CLOSE_TIMEOUT_MS);
      });
      const closing = (async () => {
        for (const page of pages) await page.close();
      })();
      await Promise.race([closing, late]).finally(() => clearTimeout(timer));
    },
  };
}
