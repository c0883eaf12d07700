/**
 * Screenshots of demo and dashboard for the README: the built product, real digits, a tilted world.
 *
 *   node scripts/screenshots.mjs        needs `npm run build` and a Chromium; writes docs/screenshots/
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { CHROMIUM_PATHS, firstExisting } from '../test/harness/browser-paths.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'docs/screenshots');
const data = mkdtempSync(join(tmpdir(), 'insitu-screenshots-'));
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const FLAGS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

const collector = spawn(
  process.execPath,
  ['dist/node/cli.js', 'collector', '--json', '--port', '0', '--data', data, '--models', 'models', '--site', 'dist/site'],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
);
const url = await new Promise((resolve) => {
  collector.stdout.once('data', (line) => resolve(JSON.parse(String(line)).url));
});
const browser = await chromium.launch({ executablePath: firstExisting(CHROMIUM_PATHS) ?? undefined, args: FLAGS });
const context = await browser.newContext({ viewport: SIZES.desktop });
const strokes = JSON.parse(readFileSync(join(root, 'models/digits/strokes.json'), 'utf8'));
mkdirSync(folder, { recursive: true });

const demo = await context.newPage();
await demo.goto(`${url}/?consent=granted`);
await demo.waitForFunction(() => document.documentElement.dataset.model === 'ready');
const dashboard = await context.newPage();
const [model] = (await (await fetch(`${url}/v1/models`)).json()).filter(({ name }) => name === 'digits');
await dashboard.goto(`${url}/dashboard/#/models/${model.modelVersion}`);
await stream();
await demo.locator('#tilt-dark').fill('60');
await stream();
await demo.locator('#tilt-dark').fill('0');
await draw(strokes[3][0]);
await demo.click('insitu-sent [part=flush]');
await demo.waitForFunction(() => document.querySelector('insitu-sent').shadowRoot.querySelectorAll('details').length >= 3);
await demo
  .locator('insitu-sent details')
  .first()
  .evaluate((details) => {
    details.open = true;
  });
await dashboard.waitForFunction(() => /\d+ updates?/.test(document.querySelector('#live-text').textContent));
const overview = await context.newPage();
await overview.goto(`${url}/dashboard/#key=${readFileSync(join(data, 'admin-key'), 'utf8').trim()}`);
await overview.waitForFunction(() => document.querySelector('.spark-line') !== null);
for (const [name, page] of Object.entries({ demo, overview, dashboard })) {
  await page.bringToFront();
  for (const [width, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => window.dispatchEvent(new Event('resize')));
      await page.evaluate(() => scrollTo(0, 0));
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) throw new Error(`${name} is ${overflow} px wider than a ${width} of ${size.width} px`);
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`) });
      if (process.argv.includes('--full')) {
        await page.screenshot({ path: join(tmpdir(), `${name}-${width}-${colorScheme}-full.png`), fullPage: true });
      }
    }
  }
}
await browser.close();
collector.kill('SIGTERM');
await new Promise((resolve) => {
  collector.once('exit', resolve);
});
rmSync(data, { recursive: true, force: true });

async function stream() {
  await demo.click('#stream-start');
  await demo.waitForFunction(() => document.querySelector('#stream-result').textContent.startsWith('Done'));
  await demo.click('insitu-sent [part=flush]');
  await demo.waitForTimeout(1500);
}

async function draw(digit) {
  await demo.locator('#pad').scrollIntoViewIfNeeded();
  const box = await demo.locator('#pad').boundingBox();
  const at = ([x, y]) => [box.x + box.width * (0.15 + 0.7 * x), box.y + box.height * (0.1 + 0.8 * y)];
  for (const [first, ...rest] of digit) {
    await demo.mouse.move(...at(first));
    await demo.mouse.down();
    for (const point of rest) await demo.mouse.move(...at(point));
    await demo.mouse.up();
  }
  await demo.waitForTimeout(500);
}
