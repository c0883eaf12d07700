/**
 * Detector: how much the days since any start speak against the baseline, summed over starts.
 *
 * An e-process begins each day; their sum is an e-detector. If nothing changes its mean after t days is at most t, so that it passes a
 * threshold A less often than once in A days, whenever one looks. A change that comes after a quiet year is found as fast as one that
 * comes at once: a process that began just before it has nothing to outweigh.
 *
 * Invariants
 *  - Evidence is computed from the days kept, never carried on: a restored monitor goes on as if it had not stopped.
 *  - A start with fewer than ALARM_WINDOW_COUNT_MIN windows behind it says nothing: leaving starts out only lowers the sum.
 *  - Strata share a tilt: what is learnt of weekdays counts on weekends.
 *
 * Source: Shin, Ramdas and Rinaldo, "E-detectors" (2022); Lindon and Malek (2022) for Dirichlet-multinomial e-processes of counts.
 */
import {
  ALARM_WINDOW_COUNT_MIN,
  DETECTOR_DAY_COUNT_MAX,
  DETECTOR_DENSE_DAY_COUNT,
  DETECTOR_SPARSE_STEP_DAYS,
  RECOVERY_LOG_EVIDENCE,
} from '../../protocol/monitor-limits.ts';
import { type Dirichlet, dirichletOf, logProbability } from '../statistics/dirichlet-multinomial.ts';
import { logAdd, logSum } from '../statistics/log-gamma.ts';
import { CONCENTRATIONS, type Observed, observe as observeDay, type Reference } from './baseline.ts';
import type { DayVotes } from './day-votes.ts';
import { addTiltSums, TILT_COUNT, TILT_LOG_MARGIN } from './tilts.ts';

/** A day as observations, with what it says of each tilt. */
export interface ScoredDay extends Observed {
  /** null where groups have no order. */
  readonly tiltSums: Float64Array | null;
}

export interface Evidence {
  /** Logarithm of the sum over starts; -Infinity of none. */
  readonly log: number;
  /** Whether most of it comes from smooth shifts of ordered groups. */
  readonly isSmooth: boolean;
}

/** @param seen The part of the day that is over. */
export function scoreDay(votes: DayVotes, reference: Reference, seen = 1): ScoredDay {
  const observed = observeDay(votes, reference, seen);
  const { tilts } = reference.strata[observed.stratum] as Reference['strata'][number];
  if (tilts === null) return { ...observed, tiltSums: null };
  const tiltSums = new Float64Array(TILT_COUNT);
  addTiltSums(tiltSums, tilts.scores, observed.counts);
  return { ...observed, tiltSums };
}

/** Whether an e-process that started on that day is still looked at. */
function isStart(day: number, today: number): boolean {
  return today - day < DETECTOR_DENSE_DAY_COUNT || day % DETECTOR_SPARSE_STEP_DAYS === 0;
}

/**
 * What was seen since each start, up to the end of yesterday: made once a day, for today's hours add to the same sums again and again.
 *
 * Method: sums of several starts lie one behind the other in one array, and so do those of one start: totals, counts and tilts by stratum.
 * Small arrays of their own made three quarters of the detector's time.
 */
export interface Starts {
  readonly fromDay: number;
  readonly today: number;
  /** When each began, rising, and what is behind it. */
  readonly days: readonly number[];
  readonly windows: readonly number[];
  readonly sums: Float64Array;
}

/**
 * @param before Those of an earlier day and the same `fromDay`; null: none. They come out the same without it.
 * @param days Rising and before today; days without votes may be missing. @param fromDay No e-process starts before it.
 */
export function startsOf(reference: Reference, before: Starts | null, days: readonly ScoredDay[], fromDay: number, today: number): Starts {
  const size = sizeOf(reference);
  const firstDay = Math.max(fromDay, today - DETECTOR_DAY_COUNT_MAX + 1);
  const kept = (before?.days ?? []).flatMap((day, index) => (day >= firstDay && isStart(day, today) ? [{ day, index }] : []));
  const added: number[] = [];
  for (let day = Math.max(firstDay, (before?.today ?? -1) + 1); day <= today; day++) if (isStart(day, today)) added.push(day);
  const starts = [...kept.map(({ day }) => day), ...added];
  const sums = new Float64Array(starts.length * size);
  const windows = starts.map(() => 0);
  kept.forEach(({ index }, start) => {
    windows[start] = before?.windows[index] as number;
    sums.set((before as Starts).sums.subarray(index * size, (index + 1) * size), start * size);
  });
  for (const own of days) {
    starts.forEach((start, index) => {
      if (own.day < start || (index < kept.length && own.day < (before?.today as number))) return;
      windows[index] = (windows[index] as number) + own.windows;
      addDay(reference, sums, index * size, own);
    });
  }
  return { fromDay, today, days: starts, windows, sums };
}

/** @param now Today's votes so far; null before the first. */
export function evidenceOf(reference: Reference, starts: Starts, now: ScoredDay | null): Evidence {
  const size = sizeOf(reference);
  const since = new Float64Array(size);
  const exponents = new Float64Array(TILT_COUNT);
  const smooth: number[] = [];
  const any: number[] = [];
  for (let start = 0; start < starts.windows.length; start++) {
    if ((starts.windows[start] as number) + (now?.windows ?? 0) < ALARM_WINDOW_COUNT_MIN) continue;
    for (let index = 0; index < size; index++) since[index] = starts.sums[start * size + index] as number;
    if (now !== null) addDay(reference, since, 0, now);
    any.push(omnibusEvidence(reference, since));
    if (reference.functions !== null) smooth.push(tiltEvidence(reference, since, exponents));
  }
  const [bySmooth, byAny] = [logSum(smooth), logSum(any)];
  if (reference.functions === null) return { log: byAny, isSmooth: false };
  return { log: logAdd(bySmooth, byAny) - Math.LN2, isSmooth: bySmooth >= byAny };
}

