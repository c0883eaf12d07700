/**
 * The choice of variant and provider: timed where more than one could be best, trusted by goldens, remembered, and made anew when
 * what it hangs on has changed.
 *
 * Chromium's WebGPU runs on the CPU here (SwiftShader), so wasm is the faster one for a small model; which of the two comes out
 * faster is never asserted, only that the faster one was taken.
 */
import { expect } from 'vitest';
import { MEASURE_GAIN_RATIO_MIN, RETEST_DELAY_MS } from '../../../protocol/limits.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import {
  digitsManifest,
  loadDigits,
  MANIFEST,
  type Outcome,
  openBarePage,
  WORKER,
  withServer,
  workerAfter,
} from '../../harness/bare-page.ts';
import { browserTest, launch } from '../../harness/browsers.ts';
import type { StaticServer } from '../../harness/static-server.ts';

type Loaded = Outcome<Explanation>;

/** Tells the server of each time that the worker looks for an adapter. */
const ADAPTER_NOTE = '/asked-for-an-adapter';
const NOTING = `{ const request = GPU.prototype.requestAdapter;
  GPU.prototype.requestAdapter = function (...args) { fetch('${ADAPTER_NOTE}'); return request.apply(this, args); } }`;
/** Looks behind the first result 50 ms after it. */
const SOON = `{ const real = setTimeout; globalThis.setTimeout = (callback, ms) => real(callback, ms === ${RETEST_DELAY_MS} ? 50 : ms); }`;
/** A GPU that gives zeros for everything that is read back. */
const ZEROS = `{ const range = GPUBuffer.prototype.getMappedRange;
  GPUBuffer.prototype.getMappedRange = function (...args) {
    const bytes = range.apply(this, args);
    if ((this.usage & GPUBufferUsage.MAP_READ) !== 0) new Uint8Array(bytes).fill(0);
    return bytes;
  } }`;

/** What is remembered, read as the worker reads it. */
const VERDICTS = `async () => {
  const asked = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const db = await asked(indexedDB.open('insitu-models'));
  const verdicts = await asked(db.transaction('verdicts').objectStore('verdicts').getAll());
  db.close();
  return verdicts;
}`;

function explained(outcome: Loaded): Explanation {
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
  return outcome.value;
}

/** Which runtimes' binaries were asked for. */
function runtimesAsked(server: StaticServer): readonly string[] {
  return [
    ...new Set(server.requests.filter((path) => path.endsWith('.wasm')).map((path) => path.replace(/.*simd-threaded\.?|wasm$/g, ''))),
  ];
}

/** digits with one variant less, or other providers. */
async function digitsWith(change: (variant: { id: string; providers: string[] }) => object | null): Promise<string> {
  const manifest = await digitsManifest();
  return JSON.stringify({ ...manifest, variants: manifest.variants.flatMap((variant) => change(variant) ?? []) });
}

const FP32_ONLY = (variant: { id: string }) => (variant.id === 'fp32' ? variant : null);

browserTest(
  'without a verdict the best of each provider is timed in one worker, the clearly faster one is taken, and explain tells each median',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      const { variant, provider, build, choice, considered, text } = explained(await page.evaluate<Loaded>(loadDigits()));
      expect(choice).toEqual({ by: 'measurement', isRemembered: false });
      expect({ build, runtimes: runtimesAsked(server), workers: await page.evaluate('() => workers.length') }).toEqual({
        build: 'jspi',
        runtimes: ['jspi.'],
        workers: 1,
      });
      const timed = considered.filter(({ measuredMs }) => measuredMs !== undefined);
      expect(timed.map((pair) => `${pair.variant}@${pair.provider}`)).toEqual(['int8@wasm', 'fp32@wasm', 'fp32@webgpu']);
      const [favourite = Number.NaN, ...others] = timed.map(({ measuredMs }) => measuredMs as number);
      const clear = others.filter((ms) => ms <= favourite * (1 - MEASURE_GAIN_RATIO_MIN));
      const chosen = considered.find(({ outcome }) => outcome === 'chosen');
      expect(chosen).toMatchObject({ variant, provider, measuredMs: Math.min(favourite, ...clear) });
      expect(considered.map(({ outcome }) => outcome).sort()).toEqual(['chosen', 'not-asked', 'slower', 'slower', 'unavailable']);
      for (const { measuredMs } of timed) expect(text).toContain(`a run took ${Number((measuredMs as number).toPrecision(2))} ms`);
    });
  },
);

