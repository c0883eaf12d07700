/**
 * Taking the noise off: from sums of noised bits to unbiased counts and how far they may be off.
 *
 * Invariants
 *  - An estimate may be negative or above the number of reports; cutting it off there would bias it.
 *  - Never feed an estimate to a rule for exact counts (PSI > 0.1): without any drift the noise alone reaches it.
 *
 * Source: Wang et al., USENIX Security 2017: (sum - N q) / (p - q).
 */
import { EXP_UNIT, expOf } from './exponential.ts';
import type { Feature, LocalDpPlan } from './local-dp-plan.ts';

interface CellEstimate {
  /** Reports whose true cell this was, without bias. */
  readonly count: number;
  /** Of `count`, for the population that reported: the noise alone. */
  readonly variance: number;
}

interface FeatureEstimate {
  readonly metric: string;
  /** Reports that were about this metric. */
  readonly reportCount: number;
  /** One per cell of the metric in the noised plan, "null" first. */
  readonly cells: readonly CellEstimate[];
}

/** @param sums Of each cell of the plan, over any number of reports. */
export function estimateOf(plan: LocalDpPlan, sums: ArrayLike<number>): FeatureEstimate[] {
  return plan.features.map((feature, index) => {
    const reportCount = sums[index] ?? 0;
    const own = Array.from({ length: feature.cellCount }, (_, cell) => sums[feature.offset + cell] ?? 0);
    return { metric: feature.metric, reportCount, cells: estimateFeature(feature, plan.microEps, own, reportCount) };
  });
}

/** @param sums Ones in each cell of the feature over `reportCount` reports about it. */
export function estimateFeature(feature: Feature, microEps: number, sums: readonly number[], reportCount: number): CellEstimate[] {
  const { p, q } = likelihoodsOf(feature, microEps);
  return sums.map((sum) => {
    const count = (sum - reportCount * q) / (p - q);
    const own = Math.min(Math.max(count, 0), reportCount);
    return { count, variance: (own * p * (1 - p) + (reportCount - own) * q * (1 - q)) / (p - q) ** 2 };
  });
}

/** Probability that a cell's bit is a one: `p` where the value is, `q` where it is not. */
export function likelihoodsOf({ mechanism, cellCount }: Feature, microEps: number): { readonly p: number; readonly q: number } {
  const e = Number(expOf(microEps)) / Number(EXP_UNIT);
  return mechanism === 'unary' ? { p: 1 / 2, q: 1 / (e + 1) } : { p: e / (e + cellCount - 1), q: 1 / (e + cellCount - 1) };
}
