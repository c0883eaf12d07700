/**
 * Slot sums: a series' cells by metric and slot of time, found without looking through all of them for each. Pure.
 *
 * Invariants
 *  - Slots follow each other without a hole, those in which nothing was counted among them.
 *  - A metric's counts of all slots add up to its counts in the series.
 */
import type { DenseCounts } from '../../../counts/statistics/summary.ts';
import { denseOf } from '../../../counts/statistics/summary.ts';
import type { CellSum, Series } from '../../../protocol/read/read-api.ts';
import type { PlacedMetric } from '../../../protocol/report/plan.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { type HeatRow, rowOfCells } from '../charts/heat-rows.ts';

export interface Slots {
  readonly firstHour: number;
  readonly slotHours: number;
  readonly count: number;
}

/** Slots of an answer of this many hours, and of whatever came of hours ahead. */
export function slotsOf({ fromHour, slotHours, totals }: Series, hourCount: number): Slots {
  const lastHour = totals.reduce((last, { hour }) => Math.max(last, hour), fromHour + hourCount - 1);
  return { firstHour: fromHour, slotHours, count: Math.floor((lastHour - fromHour) / slotHours) + 1 };
}

export function slotStartMs({ firstHour, slotHours }: Slots, index: number): number {
  return (firstHour + index * slotHours) * HOUR_MS;
}

/** Seconds since 1970 of each slot's start. */
export function slotTimes(slots: Slots): readonly number[] {
  return Array.from({ length: slots.count }, (_, index) => slotStartMs(slots, index) / 1000);
}

export function slotIndex({ firstHour, slotHours }: Slots, hour: number): number {
  return Math.floor((hour - firstHour) / slotHours);
}

export class SlotSums {
  readonly slots: Slots;
  private readonly bySlot: readonly (readonly CellSum[])[];

  /** @param cells Of one plan, in any order. */
  constructor(slots: Slots, cells: readonly CellSum[]) {
    this.slots = slots;
    const bySlot: CellSum[][] = Array.from({ length: slots.count }, () => []);
    for (const cell of cells) bySlot[slotIndex(slots, cell.hour)]?.push(cell);
    for (const of of bySlot) of.sort((one, other) => one.cell - other.cell);
    this.bySlot = bySlot;
  }

  /** Of all slots together. */
  total(metric: PlacedMetric): DenseCounts {
    return denseOf(
      metric,
      this.bySlot.flatMap((_, slot) => this.cellsOf(metric, slot)),
    );
  }

  /** What `of` makes of each slot's counts; null where the metric was not counted. */
  perSlot<T>(metric: PlacedMetric, of: (counts: DenseCounts) => T): readonly (T | null)[] {
    return this.bySlot.map((_, slot) => {
      const cells = this.cellsOf(metric, slot);
      return cells.length === 0 ? null : of(denseOf(metric, cells));
    });
  }

  /** By slot and row of a heat map. */
  rowSums(metric: PlacedMetric, rows: readonly HeatRow[]): readonly (readonly number[])[] {
    const rowOf = rowOfCells(rows, metric.cells.length);
    return this.bySlot.map((_, slot) => {
      const sums = rows.map(() => 0);
      for (const { cell, count } of this.cellsOf(metric, slot)) {
        const row = rowOf[cell - metric.offset] ?? -1;
        if (row >= 0) sums[row] = (sums[row] as number) + count;
      }
      return sums;
    });
  }

  private cellsOf({ offset, cells }: PlacedMetric, slot: number): readonly CellSum[] {
    const of = this.bySlot[slot] ?? [];
    return of.slice(lowerBound(of, offset), lowerBound(of, offset + cells.length));
  }
}

/** Index of the first whose cell is that or a later one. */
function lowerBound(sorted: readonly CellSum[], cell: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as CellSum).cell < cell) low = middle + 1;
    else high = middle;
  }
  return low;
}