browserTest(
  'a later visit goes straight to the remembered candidate: no timing, no adapter, no other file, and the small runtime alone',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(NOTING) });
      const first = explained(await page.evaluate<Loaded>(loadDigits()));
      expect(server.requests).toContain(ADAPTER_NOTE);
      expect(first.provider).toBe('wasm');
      server.requests.length = 0;
      await openBarePage(page, server);
      const later = explained(await page.evaluate<Loaded>(loadDigits()));
      expect(later).toMatchObject({ variant: first.variant, provider: 'wasm', build: 'wasm', fromCache: true });
      expect(later.choice).toEqual({ by: 'measurement', isRemembered: true });
      expect(later.considered).toEqual(first.considered);
      expect(later.text).toContain('An earlier visit found this out');
      expect(runtimesAsked(server)).toEqual(['']);
      expect(server.requests.filter((path) => path === ADAPTER_NOTE || path.startsWith('/models/'))).toEqual([]);
    });
  },
);

browserTest('other threads are another question, answered anew; each answer is remembered', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async () => {
    const choices = await page.evaluate(`async () => {
      const choices = [];
      for (const threads of [1, 2, 1, 2]) {
        const client = insitu.createClient({ threads });
        choices.push((await client.load(digitsUrl)).explain().choice.isRemembered);
        await client.close();
      }
      return choices;
    }`);
    expect(choices).toEqual([false, false, true, true]);
  });
});

browserTest('another GPU is noticed behind the first result, and the next load measures anew', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async (server) => {
    await page.evaluate<Loaded>(loadDigits());
    const otherGpu = `Object.defineProperty(GPUAdapterInfo.prototype, 'vendor', { get: () => 'another' })`;
    server.faults.set(WORKER, { body: await workerAfter(`${SOON};${otherGpu}`) });
    await openBarePage(page, server);
    expect(explained(await page.evaluate<Loaded>(loadDigits())).choice.isRemembered).toBe(true);
    await page.evaluate('() => model.run(digit()).then(() => null)');
    // What wasm has proved is not about the GPU, and stays.
    await page.waitFor(`async () => !(await (${VERDICTS})()).some(({ chosen }) => chosen?.by === 'measurement')`);
    expect(explained(await page.evaluate<Loaded>(loadDigits())).choice).toEqual({ by: 'measurement', isRemembered: false });
  });
});

browserTest(
  'a GPU that returns zeros is left for wasm in the same worker, remembered, and not tried at the next visit',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(MANIFEST, { body: await digitsWith(FP32_ONLY) });
      server.faults.set(WORKER, { body: await workerAfter(ZEROS) });
      const first = explained(await page.evaluate<Loaded>(loadDigits()));
      expect(first).toMatchObject({ provider: 'wasm', build: 'jspi', choice: { by: 'rule', isRemembered: false } });
      expect(first.considered[0]).toMatchObject({ provider: 'webgpu', outcome: 'wrong-outputs', error: 'model-outputs-wrong' });
      server.requests.length = 0;
      await openBarePage(page, server);
      const later = explained(await page.evaluate<Loaded>(loadDigits()));
      expect(later).toMatchObject({ provider: 'wasm', build: 'wasm', choice: { isRemembered: true }, considered: first.considered });
      expect(runtimesAsked(server)).toEqual(['']);
      const named = await page.evaluate<Loaded>(loadDigits(`{ provider: 'webgpu' }`));
      expect(named).toMatchObject({ ok: false, code: 'model-outputs-wrong' });
    });
  },
);

browserTest(
  'a remembered candidate that does not reproduce the goldens any more is left, and the load goes on without it',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(MANIFEST, {
        body: await digitsWith((variant) => (variant.id === 'fp32' ? { ...variant, providers: ['webgpu', 'wasm'] } : null)),
      });
      expect(explained(await page.evaluate<Loaded>(loadDigits(`{ measure: 'never' }`)))).toMatchObject({ provider: 'webgpu' });
      server.faults.set(WORKER, { body: await workerAfter(ZEROS) });
      await openBarePage(page, server);
      const later = explained(await page.evaluate<Loaded>(loadDigits(`{ measure: 'never' }`)));
      expect(later).toMatchObject({ provider: 'wasm', choice: { isRemembered: false } });
      expect(later.considered[0]).toMatchObject({ provider: 'webgpu', outcome: 'wrong-outputs' });
    });
  },
);

browserTest('with measure: never the rules choose and no other file is fetched', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async (server) => {
    const { variant, choice, considered } = explained(await page.evaluate<Loaded>(loadDigits(`{ measure: 'never' }`)));
    expect({ variant, choice }).toEqual({ variant: 'int8', choice: { by: 'rule', isRemembered: false } });
    expect(considered.map(({ measuredMs }) => measuredMs)).toEqual(Array(5).fill(undefined));
    expect(server.requests.filter((path) => path.endsWith('.onnx'))).toEqual(['/models/digits/digits.int8.onnx']);
  });
});

