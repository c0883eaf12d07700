/**
 * Burn-in: collecting votes until they are a baseline.
 *
 * Invariants
 *  - Its length follows from what it needs: whole weeks to learn how days differ, and observations enough that the baseline's own chance
 *    is small beside a change worth telling. Until then it says how many windows are missing.
 *  - Both cadences are kept until it ends; then the traffic decides. Of few browsers many come back every day, and their turnover would
 *    look like drift: these vote by week.
 *  - Bounded: before cells are grouped only few votes are kept by cell, and days beyond BURN_IN_DAY_COUNT_MAX fall off.
 */
import {
  BASELINE_OBSERVATIONS_PER_FREEDOM_MIN,
  BURN_IN_DAY_COUNT_MAX,
  DAILY_WINDOW_COUNT_MIN,
  GROUPING_ITEM_COUNT_MIN,
  REBASE_DAY_COUNT_MIN,
} from '../../protocol/monitor-limits.ts';
import type { MetricVotes } from '../votes/metric-votes.ts';
import { type Baseline, type Cadence, observationCount } from './baseline.ts';
import {
  addCells,
  addToDay,
  addToEarlyDay,
  type DayVotes,
  dayOf,
  type EarlyDay,
  groupDay,
  HOURS_PER_DAY,
  isWeekend,
  sumOf,
} from './day-votes.ts';
import { type Dispersion, dispersionOf, type Guess, PARTS_PER_DAY, repeatsOf } from './dispersion.ts';
import { type Grouping, groupCells, type MetricCells, type SparseCounts } from './grouping.ts';

const CADENCES: readonly Cadence[] = ['day', 'week'];

/** Votes of one hour by cadence; null where none came. */
export type CadenceVotes = { readonly [C in Cadence]: MetricVotes | null };

export interface BurnIn {
  readonly fromDay: number;
  /** null until enough votes were seen to unite cells by. */
  readonly grouping: Grouping | null;
  readonly early: { readonly [C in Cadence]: readonly EarlyDay[] };
  readonly days: { readonly [C in Cadence]: readonly DayVotes[] };
  /** Items by cell of the metric. */
  readonly cells: { readonly [C in Cadence]: SparseCounts };
  /** Items by group in each part of the day, once there are groups (counts/monitor/dispersion.ts). */
  readonly parts: { readonly [C in Cadence]: readonly (readonly number[])[] };
  /** What an earlier baseline of the stream has taught; null of a first one. */
  readonly earlier:
    | (Pick<Baseline, 'version' | 'cadence' | 'agreement' | 'parts' | 'repeats'> & { readonly dispersion: Dispersion })
    | null;
}

export function startBurnIn(fromDay: number): BurnIn {
  const none = { day: [], week: [] };
  return { fromDay, grouping: null, early: none, days: none, cells: { day: {}, week: {} }, parts: none, earlier: null };
}

/** Begins again with days that a stream has kept: what they differ by is known from the earlier baseline. */
export function burnInAgain(baseline: Baseline, dispersion: Dispersion, days: readonly DayVotes[], fromDay: number): BurnIn {
  const { version, cadence, agreement, parts, repeats, grouping } = baseline;
  const kept = { day: [], week: [], [cadence]: days };
  return { ...startBurnIn(fromDay), grouping, days: kept, earlier: { version, cadence, agreement, parts, repeats, dispersion } };
}

export function addToBurnIn(burnIn: BurnIn, hour: number, votes: CadenceVotes): BurnIn {
  const day = dayOf(hour);
  let next = burnIn;
  for (const cadence of CADENCES) {
    const own = votes[cadence];
    if (own === null || own.items === 0) continue;
    next = { ...next, cells: { ...next.cells, [cadence]: addCells(next.cells[cadence], own) } };
    next =
      next.grouping === null
        ? { ...next, early: { ...next.early, [cadence]: withDay(next.early[cadence], day, (known) => addToEarlyDay(known, day, own)) } }
        : {
            ...next,
            days: { ...next.days, [cadence]: withDay(next.days[cadence], day, addGrouped(next.grouping, day, own)) },
            parts: { ...next.parts, [cadence]: addToParts(next.parts[cadence], hour, own, next.grouping) },
          };
  }
  return next;
}

function addToParts(
  known: readonly (readonly number[])[],
  hour: number,
  votes: MetricVotes,
  { groupOf, groupCount }: Grouping,
): number[][] {
  const parts = Array.from({ length: 2 * PARTS_PER_DAY }, (_, part) => [...(known[part] ?? new Array<number>(groupCount).fill(0))]);
  const part = Math.floor(((hour % HOURS_PER_DAY) * PARTS_PER_DAY) / HOURS_PER_DAY);
  const own = parts[part + (isWeekend(dayOf(hour)) ? PARTS_PER_DAY : 0)] as number[];
  votes.counts.forEach((count, cell) => {
    own[groupOf[cell] as number] = (own[groupOf[cell] as number] as number) + count;
  });
  return parts;
}

function addGrouped({ groupOf, groupCount }: Grouping, day: number, votes: MetricVotes): (known: DayVotes | null) => DayVotes {
  return (known) => addToDay(known, day, votes, groupOf, groupCount);
}

