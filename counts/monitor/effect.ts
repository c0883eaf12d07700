/**
 * Effect: how far shares have moved, as PSI, without what chance adds.
 *
 * Invariants
 *  - Chance adds its freedom over the observations of each side, in the mean; that is taken off, and what is left is never below 0.
 *  - null where chance would be most of it.
 */
import type { Reference } from './baseline.ts';
import type { ScoredDay } from './detector.ts';
import type { Movement } from './finding.ts';

/** Observations for each degree of freedom below which nothing is said. */
const OBSERVATIONS_PER_FREEDOM_MIN = 2;
const WEEK_DAYS = 7;

/** Of the days against the baseline, each stratum with itself. */
export function effectOf({ strata, freedom }: Reference, days: readonly ScoredDay[]): number | null {
  let effect = 0;
  let all = 0;
  strata.forEach(({ shares, observations }, stratum) => {
    const { counts, total } = sumDays(days, stratum, shares.length);
    if (total === 0) return;
    all += total;
    effect += total * (distance(counts, total, shares) - freedom * (1 / total + 1 / Math.max(1, observations)));
  });
  return all < OBSERVATIONS_PER_FREEDOM_MIN * freedom ? null : Math.max(0, effect / all);
}

/** @param today A day that is still under way. */
export function movementOf(reference: Reference, days: readonly ScoredDay[], today: number): Movement {
  const whole = days.filter(({ day }) => day < today);
  const last = whole.at(-1);
  const before = last === undefined ? undefined : whole.findLast(({ day, stratum }) => day < last.day && stratum === last.stratum);
  const within = (from: number, to: number) => whole.filter(({ day }) => day >= from && day < to);
  return {
    perDay: last === undefined || before === undefined ? null : between(reference, [before], [last]),
    perWeek: between(reference, within(today - 2 * WEEK_DAYS, today - WEEK_DAYS), within(today - WEEK_DAYS, today)),
  };
}

function between({ strata, freedom }: Reference, before: readonly ScoredDay[], after: readonly ScoredDay[]): number | null {
  let effect = 0;
  let all = 0;
  strata.forEach(({ shares }, stratum) => {
    const one = sumDays(before, stratum, shares.length);
    const other = sumDays(after, stratum, shares.length);
    const least = Math.min(one.total, other.total);
    if (least < OBSERVATIONS_PER_FREEDOM_MIN * freedom) return;
    const expected = one.counts.map((count, group) => (count + (shares[group] as number)) / (one.total + 1));
    all += least;
    effect += least * (distance(other.counts, other.total, expected) - freedom * (1 / one.total + 1 / other.total));
  });
  return all === 0 ? null : Math.max(0, effect / all);
}

export function sumDays(days: readonly ScoredDay[], stratum: number, groupCount: number): { counts: Float64Array; total: number } {
  const counts = new Float64Array(groupCount);
  let total = 0;
  for (const day of days) {
    if (day.stratum !== stratum) continue;
    total += day.total;
    for (let group = 0; group < groupCount; group++) counts[group] = (counts[group] as number) + (day.counts[group] as number);
  }
  return { counts, total };
}

/** PSI against shares that are above 0; what was not seen counts as one observation spread like them. */
function distance(counts: Float64Array, total: number, expected: Float64Array): number {
  let sum = 0;
  for (let group = 0; group < counts.length; group++) {
    const share = expected[group] as number;
    const own = ((counts[group] as number) + share) / (total + 1);
    sum += (own - share) * Math.log(own / share);
  }
  return sum;
}
