/**
 * Resident tensors: outputs that stay in the worker, fed to other models, read, released, and none left behind.
 */
import { expect } from 'vitest';
import { RESIDENT_TENSOR_COUNT_MAX } from '../../protocol/limits.ts';
import { browserTest, ENGINES } from '../harness/browsers.ts';
import { onnxModel } from '../harness/onnx-writer.ts';
import { withServer } from './bare-page.ts';

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
