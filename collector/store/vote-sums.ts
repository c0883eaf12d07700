/**
 * Votes as sums: what a group of windows adds, one sum per entry of a stream, hour of receipt and mark, and the way back to what is read.
 *
 * An entry is what is summed. Those below PLAN_CELL_COUNT_MAX are cells; each further stretch of so many holds one number of a metric, at its
 * first cell; behind them stands the number of windows.
 *
 * Invariants
 *  - Windows that are the first of a week are kept apart from those that are the first of a day alone: each is added once, and whoever asks
 *    by day gets the sum.
 *  - A window adds no more cells than it has, and three numbers for each metric that it has an item of.
 *
 * Not here: drawing (counts/votes/draw-votes.ts).
 */
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import { PLAN_CELL_COUNT_MAX } from '../../protocol/limits.ts';
import type { AcceptedWindow, SlotVotes, VotedMetric, WindowVotes } from './store.ts';

const METRIC_WINDOWS = PLAN_CELL_COUNT_MAX;
const SQUARED_ITEMS = 2 * PLAN_CELL_COUNT_MAX;
const SQUARED_CELLS = 3 * PLAN_CELL_COUNT_MAX;
export const WINDOWS_ENTRY = 4 * PLAN_CELL_COUNT_MAX;

/** Entries that a window's votes are added to. */
export function entryCountOf({ metrics }: WindowVotes): number {
  return metrics.reduce((sum, { cells }) => sum + cells.length + 3, 1);
}

export interface VoteSum {
  /** Of any window of its stream: model version, plan, arm and segment. */
  readonly window: AcceptedWindow;
  readonly votes: Pick<WindowVotes, 'cadence' | 'hour'>;
  readonly entries: Map<number, number>;
}

/** Streams are told apart by it. */
export function streamText({
  modelVersion,
  plan,
  arm,
  segment,
}: Pick<AcceptedWindow, 'modelVersion' | 'plan' | 'arm' | 'segment'>): string {
  return `${modelVersion} ${plan} ${arm} ${segment}`;
}

export function sumVotes(windows: readonly AcceptedWindow[]): VoteSum[] {
  const sums = new Map<string, VoteSum>();
  for (const window of windows) {
    const { votes } = window;
    if (votes === undefined) continue;
    const key = `${streamText(window)} ${votes.hour} ${votes.cadence}`;
    const { entries } = sums.get(key) ?? { entries: new Map<number, number>() };
    sums.set(key, { window, votes, entries });
    addVotes(entries, votes);
  }
  return [...sums.values()];
}

function addVotes(entries: Map<number, number>, { metrics }: WindowVotes): void {
  const add = (entry: number, more: number) => entries.set(entry, (entries.get(entry) ?? 0) + more);
  add(WINDOWS_ENTRY, 1);
  for (const { offset, cells, counts } of metrics) {
    const items = counts.reduce((sum, count) => sum + count, 0);
    add(METRIC_WINDOWS + offset, 1);
    add(SQUARED_ITEMS + offset, items * items);
    for (const [index, cell] of cells.entries()) {
      const count = counts[index] as number;
      add(cell, count);
      add(SQUARED_CELLS + offset, count * count);
    }
  }
}

/** @param entries At least those of the asked metrics, and of the windows. */
export function votesIn(entries: ReadonlyMap<number, number>, asked: readonly VotedMetric[]): Pick<SlotVotes, 'windows' | 'metrics'> {
  const metrics = new Map<string, MetricVotes>();
  for (const { id, offset, cells } of asked) {
    const windows = entries.get(METRIC_WINDOWS + offset);
    if (windows === undefined) continue;
    const counts = Float64Array.from(cells, (_, cell) => entries.get(offset + cell) ?? 0);
    metrics.set(id, {
      windows,
      items: counts.reduce((sum, count) => sum + count, 0),
      squaredItems: entries.get(SQUARED_ITEMS + offset) ?? 0,
      squaredCells: entries.get(SQUARED_CELLS + offset) ?? 0,
      counts,
    });
  }
  return { windows: entries.get(WINDOWS_ENTRY) ?? 0, metrics };
}
