/**
 * Dispersion: how much less a vote says than an independent observation would, learnt from the days of a baseline.
 *
 * Two causes, kept apart because they grow differently. Items of one window, and windows of one browser, are alike: a factor that stays
 * when traffic grows (the design effect). Days differ from each other: the more votes a day has, the less each adds.
 *
 * Invariants
 *  - A day of n items counts as n / discount(n) observations; the discount is at least the design effect, and that is at least 1.
 *  - Weekday and weekend are compared with themselves, so a weekly season is no dispersion.
 *  - A site whose browsers never come back within a week counts each window once. No browser is known: all that is used are sums over
 *    weeks, and how many windows are the first of a day and how many of a week.
 *
 * Source: Kish's design effect; Pearson's dispersion; the Dirichlet-multinomial, whose variance is n(1 + (n - 1)ρ) times that of one.
 */
import { DETECTOR_DAY_COUNT_MAX } from '../../protocol/monitor-limits.ts';
import { type DayVotes, isWeekend, sumOf, type VoteSums, weekOf } from './day-votes.ts';
import { rankFunctionsOf } from './tilts.ts';

export interface Dispersion {
  /** Correlation of two items of one window: 0 … 1. */
  readonly withinWindow: number;
  /** Correlation of two items of one day, beyond that: 0 … 1. */
  readonly withinDay: number;
  /** Correlation of two items of one part of the day, beyond that: what mornings differ from evenings by. */
  readonly withinPart: number;
  /** How many of a browser's windows say what its first has said, over the weeks that are looked at: 1 and more. */
  readonly repeats: number;
  /** PSI of what weeks differ by more than days do, without chance; may come out below 0. */
  readonly wander: number;
}

const WEEK_DAYS = 7;
/** Fewer weeks tell nothing of what weeks differ by. */
const WEEK_COUNT_MIN = 3;

/** What dispersion is learnt from. */
export interface Sample {
  readonly days: readonly DayVotes[];
  /** Probability that two items of different windows share a cell: Σp² over the metric's own cells. */
  readonly agreement: number;
  /** Items by group in each part of the day: first those of weekdays, then those of weekends. */
  readonly parts: readonly (readonly number[])[];
  /** The first so many groups lie on a number line. */
  readonly lineGroupCount: number;
  /** As in Dispersion. */
  readonly repeats: number;
}

export const PARTS_PER_DAY = 4;

/** @param isSplit Whether weekday and weekend have shares of their own. */
export function dispersionOf({ days, agreement, parts, lineGroupCount, repeats }: Sample, isSplit: boolean): Dispersion {
  const sums = sumOf(days);
  const withinWindow = withinWindowOf(sums, agreement);
  const effect = designEffect(sums, withinWindow);
  const squares = days.reduce((sum, { items }) => sum + items * items, 0);
  if (sums.items === 0) return { withinWindow, withinDay: 0, withinPart: 0, repeats, wander: 0 };
  const mean = squares / sums.items;
  const daily = pearson(days, sharesOf(days, isSplit), isSplit);
  const weekly = pearsonOfWeeks(days, isSplit);
  const overall = Math.max(effect, daily.ratio, weekly?.ratio ?? 0);
  const total = Math.max(overall, smoothRatio(days, lineGroupCount, isSplit, overall));
  const withinDay = mean > effect ? Math.min(1, Math.max(0, (total - effect) / (mean - effect))) : 0;
  const wander = weekly === null ? 0 : ((weekly.ratio - daily.ratio) * weekly.cellFreedom) / weekly.mean;
  return { withinWindow, withinDay, withinPart: withinPartOf(parts, total), repeats, wander };
}

function withinWindowOf({ items, squaredItems, squaredCells }: VoteSums, agreement: number): number {
  const pairs = squaredItems - items;
  if (pairs <= 0 || agreement >= 1) return 0;
  return Math.min(1, Math.max(0, ((squaredCells - items) / pairs - agreement) / (1 - agreement)));
}

