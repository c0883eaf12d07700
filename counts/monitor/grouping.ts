/**
 * Grouping: a metric's cells united into the few groups that are watched.
 *
 * Why: a metric may have thousands of cells. Evidence is spread over what is watched, and a group that the baseline never met says
 * nothing but that it was met.
 *
 * Invariants
 *  - Every cell belongs to exactly one group, so grouped counts add up to the metric's.
 *  - Groups on the number line keep its order and come first; what is off the line (nan, infinities, uncounted) follows.
 *  - Made once from the first votes of a burn-in, then frozen: groups that follow the data hide its shift.
 */
import { GROUP_COUNT_MAX, LINE_GROUP_COUNT_MAX, OFF_LINE_GROUP_COUNT_MAX } from '../../protocol/monitor-limits.ts';
import type { Metric } from '../../protocol/report/plan.ts';

/** Cells of a metric as the monitor sees them. */
export interface MetricCells {
  readonly cellCount: number;
  /** Cells on the number line, from left to right; null where cells have no order. */
  readonly line: { readonly firstCell: number; readonly cellCount: number } | null;
}

export interface Grouping {
  /** Group of each cell. */
  readonly groupOf: readonly number[];
  readonly groupCount: number;
  /** The first so many groups lie on a number line; 0 where cells have no order. */
  readonly lineGroupCount: number;
}

/** Counts of few of many cells: by cell. */
export type SparseCounts = { readonly [cell: string]: number };

/** The line begins with the cell that is open downward. */
export function metricCells({ cells, edges }: Pick<Metric, 'cells' | 'edges'>): MetricCells {
  if (edges === null) return { cellCount: cells.length, line: null };
  return { cellCount: cells.length, line: { firstCell: edges.firstCell - 1, cellCount: edges.values.length + 1 } };
}

/** @param counts What was seen of each cell so far. */
export function groupCells(cells: MetricCells, counts: SparseCounts): Grouping {
  return cells.line === null ? groupCategories(cells.cellCount, counts) : groupLine(cells, cells.line, counts);
}

/** The most frequent stay alone, the others share one group. */
function groupCategories(cellCount: number, counts: SparseCounts): Grouping {
  const all = Array.from({ length: cellCount }, (_, cell) => cell);
  if (cellCount <= GROUP_COUNT_MAX) return { groupOf: all, groupCount: cellCount, lineGroupCount: 0 };
  const byCount = all.sort((one, other) => (counts[other] ?? 0) - (counts[one] ?? 0) || one - other);
  const groupOf: number[] = new Array(cellCount).fill(GROUP_COUNT_MAX - 1);
  byCount.slice(0, GROUP_COUNT_MAX - 1).forEach((cell, group) => {
    groupOf[cell] = group;
  });
  return { groupOf, groupCount: GROUP_COUNT_MAX, lineGroupCount: 0 };
}

/** Neighbours on the line are united until each group has about the same share of what was seen. */
function groupLine({ cellCount }: MetricCells, line: NonNullable<MetricCells['line']>, counts: SparseCounts): Grouping {
  const onLine = Array.from({ length: line.cellCount }, (_, index) => line.firstCell + index);
  const total = onLine.reduce((sum, cell) => sum + (counts[cell] ?? 0), 0);
  const isWhole = line.cellCount <= LINE_GROUP_COUNT_MAX;
  const groupOf: number[] = new Array(cellCount).fill(-1);
  let group = 0;
  let own = 0;
  let left = total === 0 ? line.cellCount : total;
  onLine.forEach((cell, index) => {
    groupOf[cell] = group;
    own += total === 0 ? 1 : (counts[cell] ?? 0);
    // A fair share of what is left: a cell that holds half of all must not leave its neighbours a group each.
    const isFull = isWhole || own * (LINE_GROUP_COUNT_MAX - group) >= left;
    // The last group stays open: it takes whatever lies above.
    if (!isFull || group === LINE_GROUP_COUNT_MAX - 1 || index === onLine.length - 1) return;
    group++;
    left -= own;
    own = 0;
  });
  const lineGroupCount = group + 1;
  let offCount = 0;
  groupOf.forEach((known, cell) => {
    if (known >= 0) return;
    groupOf[cell] = lineGroupCount + Math.min(offCount, OFF_LINE_GROUP_COUNT_MAX - 1);
    offCount++;
  });
  return { groupOf, groupCount: lineGroupCount + Math.min(offCount, OFF_LINE_GROUP_COUNT_MAX), lineGroupCount };
}
