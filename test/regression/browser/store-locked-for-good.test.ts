/**
 * An engine kept the store's transactions locked for good after a worker was ended in the midst of a write, and every load after it hung:
 * in WebKitGTK one in ten loads behind a failed one.
 *
 * And a load whose runtime could not be fetched was handed from worker to worker for as long as each failed before it was asked.
 */
import { expect } from 'vitest';
import { STORE_ANSWER_TIMEOUT_MS } from '../../../protocol/limits.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import { loadDigits, type Outcome, WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { soonerAwake } from '../../harness/sooner.ts';

const WASM_RUNTIME = '/insitu/ort/ort-wasm-simd-threaded.wasm';
const ROUND_COUNT = 8;
const ON_WASM = loadDigits(`{ provider: 'wasm' }`);

browserTest('loads that fail while the model is being stored leave a store in which the next ones get on', async ({ page }) => {
  await withServer(page, async (server) => {
    for (let round = 0; round < ROUND_COUNT; round++) {
      server.requests.length = 0;
      server.faults.set(WASM_RUNTIME, { status: 404, body: '' });
      expect(await page.evaluate<Outcome<Explanation>>(ON_WASM)).toMatchObject({ ok: false, code: 'asset-unreachable' });
      expect(server.requests.filter((path) => path === WORKER)).toHaveLength(1);
      server.faults.clear();
      expect(await page.evaluate<Outcome<Explanation>>(ON_WASM)).toMatchObject({ ok: true, value: { variant: 'int8' } });
      expect(await page.evaluate<number>('async () => { await model.close(); return (await client.models.list()).length; }')).toBe(1);
      await page.evaluate('() => client.models.remove()');
    }
  });
});

browserTest(
  'a store that somebody keeps locked costs a load its copy, and nothing after a while',
  ['chromium', 'firefox'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(soonerAwake(STORE_ANSWER_TIMEOUT_MS, 1_500)) });
      const loaded = await page.evaluate<Outcome<Explanation>>(`async () => {
      // The store is there, and its records are held by a transaction that goes on asking.
      await insitu.createClient().load(digitsUrl).then((model) => model.close());
      const db = await new Promise((resolve) => Object.assign(indexedDB.open('insitu-models'), { onsuccess: ({ target }) => resolve(target.result) }));
      const store = db.transaction(['entries', 'chunks', 'partials', 'verdicts'], 'readwrite').objectStore('entries');
      let isOver = false;
      const askAgain = () => { if (!isOver) store.count().onsuccess = askAgain; };
      askAgain();
      const loaded = await (${ON_WASM})();
      isOver = true;
      return loaded;
    }`);
      expect(loaded).toMatchObject({ ok: true, value: { fromCache: false } });
    });
  },
);
