/**
 * Count window: what the page has counted since the window opened.
 *
 * Invariants
 *  - Counts only grow, and are exact: nothing is clamped. `isFull` says in time when to seal, so that no count reaches 2^32.
 *  - Says by itself whether it may leave the device: the same rule by which the collector takes it (counts/layout/bounds.ts).
 *  - It is full before its report is longer than a body: a wide table meets tens of thousands of cells in a minute, and what is too long is lost.
 *  - `toWindow` gives cells in strictly rising order, so equal counts are equal bytes.
 *
 * Not here: when to seal and what to keep (sdk/), the wire (protocol/report/report.ts).
 */

import { WINDOW_RUN_COUNT_MAX } from '../../protocol/limits.ts';
import type { Window, WindowHeader } from '../../protocol/report/window.ts';
import { areEnoughRuns } from '../layout/bounds.ts';
import { REPEAT_CELL } from '../layout/plan.ts';
import { BIT_COUNT_FULL, CELL_BIT_COUNT, DIGIT_BIT_COUNT } from '../layout/report-bits.ts';

/** A window with a cell this high is full. One run adds far less than the other half of u32. */
const CELL_COUNT_FULL = 2 ** 31;

/** Enough runs, repeats left out, to leave the device with data in them. */
export function haveEnoughRuns({ runs, cells, counts }: Pick<Window, 'runs' | 'cells' | 'counts'>): boolean {
  return areEnoughRuns(runs, counts[cells.indexOf(REPEAT_CELL)] ?? 0);
}

export class CountWindow {
  header: Omit<WindowHeader, 'runs'>;
  private readonly counts: Uint32Array;
  private runCount = 0;
  private highestCount = 0;
  private bitCount = 0;

  /** @param cellCount Cells of the plan that `header.plan` names. */
  constructor(header: Omit<WindowHeader, 'runs'>, cellCount: number) {
    this.header = header;
    this.counts = new Uint32Array(cellCount);
  }

  /** Another hour, for a window that nobody has been handed yet. */
  moveTo(hour: number): void {
    this.header = { ...this.header, hour };
  }

  get runs(): number {
    return this.runCount;
  }

  /** Nothing was counted: no run and no cell. */
  get isEmpty(): boolean {
    return this.runCount === 0 && this.highestCount === 0;
  }

  /** As `haveEnoughRuns`. What holds once holds from then on. */
  get hasEnoughRuns(): boolean {
    return areEnoughRuns(this.runCount, this.counts[REPEAT_CELL] ?? 0);
  }

  /** Seal it before adding more. */
  get isFull(): boolean {
    return this.runCount >= WINDOW_RUN_COUNT_MAX || this.highestCount >= CELL_COUNT_FULL || this.bitCount >= BIT_COUNT_FULL;
  }

  addRun(): void {
    this.runCount++;
  }

  /**
   * @param pairs Cell and count alternating.
   * @throws {RangeError} for a cell outside the plan or a count that would pass 2^32 - 1; nothing is added then.
   */
  add(pairs: Uint32Array | readonly number[]): void {
    for (let index = 0; index < pairs.length; index += 2) this.check(pairs[index] as number, pairs[index + 1] as number);
    for (let index = 0; index < pairs.length; index += 2) this.bump(pairs[index] as number, pairs[index + 1] as number);
  }

  /**
   * Adds another window's runs and counts: a rest of the same plan. Its id is not taken over.
   *
   * @throws {RangeError} as `add`; also when the plans differ.
   */
  merge(window: Window): void {
    if (window.plan !== this.header.plan) throw new RangeError('windows of different plans cannot be added up');
    window.cells.forEach((cell, index) => {
      this.check(cell, window.counts[index] as number);
    });
    window.cells.forEach((cell, index) => {
      this.bump(cell, window.counts[index] as number);
    });
    this.runCount += window.runs;
  }

  /** A copy in wire form; the window itself goes on counting. */
  toWindow(): Window {
    const cells: number[] = [];
    this.counts.forEach((count, cell) => {
      if (count > 0) cells.push(cell);
    });
    return {
      ...this.header,
      runs: this.runCount,
      cells: Uint32Array.from(cells),
      counts: Uint32Array.from(cells, (cell) => this.counts[cell] as number),
    };
  }

  private check(cell: number, count: number): void {
    const current = this.counts[cell];
    if (current === undefined) throw new RangeError('the cell is not in the plan');
    if (current + count > 0xffff_ffff) throw new RangeError('the window is full');
  }

  private bump(cell: number, count: number): void {
    const before = this.counts[cell] as number;
    const sum = before + count;
    this.counts[cell] = sum;
    const digitCount = Math.clz32(before || 1) - Math.clz32(sum);
    this.bitCount += (before === 0 ? CELL_BIT_COUNT : 0) + digitCount * DIGIT_BIT_COUNT;
    this.highestCount = Math.max(this.highestCount, sum);
  }
}
