/**
 * Ten minutes of counts on the wire: our reports against OpenTelemetry's OTLP/JSON, and against the entropy of the counts.
 *
 * One workload, counted by both in the same run from a fixed seed: 1,000 inferences, 100 a minute, of a model with 30 numeric
 * features (ten normal, ten exponential, ten uniform) and 10 classes. Each feature has a unit and an origin of its own, as
 * ages, prices and temperatures have, and so have its edges: 18 ranges and the two open ends. That matters: theirs carries
 * edges. Were there only three lists of edges for all features, gzip would bring theirs to 23 kB, 16 without min and max,
 * and the goal of an eighth would be missed.
 *
 *  - Ours: a manifest, its data plan, the run counter, one window and one body a minute. The plan counts states, repeats and
 *    missing values besides; all of that is in the bytes. Bodies are sent as they are, uncompressed.
 *  - Theirs: one histogram per feature with the same boundaries, one counter with a class attribute, delta temporality, the
 *    SDK's defaults (sum, min and max are in it) and no resource, one export a minute, each gzipped at level 9.
 *  - Zero-order entropy: H = -Σ n(c) · log2(n(c) / N) / 8 bytes, over the N = 10 × (30 × 20 + 10) cells that both send, where
 *    n(c) is how many of them hold the count c. It is what a coder would need that knows how often each count occurs, and
 *    nothing else; window headers and ids come on top and are not in it.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { JsonMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { AggregationTemporality, AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { planHash } from '../counts/layout/plan.ts';
import { dataPlanOf } from '../counts/plans/data-plan.ts';
import { createRunCounter } from '../counts/run/run-counter.ts';
import { CountWindow } from '../counts/tally/window.ts';
import { checkManifest, type Manifest } from '../protocol/manifest/manifest.ts';
import type { Plan } from '../protocol/report/plan.ts';
import { decodeBody, encodeBody, encodeWindow } from '../protocol/report/report.ts';
import type { Window } from '../protocol/report/window.ts';
import type { Bench } from './harness/measures.ts';

const FEATURE_COUNT = 30;
const RANGE_COUNT = 18;
const CLASS_COUNT = 10;
const WINDOW_COUNT = 10;
const WINDOW_RUN_COUNT = 100;
const ROUND_COUNT = 15;
const ROUND_REPEAT_COUNT = 20;

/** Counts alone, against a format that repeats names, boundaries and zeros in text. */
const OTLP_GOAL = 1 / 8;
/** Headers and ids of ten bodies are about 15 % of it; the rest is for what a coder cannot know beforehand. */
const ENTROPY_GOAL = 1.35;
/** A collector must not work more for a report than for unzipping and parsing the other. */
const DECODE_GOAL = 1;

interface Inference {
  readonly values: Float32Array;
  readonly label: number;
}

interface Feature {
  readonly name: string;
  readonly edges: readonly number[];
  readonly draw: () => number;
}

/** Fractions of a generator with a fixed seed, the same in each bench run. */
function uniformFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** Edges have six digits, as a person would write them or `insitu calibrate` rounds them. */
function makeFeatures(uniform: () => number): Feature[] {
  const distributions = [
    { start: -2.7, step: 0.3, draw: () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()) },
    { start: 0, step: 0.25, draw: () => -Math.log(uniform()) },
    { start: 0, step: 1 / RANGE_COUNT, draw: uniform },
  ] as const;
  return Array.from({ length: FEATURE_COUNT }, (_, index) => {
    const { start, step, draw } = distributions[index % distributions.length] as (typeof distributions)[number];
    const [unit, origin] = [10 ** (4 * uniform() - 2), 100 * uniform()];
    const edge = (_: unknown, at: number) => Number((origin + unit * (start + step * at)).toPrecision(6));
    return { name: `f${index}`, edges: Array.from({ length: RANGE_COUNT + 1 }, edge), draw: () => origin + unit * draw() };
  });
}

function makeMinutes(features: readonly Feature[], uniform: () => number): Inference[][] {
  const inference = (): Inference => ({
    values: Float32Array.from(features, ({ draw }) => draw()),
    label: Math.floor(CLASS_COUNT * uniform() * uniform()),
  });
  return Array.from({ length: WINDOW_COUNT }, () => Array.from({ length: WINDOW_RUN_COUNT }, inference));
}

function makeManifest(features: readonly Feature[]): Manifest {
  const verdict = checkManifest({
    schema: 1,
    name: 'thirty-features',
    version: '1',
    licence: 'CC0-1.0',
    variants: [],
    inputs: [
      {
        name: 'row',
        type: 'float32',
        dims: [FEATURE_COUNT],
        kind: 'tabular',
        columns: features.map(({ name, edges }) => ({ name, kind: 'numeric', bins: { edges } })),
      },
    ],
    outputs: [
      { name: 'class', type: 'int32', dims: [1], kind: 'categorical', categories: Array.from({ length: CLASS_COUNT }, (_, c) => `c${c}`) },
    ],
    golden: [],
  });
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.manifest;
}

interface Ours {
  readonly plan: Plan;
  readonly windows: readonly Window[];
  readonly bodies: readonly Uint8Array[];
}

