/** Distances of histograms equal SciPy's on the vectors of test/vectors/distances.py. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { chiSquareOf, kolmogorovSmirnov, wassersteinDistance } from '../../../counts/statistics/distances.ts';
import { logAdd, logGamma, logSum } from '../../../counts/statistics/log-gamma.ts';
import { jensenShannonDivergence, populationStabilityIndex } from '../../../counts/statistics/summary.ts';
import type { Metric } from '../../../protocol/report/plan.ts';

interface Case {
  readonly edges: readonly number[];
  readonly expected: readonly number[];
  readonly observed: readonly number[];
  readonly psi: number;
  readonly jensenShannon: number;
  readonly chiSquare: number;
  readonly freedom: number;
  readonly kolmogorovSmirnov: number;
  readonly wasserstein: number;
}

const { cases } = JSON.parse(readFileSync(new URL('../../vectors/distances.json', import.meta.url), 'utf8')) as { cases: readonly Case[] };
const ERROR_MAX = 1e-9;

const metricOf = (edges: readonly number[]): Metric => ({
  id: 'line',
  title: 't',
  unit: 'u',
  why: 'w',
  per: 'event',
  of: null,
  role: null,
  cells: Array.from({ length: edges.length + 1 }, (_, cell) => `cell:${cell}`),
  edges: { firstCell: 1, values: edges },
});

test('all five distances equal those of SciPy, relative to their size', () => {
  expect(cases.length).toBeGreaterThan(20);
  for (const { edges, expected, observed, ...wanted } of cases) {
    const metric = metricOf(edges);
    const chiSquare = chiSquareOf(expected, observed);
    const found = {
      psi: populationStabilityIndex(expected, observed),
      jensenShannon: jensenShannonDivergence(expected, observed),
      chiSquare: chiSquare?.value,
      freedom: chiSquare?.freedom,
      kolmogorovSmirnov: kolmogorovSmirnov(metric, expected, observed),
      wasserstein: wassersteinDistance(metric, expected, observed),
    };
    for (const [name, value] of Object.entries(found)) {
      const right = wanted[name as keyof typeof wanted];
      expect(Math.abs((value as number) - right), `${name} of ${expected}`).toBeLessThanOrEqual(ERROR_MAX * Math.max(1, right));
    }
  }
});

test('of an empty side, or without a number line, there is no distance', () => {
  const categories = { ...metricOf([0, 1]), edges: null };
  expect(chiSquareOf([0, 0, 0], [1, 2, 3])).toBeNull();
  expect(kolmogorovSmirnov(metricOf([0, 1]), [0, 0, 0], [1, 2, 3])).toBeNull();
  expect(wassersteinDistance(metricOf([0, 1]), [1, 2, 3], [0, 0, 0])).toBeNull();
  expect(kolmogorovSmirnov(categories, [1, 2, 3], [3, 2, 1])).toBeNull();
});

test('the logarithm of the gamma function is that of factorials and of halves, within the stated error', () => {
  let logFactorial = 0;
  for (let n = 1; n < 170; n++) {
    expect(Math.abs(logGamma(n) - logFactorial)).toBeLessThan(1e-11 + 2e-15 * logFactorial);
    logFactorial += Math.log(n);
  }
  let logHalf = Math.log(Math.PI) / 2;
  for (let n = 0; n < 100; n++) {
    expect(Math.abs(logGamma(n + 0.5) - logHalf)).toBeLessThan(1e-11 + 2e-15 * Math.abs(logHalf));
    logHalf += Math.log(n + 0.5);
  }
  // Γ(x) is close to 1/x where x is close to 0.
  expect(logGamma(1e-9)).toBeCloseTo(Math.log(1e9), 8);
});

test('sums by their logarithms do not overflow', () => {
  expect(logAdd(1_000, 1_000)).toBeCloseTo(1_000 + Math.LN2, 12);
  expect(logAdd(-Infinity, 3)).toBe(3);
  expect(logSum([-2_000, -2_000, -Infinity])).toBeCloseTo(-2_000 + Math.LN2, 12);
  expect(logSum([])).toBe(-Infinity);
});
