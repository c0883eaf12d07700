/** The epsilon ledger under 100,000 random schedules; see test/storms/ledger-storm.ts. Prints what it has counted. */
import { expect, test } from 'vitest';
import { ledgerStorm } from '../storms/ledger-storm.ts';

const SCHEDULE_COUNT = 100_000;

test(`over ${SCHEDULE_COUNT} random schedules of tabs, crashes, clocks and faults no epoch and no quarter has too many reports`, async () => {
  const { schedules, reports } = await ledgerStorm(SCHEDULE_COUNT, 17);
  process.stdout.write(`${schedules} schedules, ${reports} reports\n`);
  expect(schedules).toBe(SCHEDULE_COUNT);
  expect(reports).toBeGreaterThan(SCHEDULE_COUNT / 2);
});
