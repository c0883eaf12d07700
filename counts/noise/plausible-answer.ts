/**
 * Whether an answer is one that an honest page can have given: the collector's check of what the grammar leaves open.
 *
 * Why a bound on the ones: a forger who wants to raise cells sends all of them. A page draws them, and more than this many
 * come up less than once in a million answers. A forger who stays below it moves a cell by (1 - q) / (p - q) reports at the most,
 * 3.2 for unary encoding at ε = 1, where an honest one moves it by 1.
 *
 * Not here: forgers who send many reports; a noised report has no sender that could be counted.
 */
import { likelihoodsOf } from './estimate.ts';
import type { Feature, LocalDpPlan } from './local-dp-plan.ts';

/** Share of honest answers that may be refused. */
const FALSE_REFUSAL_RATIO_MAX = 1e-6;

/** @param cells Of one noised window: the feature that was asked, then the answer's ones, rising. */
export function isAnswerOf(plan: LocalDpPlan, cells: Uint32Array): boolean {
  const feature = plan.features[cells[0] as number];
  if (feature === undefined) return false;
  const ones = cells.subarray(1);
  const isInside = ones.every((cell) => cell >= feature.offset && cell < feature.offset + feature.cellCount);
  return isInside && (feature.mechanism === 'response' ? ones.length === 1 : ones.length <= oneCountMax(feature, plan.microEps));
}

/** The most ones that are not rarer than FALSE_REFUSAL_RATIO_MAX: one position is 1 with p, the others with q. */
export function oneCountMax(feature: Feature, microEps: number): number {
  const { p, q } = likelihoodsOf(feature, microEps);
  let law = [1 - p, p];
  for (let position = 1; position < feature.cellCount; position++) {
    law = [...law, 0].map((mass, ones) => mass * (1 - q) + (law[ones - 1] ?? 0) * q);
  }
  let count = feature.cellCount;
  for (let tail = 0; count > 0; count--) {
    tail += law[count] as number;
    if (tail > FALSE_REFUSAL_RATIO_MAX) break;
  }
  return count;
}
