/**
 * Warm start: from navigation to the first result, with model and runtime cached, two threads, on wasm.
 *
 * Ours is the built library and the packed model; the others read the plain file of the same network: transformers.js as its
 * documents set it up, transformers.js on the plain wasm build, and a module worker by hand with the Cache API. A browser with a
 * profile of its own for each model, as a site has one, because Chromium's cache of compiled code is of an address and not of a model; every
 * visit in a tab of its own; contenders take turns in each round, and each round begins with another one.
 *
 * Prints to stderr where our time went, phase by phase: medians of the same visits.
 *
 * INSITU_BENCH_ROUNDS and INSITU_BENCH_MODELS (ids, by comma) shorten it.
 */

import { readFileSync } from 'node:fs';
import { BenchServer } from './harness/bench-server.ts';
import { Visits } from './harness/chromium-visits.ts';
import { type Bench, type Measure, median } from './harness/measures.ts';
import { type BenchModel, type BenchModelId, benchModels, MODELS_FOLDER } from './models/bench-models.ts';

const ROUND_COUNT = Number(process.env.INSITU_BENCH_ROUNDS ?? 11);
const MODEL_IDS = (process.env.INSITU_BENCH_MODELS?.split(',') ?? [
  'mobilenet-fp32',
  'mobilenet-int8',
  'distilbert-int8',
  'digits',
]) as readonly BenchModelId[];
/**
 * Visits that fill the caches. The first downloads, the second finds everything, and each lasts as long as a short stay on a page: Chromium
 * writes compiled code in its own time, and ours prepares the next visit 2 s behind the first result.
 */
const PRIMING_COUNT = 3;
const PRIMING_IDLE_MS = 6_000;
/** Between visits: the tab before must be gone. */
const PAUSE_MS = 250;

interface Contender {
  readonly name: string;
  readonly page: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** What `ours / its median` must not exceed. */
  readonly goal: number;
}

const OURS: Contender = { name: 'insitu', page: 'warm-start/ours.html', parameters: {}, goal: 1 };
const OTHERS: readonly Contender[] = [
  { name: 'transformers.js', page: 'warm-start/transformers.html', parameters: { build: '.asyncify' }, goal: 0.45 },
  { name: 'transformers.js, plain wasm', page: 'warm-start/transformers.html', parameters: { build: '' }, goal: 0.85 },
  { name: 'worker by hand', page: 'warm-start/by-hand.html', parameters: {}, goal: 0.9 },
];
const CONTENDERS = [OURS, ...OTHERS];

interface Explained {
  readonly fromCache: boolean;
  readonly isFromSnapshot: boolean;
  readonly threadCount: number;
  readonly timings: Readonly<Record<string, number>>;
}

export interface Visit {
  readonly scriptMs: number;
  readonly loadedMs: number;
  readonly resultMs: number;
  readonly first: number;
  readonly isolated: boolean;
  readonly explained?: Explained;
  readonly timings?: Readonly<Record<string, number>>;
}

const bench: Bench = async () => {
  const models = await benchModels(MODEL_IDS);
  const server = await BenchServer.start({ '/models/': MODELS_FOLDER });
  try {
    const measures: Measure[] = [];
    for (const model of models) measures.push(...measuresOf(model, await samplesIn(server, model)));
    return measures;
  } finally {
    await server.close();
  }
};
export default bench;

async function samplesIn(server: BenchServer, model: BenchModel): Promise<ReadonlyMap<Contender, readonly Visit[]>> {
  serveAsHub(server, model);
  const visits = await Visits.start(server);
  try {
    return await samplesOf(visits, model);
  } finally {
    await visits.close();
  }
}

function serveAsHub(server: BenchServer, { id, file, modelType }: BenchModel): void {
  const folder = `/hub/${id}/resolve/main`;
  server.bodies.set(`${folder}/config.json`, JSON.stringify({ model_type: modelType }));
  server.bodies.set(`${folder}/onnx/${id.endsWith('fp32') ? 'model' : 'model_quantized'}.onnx`, readFileSync(file));
}

async function samplesOf(visits: Visits, model: BenchModel): Promise<ReadonlyMap<Contender, readonly Visit[]>> {
  const visit = async (contender: Contender, idleMs: number) => {
    const dtype = model.id.endsWith('fp32') ? 'fp32' : 'q8';
    return visits.visit<Visit>(contender.page, { model: model.id, feeds: model.feeds, dtype, ...contender.parameters }, idleMs);
  };
  for (let turn = 0; turn < PRIMING_COUNT; turn++) for (const contender of CONTENDERS) await visit(contender, PRIMING_IDLE_MS);
  const samples = new Map<Contender, Visit[]>(CONTENDERS.map((contender) => [contender, []]));
  for (let round = 0; round < ROUND_COUNT; round++) {
    for (let turn = 0; turn < CONTENDERS.length; turn++) {
      const contender = CONTENDERS[(round + turn) % CONTENDERS.length] as Contender;
      const seen = await visit(contender, 0);
      if (!seen.isolated || (seen.explained !== undefined && !isWarm(seen.explained))) {
        throw new Error(`${contender.name}: not a warm start on two threads: ${JSON.stringify(seen)}`);
      }
      samples.get(contender)?.push(seen);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  return samples;
}

function isWarm({ fromCache, isFromSnapshot, threadCount }: Explained): boolean {
  return fromCache && isFromSnapshot && threadCount === 2;
}

function measuresOf(model: BenchModel, samples: ReadonlyMap<Contender, readonly Visit[]>): readonly Measure[] {
  const valuesOf = (contender: Contender) => (samples.get(contender) ?? []).map(({ resultMs }) => resultMs);
  printPhases(model, samples);
  return OTHERS.map((other) => ({
    measure: model.title,
    unit: 'ms',
    ours: { name: OURS.name, values: valuesOf(OURS) },
    other: { name: other.name, values: valuesOf(other) },
    goal: other.goal,
  }));
}

function printPhases({ title }: BenchModel, samples: ReadonlyMap<Contender, readonly Visit[]>): void {
  const lines = CONTENDERS.map((contender) => {
    const seen = samples.get(contender) ?? [];
    const middle = (read: (visit: Visit) => number) => Math.round(median(seen.map(read)));
    const spent = seen[0]?.explained?.timings ?? seen[0]?.timings ?? {};
    const inner = Object.keys(spent).map(
      (phase) => `${phase} ${middle((visit) => (visit.explained?.timings ?? visit.timings)?.[phase] ?? 0)}`,
    );
    const outer = [
      `script at ${middle(({ scriptMs }) => scriptMs)}`,
      `load ${middle(({ loadedMs, scriptMs }) => loadedMs - scriptMs)}`,
      `first run ${middle(({ resultMs, loadedMs }) => resultMs - loadedMs)}`,
      `result at ${middle(({ resultMs }) => resultMs)}`,
    ];
    return `  ${contender.name.padEnd(28)} ${outer.join(', ')} ms${inner.length === 0 ? '' : ` (${inner.join(', ')})`}; first value ${seen[0]?.first}`;
  });
  process.stderr.write(`${title}\n${lines.join('\n')}\n`);
}
