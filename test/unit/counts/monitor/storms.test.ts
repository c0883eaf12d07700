/** Small sizes of what `npm run prove alarms` and `npm run prove changes` do at full size; seeds of their own. */
import { expect, test } from 'vitest';
import { CONDITIONS, meanWithBound, nullYear } from '../../../storms/alarm-storm.ts';
import { boundOf, delaysOf, judge, STEP } from '../../../storms/change-storm.ts';

test('in forty days of eleven still worlds there are no more alarms than the budget allows', () => {
  const counts = Object.values(CONDITIONS).map(
    (condition, index) => nullYear(condition, 900 + index, { days: 40, metricCount: 10 }).incidents,
  );
  // Eleven times 40 days: 1.2 false incidents in the mean at the most; six or more come less often than once in 500.
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThan(6);
}, 60_000);

test('a sudden change of PSI 0.1 is found within three times what no detector beats', () => {
  const options = { ...STEP, seed: 31, visits: 8, burnInDays: 60, looksPerDay: 8 };
  const { days, discount } = delaysOf(options, 20);
  const median = [...days].sort((one, other) => one - other)[days.length >> 1] as number;
  expect((median * 8 * 20.4) / discount / boundOf(options)).toBeLessThan(3);
});

test('a step is sudden and a ramp of a month gradual', () => {
  const options = { ...STEP, shift: 'smooth', visits: 300, metricCount: 12, looksPerDay: 4 } as const;
  const step = judge({ ...options, seed: 41 }, 10);
  expect(step).toMatchObject({ changes: 6, alarms: 6 });
  expect(step.right).toBeGreaterThanOrEqual(5);
  const ramp = judge({ ...options, seed: 42, rampDays: 30 }, 10);
  expect(ramp.right).toBeGreaterThanOrEqual(5);
});

test('a mean of nothing in 60 years is below 1 in 20', () => {
  expect(meanWithBound(new Array(60).fill(0)).bound).toBeCloseTo(3 / 60, 2);
});
