/**
 * Running: checks before anything is sent, copies and transfers, order, limits, failures that stay with their run.
 */
import { expect } from 'vitest';
import { RUN_QUEUE_COUNT_MAX } from '../../../protocol/limits.ts';
import { type Outcome, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

/** sum = a + b; lengths that differ pass the manifest, because the axes have different names, and fail in the runtime. */
const ADDER = [
  ...onnxModel(
    [
      { name: 'a', dims: ['m'] },
      { name: 'b', dims: ['n'] },
    ],
    [{ operator: 'Add', inputs: ['a', 'b'], output: 'sum' }],
    [{ name: 'sum', dims: ['k'] }],
  ),
];

browserTest('a feed that departs from the manifest is refused with a code of its own, and the next run is fine', async ({ page }) => {
  await withServer(page, async () => {
    const refused = await page.evaluate<Outcome<unknown>[]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const data = new Float32Array(64);
      const dims = [1, 1, 8, 8];
      const attempts = [
        {},
        { image: { data, dims }, picture: { data, dims } },
        { image: { data: new Float64Array(64), dims } },
        { image: { data, dims, type: 'uint8' } },
        { image: { data, dims: [1, 8, 8, 1] } },
        { image: { data, dims: [64] } },
        { image: { data: new Float32Array(63), dims } },
        { image: { data: Array(64).fill('7'), dims } },
        { image: { data, dims: [1025, 1, 8, 8] } },
        digit(),
      ];
      return Promise.all(attempts.map((feeds) => outcome(() => model.run(feeds).then(() => 'ran'))));
    }`);
    expect(refused.map((outcome) => (outcome.ok ? outcome.value : outcome.code))).toEqual([
      'input-missing',
      'input-unknown',
      'tensor-type-mismatch',
      'tensor-type-mismatch',
      'tensor-dims-mismatch',
      'tensor-dims-mismatch',
      'tensor-data-mismatch',
      'tensor-type-mismatch',
      // A batch may have any length; this one has not its elements.
      'tensor-data-mismatch',
      'ran',
    ]);
  });
});

browserTest("the caller's arrays stay whole, unless she hands them over", async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const dims = [1, 1, 8, 8];
      const [kept, given] = [new Float32Array(64).fill(2), new Float32Array(64).fill(2)];
      const [first, second] = await Promise.all([
        model.run({ image: { data: kept, dims } }),
        model.run({ image: { data: given, dims } }, { transfer: true }),
      ]);
      const same = first.outputs.scores.data.every((score, index) => score === second.outputs.scores.data[index]);
      return { kept: kept.length, given: given.length, same };
    }`);
    expect(answer).toEqual({ kept: 64, given: 0, same: true });
  });
});

browserTest('plain numbers and a view into a larger array give the same scores as an array of their own', async ({ page }) => {
  await withServer(page, async () => {
    const scores = await page.evaluate<number[][]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const pixels = Array.from({ length: 64 }, (_, index) => index % 17);
      const large = new Float32Array(6400);
      large.set(pixels, 640);
      const feeds = [pixels, Float32Array.from(pixels), large.subarray(640, 704)];
      return Promise.all(feeds.map(async (data) => Array.from((await model.run({ image: { data, dims: [1, 1, 8, 8] } })).outputs.scores.data)));
    }`);
    expect(scores[1]).toEqual(scores[0]);
    expect(scores[2]).toEqual(scores[0]);
  });
});

browserTest('a run that fails in the runtime rejects alone; the runs before and behind it answer', async ({ page }) => {
  await withServer(page, async () => {
    const outcomes = await page.evaluate<Outcome<number[]>[]>(
      `async (bytes) => {
        const model = await insitu.createClient().load({ name: 'adder.onnx', bytes: Uint8Array.from(bytes) });
        const sum = (a, b) => outcome(async () => Array.from((await model.run({ a: { data: a, dims: [a.length] }, b: { data: b, dims: [b.length] } })).outputs.sum.data));
        return Promise.all([sum([1, 2], [3, 4]), sum([1, 2, 3], [4, 5]), sum([5], [6])]);
      }`,
      ADDER,
    );
    expect(outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.code))).toEqual([[4, 6], 'run-failed', [11]]);
  });
});

browserTest(`${RUN_QUEUE_COUNT_MAX} waiting runs are accepted; one more is refused with queue-full`, async ({ page }) => {
  await withServer(page, async () => {
    const codes = await page.evaluate<(string | null)[]>(
      `async (count) => {
        const model = await insitu.createClient().load(digitsUrl);
        const runs = Array.from({ length: count }, () => outcome(() => model.run(digit()).then(() => undefined)));
        return (await Promise.all(runs)).map((outcome) => outcome.code ?? null);
      }`,
      // One in flight, the limit waiting, one too many.
      RUN_QUEUE_COUNT_MAX + 2,
    );
    expect(codes.slice(0, -1).every((code) => code === null)).toBe(true);
    expect(codes.at(-1)).toBe('queue-full');
  });
});

browserTest('a run that is aborted while it waits rejects with aborted, and its neighbours answer', async ({ page }) => {
  await withServer(page, async () => {
    const codes = await page.evaluate<string[]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const controller = new AbortController();
      const run = (options) => outcome(() => model.run(digit(), options).then(() => undefined)).then(({ code }) => code ?? 'ran');
      const runs = [run(), run({ signal: controller.signal }), run(), run({ signal: AbortSignal.abort() })];
      controller.abort();
      return Promise.all(runs);
    }`);
    expect(codes).toEqual(['ran', 'aborted', 'ran', 'aborted']);
  });
});

