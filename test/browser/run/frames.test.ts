/**
 * Frames and bitmaps that were taken for a run: each is closed in the end, on the side where it lies then, whatever its run comes to.
 *
 * Why: a VideoFrame that nobody closes keeps its picture, and a camera that waits for it delivers no further one.
 *
 * Method: a line before the worker's script keeps every frame that arrives there; one before the page's keeps every copy that the library makes.
 * An open frame has a format, a closed one has none.
 */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { RUN_QUEUE_COUNT_MAX } from '../../../protocol/limits.ts';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import { WORKER, withServer, workerAfter } from '../../harness/bare-page.ts';
import { browserTest, type Page } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';
import type { StaticServer } from '../../harness/static-server.ts';

const DIMS = ['batch', 3, 8, 8];

/** Serves a model that hands on what it sees of a picture. */
function serveIdentity({ faults }: StaticServer): void {
  const model = onnxModel(
    [{ name: 'picture', dims: DIMS }],
    [{ operator: 'Identity', inputs: ['picture'], output: 'seen' }],
    [{ name: 'seen', dims: DIMS }],
  );
  const sha256 = createHash('sha256').update(model).digest('hex');
  const file = { file: 'model.onnx', bytes: model.length, sha256, chunks: [{ sha256, bytes: model.length }] };
  const tensor = { type: 'float32', dims: DIMS } as const;
  const manifest: Manifest = {
    schema: 1,
    name: 'identity',
    version: '1',
    licence: 'Apache-2.0',
    variants: [{ id: 'fp32', quantization: 'fp32', ...file, providers: ['wasm'], tolerance: 0 }],
    inputs: [
      {
        name: 'picture',
        ...tensor,
        layout: 'NCHW',
        kind: 'image',
        range: [0, 1],
        preprocess: { kind: 'image', fit: 'stretch', scale: 1 / 255 },
      },
    ],
    outputs: [{ name: 'seen', ...tensor, kind: 'opaque' }],
    golden: [],
  };
  faults.set('/models/identity/model.json', { body: JSON.stringify(manifest) });
  faults.set('/models/identity/model.onnx', { body: model });
}

/** Answers, on a channel of its own, how many frames have arrived in the worker and how many of them are open. */
const FRAME_LOG = `const frames = [];
  addEventListener('message', ({ data }) => {
    for (const { feeds } of data.requests ?? []) for (const { items } of Object.values(feeds ?? {})) frames.push(...(items ?? []).filter((item) => item instanceof VideoFrame));
  });
  const log = new BroadcastChannel('frames');
  log.onmessage = () => log.postMessage([frames.length, frames.filter(({ format }) => format !== null).length])`;

const PAGE = `async () => {
  const canvas = new OffscreenCanvas(8, 8);
  canvas.getContext('2d').fillRect(0, 0, 8, 8);
  window.frame = () => new VideoFrame(canvas, { timestamp: 0 });
  ${'' /* Large enough to be decoded for a while. */}
  const large = new OffscreenCanvas(1200, 1200);
  large.getContext('2d').fillRect(0, 0, 600, 600);
  window.file = await large.convertToBlob();
  window.copies = [];
  VideoFrame.prototype.clone = new Proxy(VideoFrame.prototype.clone, { apply(clone, frame, args) {
    const copy = Reflect.apply(clone, frame, args);
    copies.push(copy);
    return copy;
  } });
  window.isOpen = ({ format }) => format !== null;
  window.client = insitu.createClient();
  window.model = await client.load('/models/identity/model.json');
  window.run = (picture, options) => outcome(() => model.run({ picture }, options).then(() => undefined)).then(({ ok, code }) => (ok ? 'ran' : code));
  const log = new BroadcastChannel('frames');
  window.inWorker = () => new Promise((resolve) => { log.onmessage = ({ data }) => resolve(data); log.postMessage('ask'); });
}`;

