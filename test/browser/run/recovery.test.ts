/**
 * What breaks under a model that is open: what was pending rejects with a code, and the next run of the same model object works.
 *
 * Not here: what breaks while a model is loaded (faults-inference.test.ts), and the store's faults (store.test.ts).
 */
import { expect } from 'vitest';
import { WORKER_LOSS_COUNT_MAX, WORKER_PING_TIMEOUT_MS } from '../../../protocol/limits.ts';
import type { Explanation } from '../../../sdk/api/load.ts';
import {
  digitsManifest,
  INT8_FILE,
  loadDigits,
  MANIFEST,
  type Outcome,
  openBarePage,
  WORKER,
  withServer,
  workerAfter,
} from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';
import { soonerAwake } from '../../harness/sooner.ts';

type Loaded = Outcome<Explanation>;

/** A worker that blocks its thread for good when it is told to. */
const HANGABLE = `addEventListener('message', ({ data }) => { if (data === 'hang') for (;;); })`;

/** A worker that blocks its thread for 1.5 seconds, of those in which it is awake, when it is told to. */
const BUSY = `addEventListener('message', ({ data }) => {
  if (data !== 'work') return;
  for (let [workedMs, nowMs] = [0, performance.now()]; workedMs < 1500; ) {
    const passedMs = performance.now() - nowMs;
    nowMs += passedMs;
    workedMs += Math.min(passedMs, 10);
  }
})`;

/** A worker that loses its GPU device when it is told to. */
const LOSABLE = `const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await request.apply(this, args);
    addEventListener('message', ({ data }) => { if (data === 'lose') device.destroy(); });
    return device;
  }`;

/** Source text that runs the digit and answers 'ran' or the code. */
const RUN = `const run = (on = model, options) => outcome(() => on.run(digit(), options).then(() => undefined)).then(({ ok, code }) => (ok ? 'ran' : code));`;

browserTest(
  'a worker that is killed rejects what is pending with worker-lost, and the next run of the same model works',
  async ({ page }) => {
    await withServer(page, async (server) => {
      await page.evaluate(loadDigits());
      const answer = await page.evaluate<(string | number)[]>(`async () => {
      ${RUN}
      const version = model.modelVersion;
      const runs = [run(), run(), run()];
      const loading = outcome(() => client.load(digitsUrl).then(() => undefined));
      workers.at(-1).terminate();
      const pending = [...await Promise.all(runs), (await loading).code];
      const later = await Promise.all([run(), run()]);
      return [...pending, ...later, model.modelVersion === version, model.explain().losses.join(), workers.length, await untilWorkers(1)];
    }`);
      expect(answer).toEqual([...Array(4).fill('worker-lost'), 'ran', 'ran', true, 'worker-lost', 2, 1]);
      // Rebuilt from the store: the file left the server once.
      expect(server.requests.filter((path) => path === INT8_FILE)).toHaveLength(1);
    });
  },
);

browserTest('a run that hangs times out, its worker is replaced, and the next run works', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: await workerAfter(HANGABLE) });
    await page.evaluate(loadDigits());
    await page.evaluate(`() => ${soonerAwake(WORKER_PING_TIMEOUT_MS)}`);
    const codes = await page.evaluate<string[]>(`async () => {
      ${RUN}
      workers.at(-1).postMessage('hang');
      await new Promise((resolve) => setTimeout(resolve, 100));
      const pending = await Promise.all([run(model, { timeoutMs: 300 }), run()]);
      return [...pending, await run(), String(await untilWorkers(1))];
    }`);
    expect(codes).toEqual(['run-timeout', 'worker-lost', 'ran', '1']);
  });
});

browserTest('closing a model whose worker hangs ends with the worker, and no run stays pending', ['firefox'], async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(WORKER, { body: await workerAfter(HANGABLE) });
    await page.evaluate(loadDigits());
    await page.evaluate(`() => ${soonerAwake(WORKER_PING_TIMEOUT_MS)}`);
    const answer = await page.evaluate<string[]>(`async () => {
      ${RUN}
      workers.at(-1).postMessage('hang');
      const pending = [run(model, { timeoutMs: 300 }), run()];
      await model.close();
      return [...await Promise.all(pending), String(await untilWorkers(0))];
    }`);
    expect(answer).toEqual(['run-timeout', 'worker-lost', '0']);
  });
});

// Method: the worker is at work when a deadline passes, so the page asks whether it lives and waits; then all processes of the browser stop for
// longer than that wait. On waking up, everything is overdue for the page, and the worker has still to work.
browserTest(
  'a browser that sleeps while it waits for a sign of life does not end a healthy worker',
  ['chromium'],
  async ({ page, browser }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(BUSY) });
      await page.evaluate(loadDigits());
      const late = await page.evaluate<string>(`async () => {
      ${RUN}
      workers.at(-1).postMessage('work');
      window.behind = run();
      return run(model, { timeoutMs: 300 });
    }`);
      await browser.sleep?.(WORKER_PING_TIMEOUT_MS);
      const [behind, next, workerCount] = await page.evaluate<unknown[]>(`async () => {
      ${RUN}
      return [await behind, await run(), workers.length];
    }`);
      expect([late, behind, next, workerCount]).toEqual(['run-timeout', 'ran', 'ran', 1]);
    });
  },
);

