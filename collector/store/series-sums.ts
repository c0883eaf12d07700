/**
 * Sums of a group of windows in memory, one per series, so that a store writes a few hundred cells and not a thousand windows.
 */
import type { AcceptedWindow } from './store.ts';

/** Sums of one series in one group: u32 times GROUP_COMMIT_COUNT_MAX windows stay far below 2^53, where a double is exact. */
export interface SeriesSum {
  readonly key: string;
  readonly window: AcceptedWindow;
  reports: number;
  runs: number;
  readonly cells: Map<number, number>;
}

export function sumBySeries(windows: readonly AcceptedWindow[]): Iterable<SeriesSum> {
  const sums = new Map<string, SeriesSum>();
  for (const window of windows) {
    const { modelVersion, plan, report, arm, segment, hour } = window;
    const key = `${modelVersion} ${plan} ${report} ${arm} ${segment} ${hour}`;
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = { key, window, reports: 0, runs: 0, cells: new Map() };
      sums.set(key, sum);
    }
    sum.reports += 1;
    sum.runs += window.runs;
    for (let index = 0; index < window.cells.length; index++) {
      const cell = window.cells[index] as number;
      sum.cells.set(cell, (sum.cells.get(cell) ?? 0) + (window.counts[index] as number));
    }
  }
  return sums.values();
}
