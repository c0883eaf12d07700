/**
 * Distances of two histograms on the same cells, as other tools call them.
 *
 * Invariants
 *  - Descriptions, like those of counts/statistics/summary.ts: they decide nothing.
 *  - null where one side is empty, and of distances along the number line where the metric has none.
 *
 * Not here: PSI and Jensen-Shannon (counts/statistics/summary.ts), alarms (counts/monitor).
 * Source: the definitions of SciPy's `chi2_contingency` without correction, `ks_2samp` and `wasserstein_distance`.
 */
import type { Metric } from '../../protocol/report/plan.ts';
import { numberLine, totalOf } from './summary.ts';

interface ChiSquare {
  readonly value: number;
  /** Degrees of freedom. */
  readonly freedom: number;
}

/** Pearson's chi-square of the table of both sides, over the cells that either has met. */
export function chiSquareOf(expected: ArrayLike<number>, observed: ArrayLike<number>): ChiSquare | null {
  const totals = [totalOf(expected), totalOf(observed)] as const;
  if (totals[0] === 0 || totals[1] === 0) return null;
  const all = totals[0] + totals[1];
  let value = 0;
  let metCount = 0;
  for (let cell = 0; cell < expected.length; cell++) {
    const both = (expected[cell] as number) + (observed[cell] as number);
    if (both === 0) continue;
    metCount++;
    for (const [side, total] of [[expected, totals[0]] as const, [observed, totals[1]] as const]) {
      const mean = both * (total / all);
      value += ((side[cell] as number) - mean) ** 2 / mean;
    }
  }
  return { value, freedom: metCount - 1 };
}

/** Largest gap between the shares below any edge. Cells off the number line are left out. */
export function kolmogorovSmirnov(metric: Metric, expected: ArrayLike<number>, observed: ArrayLike<number>): number | null {
  const gaps = gapsAlongLine(metric, expected, observed);
  return gaps === null ? null : gaps.reduce((most, { gap }) => Math.max(most, gap), 0);
}

/**
 * How far values have to move, in the metric's unit and in the mean, to make one histogram of the other. A cell stands for its middle,
 * and an open one for its edge.
 */
export function wassersteinDistance(metric: Metric, expected: ArrayLike<number>, observed: ArrayLike<number>): number | null {
  const gaps = gapsAlongLine(metric, expected, observed);
  return gaps === null ? null : gaps.reduce((sum, { gap, width }) => sum + gap * width, 0);
}

/** Behind each cell: the gap between the shares up to it, and how far the next cell's middle is. */
function gapsAlongLine(
  metric: Metric,
  expected: ArrayLike<number>,
  observed: ArrayLike<number>,
): { readonly gap: number; readonly width: number }[] | null {
  const [one, other] = [numberLine(metric, expected), numberLine(metric, observed)];
  const totals = [one, other].map((line) => line.reduce((sum, { count }) => sum + count, 0)) as [number, number];
  if (totals[0] === 0 || totals[1] === 0) return null;
  let below = 0;
  let otherBelow = 0;
  return one.map(({ count, lower, upper }, index) => {
    below += count;
    otherBelow += other[index]?.count ?? 0;
    const next = one[index + 1];
    const width = next === undefined ? 0 : (next.lower + next.upper - lower - upper) / 2;
    return { gap: Math.abs(below / totals[0] - otherBelow / totals[1]), width };
  });
}
