/**
 * Offline: the site's service worker keeps insitu's files, the store keeps the model, and a visit without a server gets its answer.
 *
 * Not here: the demo, which does the same with workbox beside it (test/e2e/demo-main.test.ts).
 */
import { expect } from 'vitest';
import { readRepositoryFile, WORKER } from '../../harness/bare-page.ts';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { StaticServer } from '../../harness/static-server.ts';

const WASM_RUNTIME = '/insitu/ort/ort-wasm-simd-threaded.wasm';
const SNAPSHOT = '/insitu/ort/ort-wasm-simd-threaded.snapshot.wasm';
const MODULE = '/insitu/ort/ort.wasm.bundle.min.mjs';

async function withOfflinePage(page: Page, body: (server: StaticServer) => Promise<void>): Promise<void> {
  const server = await StaticServer.start();
  try {
    // The service worker lies beside the page; the runtime is fetched by a worker of /insitu/, so its scope must be the whole site.
    server.faults.set('/pages/offline-worker.js', { headers: { 'Service-Worker-Allowed': '/' } });
    await visit(page, server);
    await body(server);
  } finally {
    await server.close();
  }
}

async function visit(page: Page, { origin }: Pick<StaticServer, 'origin'>): Promise<void> {
  await page.goto(`${origin}/pages/offline.html`);
  await page.waitFor('() => window.ready === true');
}

browserTest('after one visit the library, its runtime with the snapshot and the model work with the server down', async ({ page }) => {
  await withOfflinePage(page, async (server) => {
    const first = await page.evaluate<{ length: number }>('() => answer()');
    expect(first.length).toBe(10);
    await page.evaluate('() => register()');
    expect(await page.evaluate<boolean>('() => client.keepOffline()')).toBe(true);
    const kept = await page.evaluate<string[]>('() => kept()');
    // One runtime of three: the one that this device uses.
    expect(kept).toEqual(['/insitu/insitu.js', WORKER, WASM_RUNTIME, SNAPSHOT, MODULE].sort());
    const { origin } = server;
    await server.close();
    await visit(page, { origin });
    expect(await page.evaluate<object>('() => answer()')).toEqual({ ...first, isFromSnapshot: true });
  });
});

browserTest('a page whose service worker keeps no files, or that has none, is told so', ['chromium'], async ({ page }) => {
  await withOfflinePage(page, async (server) => {
    expect(await page.evaluate<boolean>('() => client.keepOffline()')).toBe(false);
    server.faults.set('/pages/offline-worker.js', { body: '/* nothing */', headers: { 'Service-Worker-Allowed': '/' } });
    const answer = await page.evaluate<boolean>(`async () => {
      await register();
      const real = setTimeout;
      window.setTimeout = (callback, ms) => real(callback, Math.min(ms, 300));
      return client.keepOffline();
    }`);
    expect(answer).toBe(false);
  });
});

browserTest('the kept runtime is not asked for again, and goes when the server has another release', ['chromium'], async ({ page }) => {
  await withOfflinePage(page, async (server) => {
    await page.evaluate('() => register()');
    await visit(page, server);
    await page.evaluate('() => answer()');
    server.requests.length = 0;
    await visit(page, server);
    await page.evaluate('() => answer()');
    expect(server.requests).toContain(WORKER);
    expect(server.requests).not.toContain(WASM_RUNTIME);
    server.faults.set(WORKER, { body: `${await readRepositoryFile('dist/insitu.worker.js')}\n// rebuilt` });
    server.requests.length = 0;
    await visit(page, server);
    await page.evaluate('() => answer()');
    expect(server.requests).toContain(WASM_RUNTIME);
  });
});

browserTest(
  'a snapshot that the browser has of an earlier release is not kept for this one, and the right one is',
  ['chromium'],
  async ({ page }) => {
    await withOfflinePage(page, async (server) => {
      const body = Buffer.from(await readRepositoryFile('dist/ort/ort-wasm-simd-threaded.snapshot.wasm'));
      body.write('x', body.indexOf('"id":"') + '"id":"'.length);
      server.faults.set(SNAPSHOT, { body, headers: { 'Cache-Control': 'public, max-age=31536000, immutable' } });
      await page.evaluate(`async () => { await (await fetch('${SNAPSHOT}')).arrayBuffer(); await register(); }`);
      server.faults.delete(SNAPSHOT);
      await visit(page, server);
      expect(await page.evaluate<object>('() => answer()')).toMatchObject({ isFromSnapshot: false });
      await page.waitFor(`async () => (await kept()).includes('${SNAPSHOT}')`);
      await visit(page, server);
      expect(await page.evaluate<object>('() => answer()')).toMatchObject({ isFromSnapshot: true });
    });
  },
);
