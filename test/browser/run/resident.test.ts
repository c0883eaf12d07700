/**
 * Resident tensors: outputs that stay in the worker, fed to other models, read, released, and none left behind.
 */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { RESIDENT_TENSOR_COUNT_MAX } from '../../../protocol/limits.ts';
import { WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest, ENGINES } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

/** features = x * 2 */
const DOUBLER = onnxModel(
  [{ name: 'x', dims: ['batch', 4] }],
  [{ operator: 'Mul', inputs: ['x', 'two'], output: 'features' }],
  [{ name: 'features', dims: ['batch', 4] }],
  { weights: [{ name: 'two', dims: [1], data: Float32Array.of(2) }] },
);
/** y = features + 1 */
const ADDER = onnxModel(
  [{ name: 'features', dims: ['batch', 4] }],
  [{ operator: 'Add', inputs: ['features', 'one'], output: 'y' }],
  [{ name: 'y', dims: ['batch', 4] }],
  { weights: [{ name: 'one', dims: [1], data: Float32Array.of(1) }] },
);

/** features = x * 2 and y = x + 2, whose postprocessing needs the features, and so fails when they stay on the GPU. */
const BOXES_GRAPH = (() => {
  const value = (name: string) => ({ name, dims: [1, 2, 4] });
  const nodes = [
    { operator: 'Mul', inputs: ['x', 'two'], output: 'features' },
    { operator: 'Add', inputs: ['x', 'two'], output: 'y' },
  ];
  return onnxModel([value('x')], nodes, [value('features'), value('y')], {
    weights: [{ name: 'two', dims: [1], data: Float32Array.of(2) }],
  });
})();

function boxesManifest(): string {
  const sha256 = createHash('sha256').update(BOXES_GRAPH).digest('hex');
  const file = { file: 'graph.onnx', bytes: BOXES_GRAPH.length, sha256, chunks: [{ sha256, bytes: BOXES_GRAPH.length }] };
  const value = (name: string) => ({ name, type: 'float32', dims: [1, 2, 4], kind: 'numeric' });
  const steps = [{ kind: 'boxes', format: 'xyxy', scores: { output: 'features' }, threshold: 0 }];
  return JSON.stringify({
    ...{ schema: 1, name: 'boxes', version: '1.0.0', licence: 'none', golden: [] },
    variants: [{ id: 'fp32', quantization: 'fp32', ...file, providers: ['webgpu'], tolerance: 0 }],
    inputs: [value('x')],
    outputs: [value('features'), { ...value('y'), postprocess: { steps } }],
  });
}

/** Tells on a channel how many GPU buffers were made so far for tensors, not for what is on its way. */
const COUNTING = `{ const { createBuffer } = GPUDevice.prototype;
  const channel = new BroadcastChannel('buffers');
  let count = 0;
  GPUDevice.prototype.createBuffer = function (...args) {
    if ((args[0].usage & GPUBufferUsage.STORAGE) !== 0) count++;
    return createBuffer.apply(this, args);
  };
  channel.onmessage = () => channel.postMessage(count); }`;

/** A worker that, when it is told to, loses its GPU device, and whose GPU has given nothing back since it was told so. */
const SILENT_LOSS = `{ const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    addEventListener('message', ({ data }) => {
      if (data === 'silence') GPUBuffer.prototype.mapAsync = () => new Promise(() => undefined);
      if (data === 'lose') device.destroy();
    });
    return device;
  } }`;

/** Defines `head`, `tail` on a provider, and how a feed and a sum of theirs look. */
const MODELS = `async (provider, doubler, adder) => {
  window.client = insitu.createClient();
  const load = (bytes, options) => client.load({ name: 'model.onnx', bytes: Uint8Array.from(bytes) }, options);
  window.head = await load(doubler, { provider, resident: ['features'] });
  window.tail = await load(adder, { provider });
  window.tailOn = (other) => load(adder, { provider: other });
  window.x = (value) => ({ x: { data: [value, value + 1, value + 2, value + 3], dims: [1, 4] } });
  window.numbers = ({ data }) => Array.from(data);
}`;

