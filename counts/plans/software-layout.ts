/**
 * Software layout: which cell of a software report a load, a run, an error or a loss bumps. What a page needs of the
 * software plan, and no word more: names and reasons are in counts/plans/software-plan.ts, which is built from this.
 *
 * Nothing of an input or output is counted here, so it has no minimum of runs: a page whose model never loads is heard. What a cell
 * can depend on all the same (how long a run took, that it failed) is listed in docs/privacy.md.
 *
 * Invariants
 *  - Every list of reasons is closed: a text that a browser or server wrote never becomes a cell.
 *  - Functions return cell and count alternating and are total: an odd duration is a cell, not an error.
 *  - Durations go in as milliseconds, memory as bytes; there are no timestamps.
 *  - SOFTWARE_PLAN_HASH is the hash of the plan that is built from this: test/unit/counts/plans.test.ts.
 *
 * Not here: when a loss happens (sdk/), and what is counted of data (counts/plans/data-plan.ts).
 */
import { ERROR_CODES, type ErrorCode } from '../../protocol/errors.ts';
import type { ManifestVariant, Provider } from '../../protocol/manifest/manifest.ts';
import { type Consideration, type LoadedModel, type LoadTimings, RUNTIME_BUILDS } from '../../protocol/worker/loading.ts';
import { type LogLinearScale, scaleCellCount, scaleIndex } from '../layout/log-linear.ts';

/** A page computes no hash of a plan that is the same for every model. */
export const SOFTWARE_PLAN_HASH = 'c102d8dc3349becf';

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
  /** The application's `onBeforeSend` said no. */
  'vetoed',
] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

/** 1/32 ms (a page's clock is not finer) to 2^17 ms (131 s, beyond every timeout), 8 cells per octave: 12.5 % wide. */
export const DURATION_SCALE: LogLinearScale = { mantissaBits: 3, exponentMin: -5, exponentMax: 17 };
/** 1 MiB to 64 GiB, two cells per octave: a device's memory is told no finer. */
const MEMORY_SCALE: LogLinearScale = { mantissaBits: 1, exponentMin: 20, exponentMax: 36 };

/** 1 KiB to 16 GiB, two cells per octave. */
const MODEL_BYTES_SCALE: LogLinearScale = { mantissaBits: 1, exponentMin: 10, exponentMax: 34 };

const PHASES = ['manifest', 'runtime', 'download', 'verify', 'compile', 'warm-up'] as const satisfies readonly (keyof LoadTimings)[];
const THREAD_FLOORS = [1, 2, 4, 8] as const;
/** States of the Compute Pressure API, in its order. */
const PRESSURE_STATES = ['nominal', 'fair', 'serious', 'critical'] as const;
export type PressureState = (typeof PRESSURE_STATES)[number];

/** Cell ids of a list, or the scale of a quantity. Order is layout: append only. */
type Cells = readonly string[] | LogLinearScale;

const LAYOUT = {
  'load.outcome': ['cold', 'warm', 'failed'],
  'load.total.cold': DURATION_SCALE,
  'load.total.warm': DURATION_SCALE,
  'load.phase.manifest': DURATION_SCALE,
  'load.phase.runtime': DURATION_SCALE,
  'load.phase.download': DURATION_SCALE,
  'load.phase.verify': DURATION_SCALE,
  'load.phase.compile': DURATION_SCALE,
  'load.phase.warm-up': DURATION_SCALE,
  'load.provider': ['wasm', 'webgpu', 'webnn'] satisfies readonly Provider[],
  'load.build': RUNTIME_BUILDS,
  'load.quantization': ['fp32', 'fp16', 'int8', 'uint8', 'q4', 'q4f16'] satisfies readonly ManifestVariant['quantization'][],
  'load.threads': ['1', '2..3', '4..7', '8..'],
  'load.fallback': ['none', 'unavailable', 'failed', 'wrong-outputs'] satisfies readonly ('none' | Consideration['outcome'])[],
  'load.storage': ['from-cache', 'stored', 'refused'],
  'run.latency': DURATION_SCALE,
  'run.queue': DURATION_SCALE,
  'run.runtime': DURATION_SCALE,
  'run.first.latency': DURATION_SCALE,
  'run.first.runtime': DURATION_SCALE,
  'run.outcome': ['answered', 'failed'],
  'error.load': ERROR_CODES,
  'error.run': ERROR_CODES,
  loss: LOSS_REASONS,
  'memory.page': MEMORY_SCALE,
  'pressure.cpu': PRESSURE_STATES,
  'load.cached-bytes': MODEL_BYTES_SCALE,
} as const satisfies { readonly [metric: string]: Cells };

export type SoftwareMetric = keyof typeof LAYOUT;
export const SOFTWARE_LAYOUT: { readonly [M in SoftwareMetric]: Cells } = LAYOUT;

/** Cells of a quantity around its ranges: nan, under, over (`edgedCells` in counts/layout/edges.ts lays them out). */
const EDGED_EXTRA_COUNT = 3;
const EDGED_FIRST_RANGE = 2;

function isScale(cells: Cells): cells is LogLinearScale {
  return 'mantissaBits' in cells;
}

