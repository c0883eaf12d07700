/**
 * `<insitu-sent>`: what it shows is what left.
 *
 * Goal: a person who opens it reads the truth, in any engine, and can use it with a keyboard and on a phone. Method: the
 * bytes in its rows against the bodies that a proxy saw on the wire; its words against a decoder that runs here.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { checkManifest } from '../../../protocol/manifest/manifest.ts';
import type { Plan } from '../../../protocol/report/plan.ts';
import { decodeBody } from '../../../protocol/report/report.ts';
import type { Window } from '../../../protocol/report/window.ts';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';
import { type FaultProxy, type LoggedRequest, startFaultProxy } from '../../harness/fault-proxy.ts';

const PAGES = fileURLToPath(new URL('../../pages', import.meta.url));
const PATIENCE = { timeoutMs: 30_000 };

interface ShownRequest {
  readonly line: string;
  readonly hex: string;
  readonly offsets: readonly number[];
  readonly windows: readonly { readonly facts: string; readonly rows: readonly (readonly string[])[] }[];
}

async function withSentPage(page: Page, body: (proxy: FaultProxy) => Promise<void>): Promise<void> {
  const collector = await startCollectorProcess({ siteFolder: PAGES });
  const proxy = await startFaultProxy(collector.url);
  try {
    await page.goto(`${proxy.url}/sent.html`);
    await page.waitFor('() => window.ready === true', PATIENCE);
    await body(proxy);
  } finally {
    await proxy.close();
    await collector.close();
  }
}

const reportsOf = (proxy: FaultProxy): LoggedRequest[] => proxy.log.filter(({ url }) => url.startsWith('/v1/report/'));

async function runAndSend(page: Page, count: number): Promise<void> {
  await page.evaluate('(count) => runDigits(count)', count);
  await page.evaluate("() => press('flush')");
}

/** Opens all requests once so many are shown as answered. */
async function shownRequests(page: Page, count: number): Promise<ShownRequest[]> {
  await page.waitFor("(count) => requests().filter(({ line }) => line.includes('answered')).length === count", PATIENCE, count);
  await page.evaluate('() => open()');
  await page.waitFor('() => requests().every(({ hex }) => hex.length > 0)', PATIENCE);
  return page.evaluate<ShownRequest[]>('() => requests()');
}

async function digitsPlan(): Promise<Plan> {
  const verdict = checkManifest(JSON.parse(await readFile(new URL('../../../models/digits/model.json', import.meta.url), 'utf8')));
  if (!verdict.ok) throw new Error(verdict.reason);
  return dataPlanOf(verdict.manifest);
}

function rowsOf(window: Window, plan: Plan): string[][] {
  return Array.from(window.cells, (cell, index) => {
    const metric = plan.metrics.find(({ offset, cells }) => cell >= offset && cell < offset + cells.length);
    return [metric?.id ?? '', metric?.cells[cell - metric.offset] ?? '', String(window.counts[index])];
  });
}

browserTest('it shows each request byte for byte as the proxy saw it, and says what those bytes say', async ({ page }) => {
  const plan = await digitsPlan();
  await withSentPage(page, async (proxy) => {
    await page.evaluate("() => start('granted')");
    await runAndSend(page, 12);
    await page.waitFor('() => requests().length === 1', PATIENCE);
    await runAndSend(page, 9);
    const shown = await shownRequests(page, 2);
    const seen = reportsOf(proxy).reverse();
    expect(seen).toHaveLength(2);
    expect(shown.map(({ hex }) => hex.replaceAll(' ', ''))).toEqual(seen.map(({ body }) => Buffer.from(body).toString('hex')));
    shown.forEach(({ line, offsets, windows }, index) => {
      const { body, url } = seen[index] as LoggedRequest;
      expect(line).toContain(`POST ${url} · ${body.length} bytes · answered 204`);
      expect(offsets).toEqual(offsets.map((_, row) => row * 8));
      const verdict = decodeBody(body);
      if (!verdict.ok) throw new Error('the proxy saw something that is no report');
      expect(windows.map(({ rows }) => rows)).toEqual(
        verdict.body.windows.map((window) => rowsOf(window, window.report === 'data' ? plan : SOFTWARE_PLAN)),
      );
      for (const [at, { facts }] of windows.entries()) {
        expect(facts).toContain(verdict.body.windows[at]?.id);
        expect(facts.includes('left this browser that week')).toBe(verdict.body.windows[at]?.mark === 'week');
      }
    });
  });
});