for (const [target, provider, location] of [
  ...ENGINES.map((engine) => [engine, 'wasm', 'memory'] as const),
  ['chromium-webgpu', 'webgpu', 'gpu'] as const,
]) {
  browserTest(
    `an output that stays in the worker feeds another model without its elements crossing to the page, on ${provider}`,
    [target],
    async ({ page }) => {
      await withServer(page, async () => {
        await page.evaluate(MODELS, provider, [...DOUBLER], [...ADDER]);
        const answer = await page.evaluate(`async () => {
        const { features } = (await head.run(x(1))).outputs;
        let crossed = 0;
        const post = workers.at(-1).postMessage;
        workers.at(-1).postMessage = function (message, ...rest) { for (const { feeds } of message.requests ?? []) if (feeds?.features?.data !== undefined) crossed++; return post.call(this, message, ...rest); };
        const first = numbers((await tail.run({ features })).outputs.y);
        const second = numbers((await tail.run({ features })).outputs.y);
        const read = await features.read();
        const third = numbers((await tail.run({ features })).outputs.y);
        const again = numbers(await features.read());
        return { type: features.type, dims: features.dims, location: features.location, data: features.data === undefined, first, second, third, read: numbers(read), readDims: read.dims, again, crossed };
      }`);
        const y = [3, 5, 7, 9];
        const features = [2, 4, 6, 8];
        expect(answer).toEqual({
          type: 'float32',
          dims: [1, 4],
          location,
          data: true,
          first: y,
          second: y,
          third: y,
          read: features,
          readDims: [1, 4],
          again: features,
          crossed: 0,
        });
      });
    },
  );

  browserTest(
    `a resident tensor that was released, or whose model was closed, is refused with invalid-option; a run that holds it finishes, on ${provider}`,
    [target],
    async ({ page }) => {
      await withServer(page, async () => {
        await page.evaluate(MODELS, provider, [...DOUBLER], [...ADDER]);
        const answer = await page.evaluate<unknown[]>(`async () => {
        const [one, two] = [(await head.run(x(1))).outputs.features, (await head.run(x(2))).outputs.features];
        const held = tail.run({ features: one });
        one.release();
        one.release();
        const late = [await outcome(() => tail.run({ features: one })), await outcome(() => one.read())];
        await head.close();
        const closed = [await outcome(() => tail.run({ features: two })), await outcome(() => two.read())];
        two.release();
        const plain = await tail.run({ features: { data: [1, 2, 3, 4], dims: [1, 4] } });
        return [numbers((await held).outputs.y), [...late, ...closed].map(({ code }) => code), late[0].message, closed[0].message, numbers(plain.outputs.y)];
      }`);
        expect(answer[0]).toEqual([3, 5, 7, 9]);
        expect(answer[1]).toEqual(Array(4).fill('invalid-option'));
        expect(answer[2]).toContain('released');
        expect(answer[3]).toContain('closed');
        expect(answer[4]).toEqual([2, 3, 4, 5]);
      });
    },
  );

  browserTest(
    `released tensors make room: ${2 * RESIDENT_TENSOR_COUNT_MAX} one after the other are kept, ${RESIDENT_TENSOR_COUNT_MAX + 1} at a time are not, on ${provider}`,
    [target],
    async ({ page }) => {
      await withServer(page, async () => {
        await page.evaluate(MODELS, provider, [...DOUBLER], [...ADDER]);
        const answer = await page.evaluate<unknown[]>(
          `async (countMax) => {
          for (let run = 0; run < 2 * countMax; run++) (await head.run(x(run))).outputs.features.release();
          const kept = [];
          for (let run = 0; run < countMax; run++) kept.push((await head.run(x(run))).outputs.features);
          const full = await outcome(() => head.run(x(0)));
          const last = numbers(await kept.at(-1).read());
          // Given up while it runs: the tensor that comes all the same belongs to nobody.
          kept[0].release();
          const controller = new AbortController();
          const given = outcome(() => head.run(x(0), { signal: controller.signal }));
          await Promise.resolve();
          controller.abort();
          const { code } = await given;
          ${'' /* Answered behind it: by then it has come, and has been released. */}
          await tail.run({ features: kept[1] });
          const room = await outcome(async () => numbers(await (await head.run(x(5))).outputs.features.read()));
          return [full.code, full.message.includes('release()'), last, code, room.value ?? room.code];
        }`,
          RESIDENT_TENSOR_COUNT_MAX,
        );
        const last = RESIDENT_TENSOR_COUNT_MAX - 1;
        expect(answer).toEqual(['invalid-option', true, [0, 1, 2, 3].map((at) => 2 * (last + at)), 'aborted', [10, 12, 14, 16]]);
      });
    },
  );
}

browserTest('a resident tensor of a model on webgpu feeds a model on wasm, by way of the page', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async () => {
    await page.evaluate(MODELS, 'webgpu', [...DOUBLER], [...ADDER]);
    const answer = await page.evaluate<unknown[]>(`async () => {
      const wasm = await tailOn('wasm');
      const { features } = (await head.run(x(1))).outputs;
      const runs = await Promise.all([wasm.run({ features }), tail.run({ features }), wasm.run({ features })]);
      return [workers.length, ...runs.map(({ outputs }) => numbers(outputs.y))];
    }`);
    const y = [3, 5, 7, 9];
    expect(answer).toEqual([2, y, y, y]);
  });
});

browserTest('a resident tensor of the wrong dims or type is refused before anything is sent', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    await page.evaluate(MODELS, 'wasm', [...DOUBLER], [...ADDER]);
    const codes = await page.evaluate<string[]>(`async () => {
      const digits = await client.load(digitsUrl, { provider: 'wasm' });
      const { features } = (await head.run(x(1))).outputs;
      const code = (call) => outcome(call).then(({ code }) => code ?? 'ran');
      return [await code(() => digits.run({ image: features })), await code(() => tail.run({ features, more: features })), await code(() => tail.run({}))];
    }`);
    expect(codes).toEqual(['tensor-dims-mismatch', 'input-unknown', 'input-missing']);
  });
});

