/**
 * Summaries stay within what the counts can say.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { edgedCell, edgedCells, UNIT_EDGES } from '../../../counts/layout/edges.ts';
import { placeMetrics } from '../../../counts/layout/plan.ts';
import { universalCell, universalCells } from '../../../counts/layout/universal.ts';
import {
  countOf,
  denseOf,
  fractionsOf,
  jensenShannonDivergence,
  meanOf,
  populationStabilityIndex,
  quantileOf,
  totalOf,
} from '../../../counts/statistics/summary.ts';

const prose = { title: 't', unit: 'u', why: 'w', per: 'event', of: null, role: null } as const;
const plan = placeMetrics('data', [
  { id: 'first', ...prose, cells: ['a', 'b'], edges: null },
  { id: 'unit', ...prose, ...edgedCells(UNIT_EDGES) },
  { id: 'values', ...prose, ...universalCells() },
]);
const [, unit, values] = plan.metrics as [never, (typeof plan.metrics)[number], (typeof plan.metrics)[number]];

const unitCounts = (samples: readonly number[]) =>
  denseOf(
    unit,
    samples.map((value) => ({ cell: unit.offset + edgedCell(UNIT_EDGES, value), count: 1 })),
  );

test('dense counts take a metric out of the plan and add up what comes twice', () => {
  const counts = denseOf(unit, [
    { cell: unit.offset, count: 2 },
    { cell: unit.offset, count: 3 },
    { cell: unit.offset - 1, count: 9 },
    { cell: values.offset, count: 9 },
  ]);
  expect(countOf(unit, counts, 'nan')).toBe(5);
  expect(countOf(unit, counts, 'no such cell')).toBe(0);
  expect(totalOf(counts)).toBe(5);
});

test('fractions add up to 1, or are all 0 when nothing was counted', () => {
  expect(fractionsOf([1, 3])).toEqual(Float64Array.of(0.25, 0.75));
  expect(fractionsOf([0, 0])).toEqual(Float64Array.of(0, 0));
});

test('a quantile is off by at most one cell from the exact one', () => {
  const anySamples = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(anySamples, fc.double({ min: 0, max: 1, noNaN: true }), (samples, q) => {
      const sorted = [...samples].sort((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number;
      expect(Math.abs((quantileOf(unit, unitCounts(samples), q) as number) - exact)).toBeLessThanOrEqual(1 / 32 + 1e-6);
    }),
  );
});

test('quantiles and means of values of any sign and scale are within 3.2 %', () => {
  const numbers = [-500, -20, -3, -0.01, 0, 0.002, 7, 90, 1_000];
  const counts = denseOf(
    values,
    numbers.map((value) => ({ cell: values.offset + universalCell(value), count: 1 })),
  );
  numbers.forEach((value, index) => {
    const estimate = quantileOf(values, counts, (index + 0.5) / numbers.length) as number;
    expect(Math.abs(estimate - value)).toBeLessThanOrEqual(0.032 * Math.abs(value) + 1e-30);
  });
  expect(meanOf(values, counts)).toBeCloseTo(573.992 / 9, 0);
});

test('a metric without a number line, or with nothing on it, has no quantile and no mean', () => {
  expect(quantileOf(plan.metrics[0] as never, [3, 4], 0.5)).toBeNull();
  expect(quantileOf(unit, unitCounts([Number.NaN]), 0.5)).toBeNull();
  expect(meanOf(unit, unitCounts([]))).toBeNull();
});

test('under and over answer with their edge', () => {
  expect(quantileOf(unit, unitCounts([-3, -3]), 0.5)).toBe(0);
  expect(quantileOf(unit, unitCounts([3, 3]), 0.5)).toBeCloseTo(1, 5);
});

test('distances are 0 for equal shares, grow with the shift, and are absent without observations', () => {
  const a = [100, 200, 300, 0];
  const b = [120, 180, 300, 0];
  const c = [300, 200, 0, 100];
  for (const distance of [populationStabilityIndex, jensenShannonDivergence]) {
    expect(distance(a, a)).toBeCloseTo(0, 9);
    expect(distance(a, [1_000, 2_000, 3_000, 0]) as number).toBeLessThan(0.001);
    expect(distance(a, b) as number).toBeLessThan(distance(a, c) as number);
    expect(distance(a, [0, 0, 0, 0])).toBeNull();
    expect(distance([0, 0, 0, 0], a)).toBeNull();
  }
  expect(jensenShannonDivergence([1, 0], [0, 1])).toBeCloseTo(1, 12);
});