const offsets = {} as { [M in SoftwareMetric]: number };
let cellCount = 0;
for (const [metric, cells] of Object.entries(SOFTWARE_LAYOUT) as [SoftwareMetric, Cells][]) {
  offsets[metric] = cellCount;
  cellCount += isScale(cells) ? scaleCellCount(cells) + EDGED_EXTRA_COUNT : cells.length;
}
export const SOFTWARE_CELL_COUNT = cellCount;

/** Durations of one run in milliseconds. */
interface RunDurations {
  readonly queueMs: number;
  readonly runMs: number;
  readonly totalMs: number;
}

function cellOf(metric: SoftwareMetric, cellId: string): number {
  return offsets[metric] + (SOFTWARE_LAYOUT[metric] as readonly string[]).indexOf(cellId);
}

function quantityCell(metric: SoftwareMetric, value: number): number {
  const scale = SOFTWARE_LAYOUT[metric] as LogLinearScale;
  if (Number.isNaN(value)) return offsets[metric];
  return offsets[metric] + EDGED_FIRST_RANGE + (value < 0 ? -1 : scaleIndex(scale, value));
}

function isQuantity(metric: string): metric is SoftwareMetric {
  return Object.hasOwn(SOFTWARE_LAYOUT, metric) && isScale(SOFTWARE_LAYOUT[metric as SoftwareMetric]);
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
    quantityCell(`load.total.${warmth}`, totalMs),
    ...PHASES.filter((phase) => model.timings[phase] !== 0).map((phase) => quantityCell(`load.phase.${phase}`, model.timings[phase])),
    cellOf('load.provider', model.provider),
    cellOf('load.build', model.build),
    offsets['load.threads'] + Math.max(0, threads),
    cellOf('load.storage', model.storageRefusal !== null ? 'refused' : model.fromCache ? 'from-cache' : 'stored'),
  ];
  if (quantization !== undefined) cells.push(cellOf('load.quantization', quantization));
  for (const [metric, value] of Object.entries(model.measures)) if (isQuantity(metric)) cells.push(quantityCell(metric, value));
  return [...once(cells), ...fallbackCells(model.considered)];
}

/** What failed, wherever it stood, and what could not run although the rules prefer it to the chosen one. */
function fallbackCells(considered: readonly Consideration[]): number[] {
  const chosenAt = considered.findIndex(({ outcome }) => outcome === 'chosen');
  const left = considered
    .filter(({ outcome }, index) => outcome === 'failed' || outcome === 'wrong-outputs' || (outcome === 'unavailable' && index < chosenAt))
    .map(({ outcome }) => outcome);
  if (left.length === 0) return [cellOf('load.fallback', 'none'), 1];
  return [...new Set(left)].flatMap((outcome) => [cellOf('load.fallback', outcome), left.filter((other) => other === outcome).length]);
}

export function cellsOfLoadFailure(code: ErrorCode): number[] {
  return once([cellOf('load.outcome', 'failed'), cellOf('error.load', code)]);
}

/** @param isFirst First answered run since the model was loaded. */
export function cellsOfRun(durations: RunDurations, isFirst: boolean): number[] {
  const cells = [cellOf('run.outcome', 'answered')];
  if (isFirst) {
    cells.push(quantityCell('run.first.latency', durations.totalMs), quantityCell('run.first.runtime', durations.runMs));
  } else {
    cells.push(
      quantityCell('run.latency', durations.totalMs),
      quantityCell('run.queue', durations.queueMs),
      quantityCell('run.runtime', durations.runMs),
    );
  }
  return once(cells);
}

/** A run that somebody else made. @param durationMs Null when it was not measured. */
export function cellsOfObservedRun(durationMs: number | null): number[] {
  const cells = [cellOf('run.outcome', 'answered')];
  if (durationMs !== null) cells.push(quantityCell('run.latency', durationMs));
  return once(cells);
}

/**
 * Codes of which an input can be the reason: which one it was says something of that input, such as a category that the model does not
 * know, and a software report may be of one run. They are told as one.
 */
export const INPUT_CODES: readonly ErrorCode[] = [
  'input-missing',
  'input-unknown',
  'tensor-type-mismatch',
  'tensor-dims-mismatch',
  'tensor-data-mismatch',
  'preprocess-failed',
  'run-failed',
];

export function cellsOfRunFailure(code: ErrorCode): number[] {
  return once([cellOf('run.outcome', 'failed'), cellOf('error.run', INPUT_CODES.includes(code) ? 'run-failed' : code)]);
}

/** A worker or GPU that was lost while nothing ran. */
export function cellsOfIdleLoss(code: ErrorCode): number[] {
  return once([cellOf('error.run', code)]);
}

/** @param count Windows, or runs for `rest-expired` and `uncounted`. Nothing is returned for 0. */
export function cellsOfLoss(reason: LossReason, count: number): number[] {
  return count === 0 ? [] : [cellOf('loss', reason), count];
}

/** @param bytes Of the page and its workers, as the browser tells. */
export function cellsOfMemory(bytes: number): number[] {
  return [quantityCell('memory.page', bytes), 1];
}

export function cellsOfPressure(state: PressureState): number[] {
  return [cellOf('pressure.cpu', state), 1];
}
