/**
 * Page metrics: under which name, label and unit each software metric is exported.
 *
 * Invariants
 *  - Labels have closed lists of values: those of the cells.
 *  - A metric without a row is exported under its id, with the words of its plan. One that this release does not lay out is not exported.
 *
 * Why few bounds: a page counts a duration in eight cells an octave, and each bound is a number that Prometheus keeps for every model. Runs
 * have two bounds an octave, so that a quantile is off by a third at the most; phases of loads have one. Bounds are edges of cells, so
 * every count between them is exact.
 *
 * Not here: making families of sums (page-families.ts).
 */
import { DURATION_SCALE, SOFTWARE_LAYOUT, type SoftwareMetric } from '../../counts/plans/software-layout.ts';
import type { Metric } from '../../protocol/report/plan.ts';

/** A list of cells: a counter, one for each cell. */
interface CounterRow {
  readonly name: string;
  readonly help: string;
  /** Its value is the cell's id. */
  readonly label: string;
}

/** A quantity: a histogram. */
export interface QuantityRow {
  readonly name: string;
  readonly help: string;
  readonly unit: 'seconds' | 'bytes';
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the unit, in one of the plan's. */
  readonly perUnit: number;
  /** In the plan's unit: no bound lies below. */
  readonly floor: number;
  readonly boundsPerOctave: 1 | 2;
}

const MS = { unit: 'seconds', perUnit: 1_000 } as const;
const LOAD = { ...MS, floor: 1, boundsPerOctave: 1 } as const;
const RUN = { ...MS, floor: 0.25, boundsPerOctave: 2 } as const;
const FIRST_RUN = { ...MS, floor: 1, boundsPerOctave: 1 } as const;
const BYTES = { unit: 'bytes', perUnit: 1, floor: 0, boundsPerOctave: 1 } as const;

const START = { name: 'insitu_load_seconds', help: 'From the call of load to a ready model.' };
const phase = (name: string): QuantityRow => ({
  ...{ name: 'insitu_load_phase_seconds', help: 'Phases of loads, where they happened.', labels: { phase: name } },
  ...LOAD,
});

/** Those that are exported under a name of their own, several under one, or with other bounds. */
const NAMED: Readonly<Partial<Record<SoftwareMetric, CounterRow | QuantityRow>>> = {
  'load.outcome': { name: 'insitu_loads', help: 'How loads ended: bytes from the network, from the cache, or failed.', label: 'outcome' },
  'load.total.cold': { ...START, ...LOAD, labels: { start: 'cold' } },
  'load.total.warm': { ...START, ...LOAD, labels: { start: 'warm' } },
  'load.phase.manifest': phase('manifest'),
  'load.phase.runtime': phase('runtime'),
  'load.phase.download': phase('download'),
  'load.phase.verify': phase('verify'),
  'load.phase.compile': phase('compile'),
  'load.phase.warm-up': phase('warm-up'),
  'load.provider': { name: 'insitu_load_providers', help: 'Execution providers that loads chose.', label: 'provider' },
  'load.build': { name: 'insitu_load_builds', help: 'Builds of the runtime that loads used.', label: 'build' },
  'load.quantization': { name: 'insitu_load_quantizations', help: 'Quantizations that loads chose.', label: 'quantization' },
  'load.threads': { name: 'insitu_load_threads', help: 'Loads by WASM threads.', label: 'threads' },
  'load.fallback': { name: 'insitu_load_fallbacks', help: 'Variants and providers that loads tried and left, by reason.', label: 'reason' },
  'load.storage': { name: 'insitu_load_storage', help: 'What became of the model bytes of loads.', label: 'outcome' },
  'run.latency': { name: 'insitu_run_latency_seconds', help: 'From the call of run to its answer, first runs left out.', ...RUN },
  'run.queue': { name: 'insitu_run_queue_seconds', help: 'Runs waiting in the worker, first runs left out.', ...RUN },
  'run.runtime': { name: 'insitu_run_runtime_seconds', help: 'Runs inside the runtime, first runs left out.', ...RUN },
  'run.first.latency': { name: 'insitu_first_run_latency_seconds', help: 'From the call of the first run to its answer.', ...FIRST_RUN },
  'run.first.runtime': { name: 'insitu_first_run_runtime_seconds', help: 'First runs inside the runtime.', ...FIRST_RUN },
  'run.outcome': { name: 'insitu_runs', help: 'How runs ended.', label: 'outcome' },
  'error.load': { name: 'insitu_load_errors', help: 'Failed loads by error code.', label: 'code' },
  'error.run': { name: 'insitu_run_errors', help: 'Failed runs, and workers lost while nothing ran, by error code.', label: 'code' },
  loss: {
    name: 'insitu_losses',
    help: 'Counts that never arrived, by reason: windows, or runs for rest-expired and uncounted.',
    label: 'reason',
  },
  'memory.page': { name: 'insitu_page_memory_bytes', help: 'Memory of pages after a load, where the browser tells.', ...BYTES },
  'pressure.cpu': { name: 'insitu_cpu_pressure_samples', help: 'Samples of processor pressure while a model is loaded.', label: 'state' },
};

/** null where this release cannot say what the metric's cells are of. */
export function exportedAs({ id, title }: Pick<Metric, 'id' | 'title'>): CounterRow | QuantityRow | null {
  if (!Object.hasOwn(SOFTWARE_LAYOUT, id)) return null;
  const metric = id as SoftwareMetric;
  return NAMED[metric] ?? byId(metric, `${title}.`);
}

function byId(metric: SoftwareMetric, help: string): CounterRow | QuantityRow {
  const name = `insitu_${metric.replaceAll(/[^a-z\d]+/g, '_')}`;
  const cells = SOFTWARE_LAYOUT[metric];
  if (Array.isArray(cells)) return { name, help, label: metric.split('.').at(-1) as string };
  const shape = cells === DURATION_SCALE ? LOAD : BYTES;
  return { name: name.endsWith(`_${shape.unit}`) ? name : `${name}_${shape.unit}`, help, ...shape };
}
