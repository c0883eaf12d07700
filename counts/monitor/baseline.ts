/**
 * A baseline: the days that a stream is compared with, and what follows from them.
 *
 * Invariants
 *  - Kept as the days themselves, in whole numbers: whoever reads the file can see, accept, redo and inherit it.
 *  - Its own uncertainty is in the comparison: it counts as so many observations as it has, and as fewer where some distance is tolerated.
 *  - A group that the baseline hardly met is judged by windows, not by items: one broken browser is no drift.
 *
 * Not here: when a burn-in has enough (burn-in.ts), the evidence against it (detector.ts).
 */
import { DAY_OBSERVATION_COUNT_MAX } from '../../protocol/monitor-limits.ts';
import { chiSquareScore } from '../statistics/chi-square.ts';
import { type Dirichlet, dirichletOf } from '../statistics/dirichlet-multinomial.ts';
import { type DayVotes, isWeekend, sumOf } from './day-votes.ts';
import { type Dispersion, designEffect, discountOf, dispersionOf, profileOf, type Sample } from './dispersion.ts';
import type { Grouping } from './grouping.ts';
import { type RankFunctions, rankFunctionsOf, type Tilts, tiltsOf } from './tilts.ts';

/** Which windows vote: the first of a browser's UTC day, or of its ISO week. */
export type Cadence = 'day' | 'week';

export interface Baseline extends Omit<Sample, 'lineGroupCount'> {
  /** Rises with each that a stream gets. */
  readonly version: number;
  readonly cadence: Cadence;
  readonly grouping: Grouping;
  /** Learnt from an earlier baseline of the same stream, where this one is too short to learn it. */
  readonly dispersion: Dispersion | null;
}

/** What is decided for all streams of a model together. */
export interface Shared {
  /** Share of distance (PSI) that is tolerated: 0 for none. */
  readonly tolerance: number;
  /** Most of a stream's correlation within days comes from here where this is more. */
  readonly withinDay: number;
  /** How often a browser repeats itself, which is the same for all metrics; null: what the stream itself has learnt. */
  readonly repeats: number | null;
}

export const UNSHARED: Shared = { tolerance: 0, withinDay: 0, repeats: null };

interface Stratum {
  /** Predicts counts if nothing has changed. */
  readonly unchanged: Dirichlet;
  /** Predict counts if anything has, from close by to far off. */
  readonly changed: readonly Dirichlet[];
  readonly shares: Float64Array;
  /** null where groups have no order. */
  readonly tilts: Tilts | null;
  /** Observations that the baseline has, tolerance left out. */
  readonly observations: number;
}

export interface Reference {
  readonly strata: readonly Stratum[];
  readonly isSplit: boolean;
  readonly dispersion: Dispersion;
  /** Groups that were met, less one: what chance has to play with. */
  readonly freedom: number;
  readonly functions: RankFunctions | null;
  /** Of an item, by group. */
  readonly weights: Float64Array;
  readonly parts: Baseline['parts'];
  readonly version: number;
}

/** A day as independent observations. */
export interface Observed {
  readonly day: number;
  readonly stratum: number;
  readonly windows: number;
  readonly counts: Float64Array;
  readonly total: number;
}

/** Half an observation for each group, so that one that was never met is not impossible. */
export const SMOOTHING = 0.5;
/** How much of it: four weeks tell a correlation within days to a quarter of itself, and traffic that grows multiplies the error. */
const POOLED_RATIO = 0.75;
/** Observations in a group below which nobody knows how many windows they come from: all may be of one. */
const UNKNOWN_COUNT = 5;
/**
 * Below this a single window that has nearly nothing else is a surprise. The more alike the items of a window are, the more often there is
 * one. Fixed by simulation, at a correlation of 1/6.
 */
const RARE_COUNT = 40;
const RARE_CLUSTER_RATIO = 4;
/** Strength of the alternatives' own prior: the smaller, the farther they look. */
export const CONCENTRATIONS = [100, 400] as const;
/** Weekday and weekend get shares of their own unless they differ by less than this many standard deviations of chance. */
const SPLIT_SCORE_MIN = 1;
/** Observations per group that each of the two needs to stand alone. */
const SPLIT_OBSERVATIONS_MIN = 5;

export function referenceOf(baseline: Baseline, { tolerance, withinDay, repeats }: Shared): Reference {
  const { days, grouping } = baseline;
  const wholes = [true, false].map((isSplit) => {
    const own = baseline.dispersion ?? dispersionOf({ ...baseline, ...grouping }, isSplit);
    const pooled = Math.max(own.withinDay, own.withinDay + POOLED_RATIO * (withinDay - own.withinDay));
    return { ...own, withinDay: pooled, repeats: repeats ?? own.repeats };
  }) as [Dispersion, Dispersion];
  const split = observationsByStratum(days, wholes[0], grouping.groupCount);
  const isSplit = standApart(split);
  const dispersion = wholes[isSplit ? 0 : 1];
  const whole = isSplit ? split : [merge(observationsByStratum(days, dispersion, grouping.groupCount))];
  const weights = weightsOf(days, dispersion, merge(whole));
  const sums = whole.map((sum) => sum.map((count, group) => count * (weights[group] as number)));
  const all = merge(sums);
  const freedom = Math.max(1, all.filter((count) => count > 0).length - 1);
  const functions = rankFunctionsOf(smoothShares(all), grouping.lineGroupCount);
  const massMax = tolerance > 0 ? freedom / tolerance : Infinity;
  return {
    strata: sums.map((sum) => stratumOf(sum, massMax, functions)),
    isSplit,
    dispersion,
    freedom,
    functions,
    weights,
    parts: baseline.parts,
    version: baseline.version,
  };
}

