/**
 * Drawing votes: of each metric of a marked window at most VOTE_ITEM_COUNT_MAX items, without replacement.
 *
 * Each set of that many items is equally likely, so the counts by cell follow the multivariate hypergeometric distribution.
 *
 * Invariants
 *  - Follows from plan and window alone, the chance from the window's id: who draws again draws the same.
 *  - A metric of no more items gives them all.
 *  - What was left out of a tensor (`uncounted`) is no item: it would outnumber those that were read by a thousand to one.
 *  - A draw names no cell that its window does not, so it is never larger than the window.
 *
 * Not here: which windows are marked (sdk/delivery/marks.ts), where votes are added up (collector/store/).
 * Source: R. Floyd in J. Bentley, "Programming Pearls: a sample of brilliance" (1987), a set of m among n in m steps.
 */
import { VOTE_ITEM_COUNT_MAX } from '../../protocol/limits.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import type { Window } from '../../protocol/report/window.ts';
import { uncountedCell } from '../layout/bounds.ts';
import { IdChance } from './id-chance.ts';

/** What one window votes of one metric: at least one item. */
export interface MetricDraw {
  /** First cell of the metric in the plan, which tells it from all others. */
  readonly offset: number;
  /** Cells of the plan, rising, and the items drawn of each, at least one. Equal lengths. */
  readonly cells: readonly number[];
  readonly counts: readonly number[];
}

/** @returns Metrics that have an item, in the plan's order. */
export function drawVotes(plan: Pick<Plan, 'metrics'>, window: Pick<Window, 'id' | 'cells' | 'counts'>): readonly MetricDraw[] {
  const chance = new IdChance(window.id);
  const draws: MetricDraw[] = [];
  let index = 0;
  for (const metric of plan.metrics) {
    const first = index;
    while (index < window.cells.length && (window.cells[index] as number) < metric.offset + metric.cells.length) index++;
    const items = itemsOf(metric, window.cells.subarray(first, index), window.counts.subarray(first, index));
    const drawn = items.total > VOTE_ITEM_COUNT_MAX ? drawnOf(items, chance) : items;
    if (drawn.cells.length > 0) draws.push({ offset: metric.offset, cells: drawn.cells, counts: drawn.counts });
  }
  return draws;
}

interface Items {
  readonly cells: readonly number[];
  readonly counts: readonly number[];
  readonly total: number;
}

function itemsOf(metric: PlacedMetric, met: Uint32Array, metCounts: Uint32Array): Items {
  const uncounted = uncountedCell(metric);
  const [cells, counts]: [number[], number[]] = [[], []];
  let total = 0;
  for (const [index, cell] of met.entries()) {
    if (cell === uncounted) continue;
    const count = metCounts[index] as number;
    cells.push(cell);
    counts.push(count);
    total += count;
  }
  return { cells, counts, total };
}

function drawnOf({ cells, counts, total }: Items, chance: IdChance): Items {
  const chosen = new Set<number>();
  for (let last = total - VOTE_ITEM_COUNT_MAX; last < total; last++) {
    const item = chance.below(last + 1);
    chosen.add(chosen.has(item) ? last : item);
  }
  const drawn = new Map<number, number>();
  let [at, end] = [0, counts[0] as number];
  for (const item of [...chosen].sort((one, other) => one - other)) {
    while (item >= end) end += counts[++at] as number;
    drawn.set(cells[at] as number, (drawn.get(cells[at] as number) ?? 0) + 1);
  }
  return { cells: [...drawn.keys()], counts: [...drawn.values()], total: VOTE_ITEM_COUNT_MAX };
}
