/**
 * The epsilon ledger's store on a real IndexedDB: a transaction is the lock between tabs, and a failed step leaves nothing.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { expect } from 'vitest';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { StaticServer } from '../../harness/static-server.ts';

/** A page with nothing but the store, as `window.store`. */
async function serveStore(): Promise<StaticServer> {
  const input = fileURLToPath(new URL('../../../sdk/local-dp/epsilon-store.ts', import.meta.url));
  const build = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'esm' });
  await build.close();
  const server = await StaticServer.start();
  server.faults.set('/pages/store.js', { body: output[0].code });
  server.faults.set('/pages/store.html', {
    body: `<!doctype html><title>Store</title><link rel="icon" href="data:," /><script type="module">
      import { indexedDbEpsilonStore } from './store.js';
      window.store = indexedDbEpsilonStore();
    </script>`,
  });
  return server;
}

async function open(page: Page, server: StaticServer): Promise<void> {
  await page.goto(`${server.origin}/pages/store.html`);
  await page.waitFor('() => window.store !== undefined', { timeoutMs: 20_000 });
}

/** Adds 1 to the record so many times, each in a transaction of its own; answers what the transactions resolved to. */
const ADD = `(count) => Promise.all(Array.from({ length: count }, () =>
  store.transact((stored) => ({ next: { spent: (stored?.spent ?? 0) + 1 }, result: (stored?.spent ?? 0) + 1 }))))`;
const READ = '() => store.transact((stored) => ({ next: null, result: stored?.spent ?? null }))';

browserTest('two tabs that spend at the same time spend one after the other, and a reload finds the sum', async ({ browser, page }) => {
  const server = await serveStore();
  const other = await browser.newPage();
  try {
    await open(page, server);
    await open(other, server);
    const results = (await Promise.all([page.evaluate(ADD, 25), other.evaluate(ADD, 25)])) as number[][];
    expect(results.flat().sort((one, two) => one - two)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    await open(page, server);
    expect(await page.evaluate(READ)).toBe(50);
  } finally {
    await other.close();
    await server.close();
  }
});

browserTest('a step that throws, and a record that cannot be stored, reject and leave the record as it was', async ({ page }) => {
  const server = await serveStore();
  try {
    await open(page, server);
    await page.evaluate(ADD, 1);
    const rejects = (step: string) =>
      page.evaluate(`() => store.transact(${step}).then(() => 'resolved', () => 'rejected')`) as Promise<string>;
    expect(await rejects(`() => { throw new Error('no randomness'); }`)).toBe('rejected');
    expect(await rejects(`() => ({ next: { spent: () => 7 }, result: null })`)).toBe('rejected');
    expect(await page.evaluate(READ)).toBe(1);
  } finally {
    await server.close();
  }
});

browserTest('after `delete` there is no record, and the next one begins anew', async ({ page }) => {
  const server = await serveStore();
  try {
    await open(page, server);
    await page.evaluate(ADD, 3);
    await page.evaluate('() => store.delete()');
    expect(await page.evaluate(READ)).toBeNull();
    expect(await page.evaluate(ADD, 1)).toEqual([1]);
  } finally {
    await server.close();
  }
});