/** The days with one of them changed; days rise. */
export function withDay<Day extends { readonly day: number }>(
  days: readonly Day[],
  day: number,
  add: (known: Day | null) => Day,
): readonly Day[] {
  const last = days.at(-1);
  return last?.day === day ? [...days.slice(0, -1), add(last)] : [...days, add(null)];
}

/** Unites cells once there is something to unite them by, and forgets what is too old. Called when a day is over. */
export function closeBurnInDay(burnIn: BurnIn, cells: MetricCells, today: number): BurnIn {
  const grouped = burnIn.grouping === null ? groupEarly(burnIn, cells) : burnIn;
  const oldest = today - BURN_IN_DAY_COUNT_MAX;
  if (grouped.fromDay >= oldest) return grouped;
  const recent = <Day extends { readonly day: number }>(days: readonly Day[]) => days.filter(({ day }) => day >= oldest);
  const { early, days } = grouped;
  return {
    ...grouped,
    fromDay: oldest,
    early: { day: recent(early.day), week: recent(early.week) },
    days: { day: recent(days.day), week: recent(days.week) },
  };
}

function groupEarly(burnIn: BurnIn, cells: MetricCells): BurnIn {
  const { early } = burnIn;
  const items = CADENCES.reduce((sum, cadence) => sum + sumOf(early[cadence]).items, 0);
  if (items < GROUPING_ITEM_COUNT_MIN) return burnIn;
  const counts: Record<string, number> = { ...burnIn.cells.day };
  for (const [cell, count] of Object.entries(burnIn.cells.week)) counts[cell] = (counts[cell] ?? 0) + count;
  const grouping = groupCells(cells, counts);
  const grouped = (cadence: Cadence) => early[cadence].map((day) => groupDay(day, grouping.groupOf, grouping.groupCount));
  return { ...burnIn, grouping, early: { day: [], week: [] }, days: { day: grouped('day'), week: grouped('week') } };
}

export interface Missing {
  readonly windows: number;
  readonly days: number;
}

/** The baseline, or what is missing for one. @param burnInDays Days that a first one needs. */
export function baselineOf(burnIn: BurnIn, burnInDays: number, today: number): { baseline: Baseline | null; missing: Missing } {
  const { grouping, earlier, early } = burnIn;
  const daysNeeded = earlier === null ? burnInDays : REBASE_DAY_COUNT_MIN;
  const missingDays = Math.max(0, burnIn.fromDay + daysNeeded - today);
  const cadence = earlier?.cadence ?? cadenceOf(burnIn, today);
  if (grouping === null) {
    const { windows, items } = sumOf(early[cadence]);
    const perWindow = windows === 0 ? 1 : items / windows;
    return {
      baseline: null,
      missing: { windows: Math.max(1, Math.ceil((GROUPING_ITEM_COUNT_MIN - items) / perWindow)), days: missingDays },
    };
  }
  const days = burnIn.days[cadence].filter(({ day }) => day < today);
  const agreement = earlier?.agreement ?? agreementOf(burnIn.cells[cadence]);
  const parts = earlier?.parts ?? burnIn.parts[cadence];
  // Of few browsers one stream tells badly how many come back, and a baseline of too few different ones is none.
  const repeats = earlier === null ? repeatsIn(burnIn, cadence, today) : { likely: earlier.repeats, most: earlier.repeats };
  const sample = { days, agreement, parts, repeats: repeats.likely, lineGroupCount: grouping.lineGroupCount };
  const dispersion = earlier?.dispersion ?? dispersionOf(sample, true);
  const seen = observationCount(days, { ...dispersion, repeats: repeats.most });
  const met = days.reduce<boolean[]>((known, { counts }) => counts.map((count, group) => count > 0 || known[group] === true), []);
  const needed = BASELINE_OBSERVATIONS_PER_FREEDOM_MIN * Math.max(1, met.filter(Boolean).length - 1);
  const { windows } = sumOf(days);
  const perWindow = windows === 0 ? 1 : Math.max(seen / windows, 1 / needed);
  const missing = { windows: Math.max(0, Math.ceil((needed - seen) / perWindow)), days: missingDays };
  if (missing.windows > 0 || missing.days > 0) return { baseline: null, missing };
  const version = (earlier?.version ?? 0) + 1;
  return {
    baseline: { version, cadence, grouping, days, agreement, parts, repeats: repeats.likely, dispersion: earlier?.dispersion ?? null },
    missing,
  };
}

function cadenceOf({ days, early, fromDay }: BurnIn, today: number): Cadence {
  const windows = sumOf(days.day).windows + sumOf(early.day).windows;
  return windows >= DAILY_WINDOW_COUNT_MIN * Math.max(1, today - fromDay) ? 'day' : 'week';
}

/** Who votes daily repeats himself within a week, and that is in what weeks differ by. */
function repeatsIn({ days, cells }: BurnIn, cadence: Cadence, today: number): Guess {
  if (cadence === 'day') return { likely: 1, most: 1 };
  const weekly = days.week.filter(({ day }) => day < today);
  const [dayWindows, weekWindows] = [sumOf(days.day).windows, sumOf(days.week).windows];
  return repeatsOf({ weekly, agreement: agreementOf(cells.week), dayWindows, weekWindows });
}

/** Of two items drawn from all. */
function agreementOf(cells: SparseCounts): number {
  const counts = Object.values(cells);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total === 0 ? 0 : counts.reduce((sum, count) => sum + (count / total) ** 2, 0);
}
