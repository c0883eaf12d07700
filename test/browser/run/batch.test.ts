/**
 * Batches: runs that wait together start together, and nobody can tell from the answers.
 */
import { expect } from 'vitest';
import { BATCH_AXIS_COUNT_MAX } from '../../../protocol/limits.ts';
import { type Outcome, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

/** y = table[index]: an index that is out of bounds fails the whole call of the runtime. */
const LOOKUP = onnxModel(
  [{ name: 'index', dims: ['batch', 1], type: 'int64' }],
  [{ operator: 'Gather', inputs: ['table', 'index'], output: 'value' }],
  [{ name: 'value', dims: ['batch', 1] }],
  { weights: [{ name: 'table', dims: [4], data: Float32Array.of(10, 11, 12, 13) }] },
);

/** y = dequantize(quantize(x)) with one scale over the whole tensor: the items of a batch change each other. */
const MIXER = onnxModel(
  [{ name: 'x', dims: ['batch', 3] }],
  [
    { operator: 'DynamicQuantizeLinear', inputs: ['x'], output: 'q', moreOutputs: ['scale', 'zero'] },
    { operator: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], output: 'y' },
  ],
  [{ name: 'y', dims: ['batch', 3] }],
);

/** Defines `heard`: the sizes of the answers that the worker sends from now on, and the cells of each run. */
const LISTEN = `const heard = { sizes: [], cells: [] };
workers.at(-1).addEventListener('message', ({ data }) => {
  if ('counted' in data) for (const { cells } of data.counted) heard.cells.push(Array.from(cells).join());
  else heard.sizes.push(Array.isArray(data) ? data.length : 1);
});
// The library hears an answer first, and the cells come behind it.
const settle = async (countedCount) => {
  do await new Promise((resolve) => setTimeout(resolve, 0)); while (heard.cells.length < countedCount);
};`;

for (const variant of ['int8', 'fp32']) {
  browserTest(`16 runs of digits ${variant} at once are one call, and give bit for bit what 16 single runs give`, async ({ page }) => {
    await withServer(page, async () => {
      const answer = await page.evaluate<{ sizes: number[]; same: boolean; own: boolean; cells: boolean; openRuns: number }>(
        `async (variant) => {
          const client = insitu.createClient({ collector: { url: location.origin, key: 'key' }, consent: 'granted' });
          const options = { variant, provider: 'wasm' };
          const single = await client.load(digitsUrl, options);
          const batched = await client.load(digitsUrl, { ...options, batch: { maxBatch: 16 } });
          const feeds = Array.from({ length: 16 }, (_, run) => ({
            image: { data: Float32Array.from({ length: 64 }, (_, at) => (run * 31 + at * 7 + run * at) % 17), dims: [1, 1, 8, 8] },
          }));
          // Once before, so that each is a repeat both times: the two models are one to the memory of inputs.
          for (const each of feeds) await single.run(each);
          await client.telemetry.flush();
          ${LISTEN}
          const alone = [];
          for (const each of feeds) alone.push((await single.run(each)).outputs.scores);
          await settle(16);
          const aloneCells = heard.cells.splice(0);
          heard.sizes.length = 0;
          const together = (await Promise.all(feeds.map((each) => batched.run(each)))).map(({ outputs }) => outputs.scores);
          await settle(16);
          const bits = ({ data }) => Array.from(new Uint32Array(data.buffer, data.byteOffset, data.length)).join();
          return {
            sizes: heard.sizes,
            same: together.every((scores, run) => bits(scores) === bits(alone[run]) && String(scores.dims) === '1,10'),
            own: together.every(({ data }) => data.buffer.byteLength === 40),
            cells: heard.cells.every((cells, run) => cells.length > 0 && cells === aloneCells[run]),
          };
        }`,
        variant,
      );
      expect(answer).toEqual({ sizes: [16], same: true, own: true, cells: true });
    });
  });
}

browserTest('an item that fails in a batch fails alone, and one that is cancelled while it waits is missed by nobody', async ({ page }) => {
  await withServer(page, async () => {
    const outcomes = await page.evaluate<Outcome<number>[]>(
      `async (bytes) => {
        const model = await insitu.createClient().load({ name: 'lookup.onnx', bytes: Uint8Array.from(bytes) }, { batch: { maxBatch: 8, maxWaitMs: 200 } });
        const controller = new AbortController();
        const lookUp = (index, options) => outcome(async () => (await model.run({ index: { data: BigInt64Array.of(index), dims: [1, 1] } }, options)).outputs.value.data[0]);
        const runs = [lookUp(0n), lookUp(99n), lookUp(2n, { signal: controller.signal }), lookUp(3n), lookUp(1n, { signal: AbortSignal.abort() })];
        await new Promise((resolve) => setTimeout(resolve, 0));
        controller.abort();
        return Promise.all([...runs, lookUp(1n)]);
      }`,
      [...LOOKUP],
    );
    const told = outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.code));
    expect(told).toEqual([10, 'run-failed', 'aborted', 13, 'aborted', 11]);
  });
});