async function withFrames(page: Page, body: () => Promise<void>): Promise<void> {
  await withServer(page, async (server) => {
    serveIdentity(server);
    server.faults.set(WORKER, { body: await workerAfter(FRAME_LOG) });
    await page.evaluate(PAGE);
    await body();
  });
}

browserTest(
  'a frame that arrived in the worker is closed there whether its run is answered, cancelled while it waits, refused or fails',
  async ({ page }) => {
    await withFrames(page, async () => {
      const answer = await page.evaluate<[string, number, number][]>(
        `async (countMax) => {
        const told = [];
        const tell = async (codes) => told.push([[...new Set(codes)].sort().join(), ...await inWorker()]);
        await tell([await run(frame()), await run([frame(), frame()], { transfer: true })]);
        ${'' /* Two files are being decoded: what comes behind them waits. */}
        const [files, controller] = [[run(file), run(file)], new AbortController()];
        const waiting = [run(frame(), { signal: controller.signal }), run(frame(), { signal: controller.signal, transfer: true })];
        await Promise.resolve();
        controller.abort();
        await tell([...await Promise.all(files), ...await Promise.all(waiting)]);
        const full = [run(file), run(file), ...Array.from({ length: countMax + 10 }, () => run(frame()))];
        await tell(await Promise.all(full));
        await tell([await run([new Blob(['no picture']), frame(), frame()])]);
        const stray = frame();
        workers.at(-1).postMessage({ type: 'run', requests: [{ id: 1e9, loadId: 1e9, feeds: { picture: { kind: 'image', items: [stray] } }, isCounted: false }] }, [stray]);
        await tell([await run(frame())]);
        return told;
      }`,
        RUN_QUEUE_COUNT_MAX,
      );
      const arrivals = [3, 5, 5 + RUN_QUEUE_COUNT_MAX + 10, 5 + RUN_QUEUE_COUNT_MAX + 12, 5 + RUN_QUEUE_COUNT_MAX + 14];
      expect(answer).toEqual([
        ['ran', arrivals[0], 0],
        ['aborted,ran', arrivals[1], 0],
        ['queue-full,ran', arrivals[2], 0],
        ['preprocess-failed', arrivals[3], 0],
        ['ran', arrivals[4], 0],
      ]);
    });
  },
);

browserTest('a frame of a run that is never sent is closed in the page; of one that is refused, the copies alone', async ({ page }) => {
  await withFrames(page, async () => {
    const answer = await page.evaluate<unknown[]>(`async () => {
        const told = [];
        const given = Array.from({ length: 10 }, frame);
        const tell = async (...codes) => told.push([codes.join(), given.filter(isOpen).length, copies.filter(isOpen).length]);
        const [early, controller] = [AbortSignal.abort(), new AbortController()];
        await tell(await run(given[0], { signal: early }), await run(given[0], { signal: early, transfer: true }));
        const neighbour = { data: new Float32Array(192).fill(1), dims: [1, 3, 8, 8] };
        const runs = [run(given[1], { signal: controller.signal }), run([given[1], given[2]], { signal: controller.signal, transfer: true }), run(neighbour)];
        controller.abort();
        await tell(...await Promise.all(runs));
        await tell(await run([given[3], 'no picture']), await run([given[3], 'no picture'], { transfer: true }));
        ${'' /* A rebuild that nobody waits for long enough. */}
        workers.at(-1).terminate();
        await untilWorkers(0);
        const late = new AbortController();
        const waiting = [run(given[4], { signal: late.signal }), run(given[5], { signal: late.signal, transfer: true })];
        late.abort();
        await tell(...await Promise.all(waiting));
        await model.close();
        await tell(await run(given[6], { transfer: true }));
        return told;
      }`);
    expect(answer).toEqual([
      ['aborted,aborted', 9, 0],
      ['aborted,aborted,ran', 7, 0],
      ['preprocess-failed,preprocess-failed', 7, 0],
      ['aborted,aborted', 6, 0],
      ['model-closed', 6, 0],
    ]);
  });
});