/**
 * What an item of each group weighs: 1, or less where so few were met that they may all be of one or two windows. The weight is the same
 * on all days, or the shares of such groups would move with the traffic.
 */
function weightsOf(days: readonly DayVotes[], dispersion: Dispersion, observations: Float64Array): Float64Array {
  const sums = sumOf(days);
  const perWindow = sums.items > 0 ? sums.squaredItems / sums.items : 1;
  const unknown = Math.min(1, designEffect(sums, dispersion.withinWindow) / Math.max(1, perWindow));
  const rare = Math.max(unknown, 1 - RARE_CLUSTER_RATIO * dispersion.withinWindow);
  return observations.map((count) => (count < UNKNOWN_COUNT ? unknown : count < RARE_COUNT ? rare : 1));
}

function stratumOf(sums: Float64Array, massMax: number, functions: RankFunctions | null): Stratum {
  const shares = smoothShares(sums);
  const smoothed = sums.map((sum) => sum + SMOOTHING);
  const observations = sums.reduce((all, sum) => all + sum, 0);
  const mass = smoothed.reduce((all, sum) => all + sum, 0);
  return {
    unchanged: dirichletOf(mass > massMax ? shares.map((share) => share * massMax) : smoothed),
    changed: CONCENTRATIONS.map((concentration) => dirichletOf(shares.map((share) => share * concentration))),
    shares,
    tilts: functions === null ? null : tiltsOf(functions, shares),
    observations,
  };
}

function smoothShares(sums: Float64Array): Float64Array {
  const mass = sums.reduce((all, sum) => all + sum + SMOOTHING, 0);
  return sums.map((sum) => (sum + SMOOTHING) / mass);
}

/** What a stream's day says once its items are taken for what they are worth. @param seen The part of the day that is over. */
export function observe(day: DayVotes, reference: Reference, seen: number): Observed {
  const discount = discountOf(day, reference.dispersion, seen);
  const profile = profileOf(reference.parts, day.day, seen);
  const { weights } = reference;
  const counts = new Float64Array(weights.length);
  let total = 0;
  for (let group = 0; group < counts.length; group++) {
    const count = ((day.counts[group] as number) * (weights[group] as number)) / discount;
    const own = profile === null ? count : count * (profile[group] as number);
    counts[group] = own;
    total += own;
  }
  const stratum = reference.isSplit && isWeekend(day.day) ? 1 : 0;
  const { day: at, windows } = day;
  if (total <= DAY_OBSERVATION_COUNT_MAX) return { day: at, stratum, windows, counts, total };
  const scale = DAY_OBSERVATION_COUNT_MAX / total;
  return { day: at, stratum, windows, counts: counts.map((count) => count * scale), total: DAY_OBSERVATION_COUNT_MAX };
}

/** All days as observations by group, weekdays and weekends together. */
export function observationsOf(baseline: Baseline): Float64Array {
  const { days, dispersion, grouping } = baseline;
  return merge(observationsByStratum(days, dispersion ?? dispersionOf({ ...baseline, ...grouping }, false), grouping.groupCount));
}

/** Observations of all days, however the strata. */
export function observationCount(days: readonly DayVotes[], dispersion: Dispersion): number {
  return days.reduce((sum, day) => sum + Math.min(DAY_OBSERVATION_COUNT_MAX, day.items / discountOf(day, dispersion)), 0);
}

function observationsByStratum(days: readonly DayVotes[], dispersion: Dispersion, groupCount: number): Float64Array[] {
  const sums = [new Float64Array(groupCount), new Float64Array(groupCount)];
  for (const day of days) {
    const sum = sums[isWeekend(day.day) ? 1 : 0] as Float64Array;
    const discount = Math.max(discountOf(day, dispersion), day.items / DAY_OBSERVATION_COUNT_MAX);
    day.counts.forEach((count, group) => {
      sum[group] = (sum[group] as number) + count / discount;
    });
  }
  return sums;
}

function merge(sums: readonly Float64Array[]): Float64Array {
  return (sums[0] as Float64Array).map((_, group) => sums.reduce((all, sum) => all + (sum[group] as number), 0));
}

/** Whether the two strata differ by more than chance often gives. */
function standApart(sums: readonly Float64Array[]): boolean {
  const [one, other] = sums as [Float64Array, Float64Array];
  const totals = sums.map((sum) => sum.reduce((all, count) => all + count, 0)) as [number, number];
  const all = merge(sums);
  const met = all.filter((count) => count > 0).length;
  if (met < 2 || Math.min(...totals) < SPLIT_OBSERVATIONS_MIN * met) return false;
  const [first, second] = totals;
  const value = all.reduce((sum, count, group) => {
    if (count === 0) return sum;
    const gap = (one[group] as number) / first - (other[group] as number) / second;
    return sum + (gap * gap) / ((count / (first + second)) * (1 / first + 1 / second));
  }, 0);
  return chiSquareScore(value, met - 1) > SPLIT_SCORE_MIN;
}
