/**
 * The dashboard behind a path prefix, where it stayed blank, and before servers that are no collector or have stopped answering.
 *
 * Goal: behind a prefix everything works, live updates too, and nothing is asked for outside of it; whatever answers otherwise ends in a
 * sentence, and the page goes on by itself once a collector answers. Method: a proxy that takes a prefix off; a server that gives the
 * built page, and for the API whatever the test says.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { categoryWorld, reportOf } from '../../fixtures/strange-worlds.ts';
import { browserTest } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';
import { startPrefixProxy } from '../../harness/prefix-proxy.ts';
import { sooner } from '../../harness/sooner.ts';
import { listenUnseen } from '../../harness/unseen-port.ts';

const PATIENCE = { timeoutMs: 40_000 };
const SITE = fileURLToPath(new URL('../../../dist/site/', import.meta.url));
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

browserTest(
  'behind a path prefix the dashboard is whole and live, and asks for nothing outside of it',
  ['chromium', 'firefox', 'webkit'],
  async ({ page }) => {
    const collector = await startCollectorProcess({ modelsFolder: null });
    const proxy = await startPrefixProxy(collector.url, '/a/monitoring/');
    try {
      const world = categoryWorld('behind a prefix');
      const registered = await fetch(`${proxy.url}v1/models`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${collector.adminKey}` },
        body: JSON.stringify({ manifest: JSON.stringify(world.manifest) }),
      });
      const entry = (await registered.json()) as ModelEntry;
      // Without the last slash, as people type it.
      await page.goto(`${proxy.url}dashboard`);
      await page.waitFor(() => document.querySelector('#connection')?.textContent === 'Live', PATIENCE);
      await page.click('#overview-rows a');
      await page.waitFor(() => document.querySelector('#tile-runs dd')?.textContent === '0', PATIENCE);
      await fetch(`${proxy.url}v1/report/demo`, { method: 'POST', body: reportOf(world, entry, 24) });
      await page.waitFor(() => document.querySelector('#live-text')?.textContent?.startsWith('24 runs in 1 update'), PATIENCE);
      const links = await page.evaluate(() => [...document.querySelectorAll('a[href]')].map((link) => (link as HTMLAnchorElement).href));
      expect(links.every((link) => link.startsWith(proxy.url))).toBe(true);
      // A browser asks for its icon at the root, whatever the page says.
      expect(proxy.strays.filter((path) => path !== '/favicon.ico')).toEqual([]);
      expect(page.consoleLines.filter((line) => line.startsWith('uncaught'))).toEqual([]);
    } finally {
      await proxy.close();
      await collector.close();
    }
  },
);

/** The pause between two tries, and the longest wait for an answer (collector/dashboard/ask/api.ts), made short. */
const TRIES_SOON = sooner(5_000, 1_000);
const WAITS_LITTLE = `${sooner(30_000)}
  { const { timeout } = AbortSignal; AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms === 30_000 ? 300 : ms); }`;

/** The built dashboard with a script before its own, and for the API whatever the test says. */
async function serveSite(script: string, api: Answer): Promise<{ readonly url: string; close(): void }> {
  const server = createServer(async ({ url = '/' }, response) => {
    if (url.startsWith('/v1/')) return api(response);
    const name = url === '/dashboard/' ? 'dashboard/index.html' : url.slice(1);
    const file = await readFile(SITE + name).catch(() => null);
    const body = name.endsWith('.html') ? String(file).replace('<head>', `<head><script>${script}</script>`) : file;
    response.writeHead(body === null ? 404 : 200, { 'Content-Type': TYPES[name.split('.').at(-1) as string] ?? 'text/plain' }).end(body);
  });
  const port = await listenUnseen(server);
  return {
    url: `http://127.0.0.1:${port}/dashboard/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Answer = (response: ServerResponse) => void;
const answer =
  (status: number, type: string, body: string): Answer =>
  (response) =>
    response.writeHead(status, { 'Content-Type': type }).end(body);

const ODD_ANSWERS: readonly (readonly [what: string, answer: Answer, said: RegExp])[] = [
  ['a failing collector', answer(500, 'text/plain', 'The collector failed on this request.'), /answered 500: The collector failed on this/],
  [
    'an error page of a proxy',
    answer(502, 'text/html', `<h1>Bad gateway</h1>${'x'.repeat(65_536)}`),
    /^The collector answered 502\. Trying again\.$/,
  ],
  [
    'a start page for every address',
    answer(200, 'text/html', '<!doctype html><title>Shop</title>'),
    /is no Insitu collector: it sent text\/html/,
  ],
  ['JSON that is cut', answer(200, 'application/json', '[{"modelVersion":'), /its JSON is cut or broken/],
  ['JSON of another program', answer(200, 'application/json', '{"models":[]}'), /its models are no list/],
  ['a list of another program', answer(200, 'application/json', '[{"id":1},null]'), /not one that this page can read/],
  ['a connection that is cut', (response) => response.destroy(), /cannot be reached/],
];

browserTest('whatever answers in a collector’s place ends in a sentence, and no error is thrown', ['chromium'], async ({ browser }) => {
  let current: Answer = answer(500, 'text/plain', '');
  const site = await serveSite(TRIES_SOON, (response) => current(response));
  try {
    for (const [what, odd, said] of ODD_ANSWERS) {
      current = odd;
      const page = await browser.newPage();
      await page.setViewport({ width: 360, height: 800 });
      await page.goto(`${site.url}#/models`);
      await page.waitFor(() => (document.querySelector('#alert') as HTMLElement).hidden === false, PATIENCE);
      expect(await page.text('#alert'), what).toMatch(said);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), what).toBeLessThanOrEqual(0);
      expect(page.consoleLines.filter((line) => line.startsWith('uncaught'))).toEqual([]);
      // A collector is there at last: nobody has to reload.
      current = answer(200, 'application/json', '[]');
      await page.waitFor(() => document.querySelector('#empty')?.textContent?.startsWith('No model is registered'), PATIENCE);
      expect(await page.evaluate(() => (document.querySelector('#alert') as HTMLElement).hidden)).toBe(true);
      await page.close();
    }
  } finally {
    site.close();
  }
});

browserTest('an answer that never comes is said after half a minute', ['chromium'], async ({ page }) => {
  const site = await serveSite(WAITS_LITTLE, () => undefined);
  try {
    await page.goto(site.url);
    await page.waitFor(() => document.querySelector('#alert')?.textContent?.includes('has not answered within 30 s'), {
      timeoutMs: 60_000,
    });
    await page.waitFor(() => document.querySelector('#connection')?.textContent?.startsWith('No live updates'), { timeoutMs: 60_000 });
  } finally {
    site.close();
  }
});