function sizeOf({ strata, weights }: Reference): number {
  return strata.length * (1 + weights.length + TILT_COUNT);
}

function addDay({ strata, weights }: Reference, sums: Float64Array, at: number, { stratum, counts, total, tiltSums }: ScoredDay): void {
  sums[at + stratum] = (sums[at + stratum] as number) + total;
  addTo(sums, at + strata.length + stratum * weights.length, counts);
  if (tiltSums !== null) addTo(sums, at + strata.length * (1 + weights.length) + stratum * TILT_COUNT, tiltSums);
}

function addTo(sums: Float64Array, at: number, values: Float64Array): void {
  for (let index = 0; index < values.length; index++) sums[at + index] = (sums[at + index] as number) + (values[index] as number);
}

/** Mean over how far the alternatives look; strata multiply. */
function omnibusEvidence({ strata, weights }: Reference, since: Float64Array): number {
  const byConcentration = new Float64Array(CONCENTRATIONS.length);
  for (let stratum = 0; stratum < strata.length; stratum++) {
    const { unchanged, changed } = strata[stratum] as Reference['strata'][number];
    const [total, at] = [since[stratum] as number, strata.length + stratum * weights.length];
    if (total === 0) continue;
    const base = logProbability(unchanged, since, total, at);
    for (let index = 0; index < changed.length; index++)
      byConcentration[index] = (byConcentration[index] as number) + logProbability(changed[index] as Dirichlet, since, total, at) - base;
  }
  return logSum(byConcentration) - Math.log(CONCENTRATIONS.length);
}

/** Mean over the tilts; their exponents add over strata. @param exponents Written over. */
function tiltEvidence({ strata, weights }: Reference, since: Float64Array, exponents: Float64Array): number {
  exponents.fill(0);
  for (let stratum = 0; stratum < strata.length; stratum++) {
    const { unchanged, tilts } = strata[stratum] as Reference['strata'][number];
    if (tilts === null) continue;
    const ratio = (since[stratum] as number) / unchanged.mass;
    const at = strata.length * (1 + weights.length) + stratum * TILT_COUNT;
    for (let tilt = 0; tilt < TILT_COUNT; tilt++)
      exponents[tilt] = (exponents[tilt] as number) + (since[at + tilt] as number) / (1 + ratio * (tilts.shrinks[tilt] as number));
  }
  return logSum(exponents) - Math.log(TILT_COUNT) - TILT_LOG_MARGIN;
}

/**
 * The day on which a moved stream came back to its baseline; null while it has not.
 *
 * Method: the same in the other direction. "Still moved" predicts by what was seen from the onset to the start, "back" by the baseline. Of the
 * days that speak for it the one that does so most clearly: what lies before it is of the change, and must not be looked at again.
 *
 * @param onsetDay First whole day of the change.
 */
export function recoveryOf(reference: Reference, days: readonly ScoredDay[], onsetDay: number, today: number): number | null {
  const size = sizeOf(reference);
  let backDay: number | null = null;
  let most = RECOVERY_LOG_EVIDENCE;
  for (let day = Math.max(onsetDay + 1, today - DETECTOR_DENSE_DAY_COUNT + 1); day <= today; day++) {
    const [moved, since] = [new Float64Array(size), new Float64Array(size)];
    let windows = 0;
    for (const own of days) {
      if (own.day >= day) windows += own.windows;
      if (own.day >= onsetDay) addDay(reference, own.day >= day ? since : moved, 0, own);
    }
    if (windows < ALARM_WINDOW_COUNT_MIN) break;
    const evidence = evidenceOfReturn(reference, moved, since);
    if (evidence < most) continue;
    backDay = day;
    most = evidence;
  }
  return backDay;
}

/** A stratum in which nothing was seen of the change is predicted by the others: what moved on a weekend would have moved on Monday. */
function evidenceOfReturn({ strata, weights }: Reference, moved: Float64Array, since: Float64Array): number {
  const all = strata.reduce((sum, _, stratum) => sum + (moved[stratum] as number), 0);
  const movedIn = (stratum: number, group: number) => moved[strata.length + stratum * weights.length + group] as number;
  return strata.reduce((sum, { unchanged, shares }, stratum) => {
    const [total, own, at] = [since[stratum] as number, moved[stratum] as number, strata.length + stratum * weights.length];
    if (total === 0 || all === 0) return sum;
    // Both predict with the same mass, so that neither is the more rigid one.
    const scale = Math.min(1, unchanged.mass / (own || all));
    const still = dirichletOf(
      shares.map((share, group) => {
        const seen = own > 0 ? movedIn(stratum, group) : strata.reduce((whole, _, other) => whole + movedIn(other, group), 0);
        return scale * seen + share;
      }),
    );
    return sum + logProbability(unchanged, since, total, at) - logProbability(still, since, total, at);
  }, 0);
}