/** By how much a sum over windows varies more than one of independent items. */
export function designEffect({ items, squaredItems }: VoteSums, withinWindow: number): number {
  return items <= 0 ? 1 : 1 + withinWindow * Math.max(0, squaredItems / items - 1);
}

/**
 * By how much a day's items are divided.
 *
 * @param seen The part of the day that is over: of an unfinished one the parts that are still to come are missing.
 */
export function discountOf(sums: VoteSums, { withinWindow, withinDay, withinPart, repeats }: Dispersion, seen = 1): number {
  const effect = 1 + (designEffect(sums, withinWindow) - 1) * repeats;
  const missing = Math.min(1, PARTS_PER_DAY * (1 - seen));
  return effect + Math.min(1, withinDay + withinPart * missing) * Math.max(0, sums.items - effect);
}

/** What the parts of a day differ by in the mean over days, beyond what chance and days explain. */
function withinPartOf(parts: Sample['parts'], ratio: number): number {
  let excess = 0;
  let weight = 0;
  for (const start of [0, PARTS_PER_DAY]) {
    const own = parts.slice(start, start + PARTS_PER_DAY);
    const all = own.reduce<number[]>((sums, part) => part.map((count, group) => count + (sums[group] ?? 0)), []);
    const total = all.reduce((sum, count) => sum + count, 0);
    const freedom = all.filter((count) => count > 0).length - 1;
    if (freedom < 1) continue;
    const shares = all.map((count) => count / total);
    for (const part of own) {
      const items = part.reduce((sum, count) => sum + count, 0);
      excess += distance(part, shares, items) - freedom * ratio;
      weight += freedom * items;
    }
  }
  return weight > 0 ? Math.min(1, Math.max(0, excess / weight)) : 0;
}

/** Shares of the groups by stratum; without a split there is one. */
function sharesOf(days: readonly DayVotes[], isSplit: boolean): number[][] {
  const sums: number[][] = [[], []];
  for (const { day, counts } of days) {
    const sum = sums[isSplit && isWeekend(day) ? 1 : 0] as number[];
    counts.forEach((count, group) => {
      sum[group] = (sum[group] ?? 0) + count;
    });
  }
  return sums.map((sum) => {
    const total = sum.reduce((all, count) => all + count, 0);
    return total === 0 ? [] : sum.map((count) => count / total);
  });
}

/** Pearson's statistic over its degrees of freedom, of days against their stratum. */
function pearson(days: readonly DayVotes[], shares: readonly number[][], isSplit: boolean): { ratio: number } {
  let value = 0;
  let freedom = 0;
  shares.forEach((share, stratum) => {
    const own = days.filter(({ day, items }) => items > 0 && (isSplit && isWeekend(day) ? 1 : 0) === stratum);
    const met = share.filter((each) => each > 0).length;
    freedom += Math.max(0, own.length - 1) * Math.max(0, met - 1);
    for (const { counts, items } of own) value += distance(counts, share, items);
  });
  return { ratio: freedom > 0 ? value / freedom : 0 };
}

/** So many standard errors above the ratio of all directions, or it is taken for chance. */
const SMOOTH_ERROR_COUNT = 1;

/**
 * The same along line and parabola of ordered groups, where that is clearly more: days mostly differ smoothly, brighter or darker, and a
 * mean over all directions would hide it from those who look for smooth shifts. 0 where it is not.
 */
function smoothRatio(days: readonly DayVotes[], lineGroupCount: number, isSplit: boolean, overall: number): number {
  const sums = [0, 0];
  let freedom = 0;
  sharesOf(days, isSplit).forEach((share, stratum) => {
    const functions = rankFunctionsOf(Float64Array.from(share), lineGroupCount);
    const own = days.filter(({ day, items }) => items > 0 && (isSplit && isWeekend(day) ? 1 : 0) === stratum);
    if (functions === null || own.length < 2) return;
    freedom += own.length - 1;
    for (const { counts, items } of own) {
      [functions.line, functions.parabola].forEach((values, index) => {
        const along = counts.reduce((sum, count, group) => sum + (count - items * (share[group] as number)) * (values[group] as number), 0);
        sums[index] = (sums[index] as number) + along ** 2 / items;
      });
    }
  });
  if (freedom === 0) return 0;
  const most = Math.max(...sums) / freedom;
  return most > overall * (1 + SMOOTH_ERROR_COUNT * Math.sqrt(2 / freedom)) ? most : 0;
}