browserTest(
  'with measure: background the rules choose, and what is timed behind the first result counts at the next load',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(SOON) });
      const first = explained(await page.evaluate<Loaded>(loadDigits(`{ measure: 'background' }`)));
      expect(first).toMatchObject({ variant: 'int8', choice: { by: 'rule', isRemembered: false } });
      expect(explained(await page.evaluate<Loaded>(loadDigits(`{ measure: 'background' }`))).choice.isRemembered).toBe(false);
      await page.evaluate('() => model.run(digit()).then(() => null)');
      await page.waitFor(`async () => (await (${VERDICTS})()).some(({ chosen }) => chosen?.by === 'measurement')`);
      const later = explained(await page.evaluate<Loaded>(loadDigits(`{ measure: 'background' }`)));
      expect(later.choice).toEqual({ by: 'measurement', isRemembered: true });
      expect(later.considered.filter(({ measuredMs }) => measuredMs !== undefined)).toHaveLength(3);
      expect(await page.evaluate('() => model.run(digit()).then(({ outputs }) => outputs.scores.dims)')).toEqual([1, 10]);
    });
  },
);

browserTest(
  'a model that is closed while it is timed behind its first result fetches no further byte, and nothing is remembered of it',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      const rival = '/models/digits/digits.fp32.onnx';
      server.faults.set(WORKER, { body: await workerAfter(SOON) });
      server.faults.set(rival, { stallAt: 100 });
      // The other one keeps the worker alive.
      await page.evaluate(`async () => {
        window.client = insitu.createClient();
        window.other = await client.load(digitsUrl, { measure: 'background' });
        window.model = await client.load(digitsUrl, { measure: 'background' });
        await model.run(digit());
      }`);
      await expect.poll(() => server.requests, { timeout: 10_000 }).toContain(rival);
      await page.evaluate('() => model.close()');
      await expect.poll(() => server.abandoned, { timeout: 10_000 }).toContain(rival);
      expect(await page.evaluate('() => workers.length')).toBe(1);
      const verdicts = await page.evaluate<{ chosen: unknown; considered: { outcome: string }[] }[]>(VERDICTS);
      expect(verdicts.flatMap(({ considered }) => considered).filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    });
  },
);

browserTest('with cache: memory nothing is remembered', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const choices = [];
      for (let load = 0; load < 2; load++) {
        const client = insitu.createClient({ cache: 'memory' });
        choices.push((await client.load(digitsUrl)).explain().choice.isRemembered);
        await client.close();
      }
      return { choices, databases: await indexedDB.databases() };
    }`);
    expect(answer).toEqual({ choices: [false, false], databases: [] });
  });
});

browserTest('webnn is refused with a sentence where the browser does not have it', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(MANIFEST, { body: await digitsWith((variant) => ({ ...variant, providers: ['webnn', 'wasm'] })) });
    const refused = await page.evaluate<Loaded>(loadDigits(`{ provider: 'webnn' }`));
    expect(refused).toMatchObject({
      ok: false,
      code: 'provider-unavailable',
      details: { provider: 'webnn', reason: 'this browser has no WebNN' },
    });
    const { provider, considered } = explained(await page.evaluate<Loaded>(loadDigits(`{ variant: 'fp32' }`)));
    expect(provider).toBe('wasm');
    expect(considered.find((pair) => pair.variant === 'fp32' && pair.provider === 'webnn')).toMatchObject({ outcome: 'unavailable' });
  });
});

browserTest('webnn that is there and has no device here is refused with what the browser says', ['chromium'], async ({ engine }) => {
  const browser = await launch(engine, { webnn: true });
  try {
    const page = await browser.newPage();
    await withServer(page, async (server) => {
      server.faults.set(MANIFEST, { body: await digitsWith((variant) => ({ ...variant, providers: ['webnn', 'wasm'] })) });
      expect(await page.evaluate('() => typeof navigator.ml')).toBe('object');
      const refused = await page.evaluate<Loaded>(loadDigits(`{ provider: 'webnn' }`));
      if (refused.ok) expect(refused.value.provider).toBe('webnn');
      else expect(refused).toMatchObject({ code: 'provider-unavailable', message: expect.stringContaining('WebNN gives no context') });
      expect(explained(await page.evaluate<Loaded>(loadDigits())).considered).toHaveLength(6);
    });
  } finally {
    await browser.close();
  }
});

browserTest('a browser without WebAssembly SIMD is told so, with provider-unavailable', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: await workerAfter('WebAssembly.validate = () => false') });
    expect(await page.evaluate<Loaded>(loadDigits())).toMatchObject({
      ok: false,
      code: 'provider-unavailable',
      details: { provider: 'auto', reason: expect.stringContaining('SIMD') },
    });
    expect(runtimesAsked(server)).toEqual([]);
  });
});
