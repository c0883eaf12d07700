/**
 * Changes through the real monitor: how long until one is found, when it is said to have begun, and how.
 *
 * Each metric of a world is moved at the same time and by itself, so that one world gives as many changes as it has metrics. Streams
 * know nothing of each other but the budget.
 */
import { type Baseline, referenceOf, UNSHARED } from '../../counts/monitor/baseline.ts';
import { type DayVotes, sumOf } from '../../counts/monitor/day-votes.ts';
import { discountOf } from '../../counts/monitor/dispersion.ts';
import type { Finding } from '../../counts/monitor/finding.ts';
import type { Monitor } from '../../counts/monitor/monitor.ts';
import { burnInOf, hourOf, monitorFor, PLAN, streamVotes } from './alarm-storm.ts';
import { alternated, Chance, divergenceOf, isOrdered, METRIC_NAMES, STILL_WORLD, strengthFor, tilted, World } from './monitor-world.ts';

export interface ChangeOptions {
  readonly seed: number;
  readonly psi: number;
  /** `smooth` shifts are seen by ordered metrics, `any` by categories. */
  readonly shift: 'smooth' | 'any';
  readonly visits: number;
  readonly visitMix: number;
  readonly dayMix: number;
  /** Days of a ramp; 0: a step. */
  readonly rampDays: number;
  readonly tolerance: number;
  readonly burnInDays: number;
  readonly looksPerDay: number;
  readonly metricCount: number;
  /** Which metrics move; the others stay. */
  readonly isMoved: (metric: number) => boolean;
}

export const STEP: Omit<ChangeOptions, 'seed'> = {
  psi: 0.1,
  shift: 'any',
  visits: 300,
  visitMix: Infinity,
  dayMix: Infinity,
  rampDays: 0,
  tolerance: 0,
  burnInDays: 28,
  looksPerDay: 4,
  metricCount: 50,
  isMoved: () => true,
};

const SHIFTS = { smooth: tilted, any: alternated } as const;
/** A change comes in one of so many days after 30 quiet ones. */
const QUIET_DAYS = 30;
const ONSET_DAYS = 7;

export interface ChangeWorld {
  readonly monitor: Monitor;
  /** In days since 1970. */
  readonly onset: number;
  /** Adds the next part of a day. @returns Its last hour, and the end of it in days. */
  readonly next: () => { readonly hour: number; readonly end: number };
}

/** A watched world whose metrics will move. */
export function changeWorld(options: ChangeOptions): ChangeWorld {
  const { seed, psi, visits, visitMix, dayMix, rampDays, tolerance, burnInDays, looksPerDay, metricCount, isMoved } = options;
  const shift = SHIFTS[options.shift];
  const strength = strengthFor(psi, shift);
  const chance = new Chance(seed + 77);
  let onset = Infinity;
  const change = (shares: Float64Array, metric: number, at: number): Float64Array => {
    if (at < onset || !isMoved(metric)) return shares;
    return shift(shares, strength * (rampDays === 0 ? 1 : Math.min(1, (at - onset) / rampDays)));
  };
  const world = new World({ ...STILL_WORLD, isSkewed: false, seed, metricCount, visitsOn: () => visits, visitMix, dayMix, change });
  const monitor = monitorFor(metricCount, { budget: 1, tolerance, burnInDays });
  let day = burnInOf(monitor, world, looksPerDay);
  let part = 0;
  onset = day + QUIET_DAYS + chance.below(ONSET_DAYS * looksPerDay) / looksPerDay;
  const next = () => {
    const hour = hourOf(day, part, looksPerDay);
    monitor.add(hour, streamVotes(world.draw(day, part, looksPerDay)));
    part = (part + 1) % looksPerDay;
    if (part === 0) day++;
    return { hour, end: part === 0 ? day : day + part / looksPerDay };
  };
  return { monitor, onset, next };
}

/** Whether a metric is one that the shift is measured on. */
export function isMeasured(shift: ChangeOptions['shift'], metric: number): boolean {
  return isOrdered(metric) === (shift === 'smooth');
}

export interface Delays {
  /** From the change to the alarm of each measured metric; Infinity of those that were not found in time. */
  readonly days: number[];
  /** Items that one observation takes, as the monitor has learnt it, in the mean over metrics. */
  readonly discount: number;
  /** The same as the world has it: Kish's design effect. */
  readonly designEffect: number;
}

