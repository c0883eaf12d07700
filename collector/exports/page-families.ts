/**
 * Page families: what pages reported, as families of metrics with model, version and arm as labels.
 *
 * Why no values of inputs and outputs: a plan has up to 65,536 cells, and each would be a number that Prometheus keeps for years. A
 * threshold on one cell says little of drift. Of the data only what is bounded and can be acted upon by itself is exported: in which state
 * items were (missing, empty, NaN …), which runs were repeats, and what people did with answers. Distributions are read by `GET /v1/series`.
 *
 * Invariants
 *  - Sums of different plans are never added up: the plan is a label.
 *  - At most EXPORTED_TENSOR_COUNT_MAX tensors of a plan, and EXPORTED_NUMBER_COUNT_MAX numbers in all. A model that does not fit is left out
 *    as a whole and counted; those that were registered first come first.
 *  - A zero is exported too: a counter that appears with 1 has no rise that could be seen.
 *  - What is NaN lies in no cell between bounds and counts as above the last, as the OpenMetrics text wants it.
 *
 * Not here: names and units (page-metrics.ts), where sums come from (lifetime-sums.ts).
 */
import { setImmediate } from 'node:timers/promises';
import { REPEAT_ID } from '../../counts/layout/plan.ts';
import { OUTCOME_ID } from '../../counts/plans/feedback.ts';
import { EXPORTED_NUMBER_COUNT_MAX, EXPORTED_TENSOR_COUNT_MAX } from '../../protocol/read/export-limits.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import type { CellRange, LifetimeSum, Registration } from '../store/store.ts';
import { type HistogramPoint, type Labels, type MetricFamily, NO_LABELS, type NumberPoint, numberCountOf } from './family.ts';
import { exportedAs, type QuantityRow } from './page-metrics.ts';

/** What the exports ask the registry. */
interface ExportedModels {
  readonly models: readonly { readonly registration: Registration }[];
  planOf(modelVersion: string, hash: string): Plan | null | undefined;
}

/** A family without its points, and the points of one sum. */
interface Part {
  readonly family: Omit<MetricFamily, 'points'>;
  readonly points: readonly (NumberPoint | HistogramPoint)[];
}

const REPORTS = { name: 'insitu_reports', help: 'Reports that were counted and may be shown.', unit: null, kind: 'counter' } as const;
const LEFT_OUT = {
  name: 'insitu_exported_models_left_out',
  unit: null,
  kind: 'gauge',
  help: 'Model versions of which nothing is exported, because all of it would be too much.',
} as const;
const ITEMS = {
  name: 'insitu_items',
  unit: null,
  kind: 'counter',
  help: 'Items of inputs and outputs by state: present or ok, missing, empty, nan and so on.',
} as const;
const REPEATS = {
  name: 'insitu_run_inputs',
  help: 'Runs by whether their inputs were new or repeated.',
  unit: null,
  kind: 'counter',
} as const;
const FEEDBACK = { name: 'insitu_feedback', help: 'What people did with answers.', unit: null, kind: 'counter' } as const;

/** Which cells of a plan are exported. */
export function exportedCells(hash: string, plan: Plan): CellRange[] {
  if (plan.report === 'software') return [{ plan: hash, firstCell: 0, endCell: plan.cellCount }];
  const ranges: CellRange[] = [];
  for (const { offset, cells } of plan.report === 'data' ? dataMetricsOf(plan) : []) {
    const last = ranges.at(-1);
    const endCell = offset + cells.length;
    if (last?.endCell === offset) ranges[ranges.length - 1] = { ...last, endCell };
    else ranges.push({ plan: hash, firstCell: offset, endCell });
  }
  return ranges;
}

function dataMetricsOf({ metrics }: Plan): PlacedMetric[] {
  const states = metrics.filter(({ role }) => role === 'state').slice(0, EXPORTED_TENSOR_COUNT_MAX);
  return metrics.filter((metric) => metric.id === REPEAT_ID || metric.id === OUTCOME_ID || states.includes(metric));
}

