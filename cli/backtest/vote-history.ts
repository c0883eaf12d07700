/**
 * Vote history: votes of hours gone by, held in memory, as a store would answer them.
 *
 * Why held: a replay reads each hour once, the table of delays many times, and a collector is to be asked once.
 *
 * Invariants
 *  - Answers are those of a store (collector/store/store.ts): in order of hour, arm and segment, slots without a marked window left out.
 *  - Bounded: HELD_NUMBER_COUNT_MAX numbers.
 *
 * Not here: where votes come from (table-votes.ts, collector-votes.ts).
 */
import type { VoteSource } from '../../collector/monitoring/vote-source.ts';
import type { SlotVotes, VotedMetric, VotesQuery } from '../../collector/store/store.ts';
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import { HELD_NUMBER_COUNT_MAX } from '../../protocol/read/backtest-limits.ts';
import type { MetricVotesEntry, VotesSlot } from '../../protocol/read/monitoring.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { ARMS, DAY_HOURS, HOUR_MS, type VoteCadence } from '../../protocol/report/window.ts';
import { CommandError } from '../terminal/command-error.ts';

/** A plan with the hash by which votes name it. */
export interface HistoryPlan {
  readonly hash: string;
  readonly plan: Plan;
}

export class VoteHistory implements VoteSource {
  readonly #slots = new Map<string, VotesSlot[]>();
  #numberCount = 0;
  #fromHour: number | null = null;
  #toHour: number | null = null;

  /** First and last hour, both inclusive; null without any vote. A day that was rolled up reaches to its last hour. */
  get range(): { readonly fromHour: number; readonly toHour: number } | null {
    return this.#fromHour === null || this.#toHour === null ? null : { fromHour: this.#fromHour, toHour: this.#toHour };
  }

  /** Hours of a plan and cadence rise. @throws {CommandError} when there is no room for more. */
  add(plan: string, cadence: VoteCadence, slots: readonly VotesSlot[]): void {
    const key = `${plan} ${cadence}`;
    const held = this.#slots.get(key) ?? [];
    this.#slots.set(key, held);
    for (const slot of slots) {
      held.push(slot);
      this.#numberCount += slot.metrics.reduce((sum, { cells }) => sum + 6 + 2 * cells.length, 6);
      if (this.#numberCount > HELD_NUMBER_COUNT_MAX) throw tooMuch();
      this.#fromHour = Math.min(this.#fromHour ?? Infinity, slot.hour);
      this.#toHour = Math.max(this.#toHour ?? 0, slot.hour + slot.slotHours - 1);
    }
  }

  /** Marked windows of a plan, by day. */
  windowsOf(plan: string): number {
    return (this.#slots.get(`${plan} day`) ?? []).reduce((sum, { windows }) => sum + windows, 0);
  }

  async votes({ plan, cadence, fromHour, toHour, slotHours, arm, segment, metrics }: VotesQuery): Promise<readonly SlotVotes[]> {
    const held = this.#slots.get(`${plan} ${cadence}`) ?? [];
    const byId = new Map(metrics.map((metric) => [metric.id, metric]));
    const found: SlotVotes[] = [];
    for (let at = firstFrom(held, fromHour); at < held.length; at++) {
      const slot = held[at] as VotesSlot;
      if (slot.hour > toHour) break;
      if ((arm === null || slot.arm === arm) && (segment === null || slot.segment === segment)) found.push(denseSlot(slot, byId));
    }
    return slotHours === 1 ? found : byDay(found);
  }
}

export function tooMuch(): CommandError {
  return new CommandError('More votes than this machine should hold at once. Replay a part of the history: --from DAY --to DAY.');
}

/** Index of the first slot that does not begin before that hour. */
function firstFrom(slots: readonly VotesSlot[], hour: number): number {
  let [low, high] = [0, slots.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((slots[middle] as VotesSlot).hour < hour) low = middle + 1;
    else high = middle;
  }
  return low;
}

function denseSlot({ arm, segment, hour, slotHours, windows, metrics }: VotesSlot, asked: ReadonlyMap<string, VotedMetric>): SlotVotes {
  const dense = new Map<string, MetricVotes>();
  for (const entry of metrics) {
    const metric = asked.get(entry.metric);
    if (metric !== undefined) dense.set(entry.metric, denseVotes(entry, metric.cells.length));
  }
  return { arm, segment, hour, slotHours, windows, metrics: dense };
}

function denseVotes({ windows, items, squaredItems, squaredCells, cells, counts }: MetricVotesEntry, cellCount: number): MetricVotes {
  const dense = new Float64Array(cellCount);
  cells.forEach((cell, index) => {
    if (cell < cellCount) dense[cell] = counts[index] as number;
  });
  return { windows, items, squaredItems, squaredCells, counts: dense };
}

/** Cells that nobody met left out. */
export function sparseVotes(metric: string, { windows, items, squaredItems, squaredCells, counts }: MetricVotes): MetricVotesEntry {
  const cells = Array.from(counts.keys()).filter((cell) => (counts[cell] as number) > 0);
  return { metric, windows, items, squaredItems, squaredCells, cells, counts: cells.map((cell) => counts[cell] as number) };
}

function byDay(slots: readonly SlotVotes[]): SlotVotes[] {
  const days = new Map<string, SlotVotes>();
  for (const slot of slots) {
    const hour = slot.hour - (slot.hour % DAY_HOURS);
    const key = `${hour} ${slot.arm} ${slot.segment}`;
    const known = days.get(key);
    days.set(key, { ...slot, hour, slotHours: DAY_HOURS, ...(known === undefined ? {} : sumOf(known, slot)) });
  }
  return [...days.values()].sort(
    (one, other) => one.hour - other.hour || ARMS.indexOf(one.arm) - ARMS.indexOf(other.arm) || one.segment - other.segment,
  );
}

function sumOf(one: SlotVotes, other: SlotVotes): Pick<SlotVotes, 'windows' | 'metrics'> {
  const metrics = new Map(one.metrics);
  for (const [id, votes] of other.metrics) {
    const known = metrics.get(id);
    metrics.set(id, known === undefined ? votes : addVotes(known, votes));
  }
  return { windows: one.windows + other.windows, metrics };
}

function addVotes(one: MetricVotes, other: MetricVotes): MetricVotes {
  return {
    windows: one.windows + other.windows,
    items: one.items + other.items,
    squaredItems: one.squaredItems + other.squaredItems,
    squaredCells: one.squaredCells + other.squaredCells,
    counts: one.counts.map((count, cell) => count + (other.counts[cell] as number)),
  };
}

/** "2026-01-31", of an hour since 1970. */
export function dayText(hour: number): string {
  return new Date(hour * HOUR_MS).toISOString().slice(0, 10);
}