export function delaysOf(options: ChangeOptions, daysMax: number): Delays {
  const { monitor, onset, next } = changeWorld(options);
  const measured = METRIC_NAMES.filter((_, metric) => metric < options.metricCount && isMeasured(options.shift, metric));
  const found = new Map<string, number>();
  for (let end = 0; end < onset + daysMax && found.size < measured.length; ) {
    const step = next();
    end = step.end;
    // Nothing of what happened before is carried on, so nobody has to look.
    if (end < onset) continue;
    for (const { metric, verdict } of monitor.evaluate(step.hour)) {
      if (verdict !== 'alarm' || found.has(metric) || !measured.includes(metric)) continue;
      found.set(metric, end - onset);
    }
  }
  const baselines = METRIC_NAMES.slice(0, options.metricCount).map(
    (metric) => monitor.baselineOf({ plan: PLAN, arm: 'stable', segment: 0, metric }) as Baseline,
  );
  return {
    days: measured.map((metric) => found.get(metric) ?? Infinity),
    discount: meanDiscount(baselines),
    designEffect: designEffectIn(baselines, options.visitMix),
  };
}

/** With what streams share. */
function meanDiscount(baselines: readonly Baseline[]): number {
  const learnt = baselines.map((baseline) => referenceOf(baseline, UNSHARED).dispersion.withinDay).sort((one, other) => one - other);
  const shared = { ...UNSHARED, withinDay: learnt[learnt.length >> 1] as number };
  const discounts = baselines.map((baseline) => discountOf(baseline.days[0] as DayVotes, referenceOf(baseline, shared).dispersion));
  return discounts.reduce((sum, each) => sum + each, 0) / discounts.length;
}

function designEffectIn(baselines: readonly Baseline[], visitMix: number): number {
  const { items, squaredItems } = sumOf((baselines[0] as Baseline).days);
  return 1 + (squaredItems / items - 1) / (visitMix + 1);
}

/** log(average run length) / KL: what no detector beats, in observations. */
export function boundOf({ psi, shift, metricCount }: Pick<ChangeOptions, 'psi' | 'shift' | 'metricCount'>): number {
  const base = new Float64Array(16).fill(1 / 16);
  return Math.log(metricCount * 365) / divergenceOf(base, SHIFTS[shift](base, strengthFor(psi, SHIFTS[shift])));
}

export interface Judgement {
  readonly decided: number;
  readonly right: number;
  readonly changes: number;
  /** Onsets of steps within a day; middles of ramps within the interval. */
  readonly placed: number;
  readonly alarms: number;
  /** Median gap of the onset in days. */
  readonly gap: number;
}

/** What is said of the changes some days after they are complete. */
export function judge(options: ChangeOptions, daysAfter: number): Judgement {
  const { monitor, onset, next } = changeWorld(options);
  let findings: readonly Finding[] = [];
  for (let end = 0; end < onset + options.rampDays + daysAfter; ) {
    const step = next();
    end = step.end;
    // One look a day is enough to keep an alarm's onset up to date.
    if (end >= onset && Number.isInteger(end)) findings = monitor.evaluate(step.hour);
  }
  const own = findings.filter(({ metric }) => isMeasured(options.shift, METRIC_NAMES.indexOf(metric)));
  const wanted = options.rampDays === 0 ? 'sudden' : 'gradual';
  const truth = (onset + options.rampDays / 2) * 24;
  const alarms = own.filter((finding) => finding.onset !== null);
  const gaps = alarms.map((finding) => ((finding.onset?.hour ?? 0) - truth) / 24).sort((one, other) => Math.abs(one) - Math.abs(other));
  const isPlaced = ({ onset: told }: Finding) =>
    told !== null && (options.rampDays === 0 ? Math.abs(told.hour - truth) <= 24 : told.fromHour <= truth && truth <= told.toHour);
  return {
    changes: own.length,
    alarms: alarms.length,
    decided: own.filter(({ kind }) => kind !== null && kind !== 'undecided').length,
    right: own.filter(({ kind }) => kind === wanted).length,
    placed: alarms.filter(isPlaced).length,
    gap: Math.abs(gaps[gaps.length >> 1] ?? Infinity),
  };
}

/** Whether of twenty metrics the one that moved stands first, a week after. */
export function ranksFirst(seed: number): boolean {
  const moved = seed % 20;
  const { monitor, onset, next } = changeWorld({
    ...STEP,
    seed,
    shift: 'smooth',
    visitMix: 20,
    metricCount: 20,
    isMoved: (metric) => metric === moved,
  });
  for (;;) {
    const { hour, end } = next();
    if (end >= onset + 7) return monitor.evaluate(hour)[0]?.metric === METRIC_NAMES[moved];
  }
}
