/**
 * The software plan: how loading, running and reporting went. The same for every model.
 *
 * Nothing of an input or output is counted here, so it has no minimum of runs: a page whose model never loads is heard.
 *
 * Invariants
 *  - Every list of reasons is closed: a text that a browser or server wrote never becomes a cell.
 *  - Functions return cell and count alternating, of SOFTWARE_PLAN, and are total: an odd duration is a cell, not an error.
 *  - Durations go in as milliseconds; there are no timestamps.
 *
 * Not here: when a loss happens (sdk/), and what is counted of data (counts/data-plan.ts).
 */
import { ERROR_CODES, type ErrorCode } from '../protocol/errors.ts';
import type { ManifestVariant, Provider } from '../protocol/manifest.ts';
import { type Consideration, type LoadedModel, type LoadTimings, RUNTIME_FLAVOURS } from '../protocol/messages.ts';
import { edgedCells } from './edges.ts';
import { type LogLinearScale, scaleEdges, scaleIndex } from './log-linear.ts';
import { type Metric, metricOf, type Plan, placeMetrics } from './plan.ts';

/**
 * Why counts never arrived. Counted in windows, except `rest-expired` and `uncounted`, which are counted in runs.
 * Order is layout; append only.
 */
export const LOSS_REASONS = [
  /** Older than OUTBOX_AGE_MS_MAX before any collector took it. */
  'expired',
  /** Pushed out of a full outbox. */
  'evicted',
  /** Refused alone with a 4xx other than 410 and 413. */
  'refused',
  /** Refused with 410: the page's clock is off by more than the horizon. */
  'skewed',
  /** Longer than one body may be, or answered with 413. */
  'too-large',
  /** Runs of a rest that stayed below the minimum for OUTBOX_AGE_MS_MAX. */
  'rest-expired',
  /** The browser's storage refused the write, and the page is gone. */
  'storage-failed',
  /** A stored record that could not be read back. */
  'record-corrupt',
  /** Runs whose counting failed, or which came while the window was full. */
  'uncounted',
] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

/** 1/32 ms (a page's clock is not finer) to 2^17 ms (131 s, beyond every timeout), 8 cells per octave: 12.5 % wide. */
const DURATION_SCALE: LogLinearScale = { mantissaBits: 3, exponentMin: -5, exponentMax: 17 };
const DURATION_CELLS = edgedCells(scaleEdges(DURATION_SCALE));

const PHASES = ['manifest', 'runtime', 'download', 'verify', 'compile', 'warm-up'] as const satisfies readonly (keyof LoadTimings)[];
const PROVIDER_CELLS = ['wasm', 'webgpu', 'webnn'] as const satisfies readonly Provider[];
const QUANTIZATIONS = ['fp32', 'fp16', 'int8', 'uint8', 'q4', 'q4f16'] as const satisfies readonly ManifestVariant['quantization'][];
const THREAD_FLOORS = [1, 2, 4, 8] as const;
const FALLBACKS = ['none', 'unavailable', 'failed', 'wrong-outputs'] as const satisfies readonly ('none' | Consideration['verdict'])[];

function duration(id: string, title: string, why: string): Metric {
  return { id, title, unit: 'ms', why, ...DURATION_CELLS };
}

function list(id: string, title: string, unit: string, why: string, cells: readonly string[]): Metric {
  return { id, title, unit, why, cells, edges: null };
}

export const SOFTWARE_PLAN: Plan = placeMetrics('software', [
  list('load.outcome', 'How a load ended', 'loads', 'Share of visits that get a model, and of those that need no download.', [
    'cold',
    'warm',
    'failed',
  ]),
  duration('load.total.cold', 'From the call of load to a ready model, bytes from the network', 'What a first visit waits.'),
  duration('load.total.warm', 'From the call of load to a ready model, bytes from the cache', 'What a returning visit waits.'),
  ...PHASES.map((phase) =>
    duration(`load.phase.${phase}`, `Load phase "${phase}", where it happened`, 'Which phase a slow load spends its time in.'),
  ),
  list('load.provider', 'Execution provider that was chosen', 'loads', 'Who runs on a GPU, and who stopped doing so.', PROVIDER_CELLS),
  list('load.flavour', 'Build of the runtime that was loaded', 'loads', 'Download size and speed depend on it.', RUNTIME_FLAVOURS),
  list('load.quantization', 'Quantization of the chosen variant', 'loads', 'Which precision answers in the field.', QUANTIZATIONS),
  list('load.threads', 'WASM threads', 'loads', 'One thread means a page that is not cross-origin isolated.', ['1', '2..3', '4..7', '8..']),
  list(
    'load.fallback',
    'Variants and providers that were tried and left, by reason',
    'considerations',
    'Broken drivers and wrong numbers show here first.',
    FALLBACKS,
  ),
  list('load.storage', 'What became of the model bytes', 'loads', 'A refused store means a download at every visit.', [
    'from-cache',
    'stored',
    'refused',
  ]),
  duration('run.latency', 'From the call of run to its answer, first run of a session left out', 'What a person waits for an answer.'),
  duration('run.queue', 'Waiting in the worker, first run left out', 'Too many calls for the device.'),
  duration('run.runtime', 'Inside the runtime, first run left out', 'The model itself, on this provider.'),
  duration(
    'run.first.latency',
    'From the call of run to its answer, first run of a session',
    'Warm-up is apart so that it does not blur steady state.',
  ),
  duration('run.first.runtime', 'Inside the runtime, first run of a session', 'Late compilation of kernels and shaders.'),
  list('run.outcome', 'How a run ended', 'runs', 'Share of calls that get an answer.', ['answered', 'failed']),
  list('error.load', 'Failed loads by error code', 'loads', 'What to fix first.', ERROR_CODES),
  list('error.run', 'Failed runs by error code', 'runs', 'What to fix first.', ERROR_CODES),
  list(
    'loss',
    'Counts that never arrived, by reason (windows; runs for rest-expired and uncounted)',
    'windows or runs',
    'Says how much the other metrics do not know.',
    LOSS_REASONS,
  ),
]);