browserTest('both models of a killed worker come back, each with its next run, in one new worker', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    await page.evaluate(loadDigits());
    const answer = await page.evaluate<(string | number)[]>(`async () => {
      ${RUN}
      const file = await (await fetch('/models/digits/digits.fp32.onnx')).blob();
      const dropped = await client.load({ name: 'mine.onnx', bytes: file });
      workers.at(-1).terminate();
      await untilWorkers(0);
      const codes = await Promise.all([run(model), run(dropped)]);
      await model.close();
      return [...codes, workers.length, await run(dropped), await liveWorkers()];
    }`);
    expect(answer).toEqual(['ran', 'ran', 2, 'ran', 1]);
  });
});

browserTest(
  `a model whose runs kill ${WORKER_LOSS_COUNT_MAX} workers starts no further one for a while, and says so`,
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      const suicidal = `self.postMessage = new Proxy(self.postMessage, { apply(post, port, args) {
      if (args[0]?.outputs !== undefined) return self.close();
      return Reflect.apply(post, port, args);
    } })`;
      server.faults.set(WORKER, { body: await workerAfter(suicidal) });
      await page.evaluate(loadDigits());
      const answer = await page.evaluate<[string[], Outcome<null>, number]>(`async () => {
      ${RUN}
      const codes = [];
      for (let count = 0; count < ${WORKER_LOSS_COUNT_MAX}; count++) codes.push(await run());
      return [codes, await outcome(() => model.run(digit())), workers.length];
    }`);
      const [codes, last, workerCount] = answer;
      expect(codes).toEqual(Array(WORKER_LOSS_COUNT_MAX).fill('worker-lost'));
      expect(last).toMatchObject({ ok: false, code: 'worker-lost', details: { lossCount: WORKER_LOSS_COUNT_MAX } });
      expect(workerCount).toBe(WORKER_LOSS_COUNT_MAX);
    });
  },
);

browserTest(
  'a rebuild that fails rejects the runs that wait for it, and a later run tries again',
  ['chromium', 'firefox'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      await page.evaluate(loadDigits());
      server.faults.set(WORKER, { status: 404, body: '' });
      const failed = await page.evaluate<string[]>(`async () => {
      ${RUN}
      workers.at(-1).terminate();
      await untilWorkers(0);
      return Promise.all([run(), run()]);
    }`);
      expect(failed).toEqual(['asset-unreachable', 'asset-unreachable']);
      server.faults.clear();
      await page.waitFor(`async () => (await outcome(() => model.run(digit()).then(() => undefined))).ok`);
      expect(await page.evaluate<number>('() => untilWorkers(1)')).toBe(1);
    });
  },
);

browserTest(
  'a run that waits for a rebuild keeps its own deadline and signal, and closing ends the wait',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      await page.evaluate(loadDigits());
      server.faults.set(WORKER, { stallAt: 10 });
      const codes = await page.evaluate<string[]>(`async () => {
      ${RUN}
      workers.at(-1).terminate();
      await untilWorkers(0);
      const controller = new AbortController();
      const waiting = [run(model, { timeoutMs: 200 }), run(model, { signal: controller.signal }), run()];
      setTimeout(() => controller.abort(), 100);
      const codes = await Promise.all(waiting.slice(0, 2));
      await model.close();
      return [...codes, await waiting[2], await run()];
    }`);
      expect(codes).toEqual(['run-timeout', 'aborted', 'model-closed', 'model-closed']);
    });
  },
);

browserTest(
  'a GPU that is lost rejects its run with device-lost, and the model goes on without it on the same page',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      // By rule alone: on a CPU adapter, timing would choose wasm for the next visit.
      const manifest = await digitsManifest();
      const fp32 = manifest.variants.filter(({ id }) => id === 'fp32').map((variant) => ({ ...variant, providers: ['webgpu', 'wasm'] }));
      server.faults.set(MANIFEST, { body: JSON.stringify({ ...manifest, variants: fp32 }) });
      server.faults.set(WORKER, { body: await workerAfter(LOSABLE) });
      expect(await page.evaluate<Loaded>(loadDigits(`{ measure: 'never' }`))).toMatchObject({ ok: true, value: { provider: 'webgpu' } });
      const [codes, explanation, liveCount] = await page.evaluate<[string[], Explanation, number]>(`async () => {
      ${RUN}
      const running = Array.from({ length: 20 }, () => run());
      workers.at(-1).postMessage('lose');
      const codes = [...new Set(await Promise.all(running))].filter((code) => code !== 'ran');
      return [[...codes, await run(), model.provider], model.explain(), await untilWorkers(1)];
    }`);
      expect(codes).toEqual(['device-lost', 'ran', 'wasm']);
      expect(explanation.losses).toEqual(['device-lost']);
      expect(explanation.text).toContain('fp32 on webgpu was left: its GPU device was lost on this page');
      expect(liveCount).toBe(1);
      await openBarePage(page, server);
      expect(await page.evaluate<Loaded>(loadDigits(`{ measure: 'never' }`))).toMatchObject({ ok: true, value: { provider: 'webgpu' } });
    });
  },
);

