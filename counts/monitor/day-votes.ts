/**
 * Day votes: the votes of one stream and one UTC day, by group.
 *
 * Why days: people's days differ, so a day is what the monitor takes as one draw of the world. Within a day votes are only added.
 *
 * Invariants
 *  - Whole numbers, as they came. What is derived of them (discounts, evidence) is computed anew, so a stored state holds no rounding.
 */
import type { MetricVotes } from '../votes/metric-votes.ts';
import type { SparseCounts } from './grouping.ts';

/** Sums over windows, without cells. */
export interface VoteSums {
  readonly windows: number;
  readonly items: number;
  readonly squaredItems: number;
  readonly squaredCells: number;
}

export interface DayVotes extends VoteSums {
  /** Days since 1970. */
  readonly day: number;
  /** Items by group. */
  readonly counts: readonly number[];
}

/** A day whose cells have no groups yet. */
export interface EarlyDay extends VoteSums {
  readonly day: number;
  readonly cells: SparseCounts;
}

export const HOURS_PER_DAY = 24;
const DAYS_PER_WEEK = 7;
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 3;
const SATURDAY = 5;

export function dayOf(hour: number): number {
  return Math.floor(hour / HOURS_PER_DAY);
}

export function isWeekend(day: number): boolean {
  return (day + FIRST_WEEKDAY) % DAYS_PER_WEEK >= SATURDAY;
}

/** ISO weeks since that of 1970-01-01, which is 0. */
export function weekOf(day: number): number {
  return Math.floor((day + FIRST_WEEKDAY) / DAYS_PER_WEEK);
}

/** The day's votes and these; `known` is null on the day's first. */
export function addToDay(
  known: DayVotes | null,
  day: number,
  votes: MetricVotes,
  groupOf: readonly number[],
  groupCount: number,
): DayVotes {
  const counts: number[] = known === null ? new Array(groupCount).fill(0) : [...known.counts];
  for (let cell = 0; cell < votes.counts.length; cell++) {
    const count = votes.counts[cell] as number;
    if (count > 0) counts[groupOf[cell] as number] = (counts[groupOf[cell] as number] as number) + count;
  }
  return { day, ...addSums(known, votes), counts };
}

export function addToEarlyDay(known: EarlyDay | null, day: number, votes: MetricVotes): EarlyDay {
  return { day, ...addSums(known, votes), cells: addCells(known?.cells ?? {}, votes) };
}

export function addCells(known: SparseCounts, { counts }: MetricVotes): SparseCounts {
  const cells: Record<string, number> = { ...known };
  for (let cell = 0; cell < counts.length; cell++) {
    const count = counts[cell] as number;
    if (count > 0) cells[cell] = (cells[cell] ?? 0) + count;
  }
  return cells;
}

/** The same day by group. */
export function groupDay({ cells, ...sums }: EarlyDay, groupOf: readonly number[], groupCount: number): DayVotes {
  const counts: number[] = new Array(groupCount).fill(0);
  for (const [cell, count] of Object.entries(cells)) {
    const group = groupOf[Number(cell)] as number;
    counts[group] = (counts[group] as number) + count;
  }
  return { ...sums, counts };
}

export function sumOf(all: readonly VoteSums[]): VoteSums {
  return all.reduce<VoteSums>(addSums, { windows: 0, items: 0, squaredItems: 0, squaredCells: 0 });
}

function addSums(known: VoteSums | null, votes: VoteSums): VoteSums {
  return {
    windows: (known?.windows ?? 0) + votes.windows,
    items: (known?.items ?? 0) + votes.items,
    squaredItems: (known?.squaredItems ?? 0) + votes.squaredItems,
    squaredCells: (known?.squaredCells ?? 0) + votes.squaredCells,
  };
}