browserTest('without consent it says so; with it, its button takes consent back and what was stored is gone', async ({ page }) => {
  await withSentPage(page, async (proxy) => {
    await page.evaluate("() => start('required', true)");
    await page.waitFor("() => textOf('state').startsWith('Off: you have not agreed')", PATIENCE);
    expect(
      await page.evaluate(
        "() => [...document.querySelector('insitu-sent').shadowRoot.querySelectorAll('button')].every(({ disabled }) => disabled)",
      ),
    ).toBe(true);
    await page.evaluate('() => client.telemetry.grant()');
    await page.evaluate('() => runDigits(9)');
    await page.waitFor("() => textOf('state').startsWith('On.') && /: 9 /.test(textOf('figures'))", PATIENCE);
    await page.evaluate("() => press('withdraw')");
    await page.waitFor("() => textOf('state').startsWith('Withdrawn')", PATIENCE);
    expect(await page.evaluate('() => client.telemetry.status().consent')).toBe('required');
    expect(await page.evaluate('() => requests()')).toEqual([]);
    expect(reportsOf(proxy)).toEqual([]);
  });
});

browserTest('a request opens by the keyboard, and one that arrives takes neither the focus nor what is open', async ({ page }) => {
  await withSentPage(page, async () => {
    await page.evaluate("() => start('granted')");
    await runAndSend(page, 8);
    await page.waitFor("() => requests().length === 1 && requests()[0].line.includes('204')", PATIENCE);
    const root = "document.querySelector('insitu-sent').shadowRoot";
    await page.evaluate(`() => ${root}.querySelector('summary').focus()`);
    await page.press('Enter');
    await page.waitFor("() => requests()[0].hex !== ''", PATIENCE);
    await page.press('Tab');
    const isInBytes = `() => ${root}.activeElement?.getAttribute('part') === 'bytes'`;
    expect(await page.evaluate(isInBytes)).toBe(true);
    await runAndSend(page, 8);
    await page.waitFor("() => requests().length === 2 && requests()[0].line.includes('204')", PATIENCE);
    expect(await page.evaluate(isInBytes)).toBe(true);
    expect(await page.evaluate("() => requests().map(({ hex }) => hex !== '')")).toEqual([false, true]);
  });
});

browserTest(
  'on a phone nothing is wider than the screen, its own style applies under the strict policy, and its words can be changed',
  async ({ page }) => {
    await withSentPage(page, async () => {
      await page.setViewport({ width: 360, height: 640 });
      await page.evaluate("() => start('granted')");
      await runAndSend(page, 9);
      await shownRequests(page, 1);
      expect(await page.evaluate('() => document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      const display = "() => getComputedStyle(document.querySelector('insitu-sent').shadowRoot.querySelector('[part=bytes]')).display";
      expect(await page.evaluate(display)).toBe('grid');
      await page.evaluate(
        "() => { document.querySelector('insitu-sent').texts = { flush: 'Jetzt senden', answered: 'beantwortet mit {status}' }; }",
      );
      await page.waitFor("() => requests()[0]?.line.endsWith('beantwortet mit 204')", PATIENCE);
      expect(await page.evaluate("() => [textOf('flush'), textOf('erase')]")).toEqual(['Jetzt senden', 'Delete what is stored']);
    });
  },
);
