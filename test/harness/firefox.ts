/**
 * Firefox: Puppeteer over WebDriver BiDi, which a stock Firefox speaks without a driver program.
 *
 * Invariants
 *  - No request of its own: updates, telemetry, remote settings, safe browsing, portal detection and push are off.
 *  - `profileDir` is kept; without one, a temporary profile is made and removed.
 *
 * Not here: the interface (page.ts), the shared browser of a test file (browsers.ts).
 */
import { mkdirSync } from 'node:fs';
import { type KeyInput, launch, type Page as PuppeteerPage } from 'puppeteer-core';
import { FIREFOX_PATHS, firstExisting } from './browser-paths.mjs';
import { groupBytes } from './group-memory.ts';
import { guardedFolder, guardGroup, killGroup, removeFolder } from './guardian.ts';
import { type Browser, type LaunchOptions, type Page, pageOf } from './page.ts';

const PREFERENCES = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.contentblocking.report.lockwise.enabled': false,
  'browser.newtabpage.enabled': false,
  'browser.region.network.url': '',
  'browser.safebrowsing.blockedURIs.enabled': false,
  'browser.safebrowsing.downloads.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.safebrowsing.provider.google4.updateURL': '',
  'browser.safebrowsing.provider.mozilla.updateURL': '',
  'browser.search.update': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage': 'about:blank',
  'browser.topsites.contile.enabled': false,
  'captivedetect.canonicalURL': '',
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'datareporting.usage.uploadEnabled': false,
  'dom.ipc.processPrelaunch.enabled': false,
  'dom.push.connection.enabled': false,
  'extensions.blocklist.enabled': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'messaging-system.rsexperimentloader.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'network.prefetch-next': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'signon.autofillForms': false,
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.server': '',
  'toolkit.telemetry.unified': false,
};
const START_TIMEOUT_MS = 90_000;
const CLOSE_TIMEOUT_MS = 15_000;

export async function launchFirefox(options: LaunchOptions): Promise<Browser> {
  if (options.webgpu) throw new Error('WebGPU is tested in Chromium only');
  const executable = firstExisting(FIREFOX_PATHS);
  if (executable === null) throw new Error('no Firefox was found; set INSITU_FIREFOX to its path or run npm test');
  const profileDir = options.profileDir ?? guardedFolder('firefox');
  mkdirSync(profileDir, { recursive: true });
  const browser = await launch({
    browser: 'firefox',
    executablePath: executable,
    headless: true,
    userDataDir: profileDir,
    defaultViewport: null,
    args: ['--width=1280', '--height=900'],
    extraPrefsFirefox: PREFERENCES,
    timeout: START_TIMEOUT_MS,
    protocolTimeout: 600_000,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  const pid = browser.process()?.pid;
  if (pid === undefined) throw new Error(`${executable} did not start`);
  guardGroup(pid);
  const finish = async () => {
    await killGroup(pid);
    if (options.profileDir === undefined) removeFolder(profileDir);
  };
  return {
    engine: 'firefox',
    version: await browser.version(),
    newPage: async () => firefoxPage(await browser.newPage()),
    memoryBytes: () => groupBytes(pid),
    kill: finish,
    async close() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
      await Promise.race([browser.close().catch(() => {}), late]);
      await finish();
    },
  };
}

function firefoxPage(page: PuppeteerPage): Page {
  const consoleLines: string[] = [];
  page.on('console', (message) => consoleLines.push(message.text()));
  page.on('pageerror', (error) => consoleLines.push(`uncaught ${String(error)}`));
  return pageOf({
    engine: 'firefox',
    consoleLines,
    async goto(url) {
      await page.goto(url, { timeout: START_TIMEOUT_MS });
    },
    async reload() {
      await page.reload({ timeout: START_TIMEOUT_MS });
    },
    async back() {
      // Not the library's own way back, which waits for a load that a page from the back/forward cache does not have.
      await page.evaluate(() => history.back()).catch(() => undefined);
    },
    run: (expression) => page.evaluate(expression),
    click: (selector) => page.click(selector),
    press: (key) => page.keyboard.press((key === ' ' ? 'Space' : key) as KeyInput),
    async chooseFile(selector, path) {
      const input = await page.$(selector);
      if (input === null) throw new Error(`no element matches ${selector}`);
      await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(path);
    },
    async drag(points) {
      const [first, ...rest] = points;
      if (first === undefined) return;
      await page.mouse.move(first[0], first[1]);
      await page.mouse.down();
      for (const [x, y] of rest) await page.mouse.move(x, y);
      await page.mouse.up();
    },
    async screenshot(path) {
      await page.screenshot({ path: path as `${string}.png` });
    },
    setViewport: (size) => page.setViewport(size),
    async close() {
      if (!page.isClosed()) await page.close();
    },
  });
}
