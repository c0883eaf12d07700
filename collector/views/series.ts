/**
 * Series: what a reader is answered of a model's sums, and the one place that says what nobody is shown.
 *
 * Invariants
 *  - An answer has at most SERIES_CELL_COUNT_MAX cells of one kind: where hours would make more, they are taken together.
 *  - A sum of fewer reports than `shownReportsMin` is in no answer, for no reader, neither alone nor in a larger sum: who knows the larger one
 *    with it and without it would know it.
 *
 * Not here: who waits for whom (read-queue.ts), what a query looks like (collector/http/read-routes.ts).
 */
import { SERIES_CELL_COUNT_MAX } from '../../protocol/limits.ts';
import type { Series } from '../../protocol/read/read-api.ts';
import type { Arm } from '../../protocol/report/window.ts';
import type { NamedPlan } from '../models/registry.ts';
import type { HourCells, Store } from '../store/store.ts';

/** Hours that a slot may have, each a multiple of the one before: slots of one size never lie across those of the next. */
const SLOT_HOURS = [1, 2, 4, 8, 24, 72, 216, 648, 2592];

export interface SeriesAsked {
  readonly nowMs: number;
  readonly modelVersion: string;
  readonly fromHour: number;
  readonly toHour: number;
  readonly arm: Arm | null;
  readonly segment: number | null;
  /** null: no cells of that kind. */
  readonly data: NamedPlan | null;
  readonly software: NamedPlan | null;
}

export async function seriesOf(store: Store, asked: SeriesAsked, shownReportsMin: number): Promise<Series> {
  const { nowMs, modelVersion, toHour, arm, segment } = asked;
  const named = [asked.data, asked.software].filter((of) => of !== null);
  const hourly = {
    ...{ modelVersion, fromHour: asked.fromHour, toHour, slotHours: 1, arm, segment, reportCountMin: shownReportsMin },
    plans: named.map(({ hash }) => hash),
  };
  const hours = await store.hourCells(hourly);
  const perPlan = named.map(({ hash }) => slotHoursFor(hours.filter((cells) => cells.plan === hash)));
  const slotHours = Math.max(1, ...perPlan);
  const slots = { ...hourly, slotHours, fromHour: asked.fromHour - (asked.fromHour % slotHours) };
  const sums = await store.cellSums(slots);
  const ofPlan = (of: NamedPlan | null) => sums.get(of?.hash ?? '') ?? [];
  return {
    ...{ nowMs, fromHour: slots.fromHour, slotHours, shownReportsMin, ...(await store.totals(slots)) },
    plans: { data: asked.data?.hash ?? null, software: asked.software?.hash ?? null },
    ...{ data: ofPlan(asked.data), software: ofPlan(asked.software) },
  };
}

/** The fewest hours that have to be taken together: a slot has no more cells than its hours store, and none that was never met. */
function slotHoursFor(hours: readonly HourCells[]): number {
  const isShort = (slotHours: number): boolean => {
    const slots = new Map<number, number>();
    for (const { hour, cellCount, metCellCount } of hours) {
      const slot = hour - (hour % slotHours);
      slots.set(slot, Math.min(metCellCount, cellCount + (slots.get(slot) ?? 0)));
    }
    return [...slots.values()].reduce((sum, cellCount) => sum + cellCount, 0) <= SERIES_CELL_COUNT_MAX;
  };
  return SLOT_HOURS.find(isShort) ?? (SLOT_HOURS.at(-1) as number);
}
