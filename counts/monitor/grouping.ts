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

/** What is off the line follows, each alone while there is room. */
function groupLine({ cellCount }: MetricCells, line: NonNullable<MetricCells['line']>, counts: SparseCounts): Grouping {
  const seen = Array.from({ length: line.cellCount }, (_, index) => counts[line.firstCell + index] ?? 0);
  const onLine = line.cellCount <= LINE_GROUP_COUNT_MAX ? seen.map((_, index) => index) : uniteNeighbours(seen);
  const lineGroupCount = (onLine.at(-1) as number) + 1;
  let offCount = 0;
  const groupOf = Array.from({ length: cellCount }, (_, cell) => {
    return onLine[cell - line.firstCell] ?? lineGroupCount + Math.min(offCount++, OFF_LINE_GROUP_COUNT_MAX - 1);
  });
  return { groupOf, groupCount: lineGroupCount + Math.min(offCount, OFF_LINE_GROUP_COUNT_MAX), lineGroupCount };
}

/** Half of a fair share: a smaller group would be told by few items, and by how far it moved more of its own chance than of the change. */
const GROUP_RATIO_MIN = 1 / (2 * LINE_GROUP_COUNT_MAX);
/** Groups below and above a cell that holds more than half of all. */
const SIDE_GROUP_COUNT_MAX = (LINE_GROUP_COUNT_MAX - 2) / 2;

/**
 * A cell that holds more than half of all stands alone, and what lies below and above it has groups of its own, also where nobody was met: a
 * sure model has nearly all scores in one cell, and gets unsure by falling out of it.
 *
 * @returns The group of each cell.
 */
function uniteNeighbours(seen: readonly number[]): number[] {
  const counts = seen.some((count) => count > 0) ? seen : seen.map(() => 1);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const most = counts.findIndex((count) => 2 * count > total);
  if (most < 0) return uniteEvenly(counts, LINE_GROUP_COUNT_MAX, GROUP_RATIO_MIN * total);
  const [below, above] = [counts.slice(0, most), counts.slice(most + 1)].map((side) =>
    uniteEvenly(side, SIDE_GROUP_COUNT_MAX, GROUP_RATIO_MIN * total),
  ) as [number[], number[]];
  const own = below.length === 0 ? 0 : (below.at(-1) as number) + 1;
  return [...below, own, ...above.map((group) => own + 1 + group)];
}

/**
 * Neighbours are united until each group has about the same share of what is left. What lies below the lowest and above the highest that was
 * met joins them.
 *
 * @param least Of each group.
 */
function uniteEvenly(counts: readonly number[], groupCountMax: number, least: number): number[] {
  let left = counts.reduce((sum, count) => sum + count, 0);
  let group = 0;
  let own = 0;
  const isFull = (count: number) => own >= least && count * (groupCountMax - group) >= left && left - own >= least;
  const close = () => {
    if (group === groupCountMax - 1) return;
    group++;
    left -= own;
    own = 0;
  };
  return counts.map((count) => {
    // A cell with a share of its own does not take in what lies below it.
    if (isFull(count)) close();
    const joined = group;
    own += count;
    if (isFull(own)) close();
    return joined;
  });
}