async function countOurs(features: readonly Feature[], minutes: readonly Inference[][]): Promise<Ours> {
  const manifest = makeManifest(features);
  const plan = dataPlanOf(manifest);
  const hash = await planHash(plan);
  const modelVersion = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 16);
  const countRun = createRunCounter(manifest, plan);
  const windows = minutes.map((minute, index) => {
    const id = createHash('sha256').update(`window ${index}`).digest('hex').slice(0, 32);
    const window = new CountWindow({ report: 'data', id, plan: hash, hour: 498_000, arm: 'stable', segment: 0 }, plan.cellCount);
    for (const { values, label } of minute) {
      const feeds = { row: { type: 'float32', dims: [FEATURE_COUNT], data: values } } as const;
      window.add(countRun(feeds, { class: { type: 'int32', dims: [1], data: Int32Array.of(label) } }));
      window.addRun();
    }
    return window.toWindow();
  });
  return { plan, windows, bodies: windows.map((window) => encodeBody(modelVersion, [encodeWindow(window)])) };
}

/** Hands out what was recorded since it was last asked. */
class DeltaReader extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA });
  }
  protected override onShutdown = () => Promise.resolve();
  protected override onForceFlush = () => Promise.resolve();
}

async function countTheirs(features: readonly Feature[], minutes: readonly Inference[][]): Promise<Buffer[]> {
  const reader = new DeltaReader();
  const views = features.map(({ name, edges }) => {
    const options = { boundaries: [...edges] };
    return { instrumentName: name, aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options } as const };
  });
  const meter = new MeterProvider({ readers: [reader], views }).getMeter('thirty-features');
  const histograms = features.map(({ name }) => meter.createHistogram(name));
  const classes = meter.createCounter('class');
  const bodies: Buffer[] = [];
  for (const minute of minutes) {
    for (const { values, label } of minute) {
      for (const [feature, histogram] of histograms.entries()) histogram.record(values[feature] as number);
      classes.add(1, { class: label });
    }
    const { resourceMetrics } = await reader.collect();
    bodies.push(gzipSync(JsonMetricsSerializer.serializeRequest(resourceMetrics) ?? new Uint8Array(), { level: 9 }));
  }
  return bodies;
}

/** Every cell that both sides send, zeros included: the ranges and open ends of the features, and the classes. */
function sharedCounts({ plan, windows }: Ours): number[] {
  const shared = plan.metrics.flatMap(({ id, offset, cells, edges }) => {
    if (id.startsWith('input.row.f')) return cells.flatMap((_, cell) => (cell >= (edges?.firstCell ?? 0) - 1 ? [offset + cell] : []));
    return id === 'output.class.values' ? cells.flatMap((cell, at) => (cell.startsWith('category:') ? [offset + at] : [])) : [];
  });
  if (shared.length !== FEATURE_COUNT * (RANGE_COUNT + 2) + CLASS_COUNT) throw new Error(`the plan has ${shared.length} shared cells`);
  return windows.flatMap(({ cells, counts }) => {
    const countOf = new Map(Array.from(cells, (cell, index) => [cell, counts[index] as number]));
    return shared.map((cell) => countOf.get(cell) ?? 0);
  });
}

/** As defined at the head of this file. */
function entropyBytes(values: readonly number[]): number {
  const occurrences = new Map<number, number>();
  for (const value of values) occurrences.set(value, (occurrences.get(value) ?? 0) + 1);
  const bits = [...occurrences.values()].reduce((sum, times) => sum - times * Math.log2(times / values.length), 0);
  return bits / 8;
}

/** Microseconds per body of two readers over the same minutes, interleaved. */
function timeReading(ours: readonly Uint8Array[], theirs: readonly Buffer[]): { ours: number[]; theirs: number[] } {
  const samples = { ours: [] as number[], theirs: [] as number[] };
  const read = (bodies: readonly Uint8Array[], one: (body: Uint8Array) => unknown) => {
    const startMs = performance.now();
    for (let repeat = 0; repeat < ROUND_REPEAT_COUNT; repeat++) for (const body of bodies) one(body);
    return ((performance.now() - startMs) * 1e3) / (ROUND_REPEAT_COUNT * bodies.length);
  };
  for (let round = 0; round < ROUND_COUNT; round++) {
    samples.ours.push(read(ours, decodeBody));
    samples.theirs.push(read(theirs, (body) => JSON.parse(gunzipSync(body).toString())));
  }
  return samples;
}

const bytesOf = (bodies: readonly Uint8Array[]) => bodies.reduce((sum, body) => sum + body.length, 0);

const bench: Bench = async () => {
  const uniform = uniformFrom(0x9e37_79b9);
  const features = makeFeatures(uniform);
  const minutes = makeMinutes(features, uniform);
  const ours = await countOurs(features, minutes);
  const theirs = await countTheirs(features, minutes);
  if (!ours.bodies.every((body) => decodeBody(body).ok)) throw new Error('a body of ours does not decode');
  const reading = timeReading(ours.bodies, theirs);
  const reports = { name: 'ten reports', values: [bytesOf(ours.bodies)] };
  return [
    {
      measure: '1,000 inferences, ten windows',
      unit: 'B',
      ours: reports,
      other: { name: 'OTLP/JSON, gzip -9', values: [bytesOf(theirs)] },
      goal: OTLP_GOAL,
    },
    {
      measure: '1,000 inferences, ten windows',
      unit: 'B',
      ours: reports,
      other: { name: 'zero-order entropy', values: [entropyBytes(sharedCounts(ours))] },
      goal: ENTROPY_GOAL,
    },
    {
      measure: `reading one of them, ${ours.windows[0]?.cells.length} cells met`,
      unit: 'µs',
      ours: { name: 'decodeBody', values: reading.ours },
      other: { name: 'gunzip and JSON.parse', values: reading.theirs },
      goal: DECODE_GOAL,
    },
  ];
};
export default bench;