/** The same of sums over seven days in a row; null of too few weeks. */
function pearsonOfWeeks(days: readonly DayVotes[], isSplit: boolean): { ratio: number; mean: number; cellFreedom: number } | null {
  const shares = sharesOf(days, isSplit);
  const first = days[0]?.day ?? 0;
  const last = days.at(-1)?.day ?? 0;
  const weekCount = Math.floor((last + 1 - first) / WEEK_DAYS);
  const met = (shares[0] as number[]).filter((share) => share > 0).length;
  if (weekCount < WEEK_COUNT_MIN || met < 2) return null;
  const expected = Array.from({ length: weekCount }, () => new Array<number>(shares[0]?.length ?? 0).fill(0));
  const seen = expected.map((week) => [...week]);
  for (const { day, counts, items } of days) {
    const week = Math.floor((day - first) / WEEK_DAYS);
    if (week >= weekCount) continue;
    const share = shares[isSplit && isWeekend(day) ? 1 : 0] as number[];
    counts.forEach((count, group) => {
      (seen[week] as number[])[group] = ((seen[week] as number[])[group] as number) + count;
      (expected[week] as number[])[group] = ((expected[week] as number[])[group] as number) + items * (share[group] ?? 0);
    });
  }
  let value = 0;
  seen.forEach((week, index) => {
    week.forEach((count, group) => {
      const mean = (expected[index] as number[])[group] as number;
      if (mean > 0) value += (count - mean) ** 2 / mean;
    });
  });
  const totals = seen.map((week) => week.reduce((sum, count) => sum + count, 0));
  const all = totals.reduce((sum, total) => sum + total, 0);
  if (all === 0) return null;
  const mean = totals.reduce((sum, total) => sum + total * total, 0) / all;
  return { ratio: value / ((weekCount - 1) * (met - 1)), mean, cellFreedom: met - 1 };
}

/** Items of a part that the shares of a whole day stand for, so that a part of few items is no profile. */
const PROFILE_ITEM_COUNT = 100;
const PROFILE_FACTOR_MAX = 3;

/**
 * By group, what an item counts on a day that is not over, so that mornings of the baseline look like its whole days.
 *
 * @param seen The part of the day that is over.
 */
export function profileOf(parts: Sample['parts'], day: number, seen: number): Float64Array | null {
  const start = isWeekend(day) ? PARTS_PER_DAY : 0;
  const own = parts.slice(start, start + PARTS_PER_DAY);
  if (own.length === 0 || seen >= 1) return null;
  const groupCount = (own[0] as readonly number[]).length;
  const [whole, sofar] = [new Float64Array(groupCount), new Float64Array(groupCount)];
  for (let index = 0; index < own.length; index++) {
    const part = own[index] as readonly number[];
    const weight = Math.min(1, Math.max(0, seen * PARTS_PER_DAY - index));
    for (let group = 0; group < groupCount; group++) {
      whole[group] = (whole[group] as number) + (part[group] as number);
      sofar[group] = (sofar[group] as number) + weight * (part[group] as number);
    }
  }
  const [all, some] = [whole, sofar].map((counts) => counts.reduce((sum, count) => sum + count, 0)) as [number, number];
  if (all === 0) return null;
  return whole.map((count, group) => {
    if (count === 0) return 1;
    const share = count / all;
    const now = ((sofar[group] as number) + PROFILE_ITEM_COUNT * share) / (some + PROFILE_ITEM_COUNT);
    return Math.min(PROFILE_FACTOR_MAX, Math.max(1 / PROFILE_FACTOR_MAX, share / now));
  });
}

