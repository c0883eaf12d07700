/**
 * Scores kernel: top class, its probability, entropy and margin of one row of label scores.
 *
 * Invariants
 *  - Logits get a soft-max with the maximum subtracted first, so large logits do not overflow.
 *  - The first of equal maxima wins, as in every argmax that a caller is likely to use.
 *
 * Not here: rows that have no answer (NaN, all zero, constant); counts/run/run-counter.ts counts those as states.
 */
import type { ScoreMetric } from '../plans/data-plan.ts';

export type ScoresMeasure = { readonly [M in ScoreMetric]: number } & { readonly topIndex: number };

export function measureScores(values: ArrayLike<number>, start: number, count: number, areLogits: boolean): ScoresMeasure {
  let topIndex = 0;
  let top = -Infinity;
  let second = -Infinity;
  for (let index = 0; index < count; index++) {
    const value = values[start + index] as number;
    if (value > top) {
      second = top;
      top = value;
      topIndex = index;
    } else if (value > second) {
      second = value;
    }
  }
  // One class leaves nothing open: its entropy is 0 of whatever scale.
  const entropyMax = count > 1 ? Math.log(count) : Infinity;
  if (!areLogits) {
    const entropy = entropyOf(values, start, count) / entropyMax;
    return { topIndex, score: top, entropy, margin: count > 1 ? top - second : top };
  }
  let sum = 0;
  let weighted = 0;
  for (let index = 0; index < count; index++) {
    const distance = (values[start + index] as number) - top;
    const weight = Math.exp(distance);
    sum += weight;
    weighted += weight * distance;
  }
  const secondScore = count > 1 ? Math.exp(second - top) / sum : 0;
  return {
    topIndex,
    score: 1 / sum,
    entropy: Math.max(0, (Math.log(sum) - weighted / sum) / entropyMax),
    margin: 1 / sum - secondScore,
  };
}

/** Never below 0: a top probability that was rounded above 1 would make it so. */
function entropyOf(values: ArrayLike<number>, start: number, count: number): number {
  let entropy = 0;
  for (let index = 0; index < count; index++) {
    const value = values[start + index] as number;
    if (value > 0) entropy -= value * Math.log(value);
  }
  return Math.max(0, entropy);
}
