/**
 * Memory: the WASM heap of a packed 67 MB model against the model's bytes and against the plain file in bare onnxruntime-web;
 * and the renderers' memory after 200 load/close cycles of digits against that before them, and against that of a worker by hand after as many.
 *
 * How the heap is read: a preamble in front of both workers keeps each WebAssembly.Memory that the runtime makes and answers
 * its length. How the renderer is read: the proportional set size (Pss) of the browser's renderer processes in
 * /proc, after garbage collections that the page asks for; so on Linux only.
 *
 * INSITU_BENCH_CYCLES shortens it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { BenchServer } from './harness/bench-server.ts';
import { Visits } from './harness/chromium-visits.ts';
import type { Bench, Measure } from './harness/measures.ts';
import { type BenchModel, type BenchModelId, benchModels, MODELS_FOLDER } from './models/bench-models.ts';

const CYCLE_COUNT = Number(process.env.INSITU_BENCH_CYCLES ?? 200);
/** Until the browser's own caches are full, by either contender; from here on the cycles count. */
const FIRST_COUNT = 50;
const SAMPLE_EVERY = Math.max(1, CYCLE_COUNT / 4);
/** Times the model's bytes; inline in bare onnxruntime-web it was 2.7. */
const HEAP_GOAL = 1.35;
const GROWTH_GOAL = 1.1;
const MB = 1e6;

const PREAMBLE = `{
  const memories = [];
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(limits) {
      super(limits);
      memories.push(this);
    }
  };
  const channel = new BroadcastChannel('bench-heap');
  channel.onmessage = () => channel.postMessage(Math.max(0, ...memories.map(({ buffer }) => buffer.byteLength)));
}
`;

const bench: Bench = async () => {
  const [large, small] = (await benchModels(['distilbert-int8', 'digits'] satisfies BenchModelId[])) as [BenchModel, BenchModel];
  const server = await BenchServer.start({ '/models/': MODELS_FOLDER });
  for (const [address, file] of [
    ['/insitu/insitu.worker.js', 'dist/insitu.worker.js'],
    ['/pages/by-hand-worker.mjs', 'bench/pages/by-hand-worker.mjs'],
  ] as const) {
    server.bodies.set(address, PREAMBLE + readFileSync(file, 'utf8'));
  }
  try {
    return [...(await heaps(server, large)), ...(await cycles(server, small))];
  } finally {
    await server.close();
  }
};
export default bench;

async function heaps(server: BenchServer, { id, title, feeds, plainBytes }: BenchModel): Promise<readonly Measure[]> {
  const visits = await Visits.start(server);
  try {
    const heapOf = async (isOurs: boolean) =>
      (await visits.visit<{ heapBytes: number }>('memory/heap.html', { model: id, feeds, isOurs })).heapBytes / MB;
    const cold = { name: 'packed, first visit', values: [await heapOf(true)] };
    const warm = { name: 'packed, from the store', values: [await heapOf(true)] };
    const plain = { name: 'plain file, bare runtime', values: [await heapOf(false)] };
    const bytes = { name: 'its bytes', values: [plainBytes / MB] };
    const measure = `WASM heap of ${title}`;
    return [
      { measure: `${measure}, first visit`, unit: 'MB', ours: cold, other: bytes, goal: HEAP_GOAL },
      { measure: `${measure}, from the store`, unit: 'MB', ours: warm, other: bytes, goal: HEAP_GOAL },
      { measure: `${measure}, from the store`, unit: 'MB', ours: warm, other: plain, goal: null },
    ];
  } finally {
    await visits.close();
  }
}

async function cycles(server: BenchServer, model: BenchModel): Promise<readonly Measure[]> {
  const [ours, byHand] = [await renderersOver(server, model, true), await renderersOver(server, model, false)];
  const measure = `renderers after ${CYCLE_COUNT} load/close cycles of ${model.id}`;
  const last = { name: 'insitu', values: ours.slice(-1) };
  return [
    { measure, unit: 'MB', ours: last, other: { name: 'before them', values: ours.slice(0, 1) }, goal: GROWTH_GOAL },
    { measure, unit: 'MB', ours: last, other: { name: 'worker by hand', values: byHand.slice(-1) }, goal: null },
  ];
}

/** MB behind the first cycles, and on the way through as many as are measured to their end. */
async function renderersOver(server: BenchServer, { id, feeds }: BenchModel, isOurs: boolean): Promise<readonly number[]> {
  const visits = await Visits.start(server, ['--js-flags=--expose-gc']);
  try {
    server.bodies.set('/renderer-bytes', async () => String(rendererBytes(visits.pid)));
    const parameters = { model: id, feeds, isOurs, firstCycles: FIRST_COUNT, cycles: CYCLE_COUNT, every: SAMPLE_EVERY };
    const { samples } = await visits.visit<{ samples: readonly { cycle: number; bytes: number }[] }>('memory/cycles.html', parameters);
    const lines = samples.map(({ cycle, bytes }) => `after ${cycle}: ${(bytes / MB).toFixed(1)} MB`);
    process.stderr.write(`load/close cycles of ${id} by ${isOurs ? 'insitu' : 'a worker by hand'}, renderers: ${lines.join(', ')}\n`);
    return samples.map(({ bytes }) => bytes / MB);
  } finally {
    await visits.close();
  }
}

/** Proportional set size of every renderer in the browser's process group. */
function rendererBytes(groupId: number): number {
  let bytes = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const group = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]);
      if (group !== groupId || !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) continue;
      bytes += 1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // A process that ended while the list was read.
    }
  }
  return bytes;
}