browserTest('runs with several items, and of other dims, find their own rows', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const rows = await page.evaluate<number[][]>(
      `async (bytes) => {
        const model = await insitu.createClient().load({ name: 'lookup.onnx', bytes: Uint8Array.from(bytes) }, { batch: { maxBatch: 5 } });
        const lookUp = async (...indices) =>
          Array.from((await model.run({ index: { data: BigInt64Array.from(indices, BigInt), dims: [indices.length, 1] } })).outputs.value.data);
        return Promise.all([lookUp(0, 1), lookUp(2), lookUp(3, 2, 1, 0, 1, 2, 3), lookUp(1, 1), lookUp(3)]);
      }`,
      [...LOOKUP],
    );
    expect(rows).toEqual([[10, 11], [12], [13, 12, 11, 10, 11, 12, 13], [11, 11], [13]]);
  });
});

browserTest('a model whose items change each other in a batch runs one by one, and says why', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate<{ same: boolean; sizes: number[]; text: string }>(
      `async (bytes) => {
        const client = insitu.createClient();
        const file = { name: 'mixer.onnx', bytes: Uint8Array.from(bytes) };
        const [single, batched] = [await client.load(file), await client.load(file, { batch: { maxBatch: 4 } })];
        ${LISTEN}
        const run = async (model, item) => Array.from((await model.run({ x: { data: [0.1 * item, -item, 3 * item * item], dims: [1, 3] } })).outputs.y.data).join();
        const items = [1, 2, 3, 4];
        const alone = await Promise.all(items.map((item) => run(single, item)));
        const together = await Promise.all(items.map((item) => run(batched, item)));
        await settle(0);
        return { same: alone.join() === together.join(), sizes: heard.sizes, text: batched.explain().text };
      }`,
      [...MIXER],
    );
    expect(answer).toMatchObject({ same: true, sizes: Array(8).fill(1) });
    expect(answer.text).toContain('not batched: a batch of 2 gives an item other outputs than a run alone');
  });
});

browserTest('batches that make no sense are refused with invalid-option, by name', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    const adder = onnxModel(
      [{ name: 'a', dims: ['batch', 2] }],
      [{ operator: 'ReduceSum', inputs: ['a'], output: 'sum', attributes: { keepdims: { int: 0 } } }],
      [{ name: 'sum', dims: [] }],
    );
    const outcomes = await page.evaluate<Outcome<unknown>[]>(
      `async (bytes, countMax) => {
        const client = insitu.createClient();
        const batches = [{ maxBatch: 0 }, { maxBatch: countMax + 1 }, { maxBatch: 2.5 }, {}, null, { maxBatch: 4, maxWaitMs: -1 }, { maxBatch: 4, maxWaitMs: 1001 }];
        const outcomes = [];
        for (const batch of batches) outcomes.push(await outcome(() => client.load(digitsUrl, { batch })));
        outcomes.push(await outcome(() => client.load(digitsUrl, { batch: { maxBatch: 4 }, resident: ['scores'] })));
        outcomes.push(await outcome(() => client.load(digitsUrl, { resident: ['score'] })));
        outcomes.push(await outcome(() => client.load({ name: 'adder.onnx', bytes: Uint8Array.from(bytes) }, { batch: { maxBatch: 4 } })));
        return outcomes;
      }`,
      [...adder],
      BATCH_AXIS_COUNT_MAX,
    );
    const told = outcomes.map((outcome) => (outcome.ok ? 'loaded' : `${outcome.code} ${outcome.details.option}`));
    const count = 'invalid-option batch.maxBatch';
    const wait = 'invalid-option batch.maxWaitMs';
    expect(told).toEqual([
      count,
      count,
      count,
      count,
      'invalid-option batch',
      wait,
      wait,
      'invalid-option resident',
      'invalid-option resident',
      'invalid-option batch',
    ]);
    // What was refused by the manifest was refused before its file was fetched.
    expect(server.requests.filter((path) => path.endsWith('.onnx'))).toEqual([]);
  });
});

// Goal: no wait for other runs keeps a run from starting. Method: a wait of a second, which each of these would have to sit out.
browserTest(
  'a patient run starts at once when another model waits behind it, and a full batch never waits',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async () => {
      const queueMs = await page.evaluate<number[]>(`async () => {
      const client = insitu.createClient();
      const patient = await client.load(digitsUrl, { batch: { maxBatch: 4, maxWaitMs: 1000 } });
      const other = await client.load(digitsUrl);
      await Promise.all([patient.run(digit()), other.run(digit())]);
      const [first, behind] = await Promise.all([patient.run(digit()), other.run(digit())]);
      const full = await Promise.all(Array.from({ length: 4 }, () => patient.run(digit())));
      const alone = await patient.run(digit());
      return [first.queueMs, behind.queueMs, ...full.map(({ queueMs }) => queueMs), alone.queueMs];
    }`);
      expect(queueMs.slice(0, -1).every((waitedMs) => waitedMs < 900)).toBe(true);
      expect(queueMs.at(-1)).toBeGreaterThan(900);
    });
  },
);