browserTest(
  'a GPU that is lost while nothing runs costs no run, and a provider that was named gets a new device',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(LOSABLE) });
      expect(await page.evaluate<Loaded>(loadDigits(`{ provider: 'webgpu' }`))).toMatchObject({ ok: true, value: { provider: 'webgpu' } });
      const answer = await page.evaluate<(string | number)[]>(`async () => {
      ${RUN}
      workers.at(-1).postMessage('lose');
      await new Promise((resolve) => setTimeout(resolve, 500));
      return [await run(), model.provider, model.explain().losses.join(), workers.length];
    }`);
      expect(answer).toEqual(['ran', 'webgpu', 'device-lost', 2]);
    });
  },
);

browserTest('a provider that starts to answer NaN is found out by the golden outputs and left', async ({ page }) => {
  await withServer(page, async (server) => {
    // Goldens pass at the start; when told to, whatever the runtime computes comes out as NaN.
    const poisonable = `let isPoisoned = false;
      addEventListener('message', ({ data }) => { if (data === 'poison') isPoisoned = true; });
      Uint8Array.prototype.set = new Proxy(Uint8Array.prototype.set, { apply(set, bytes, args) {
        Reflect.apply(set, bytes, args);
        // The WASM heap is shared memory; what goes from there into an array of its own is an output.
        // Told by its tag: an engine may keep the name of SharedArrayBuffer to itself.
        const isShared = Object.prototype.toString.call(args[0]?.buffer) === '[object SharedArrayBuffer]';
        const isOutput = isShared && bytes.buffer instanceof ArrayBuffer;
        if (isPoisoned && isOutput) new Float32Array(bytes.buffer).fill(NaN);
      } })`;
    server.faults.set(WORKER, { body: await workerAfter(poisonable) });
    expect(await page.evaluate<Loaded>(loadDigits(`{ provider: 'wasm' }`))).toMatchObject({ ok: true, value: { variant: 'int8' } });
    const [codes, explanation] = await page.evaluate<[string[], Explanation]>(`async () => {
      ${RUN}
      const before = await run();
      workers.at(-1).postMessage('poison');
      await new Promise((resolve) => setTimeout(resolve, 50));
      const poisoned = await Promise.all([run(), run()]);
      return [[before, ...poisoned, await run(), model.variant], model.explain()];
    }`);
    expect(codes.slice(0, 4)).toEqual(['ran', 'model-outputs-wrong', 'model-outputs-wrong', 'ran']);
    expect(codes[4]).not.toBe('int8');
    expect(explanation.considered).toContainEqual(expect.objectContaining({ variant: 'int8', outcome: 'wrong-outputs' }));
  });
});

browserTest('a model that answers NaN by itself is believed', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    const x = { name: 'x', dims: [1] };
    server.faults.set('/models/log.onnx', {
      body: onnxModel([x], [{ operator: 'Log', inputs: ['x'], output: 'y' }], [{ name: 'y', dims: [1] }]),
    });
    const values = await page.evaluate<string[]>(`async () => {
      const model = await insitu.createClient().load('/models/log.onnx');
      const of = async (value) => String((await model.run({ x: { data: [value], dims: [1] } })).outputs.y.data[0]);
      return [await of(-1), await of(1), await of(-1)];
    }`);
    expect(values).toEqual(['NaN', '0', 'NaN']);
  });
});

browserTest('a run that needs more memory than there is ends in out-of-memory, and the next run has a fresh worker', async ({ page }) => {
  await withServer(page, async (server) => {
    const shape = { name: 'shape', dims: [3], type: 'int64' } as const;
    const nodes = [
      { operator: 'ConstantOfShape', inputs: ['shape'], output: 'zeros' },
      { operator: 'ReduceSum', inputs: ['zeros'], output: 'sum' },
    ];
    server.faults.set('/models/huge.onnx', { body: onnxModel([shape], nodes, [{ name: 'sum', dims: [1, 1, 1] }]) });
    const answer = await page.evaluate<Outcome<string>[]>(`async () => {
      const model = await insitu.createClient().load('/models/huge.onnx');
      const of = (length) => outcome(async () => String((await model.run({ shape: { data: new BigInt64Array([length, 1024n, 1024n]), dims: [3] } })).outputs.sum.data[0]));
      return [await of(1n), await of(1023n), await of(1n), { ok: true, value: String(workers.length) }];
    }`);
    expect(answer).toMatchObject([{ value: '0' }, { ok: false, code: 'out-of-memory' }, { value: '0' }, { value: '2' }]);
  });
});
