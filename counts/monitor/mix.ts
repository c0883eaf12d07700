/**
 * Mix: whether segments themselves changed, or only how many windows each of them has.
 *
 * Why: sums over all segments move when people change from one browser to another, though no browser's inputs moved. That is a
 * finding of another kind, and nobody should retrain a model for it.
 *
 * Invariants
 *  - Each segment is compared with its own baseline, so what their shares do is left out.
 *  - `alone` and `also` are told only where the shares themselves have moved beyond chance.
 */
import { chiSquareScore } from '../statistics/chi-square.ts';
import type { Reference } from './baseline.ts';
import type { ScoredDay } from './detector.ts';
import { effectOf, sumDays } from './effect.ts';
import type { Finding } from './finding.ts';

/** A stream since the onset. */
export interface Part {
  readonly reference: Reference;
  readonly days: readonly ScoredDay[];
}

/** Shares of segments have moved from here on: chance passes 4 standard deviations once in 30,000. */
const MIX_SCORE_MIN = 4;
/** Segments have moved from here on, one chance in a hundred, … */
const WITHIN_SCORE_MIN = 2.33;
/** … and by so much of what all together moved. */
const WITHIN_EFFECT_RATIO_MIN = 0.25;

/**
 * @param mix The shares of segments. @param segments The alarmed metric in each segment that has a baseline.
 * @param effect How far all together moved.
 */
export function explainMix(mix: Part | null, segments: readonly Part[], effect: number | null): Finding['mix'] {
  if (mix === null || segments.length < 2) return null;
  if (scoreOf([mix]) < MIX_SCORE_MIN) return 'steady';
  const within = meanEffect(segments);
  if (within === null) return null;
  const isMoved = scoreOf(segments) >= WITHIN_SCORE_MIN && (effect === null || within >= WITHIN_EFFECT_RATIO_MIN * effect);
  return isMoved ? 'also' : 'alone';
}

/** Chi-square of all parts against their baselines, the baselines' own uncertainty included. */
function scoreOf(parts: readonly Part[]): number {
  let value = 0;
  let freedom = 0;
  for (const { reference, days } of parts) {
    reference.strata.forEach(({ shares, observations }, stratum) => {
      const { counts, total } = sumDays(days, stratum, shares.length);
      if (total === 0) return;
      freedom += reference.freedom;
      const spread = total * (1 + total / Math.max(1, observations));
      counts.forEach((count, group) => {
        value += (count - total * (shares[group] as number)) ** 2 / ((shares[group] as number) * spread);
      });
    });
  }
  return chiSquareScore(value, freedom);
}

/** Weighted by observations; null where none says enough. */
function meanEffect(parts: readonly Part[]): number | null {
  let effect = 0;
  let all = 0;
  for (const { reference, days } of parts) {
    const own = effectOf(reference, days);
    if (own === null) continue;
    const total = days.reduce((sum, day) => sum + day.total, 0);
    all += total;
    effect += total * own;
  }
  return all === 0 ? null : effect / all;
}