function distance(counts: readonly number[], share: readonly number[], items: number): number {
  let value = 0;
  counts.forEach((count, group) => {
    const mean = items * (share[group] ?? 0);
    if (mean > 0) value += (count - mean) ** 2 / mean;
  });
  return value;
}

/** Weeks that are looked at together, at the most. */
const HORIZON_WEEK_COUNT = DETECTOR_DAY_COUNT_MAX / WEEK_DAYS;

interface RegularsSample {
  /** Votes of windows that are the first of a week. */
  readonly weekly: readonly DayVotes[];
  /** Probability that two items of different windows share a cell. */
  readonly agreement: number;
  /** Windows that are the first of a day, and of those the first of a week. */
  readonly dayWindows: number;
  readonly weekWindows: number;
}

/** What is likely, and what it may be at the most: one standard error more. */
export interface Guess {
  readonly likely: number;
  readonly most: number;
}

/** How many of a browser's weekly votes say what its first has said, over the weeks that are looked at. */
export function repeatsOf(sample: RegularsSample): Guess {
  const { likely, most } = persistenceOf(sample);
  // Whoever came back once may come back in all the weeks.
  const times = (persistence: number) => 1 + persistence * (HORIZON_WEEK_COUNT - 1);
  return { likely: times(likely), most: times(most) };
}

/** On how many further days of a week a browser came, in the mean. */
function returnRatioOf({ dayWindows, weekWindows }: RegularsSample): number {
  return weekWindows === 0 ? 0 : Math.max(0, dayWindows / weekWindows - 1);
}

/**
 * Share of a week's browsers that vote in the next week again: 0 … 1. Who never comes back within a week is taken for a stranger in the
 * next.
 *
 * Method: weeks of other browsers differ by the design effect, and those of the same ones only by what items of one browser differ by.
 */
export function persistenceOf(sample: RegularsSample): Guess {
  const limit = Math.min(1, returnRatioOf(sample));
  if (limit <= 0) return { likely: 0, most: 0 };
  const sums = sumOf(sample.weekly);
  const effect = designEffect(sums, withinWindowOf(sums, sample.agreement));
  const { value, freedom } = differencesOfWeeks(sample.weekly);
  if (freedom === 0 || effect <= 1) return { likely: 0, most: limit };
  const ratio = value / freedom;
  const likely = 1 - (ratio - 1) / (effect - 1);
  const error = (ratio * Math.sqrt(2 / freedom)) / (effect - 1);
  const within = (share: number) => Math.min(limit, Math.max(0, share));
  return { likely: within(likely), most: within(likely + error) };
}

/** Pearson's statistic of each whole week against the next. */
function differencesOfWeeks(days: readonly DayVotes[]): { value: number; freedom: number } {
  const byWeek = new Map<number, DayVotes[]>();
  for (const day of days) byWeek.set(weekOf(day.day), [...(byWeek.get(weekOf(day.day)) ?? []), day]);
  const [first, last] = [days[0]?.day ?? 0, days.at(-1)?.day ?? 0];
  const [share] = sharesOf(days, false) as [number[], number[]];
  const met = share.filter((each) => each > 0).length;
  let value = 0;
  let freedom = 0;
  for (const [week, own] of byWeek) {
    const next = byWeek.get(week + 1);
    const isWhole = weekOf(first - 1) < week && weekOf(last + 1) > week + 1;
    if (next === undefined || !isWhole) continue;
    const [one, other] = [sharesOf(own, false)[0] as number[], sharesOf(next, false)[0] as number[]];
    const spread = 1 / sumOf(own).items + 1 / sumOf(next).items;
    freedom += met - 1;
    share.forEach((each, group) => {
      if (each > 0) value += ((one[group] as number) - (other[group] as number)) ** 2 / (each * spread);
    });
  }
  return { value, freedom };
}
