/**
 * A visitor who sends as fast as he can costs honest pages no report and the collector no memory; see test/storms/hostile-visitor.ts.
 */
import { expect, test } from 'vitest';
import { STORE_MEMORY_BYTES_MAX } from '../../protocol/limits.ts';
import { hostileTable, sufferVisitor } from '../storms/hostile-visitor.ts';

const DURATION_MS = 15_000;
/** The process beside the database: V8, its code and what is on its way. */
const BESIDE_STORE_BYTES_MAX = 512 * 1024 * 1024;

test('a quarter of a minute of a hostile visitor: every honest report is taken and counted once, every question answered, memory is bounded', async () => {
  const report = await sufferVisitor(DURATION_MS);
  process.stdout.write(`${hostileTable(report)}\n`);
  expect([report.refusedReports, report.failedQuestions]).toEqual([0, 0]);
  expect(report.countedRuns).toBe(report.sentRuns);
  expect(Math.max(...report.residentBytes)).toBeLessThan(STORE_MEMORY_BYTES_MAX + BESIDE_STORE_BYTES_MAX);
  const statuses = (name: string) => Object.keys(report.answers[name] ?? {});
  expect([statuses('too many cells'), statuses('a segment that is none'), statuses('no report')]).toEqual([['413'], ['400'], ['400']]);
  expect(statuses('HEAD of the live feed')).toEqual(['200']);
});