/** Gives the event loop back between models. */
export async function pageFamilies(sums: readonly LifetimeSum[], known: ExportedModels): Promise<MetricFamily[]> {
  const registered = new Map(known.models.map(({ registration }) => [registration.modelVersion, registration]));
  const byVersion = new Map<string, LifetimeSum[]>();
  for (const sum of sums) byVersion.set(sum.modelVersion, [...(byVersion.get(sum.modelVersion) ?? []), sum]);
  const families = new Map<string, { readonly family: Omit<MetricFamily, 'points'>; readonly points: (NumberPoint | HistogramPoint)[] }>();
  let roomCount = EXPORTED_NUMBER_COUNT_MAX;
  let leftOutCount = 0;
  for (const modelVersion of [...registered.keys(), UNKNOWN_MODEL_VERSION]) {
    await setImmediate();
    const ofModel = byVersion.get(modelVersion) ?? [];
    const parts = ofModel.flatMap((sum) => partsOf(sum, known.planOf(modelVersion, sum.plan), registered.get(modelVersion)));
    let numberCount = 0;
    for (const { points } of parts) for (const point of points) numberCount += numberCountOf(point);
    if (numberCount > roomCount) {
      leftOutCount++;
      continue;
    }
    roomCount -= numberCount;
    for (const { family, points } of parts) {
      const found = families.get(family.name) ?? { family, points: [] };
      families.set(family.name, found);
      found.points.push(...points);
    }
  }
  const made = [...families.values()].map(({ family, points }) => ({ ...family, points }) as MetricFamily);
  return [...made, { ...LEFT_OUT, points: [{ shared: NO_LABELS, labels: {}, value: leftOutCount, startMs: 0 }] }];
}

/** Nothing of a plan that is not known any more: nobody can say what its cells mean. */
function partsOf(sum: LifetimeSum, plan: Plan | null | undefined, model: Registration | undefined): Part[] {
  if (plan === null || plan === undefined) return [];
  const shared = {
    ...{ model: model?.name ?? 'unknown', version: model?.version ?? 'unknown', model_version: sum.modelVersion },
    ...{ arm: sum.arm, plan: sum.plan },
  };
  const startMs = model?.registeredAtMs ?? 0;
  const reports: Part = { family: REPORTS, points: [{ shared, labels: { report: plan.report }, value: sum.reports, startMs }] };
  const metrics = plan.report === 'software' ? plan.metrics : dataMetricsOf(plan);
  return [reports, ...metrics.flatMap((metric) => partOf(metric, sum, shared, startMs) ?? [])];
}

function partOf(metric: PlacedMetric, sum: LifetimeSum, shared: Labels, startMs: number): Part | null {
  const countOf = (cell: number) => sum.counts.get(metric.offset + cell) ?? 0;
  const counters = (label: string, more: Labels = {}): NumberPoint[] =>
    metric.cells.map((cell, index) => ({ shared, labels: { ...more, [label]: cell }, value: countOf(index), startMs }));
  if (metric.role === 'state' && metric.of !== null) {
    return { family: ITEMS, points: counters('state', { side: metric.of.side, tensor: metric.of.tensor }) };
  }
  if (metric.id === REPEAT_ID) return { family: REPEATS, points: counters('inputs') };
  if (metric.id === OUTCOME_ID) return { family: FEEDBACK, points: counters('outcome') };
  const row = exportedAs(metric);
  if (row === null) return null;
  const { name, help } = row;
  if ('label' in row) return { family: { name, help, unit: null, kind: 'counter' }, points: counters(row.label) };
  const histogram = histogramOf(metric, row, countOf);
  if (histogram === null) return null;
  return {
    family: { name, help, unit: row.unit, kind: 'histogram' },
    points: [{ ...histogram, shared, labels: row.labels ?? {}, startMs }],
  };
}

/** null when the plan of another release has no range there. */
function histogramOf(metric: PlacedMetric, { perUnit, floor, boundsPerOctave }: QuantityRow, countOf: (cell: number) => number) {
  if (metric.edges === null) return null;
  const { firstCell, values } = metric.edges;
  const bounds: number[] = [];
  const counts: number[] = [];
  // Below the first edge; what stands before that cell (nan) is on no side of any bound.
  let count = countOf(firstCell - 1);
  values.forEach((edge, index) => {
    if (edge >= floor && isBound(edge, boundsPerOctave)) {
      bounds.push(edge / perUnit);
      counts.push(count);
      count = 0;
    }
    count += countOf(firstCell + index);
  });
  let odd = 0;
  for (let cell = 0; cell < firstCell - 1; cell++) odd += countOf(cell);
  for (let cell = firstCell + values.length; cell < metric.cells.length; cell++) odd += countOf(cell);
  return { bounds, counts: [...counts, count + odd] };
}

/** A power of two, or the middle between two of them. */
function isBound(edge: number, perOctave: 1 | 2): boolean {
  const octave = 2 ** Math.floor(Math.log2(edge));
  return edge === octave || (perOctave === 2 && edge === 1.5 * octave);
}
