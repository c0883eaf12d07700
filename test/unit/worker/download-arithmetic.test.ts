/**
 * The arithmetic of downloads: which ranges to ask for, and how long it will still take.
 */
import { expect, test } from 'vitest';
import { RANGE_GAP_BYTES_MAX } from '../../../protocol/limits.ts';
import { TimeLeft } from '../../../worker/choice/time-left.ts';
import { planRanges } from '../../../worker/download/range-plan.ts';

const chunks = (...lengths: readonly number[]) => lengths.map((bytes) => ({ bytes }));

test('neighbouring missing chunks become one range, in the order of the file', () => {
  expect(planRanges(chunks(10, 10, 10, 10), [2, 1, 3])).toEqual([{ first: 1, end: 4 }]);
  expect(planRanges(chunks(10, 10), [])).toEqual([]);
});

test(`a gap of ${RANGE_GAP_BYTES_MAX} bytes is fetched across, one byte more is not`, () => {
  expect(planRanges(chunks(10, RANGE_GAP_BYTES_MAX, 10), [0, 2])).toEqual([{ first: 0, end: 3 }]);
  expect(planRanges(chunks(10, RANGE_GAP_BYTES_MAX + 1, 10), [0, 2])).toEqual([
    { first: 0, end: 1 },
    { first: 2, end: 3 },
  ]);
  expect(planRanges(chunks(10, RANGE_GAP_BYTES_MAX, 1, 10), [0, 3])).toHaveLength(2);
});

test('the time left follows the recent speed, and what the store had is no speed', () => {
  const left = new TimeLeft();
  // 900 of 2,000 bytes were stored; then 1 byte per ms.
  expect(left.after(0, 900, 2000)).toBeNull();
  expect(left.after(400, 1300, 2000)).toBeNull();
  expect(left.after(500, 1400, 2000)).toBe(600);
  // Half the speed for two seconds: the estimate comes close to it.
  const slow = [1000, 1500, 2000, 2500].map((nowMs) => left.after(nowMs, 1400 + (nowMs - 500) / 4, 2000));
  expect(slow.at(-1)).toBeGreaterThan(170);
  expect(slow.at(-1)).toBeLessThan(400);
});
