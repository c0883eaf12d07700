/**
 * Summaries of counts, for people: totals, quantiles, means, distances.
 *
 * Invariants
 *  - A quantile lies in the cell that holds it, so it is off by at most that cell's width.
 *  - Distances are descriptions. They decide nothing: their scale depends on the number of observations.
 *
 * Source: PSI as used in credit scoring (Siddiqi, 2006); Jensen-Shannon after Lin (1991), in bits.
 */
import type { Metric, PlacedMetric } from '../../protocol/report/plan.ts';

/** Counts of one metric, one entry per cell. */
export type DenseCounts = Float64Array;

/** Picks a metric's cells out of sums over the whole plan; the same cell may come many times. */
export function denseOf(metric: PlacedMetric, sums: Iterable<{ readonly cell: number; readonly count: number }>): DenseCounts {
  const counts = new Float64Array(metric.cells.length);
  for (const { cell, count } of sums) {
    const index = cell - metric.offset;
    if (index >= 0 && index < counts.length) counts[index] = (counts[index] as number) + count;
  }
  return counts;
}

export function totalOf(counts: ArrayLike<number>): number {
  let total = 0;
  for (let index = 0; index < counts.length; index++) total += counts[index] as number;
  return total;
}

/** Count of the cell with that id; 0 when the metric has no such cell. */
export function countOf(metric: Metric, counts: ArrayLike<number>, cellId: string): number {
  return counts[metric.cells.indexOf(cellId)] ?? 0;
}

/** Share of each cell; all 0 when nothing was counted. */
export function fractionsOf(counts: ArrayLike<number>): Float64Array {
  const total = totalOf(counts);
  return Float64Array.from(counts, (count) => (total === 0 ? 0 : count / total));
}

/**
 * Value below which a share `q` of the counted values lies, interpolated within its cell. NaN, infinities and other
 * cells off the number line are left out. An open cell at either end answers with its one edge.
 *
 * @param q 0 … 1.
 * @returns null when the metric has no number line or nothing was counted on it.
 */
export function quantileOf(metric: Metric, counts: ArrayLike<number>, q: number): number | null {
  const line = numberLine(metric, counts);
  const total = line.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (const { count, lower, upper } of line) {
    if (count > 0 && below + count >= rank) return lower + (upper - lower) * Math.max(0, (rank - below) / count);
    below += count;
  }
  return null;
}

/** Mean if every value lay in the middle of its cell; null as for `quantileOf`. */
export function meanOf(metric: Metric, counts: ArrayLike<number>): number | null {
  const line = numberLine(metric, counts);
  const total = line.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  return line.reduce((sum, { count, lower, upper }) => sum + count * ((lower + upper) / 2), 0) / total;
}

/** Cells of the number line from left to right; the open ones have no width. */
export function numberLine(metric: Metric, counts: ArrayLike<number>): { count: number; lower: number; upper: number }[] {
  if (metric.edges === null) return [];
  const { firstCell, values } = metric.edges;
  const first = values[0] as number;
  const under = { count: counts[firstCell - 1] ?? 0, lower: first, upper: first };
  return [under, ...values.map((lower, index) => ({ count: counts[firstCell + index] ?? 0, lower, upper: values[index + 1] ?? lower }))];
}

/** Half an observation per cell, so that an empty cell does not make a distance infinite. */
function smoothed(counts: ArrayLike<number>, cells: readonly number[]): number[] {
  const total = cells.reduce((sum, cell) => sum + (counts[cell] as number) + 0.5, 0);
  return cells.map((cell) => ((counts[cell] as number) + 0.5) / total);
}

/** Population stability index of `observed` against `expected`, over the cells that either has met; null when one has met none. */
export function populationStabilityIndex(expected: ArrayLike<number>, observed: ArrayLike<number>): number | null {
  if (totalOf(expected) === 0 || totalOf(observed) === 0) return null;
  const cells = Array.from(expected, (_, cell) => cell).filter((cell) => (expected[cell] as number) + (observed[cell] as number) > 0);
  const p = smoothed(expected, cells);
  const q = smoothed(observed, cells);
  return p.reduce((sum, share, index) => sum + ((q[index] as number) - share) * Math.log((q[index] as number) / share), 0);
}

/** Jensen-Shannon divergence in bits: 0 = same shares, 1 = no cell in common; null when one side is empty. */
export function jensenShannonDivergence(expected: ArrayLike<number>, observed: ArrayLike<number>): number | null {
  if (totalOf(expected) === 0 || totalOf(observed) === 0) return null;
  const p = fractionsOf(expected);
  const q = fractionsOf(observed);
  const half = (share: number, mean: number): number => (share === 0 ? 0 : (share * Math.log2(share / mean)) / 2);
  return p.reduce((sum, share, cell) => {
    const other = q[cell] as number;
    const mean = (share + other) / 2;
    return sum + half(share, mean) + half(other, mean);
  }, 0);
}
