/**
 * Null model-years at full size; see test/storms/alarm-storm.ts. Prints the distribution of each condition.
 *
 * A part is one condition at one traffic. Seeds are others than those by which rules and thresholds were fixed (1 … 999).
 */
import { describe, expect, test } from 'vitest';
import { busy, CONDITIONS, distributionOf, meanWithBound, nullYear } from '../storms/alarm-storm.ts';

const YEAR_COUNT = 200;
const BUSY_YEAR_COUNT = 20;
const BUDGET = 1;
const FIRST_SEED = 5_000_000;

describe.each(Object.entries(CONDITIONS))('%s', (name, condition) => {
  test.each([
    [30, YEAR_COUNT, condition],
    [1_000, BUSY_YEAR_COUNT, busy(condition)],
  ] as const)('%d visits a day: over %d null model-years no more false incidents than the budget', (visits, yearCount, own) => {
    const counts = Array.from({ length: yearCount }, (_, year) => nullYear(own, FIRST_SEED + 1_000 * visits + year).incidents);
    const { mean, bound } = meanWithBound(counts);
    process.stdout.write(
      `${name}, ${visits} visits a day: mean ${mean.toFixed(2)}, below ${bound.toFixed(2)}: ${distributionOf(counts)}\n`,
    );
    expect(bound).toBeLessThanOrEqual(BUDGET);
  });
});