browserTest(
  'a run that fails costs a model whose outputs stay on the GPU that run alone, and none of the tensors that it made before',
  ['chromium-webgpu'],
  async ({ page }) => {
    const sum = onnxModel(
      [
        { name: 'a', dims: ['n'] },
        { name: 'b', dims: ['m'] },
      ],
      [{ operator: 'Add', inputs: ['a', 'b'], output: 'y' }],
      [{ name: 'y', dims: ['k'] }],
    );
    await withServer(page, async () => {
      const answer = await page.evaluate<unknown[]>(
        `async (bytes) => {
        const model = await insitu.createClient().load({ name: 'sum.onnx', bytes: Uint8Array.from(bytes) }, { provider: 'webgpu', resident: ['y'] });
        const vector = (values) => ({ data: values, dims: [values.length] });
        const y = async (a, b) => (await model.run({ a: vector(a), b: vector(b) })).outputs.y;
        const numbers = async (tensor) => Array.from((await tensor.read()).data);
        const before = await y([1, 2, 3], [10, 10, 10]);
        const runs = await Promise.all([y([4, 5], [1, 2, 3]), y([6, 7], [1, 1]), y([8, 9], [1, 2, 3]), y([1], [1])].map((run) => outcome(async () => numbers(await run))));
        return [await numbers(before), ...runs.map(({ value, code }) => value ?? code), await numbers(await y([2, 4], [1, 1]))];
      }`,
        [...sum],
      );
      expect(answer).toEqual([[11, 12, 13], 'run-failed', [7, 8], 'run-failed', [2], [3, 5]]);
    });
  },
);

browserTest(
  'a resident tensor whose GPU is lost while it is read, or was before, is refused with device-lost, whether or not the GPU ever answers',
  ['chromium-webgpu'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.faults.set(WORKER, { body: await workerAfter(SILENT_LOSS) });
      await page.evaluate(MODELS, 'webgpu', [...DOUBLER], [...ADDER]);
      const codes = await page.evaluate<unknown[]>(`async () => {
        const { features } = (await head.run(x(1))).outputs;
        workers.at(-1).postMessage('silence');
        const reads = [outcome(() => features.read()), outcome(() => features.read())];
        workers.at(-1).postMessage('lose');
        return (await Promise.all(reads)).map(({ code }) => code);
      }`);
      expect(codes).toEqual(['device-lost', 'device-lost']);
    });
  },
);

browserTest('what a run has kept on the GPU is given back when its postprocessing fails', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async (server) => {
    server.files.set('/boxes/model.json', boxesManifest());
    server.files.set('/boxes/graph.onnx', BOXES_GRAPH);
    server.faults.set(WORKER, { body: await workerAfter(COUNTING) });
    const [codes, madeCount] = await page.evaluate<[string[], number]>(`async () => {
        const model = await insitu.createClient().load('/boxes/model.json', { provider: 'webgpu', resident: ['features'] });
        const channel = new BroadcastChannel('buffers');
        const buffers = () => new Promise((resolve) => { channel.onmessage = ({ data }) => resolve(data); channel.postMessage(null); });
        const run = async () => (await outcome(() => model.run({ x: { data: [1, 2, 3, 4, 5, 6, 7, 8], dims: [1, 2, 4] } }))).code;
        const codes = [await run(), await run()];
        const before = await buffers();
        for (let count = 0; count < 30; count++) codes.push(await run());
        return [codes, (await buffers()) - before];
      }`);
    expect(new Set(codes)).toEqual(new Set(['run-failed']));
    expect(madeCount).toBe(0);
  });
});

browserTest(
  'a run that is started right behind a release, in one task, has the room that the release makes',
  ['chromium', 'chromium-webgpu'],
  async ({ page, target }) => {
    await withServer(page, async () => {
      await page.evaluate(MODELS, target === 'chromium' ? 'wasm' : 'webgpu', [...DOUBLER], [...ADDER]);
      const answer = await page.evaluate<unknown[]>(
        `async (countMax) => {
        const kept = [];
        for (let run = 0; run < countMax; run++) kept.push((await head.run(x(run))).outputs.features);
        ${'' /* The first is in use when it is released: its room is there once that run is done, which is ahead of the next. */}
        const user = tail.run({ features: kept[0] });
        kept[0].release();
        const first = outcome(async () => numbers(await (await head.run(x(5))).outputs.features.read()));
        kept[1].release();
        const second = outcome(async () => numbers(await (await head.run(x(6))).outputs.features.read()));
        return [numbers((await user).outputs.y), await first, await second];
      }`,
        RESIDENT_TENSOR_COUNT_MAX,
      );
      expect(answer).toEqual([[1, 3, 5, 7], { ok: true, value: [10, 12, 14, 16] }, { ok: true, value: [12, 14, 16, 18] }]);
    });
  },
);
