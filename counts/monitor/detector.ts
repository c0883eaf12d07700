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
import { dirichletOf, logProbability } from '../statistics/dirichlet-multinomial.ts';
import { logAdd, logSum } from '../statistics/log-gamma.ts';
import { type Observed, observe as observeDay, type Reference } from './baseline.ts';
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

/** What has been seen since a start, by stratum. */
interface Since {
  readonly counts: Float64Array[];
  readonly totals: number[];
  readonly tiltSums: Float64Array[];
}

/** Whether an e-process that started on that day is still looked at. */
function isStart(day: number, today: number): boolean {
  return today - day < DETECTOR_DENSE_DAY_COUNT || day % DETECTOR_SPARSE_STEP_DAYS === 0;
}

/**
 * @param days Rising; days without votes may be missing.
 * @param fromDay No e-process starts before it.
 */
export function evidenceOf(reference: Reference, days: readonly ScoredDay[], fromDay: number, today: number): Evidence {
  const since = emptySince(reference);
  const firstDay = Math.max(fromDay, today - DETECTOR_DAY_COUNT_MAX + 1);
  const smooth: number[] = [];
  const any: number[] = [];
  let windows = 0;
  let at = days.length - 1;
  let last: { smooth: number; any: number } | null = null;
  for (let day = today; day >= firstDay; day--) {
    const own = days[at];
    if (own !== undefined && own.day >= day) {
      addDay(since, own);
      windows += own.windows;
      at--;
      last = null;
    }
    if (!isStart(day, today) || windows < ALARM_WINDOW_COUNT_MIN) continue;
    last ??= { smooth: tiltEvidence(reference, since), any: omnibusEvidence(reference, since) };
    smooth.push(last.smooth);
    any.push(last.any);
  }
  const [bySmooth, byAny] = [logSum(smooth), logSum(any)];
  if (reference.functions === null) return { log: byAny, isSmooth: false };
  return { log: logAdd(bySmooth, byAny) - Math.LN2, isSmooth: bySmooth >= byAny };
}

function emptySince({ strata }: Reference): Since {
  return {
    counts: strata.map(({ shares }) => new Float64Array(shares.length)),
    totals: strata.map(() => 0),
    tiltSums: strata.map(() => new Float64Array(TILT_COUNT)),
  };
}

function addDay(since: Since, { stratum, counts, total, tiltSums }: ScoredDay): void {
  const sums = since.counts[stratum] as Float64Array;
  for (let group = 0; group < counts.length; group++) sums[group] = (sums[group] as number) + (counts[group] as number);
  since.totals[stratum] = (since.totals[stratum] as number) + total;
  const tilts = since.tiltSums[stratum] as Float64Array;
  if (tiltSums !== null) for (let tilt = 0; tilt < TILT_COUNT; tilt++) tilts[tilt] = (tilts[tilt] as number) + (tiltSums[tilt] as number);
}

/** Mean over how far the alternatives look; strata multiply. */
function omnibusEvidence({ strata }: Reference, { counts, totals }: Since): number {
  const byConcentration = (strata[0] as Reference['strata'][number]).changed.map(() => 0);
  strata.forEach(({ unchanged, changed }, stratum) => {
    const [own, total] = [counts[stratum] as Float64Array, totals[stratum] as number];
    if (total === 0) return;
    const base = logProbability(unchanged, own, total);
    changed.forEach((each, index) => {
      byConcentration[index] = (byConcentration[index] as number) + logProbability(each, own, total) - base;
    });
  });
  return logSum(byConcentration) - Math.log(byConcentration.length);
}

/** Mean over the tilts; their exponents add over strata. */
function tiltEvidence({ strata, functions }: Reference, { totals, tiltSums }: Since): number {
  if (functions === null) return -Infinity;
  const exponents = new Float64Array(TILT_COUNT);
  strata.forEach(({ unchanged, tilts }, stratum) => {
    if (tilts === null) return;
    const ratio = (totals[stratum] as number) / unchanged.mass;
    const own = tiltSums[stratum] as Float64Array;
    for (let tilt = 0; tilt < TILT_COUNT; tilt++)
      exponents[tilt] = (exponents[tilt] as number) + (own[tilt] as number) / (1 + ratio * (tilts.shrinks[tilt] as number));
  });
  return logSum(exponents) - Math.log(TILT_COUNT) - TILT_LOG_MARGIN;
}

/**
 * The day on which a moved stream came back to its baseline; null while it has not.
 *
 * Method: the same in the other direction. "Still moved" predicts by what was seen from the onset to the start, "back" by the baseline.
 *
 * @param onsetDay First whole day of the change.
 */
export function recoveryOf(reference: Reference, days: readonly ScoredDay[], onsetDay: number, today: number): number | null {
  for (let day = Math.max(onsetDay + 1, today - DETECTOR_DENSE_DAY_COUNT + 1); day <= today; day++) {
    const [moved, since] = [emptySince(reference), emptySince(reference)];
    let windows = 0;
    for (const own of days) {
      if (own.day >= day) windows += own.windows;
      if (own.day >= onsetDay) addDay(own.day >= day ? since : moved, own);
    }
    if (windows >= ALARM_WINDOW_COUNT_MIN && evidenceOfReturn(reference, moved, since) >= RECOVERY_LOG_EVIDENCE) return day;
  }
  return null;
}

function evidenceOfReturn({ strata }: Reference, moved: Since, since: Since): number {
  return strata.reduce((sum, { unchanged, shares }, stratum) => {
    const [own, total] = [since.counts[stratum] as Float64Array, since.totals[stratum] as number];
    if (total === 0 || (moved.totals[stratum] as number) === 0) return sum;
    // Both predict with the same mass, so that neither is the more rigid one.
    const scale = Math.min(1, unchanged.mass / (moved.totals[stratum] as number));
    const still = dirichletOf(shares.map((share, group) => scale * ((moved.counts[stratum] as Float64Array)[group] as number) + share));
    return sum + logProbability(unchanged, own, total) - logProbability(still, own, total);
  }, 0);
}
