/**
 * A warm start does what can wait behind the first result, and starts early what cannot.
 *
 * Not here: how long it takes (bench/warm-start.ts).
 */
import { expect } from 'vitest';
import { RETEST_DELAY_MS } from '../../../protocol/limits.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import { loadDigits, MANIFEST, type Outcome, openBarePage, WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';

type Loaded = Outcome<Explanation>;

const RUNTIME = '/insitu/ort/ort-wasm-simd-threaded.wasm';
const ON_WASM = `{ provider: 'wasm', variant: 'int8', update: 'never' }`;

browserTest(
  'a load that names wasm fetches the runtime even while its manifest is missing; one that leaves the choice open does not',
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(MANIFEST, { status: 404 });
      expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({ ok: false, code: 'manifest-unreachable' });
      expect(server.requests).not.toContain(RUNTIME);
      expect(await page.evaluate<Loaded>(loadDigits(ON_WASM))).toMatchObject({ ok: false, code: 'manifest-unreachable' });
      expect(server.requests).toContain(RUNTIME);
    });
  },
);

/** Is remembered of a candidate that has reproduced the golden outputs. */
const TRUSTED = `async () => {
  const asked = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const db = await asked(indexedDB.open('insitu-models'));
  const keys = await asked(db.transaction('verdicts').objectStore('verdicts').getAllKeys());
  db.close();
  return keys.some((key) => key.includes('trust'));
}`;

browserTest(
  'a named candidate that a run has found out is compared with the golden outputs before the first result of the next visit',
  async ({ page }) => {
    await withServer(page, async (server) => {
      // From a message on, or from the start, every tensor comes out as NaN.
      const poisonable = (isPoisoned: boolean) => `let isPoisoned = ${isPoisoned};
        addEventListener('message', ({ data }) => { if (data === 'poison') isPoisoned = true; });
        Uint8Array.prototype.set = new Proxy(Uint8Array.prototype.set, { apply(set, bytes, args) {
          Reflect.apply(set, bytes, args);
          const isShared = Object.prototype.toString.call(args[0]?.buffer) === '[object SharedArrayBuffer]';
          if (isPoisoned && isShared && bytes.buffer instanceof ArrayBuffer) new Float32Array(bytes.buffer).fill(NaN);
        } })`;
      const load = loadDigits(ON_WASM);
      server.faults.set(WORKER, { body: await workerAfter(poisonable(false)) });
      expect(await page.evaluate<Loaded>(load)).toMatchObject({ ok: true });
      await page.waitFor(TRUSTED);
      const run = await page.evaluate<Outcome<null>>(`async () => {
        workers.at(-1).postMessage('poison');
        return outcome(() => model.run(digit()).then(() => null));
      }`);
      expect(run).toMatchObject({ ok: false, code: 'model-outputs-wrong' });
      // Nobody waits for it to be forgotten, and a page that is left too early takes it along.
      await page.waitFor(`async () => !(await (${TRUSTED})())`);
      server.faults.set(WORKER, { body: await workerAfter(poisonable(true)) });
      await openBarePage(page, server);
      expect(await page.evaluate<Loaded>(load)).toMatchObject({ ok: false, code: 'model-outputs-wrong' });
    });
  },
);

browserTest(
  'the golden outputs are reproduced before the first result of the first visit, and behind that of the second',
  async ({ page }) => {
    await withServer(page, async (server) => {
      const first = await page.evaluate<Loaded>(loadDigits(ON_WASM));
      expect(first).toMatchObject({ ok: true, value: { fromCache: false } });
      expect(first.ok && first.value.timings['warm-up']).toBeGreaterThan(0);
      // Nobody waits for it to be remembered, and a page that is left too early takes it along.
      await page.waitFor(TRUSTED);
      await page.evaluate('() => model.close()');
      // Behind the first result every tensor comes out as NaN, as of a build that was right yesterday.
      const wrongLater = `let outputCount = 0;
      { const real = setTimeout; globalThis.setTimeout = (callback, ms) => real(callback, ms === ${RETEST_DELAY_MS} ? 50 : ms); }
      Uint8Array.prototype.set = new Proxy(Uint8Array.prototype.set, { apply(set, bytes, args) {
        Reflect.apply(set, bytes, args);
        // The WASM heap is shared memory; what goes from there into an array of its own is an output.
        const isShared = Object.prototype.toString.call(args[0]?.buffer) === '[object SharedArrayBuffer]';
        if (isShared && bytes.buffer instanceof ArrayBuffer && ++outputCount > 1) new Float32Array(bytes.buffer).fill(NaN);
      } })`;
      server.faults.set(WORKER, { body: await workerAfter(wrongLater) });
      await openBarePage(page, server);
      const second = await page.evaluate<Loaded>(loadDigits(ON_WASM));
      expect(second).toMatchObject({ ok: true, value: { fromCache: true, timings: { 'warm-up': 0 } } });
      expect(await page.evaluate<Outcome<null>>('() => outcome(() => model.run(digit()).then(() => null))')).toMatchObject({ ok: true });
      // The review has failed by then, and what it found ends the trust: nothing else may run what the load named.
      await page.evaluate('() => new Promise((resolve) => setTimeout(resolve, 500))');
      expect(await page.evaluate<Outcome<null>>('() => outcome(() => model.run(digit()).then(() => null))')).toMatchObject({
        ok: false,
        code: 'model-outputs-wrong',
      });
      server.faults.delete(WORKER);
      await openBarePage(page, server);
      const third = await page.evaluate<Loaded>(loadDigits(ON_WASM));
      expect(third.ok && third.value.timings['warm-up']).toBeGreaterThan(0);
    });
  },
);
