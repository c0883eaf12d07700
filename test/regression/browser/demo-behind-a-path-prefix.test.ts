/**
 * The demo behind a path prefix asked the root for its model, its library and its service worker, and showed nothing.
 *
 * Goal: behind a prefix the demo reads, counts and works without a network, and asks for nothing outside of it. Method: the built
 * collector behind a proxy that takes the prefix off; then both are gone.
 */
import { expect } from 'vitest';
import { browserTest } from '../../harness/browsers.ts';
import { startCollectorProcess } from '../../harness/collector-process.ts';
import { startPrefixProxy } from '../../harness/prefix-proxy.ts';

const PATIENCE = { timeoutMs: 60_000 };

browserTest('behind a path prefix the demo reads, counts, and answers without a network', ['chromium', 'firefox'], async ({ browser }) => {
  const collector = await startCollectorProcess();
  const proxy = await startPrefixProxy(collector.url, '/tools/insitu/');
  try {
    const page = await browser.newPage();
    await page.goto(proxy.url);
    await page.waitFor(() => document.documentElement.dataset.model === 'ready', PATIENCE);
    await page.click('#consent');
    await page.click('#stream-start');
    await page.waitFor(() => document.querySelector('#stream-result')?.textContent?.startsWith('Done: 100'), PATIENCE);
    await page.evaluate(() => {
      const flush = document.querySelector('insitu-sent')?.shadowRoot?.querySelector('[part=flush]') as HTMLButtonElement;
      flush.click();
    });
    await page.waitFor(() => document.querySelector('#offline-ready')?.textContent?.startsWith('Ready'), PATIENCE);
    const scopes = await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope));
    expect(scopes).toEqual([proxy.url]);
    await page.waitFor(async () => {
      const [model] = (await (await fetch('v1/models')).json()) as { modelVersion: string }[];
      const { totals } = (await (await fetch(`v1/series?model=${model?.modelVersion}&hours=2`)).json()) as {
        totals: { report: string; runs: number }[];
      };
      return totals.some(({ report, runs }) => report === 'data' && runs === 100);
    }, PATIENCE);
    expect(proxy.strays.filter((path) => path !== '/favicon.ico')).toEqual([]);
    await page.close();
    await proxy.close();
    const again = await browser.newPage();
    await again.goto(proxy.url);
    await again.waitFor(() => document.documentElement.dataset.model === 'ready', PATIENCE);
    await again.click('#samples button');
    await again.waitFor(() => /\d/.test(document.querySelector('#answer')?.textContent ?? ''), PATIENCE);
    await again.close();
  } finally {
    await proxy.close();
    await collector.close();
  }
});
