/**
 * Bounds: the most that runs can say of a metric, and how many runs may speak at all.
 *
 * Why here: a counter that counts more than somebody else believes loses honest reports, and one who believes more than a counter can
 * count believes liars. So the kinds count no further than this, a page's windows leave by it, and the collector accepts by it.
 *
 * Invariants
 *  - Every metric has a finite bound, in what the window says itself: its runs, and the items whose state it counted.
 *  - A bound of a window is the sum of those of its runs: windows that keep to it keep to it when they are added up.
 *  - The cell `uncounted` is of what was left out, and has a bound of its own.
 *
 * Not here: how a kind leaves out what is too much (counts/tally/rows.ts, counts/kinds), how a page tells no more events than are
 * believed (sdk/delivery/open-window.ts), answers with noise (counts/noise/plausible-answer.ts).
 */
import {
  BATCH_AXIS_COUNT_MAX,
  COUNTED_ELEMENT_COUNT_MAX,
  DATA_REPORT_RUN_COUNT_MIN,
  FEEDBACK_PER_RUN_COUNT_MAX,
  SOFTWARE_EVENT_COUNT_MAX,
  UNCOUNTED_COUNT_MAX,
} from '../../protocol/limits.ts';
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { CountedOf, Metric, PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import type { Window } from '../../protocol/report/window.ts';
import { REPEAT_CELL, REPEAT_ID } from './plan.ts';

/** Elements, texts or boxes of one tensor that one run counts: those that are read, and one more for each row. */
export const PART_COUNT_MAX = COUNTED_ELEMENT_COUNT_MAX + BATCH_AXIS_COUNT_MAX;

/** Elements or items that were left out, as far as they are told. */
export function toldUncounted(count: number): number {
  return Math.min(count, UNCOUNTED_COUNT_MAX);
}

export function inputOf({ name }: Pick<ManifestInput, 'name'>): CountedOf {
  return { side: 'input', tensor: name };
}

/** Rows of scores lie along every axis but the last; all other items along the first. */
export function outputOf({ name, kind, dims }: Pick<ManifestOutput, 'name' | 'kind' | 'dims'>): CountedOf {
  const rows = kind === 'label-scores' ? scoreRowCountMax(dims) : 1;
  return { side: 'output', tensor: name, itemCountMax: Math.min(COUNTED_ELEMENT_COUNT_MAX, Math.max(BATCH_AXIS_COUNT_MAX, rows)) };
}

/** An axis without a length may have any, and a tensor without axes too: nobody knows its rank. */
function scoreRowCountMax(dims: ManifestOutput['dims']): number {
  if (dims.length === 0) return Infinity;
  return dims.slice(0, -1).reduce((product: number, axis, at) => product * lengthMax(axis, at), 1);
}

function lengthMax(axis: number | string, at: number): number {
  if (typeof axis === 'number') return Math.max(1, axis);
  return at === 0 && axis === 'batch' ? BATCH_AXIS_COUNT_MAX : Infinity;
}

/** Items of the tensor that one run counts; of a longer one every n-th. Plans of earlier releases do not say it of their outputs. */
export function itemCountMaxOf({ side, itemCountMax = COUNTED_ELEMENT_COUNT_MAX }: CountedOf): number {
  return side === 'input' ? BATCH_AXIS_COUNT_MAX : itemCountMax;
}

/** Runs whose inputs were not those of a run shortly before. */
export function areEnoughRuns(runs: number, repeats: number): boolean {
  return runs - repeats >= DATA_REPORT_RUN_COUNT_MIN;
}

/** Runs of a data window that were counted as repeats. */
export function repeatsOf({ cells, counts }: Pick<Window, 'cells' | 'counts'>, plan: Plan): number {
  const repeat = plan.metrics.find(({ id }) => id === REPEAT_ID);
  const at = repeat === undefined ? -1 : cells.indexOf(repeat.offset + REPEAT_CELL);
  return counts[at] ?? 0;
}

type Counted = Pick<Window, 'runs' | 'cells' | 'counts'>;

/** Whether a window's runs can have led to its cells. One pass: cells rise, and a plan has the states of all tensors before what they bound. */
export function isPlausible({ runs, cells, counts }: Counted, plan: Plan): boolean {
  const itemCounts = new Map<string, number>();
  let index = 0;
  for (const metric of plan.metrics) {
    const end = metric.offset + metric.cells.length;
    const uncountedAt = uncountedCell(metric);
    let [total, uncounted] = [0, 0];
    for (; index < cells.length && (cells[index] as number) < end; index++) {
      if (cells[index] === uncountedAt) uncounted = counts[index] as number;
      else total += counts[index] as number;
    }
    if (metric.role === 'state' && metric.of !== null) itemCounts.set(tensorKey(metric.of), total);
    const most = plan.report === 'software' ? runs + SOFTWARE_EVENT_COUNT_MAX : totalMax(metric, runs, itemCounts);
    if (total > most || uncounted > runs * UNCOUNTED_COUNT_MAX) return false;
  }
  return true;
}

/** The cell of what was left out of a tensor; null where there is none. A software report's losses have one of that name. */
export function uncountedCell({ of, offset, cells }: PlacedMetric): number | null {
  const at = of === null ? -1 : cells.indexOf('uncounted');
  return at < 0 ? null : offset + at;
}

function totalMax({ per, of, role }: Metric, runs: number, itemCounts: ReadonlyMap<string, number>): number {
  if (per === 'run') return runs;
  if (per === 'event' || of === null) return runs * FEEDBACK_PER_RUN_COUNT_MAX;
  const runMax = runs * itemCountMaxOf(of);
  if (role === 'state') return runMax;
  // A tensor whose state did not fit into the plan says nothing of its items.
  const items = itemCounts.get(tensorKey(of)) ?? runMax;
  return per === 'item' ? items : Math.min(runs, items) * PART_COUNT_MAX;
}

function tensorKey({ side, tensor }: CountedOf): string {
  return `${side} ${tensor}`;
}
