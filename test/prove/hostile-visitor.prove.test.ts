/** A hostile visitor for ten minutes, with times; see test/storms/hostile-visitor.ts. Each part prints what it has measured. */
import { expect, test } from 'vitest';
import { STORE_MEMORY_BYTES_MAX } from '../../protocol/limits.ts';
import { hostileTable, percentile, sufferVisitor } from '../storms/hostile-visitor.ts';

const DURATION_MS = 10 * 60_000;
const REPORT_MS_MAX = 200;
const QUESTION_MS_MAX = 1_000;

test('ten minutes of a hostile visitor: honest reports stay below 200 ms at the 99th percentile, no question takes a second, memory is flat', async () => {
  const report = await sufferVisitor(DURATION_MS);
  process.stdout.write(`${hostileTable(report)}\n`);
  expect([report.refusedReports, report.failedQuestions]).toEqual([0, 0]);
  expect(report.countedRuns).toBe(report.sentRuns);
  expect(percentile(report.reportMs, 0.99)).toBeLessThan(REPORT_MS_MAX);
  expect(Math.max(...report.questionMs)).toBeLessThan(QUESTION_MS_MAX);
  // Flat once what the database may hold is held: the second half adds nothing.
  const half = report.residentBytes.slice(Math.floor(report.residentBytes.length / 2));
  expect(Math.max(...half)).toBeLessThan(2 * STORE_MEMORY_BYTES_MAX);
  expect(Math.max(...half) - Math.min(...half)).toBeLessThan(STORE_MEMORY_BYTES_MAX / 4);
});
