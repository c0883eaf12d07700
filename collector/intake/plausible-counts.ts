/**
 * Plausible counts: whether a window's runs can have led to its cells, by what each metric says of itself.
 *
 * Why: a report is believed without knowing who sent it. A metric that counts more than its runs and items can have is a fault or a lie,
 * and would weigh more than honest ones.
 *
 * Invariants
 *  - Decided by `per`, `of` and `role` (protocol/report/plan.ts) alone, which the counters hold to: whatever a run counter counts passes.
 *  - An input has at most BATCH_AXIS_COUNT_MAX items per run, an output at most OUTPUT_ITEM_COUNT_MAX.
 *  - A metric of a software report counts at most one for each run, and SOFTWARE_EVENT_COUNT_MAX of what is no run.
 *
 * Not here: whether a cell is in the plan (collector/intake/intake.ts), answers with noise (counts/noise/plausible-answer.ts).
 */
import {
  BATCH_AXIS_COUNT_MAX,
  OUTPUT_ITEM_COUNT_MAX,
  OUTPUT_UNCOUNTED_COUNT_MAX,
  SOFTWARE_EVENT_COUNT_MAX,
} from '../../protocol/limits.ts';
import type { CountedOf, Metric, Plan } from '../../protocol/report/plan.ts';
import type { Window } from '../../protocol/report/window.ts';

/** Cell of an output's state: items that were left out of the counting, and bound nothing. */
const UNCOUNTED = 'uncounted';

/** One pass: a window's cells rise, and a plan has the states of all tensors before what they bound. */
export function isPlausible({ runs, cells, counts }: Pick<Window, 'runs' | 'cells' | 'counts'>, plan: Plan): boolean {
  const itemCounts = new Map<string, number>();
  let index = 0;
  for (const metric of plan.metrics) {
    const end = metric.offset + metric.cells.length;
    const uncountedCell = isOutputState(metric) ? metric.offset + metric.cells.indexOf(UNCOUNTED) : -1;
    let [total, uncounted] = [0, 0];
    for (; index < cells.length && (cells[index] as number) < end; index++) {
      if (cells[index] === uncountedCell) uncounted += counts[index] as number;
      else total += counts[index] as number;
    }
    if (metric.role === 'state' && metric.of !== null) itemCounts.set(tensorKey(metric.of), total);
    const totalMax = plan.report === 'software' ? runs + SOFTWARE_EVENT_COUNT_MAX : dataTotalMax(metric, runs, itemCounts);
    if (total > totalMax || uncounted > runs * OUTPUT_UNCOUNTED_COUNT_MAX) return false;
  }
  return true;
}

function isOutputState({ role, of, cells }: Metric): boolean {
  return role === 'state' && of?.side === 'output' && cells.includes(UNCOUNTED);
}

function dataTotalMax({ per, of, role }: Metric, runs: number, itemCounts: ReadonlyMap<string, number>): number {
  if (per === 'run') return runs;
  if (per !== 'item' || of === null) return Infinity;
  // A tensor whose state did not fit into the plan says nothing of its items.
  if (role !== 'state') return itemCounts.get(tensorKey(of)) ?? Infinity;
  return runs * (of.side === 'input' ? BATCH_AXIS_COUNT_MAX : OUTPUT_ITEM_COUNT_MAX);
}

function tensorKey({ side, tensor }: CountedOf): string {
  return `${side} ${tensor}`;
}