/** Durations of one run in milliseconds. */
export interface RunDurations {
  readonly queueMs: number;
  readonly runMs: number;
  readonly totalMs: number;
}

const offsets = new Map(SOFTWARE_PLAN.metrics.map((metric) => [metric.id, metric.offset]));

function cellOf(metric: string, cellId: string): number {
  const { cells, offset } = metricOf(SOFTWARE_PLAN, metric);
  return offset + cells.indexOf(cellId);
}

function durationCell(metric: string, ms: number): number {
  const offset = offsets.get(metric) as number;
  const firstRange = DURATION_CELLS.edges?.firstCell as number;
  if (Number.isNaN(ms)) return offset;
  return offset + firstRange + (ms < 0 ? -1 : scaleIndex(DURATION_SCALE, ms));
}

function once(cells: readonly number[]): number[] {
  return cells.flatMap((cell) => [cell, 1]);
}

/** @param totalMs From the call of `load` to the ready model. */
export function cellsOfLoad(model: LoadedModel, totalMs: number): number[] {
  const warmth = model.fromCache ? 'warm' : 'cold';
  const quantization = model.manifest.variants.find((variant) => variant.id === model.variant)?.quantization;
  const threads = THREAD_FLOORS.findLastIndex((floor) => model.threadCount >= floor);
  const cells = [
    cellOf('load.outcome', warmth),
    durationCell(`load.total.${warmth}`, totalMs),
    ...PHASES.filter((phase) => model.timings[phase] !== 0).map((phase) => durationCell(`load.phase.${phase}`, model.timings[phase])),
    cellOf('load.provider', model.provider),
    cellOf('load.flavour', model.flavour),
    (offsets.get('load.threads') as number) + Math.max(0, threads),
    cellOf('load.storage', model.storageRefusal !== null ? 'refused' : model.fromCache ? 'from-cache' : 'stored'),
  ];
  if (quantization !== undefined) cells.push(cellOf('load.quantization', quantization));
  return [...once(cells), ...fallbackCells(model.considered)];
}

function fallbackCells(considered: readonly Consideration[]): number[] {
  const left = considered.filter(({ verdict }) => verdict !== 'chosen' && verdict !== 'not-asked').map(({ verdict }) => verdict);
  if (left.length === 0) return [cellOf('load.fallback', 'none'), 1];
  return [...new Set(left)].flatMap((verdict) => [cellOf('load.fallback', verdict), left.filter((other) => other === verdict).length]);
}

export function cellsOfLoadFailure(code: ErrorCode): number[] {
  return once([cellOf('load.outcome', 'failed'), cellOf('error.load', code)]);
}

/** @param isFirst First answered run since the model was loaded. */
export function cellsOfRun(durations: RunDurations, isFirst: boolean): number[] {
  const cells = [cellOf('run.outcome', 'answered')];
  if (isFirst) {
    cells.push(durationCell('run.first.latency', durations.totalMs), durationCell('run.first.runtime', durations.runMs));
  } else {
    cells.push(
      durationCell('run.latency', durations.totalMs),
      durationCell('run.queue', durations.queueMs),
      durationCell('run.runtime', durations.runMs),
    );
  }
  return once(cells);
}

export function cellsOfRunFailure(code: ErrorCode): number[] {
  return once([cellOf('run.outcome', 'failed'), cellOf('error.run', code)]);
}

/** @param count Windows, or runs for `rest-expired` and `uncounted`. Nothing is returned for 0. */
export function cellsOfLoss(reason: LossReason, count: number): number[] {
  return count === 0 ? [] : [cellOf('loss', reason), count];
}
