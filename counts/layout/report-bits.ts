/**
 * Report bits: what a window's report will take, estimated while it is counted, and how many rows of a run leave it short enough.
 *
 * Why rows: a data window leaves the device with DATA_REPORT_RUN_COUNT_MIN runs at the least. A run of a thousand columns and 72 rows meets most
 * cells of a plan, and eight of them made a report that was longer than a body and lost. A run of such a plan counts every n-th row.
 *
 * Invariants
 *  - As many runs as a report must have leave its window no fuller than `BIT_COUNT_FULL`, when each row bumps a cell of every metric once.
 *  - Plans of a few thousand cells have no such limit: all their cells fit into a body with any counts that so many runs can have.
 *
 * Not here: the code itself (protocol/report/cell-code.ts), when a window is sealed (counts/tally/window.ts).
 */
import { BATCH_AXIS_COUNT_MAX, BODY_BYTES_MAX, DATA_REPORT_RUN_COUNT_MIN } from '../../protocol/limits.ts';
import type { Plan } from '../../protocol/report/plan.ts';

/**
 * Bits of a window's report at which it is full, counted as if nothing were learnt of its cells, which is about twice what they take. So it is
 * full at three quarters of a body; the last one is for the run that is added last, and for a rest that joins.
 */
export const BIT_COUNT_FULL = 1.5 * 8 * BODY_BYTES_MAX;
/** Of the step to a cell and of a count of one; each binary digit more takes DIGIT_BIT_COUNT. */
export const CELL_BIT_COUNT = 4;
export const DIGIT_BIT_COUNT = 2;

/** Rows of each tensor that one run counts at the most. */
export function rowCountMaxIn({ metrics, cellCount }: Pick<Plan, 'metrics' | 'cellCount'>): number {
  const metricCount = metrics.filter(({ per }) => per === 'item' || per === 'part').length;
  // Counts are shortest to tell when they are the same in all cells, and that many of them fill the window then.
  const digitCount = (BIT_COUNT_FULL / cellCount - CELL_BIT_COUNT) / DIGIT_BIT_COUNT;
  const bumpCount = (cellCount * 2 ** digitCount) / DATA_REPORT_RUN_COUNT_MIN;
  return Math.max(1, Math.min(BATCH_AXIS_COUNT_MAX, Math.floor(bumpCount / Math.max(1, metricCount))));
}