browserTest('20 overlapping runs on webgpu all answer, each with its own result', ['chromium-webgpu'], async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const client = insitu.createClient();
      const [gpu, cpu] = [await client.load(digitsUrl, { variant: 'fp32', provider: 'webgpu' }), await client.load(digitsUrl, { variant: 'fp32', provider: 'wasm' })];
      const values = Array.from({ length: 20 }, (_, index) => index % 16);
      const scores = (model) => Promise.all(values.map(async (value) => (await model.run(digit(value))).outputs.scores.data));
      const [onGpu, onCpu] = await Promise.all([scores(gpu), scores(cpu)]);
      const farthest = Math.max(...onGpu.flatMap((data, run) => Array.from(data, (score, index) => Math.abs(score - onCpu[run][index]))));
      return { count: onGpu.length, isClose: farthest < 1e-3 };
    }`);
    expect(answer).toEqual({ count: 20, isClose: true });
  });
});

browserTest('a run reports its waiting, its time in the runtime and its total, each within the next', async ({ page }) => {
  await withServer(page, async () => {
    const runs = await page.evaluate<{ queueMs: number; runMs: number; totalMs: number }[]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      return (await Promise.all(Array.from({ length: 5 }, () => model.run(digit())))).map(({ queueMs, runMs, totalMs }) => ({ queueMs, runMs, totalMs }));
    }`);
    for (const { queueMs, runMs, totalMs } of runs) {
      expect(runMs).toBeGreaterThanOrEqual(0);
      expect(queueMs).toBeGreaterThanOrEqual(0);
      // Clocks of page and worker tick at up to 1 ms where a browser coarsens them.
      expect(totalMs + 2).toBeGreaterThanOrEqual(queueMs + runMs);
    }
  });
});

browserTest(
  'the caller has her answer before the run is counted, and a model with telemetry: false is never counted',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async () => {
      const answer = await page.evaluate(`async () => {
      const client = insitu.createClient({ collector: { url: location.origin, key: 'key' }, consent: 'granted' });
      const counted = await client.load(digitsUrl);
      const uncounted = await client.load(digitsUrl, { telemetry: false });
      const wait = () => new Promise((resolve) => setTimeout(resolve, 200));
      await wait();
      const order = [];
      client.telemetry.subscribe(() => order.push('counted'));
      await counted.run(digit(3)).then(() => order.push('answered', client.telemetry.status().openRuns));
      await wait();
      await uncounted.run(digit(3));
      await wait();
      return { order, openRuns: client.telemetry.status().openRuns };
    }`);
      expect(answer).toEqual({ order: ['answered', 1, 'counted'], openRuns: 1 });
    });
  },
);

browserTest(
  'a run is counted with its cells though its model, and then its client, is closed in the task of its answer',
  async ({ page }) => {
    await withServer(page, async (server) => {
      server.takesReports = true;
      const answer = await page.evaluate<unknown[]>(`async () => {
      const lines = [];
      const logger = (_level, _event, text) => lines.push(text);
      const client = insitu.createClient({ collector: { url: location.origin, key: 'key' }, consent: 'granted', logger });
      for (let round = 0; round < 3; round++) {
        const model = await client.load(digitsUrl);
        await model.run(digit(round));
        await model.close();
      }
      await client.telemetry.flush();
      const { openRuns } = client.telemetry.status();
      const model = await client.load(digitsUrl);
      for (let run = 0; run < 9; run++) await model.run(digit(3 + run));
      await client.close();
      const windows = (await client.telemetry.inspect()).flatMap((report) => report.windows).filter(({ report }) => report === 'data');
      return [openRuns, windows.map(({ runs }) => runs), lines.filter((line) => line.includes('uncounted'))];
    }`);
      expect(answer).toEqual([3, [12], []]);
    });
  },
);
