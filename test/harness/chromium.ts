/**
 * Chromium: started by us, driven by Playwright over the DevTools protocol.
 *
 * Why: started by us (chromium-process.ts), because a test must be able to kill the process group, and Playwright keeps the process to itself
 * for persistent profiles.
 *
 * Invariants
 *  - `close` lets the browser flush its profile; a second launch on the same folder finds what the first stored.
 *
 * Not here: the interface (page.ts), the shared browser of a test file (browsers.ts).
 */
import { existsSync } from 'node:fs';
import { type CDPSession, chromium, type Page as PlaywrightPage } from 'playwright-core';
import { startChromium } from './chromium-process.ts';
import { groupBytes } from './group-memory.ts';
import { guardedFolder, killGroup, removeFolder, stopGroup } from './guardian.ts';
import { type Browser, type LaunchOptions, type Page, pageOf } from './page.ts';

const WEBGPU_FLAGS = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
const WEBNN_FLAGS = ['--enable-features=WebMachineLearningNeuralNetwork'];
const CONNECT_TIMEOUT_MS = 60_000;

export async function launchChromium(options: LaunchOptions): Promise<Browser> {
  const profileDir = options.profileDir ?? guardedFolder('chromium');
  const extraFlags = [...(options.webgpu ? WEBGPU_FLAGS : []), ...(options.webnn ? WEBNN_FLAGS : [])];
  const { pid, endpoint, exited } = await startChromium(profileDir, extraFlags);
  const connection = await chromium.connectOverCDP(endpoint, { timeout: CONNECT_TIMEOUT_MS });
  const context = connection.contexts()[0];
  if (context === undefined) throw new Error('Chromium has no default context');
  const control = await connection.newBrowserCDPSession();
  let limits: CDPSession | null = null;
  const finish = async () => {
    await killGroup(pid);
    if (options.profileDir === undefined && existsSync(profileDir)) removeFolder(profileDir);
  };
  return {
    engine: 'chromium',
    version: connection.version(),
    newPage: async () => chromiumPage(await context.newPage()),
    async newVisitor() {
      const own = await connection.newContext();
      return { newPage: async () => chromiumPage(await own.newPage()), close: () => own.close() };
    },
    async limitStorage(origin, bytes) {
      // A page's session knows its storage partition for certain, the browser's own only at times. The limit lasts as long as it.
      limits ??= await context.newCDPSession(context.pages()[0] ?? (await context.newPage()));
      await limits.send('Storage.overrideQuotaForOrigin', { origin, ...(bytes === null ? {} : { quotaSize: bytes }) });
    },
    memoryBytes: () => groupBytes(pid),
    sleep: (durationMs) => stopGroup(pid, durationMs),
    kill: finish,
    async close() {
      // Over CDP, Playwright's own close() only disconnects. The browser answers, flushes its profile and exits.
      await Promise.race([control.send('Browser.close').then(() => exited), exited]).catch(() => {});
      await finish();
    },
  };
}

function chromiumPage(page: PlaywrightPage): Page {
  const consoleLines: string[] = [];
  page.on('console', (message) => consoleLines.push(message.text()));
  page.on('pageerror', (error) => consoleLines.push(`uncaught ${error.name}: ${error.message}`));
  return pageOf({
    engine: 'chromium',
    consoleLines,
    async goto(url) {
      await page.goto(url);
    },
    async reload() {
      await page.reload();
    },
    async back() {
      // Not the library's own way back, which waits for a load that a page from the back/forward cache does not have.
      await page.evaluate(() => history.back()).catch(() => undefined);
    },
    run: (expression) => page.evaluate(expression),
    click: (selector) => page.click(selector),
    press: (key) => page.keyboard.press(key === ' ' ? 'Space' : key),
    chooseFile: (selector, path) => page.setInputFiles(selector, path),
    async drag(points) {
      const [first, ...rest] = points;
      if (first === undefined) return;
      await page.mouse.move(first[0], first[1]);
      await page.mouse.down();
      for (const [x, y] of rest) await page.mouse.move(x, y);
      await page.mouse.up();
    },
    async screenshot(path) {
      await page.screenshot({ path });
    },
    setViewport: (size) => page.setViewportSize(size),
    async heap() {
      const session = await page.context().newCDPSession(page);
      // Twice: what the first one finalises, the second one frees.
      for (let count = 0; count < 2; count++) await session.send('HeapProfiler.collectGarbage');
      const { usedSize } = await session.send('Runtime.getHeapUsage');
      const { jsEventListeners } = await session.send('Memory.getDOMCounters');
      await session.detach();
      return { bytes: usedSize, listenerCount: jsEventListeners };
    },
    async close() {
      if (page.isClosed()) return;
      // With `runBeforeUnload` the page's hide events run, as they do for a user; the promise does not wait for the end.
      const closed = page.waitForEvent('close');
      await page.close({ runBeforeUnload: true });
      await closed;
    },
  });
}
