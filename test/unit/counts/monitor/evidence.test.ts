/**
 * Evidence: what nothing but chance makes of it, exactly where all outcomes can be listed.
 *
 * Goal: the mean of an e-value under the null is at most 1, baseline uncertainty included. Method: all counts of a few items in three
 * groups, each with its probability under the baseline's own Dirichlet-multinomial.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { universalCells } from '../../../../counts/layout/universal.ts';
import { observe, type Reference, referenceOf, UNSHARED } from '../../../../counts/monitor/baseline.ts';
import type { DayVotes } from '../../../../counts/monitor/day-votes.ts';
import { evidenceOf as evidenceOfStarts, type ScoredDay, type Starts, scoreDay, startsOf } from '../../../../counts/monitor/detector.ts';
import { discountOf, dispersionOf, persistenceOf, repeatsOf } from '../../../../counts/monitor/dispersion.ts';
import { effectOf } from '../../../../counts/monitor/effect.ts';
import { groupCells, metricCells } from '../../../../counts/monitor/grouping.ts';
import { skewOf } from '../../../../counts/monitor/skew.ts';
import { addTiltSums, rankFunctionsOf, TILT_COUNT, TILT_LOG_MARGIN, tiltsOf } from '../../../../counts/monitor/tilts.ts';
import { dirichletOf, logProbability } from '../../../../counts/statistics/dirichlet-multinomial.ts';
import { logGamma } from '../../../../counts/statistics/log-gamma.ts';
import { Chance } from '../../../storms/monitor-world.ts';

/** All ways to put items into groups. */
function* outcomes(items: number, groupCount: number): Generator<number[]> {
  if (groupCount === 1) yield [items];
  else for (let first = 0; first <= items; first++) for (const rest of outcomes(items - first, groupCount - 1)) yield [first, ...rest];
}

const logCoefficient = (counts: readonly number[]) =>
  counts.reduce((sum, count) => sum - logGamma(count + 1), logGamma(counts.reduce((sum, count) => sum + count, 0) + 1));

const BASELINES = [
  [150, 150, 150],
  [200, 40, 10],
  [1_000, 3, 0.5],
  [60, 0.5, 0.5],
] as const;

describe.each(BASELINES)('of a baseline of %d, %d and %d', (...alpha) => {
  const unchanged = dirichletOf(Float64Array.from(alpha));
  const mass = alpha[0] + alpha[1] + alpha[2];
  const shares = Float64Array.from(alpha, (each) => each / mass);

  test.each([1, 5, 30])('%d items: the omnibus ratio has mean 1', (items) => {
    const changed = dirichletOf(shares.map((share) => 100 * share));
    let mean = 0;
    for (const counts of outcomes(items, 3)) {
      const own = Float64Array.from(counts);
      mean += Math.exp(logCoefficient(counts) + logProbability(changed, own, items));
    }
    expect(mean).toBeCloseTo(1, 9);
    let total = 0;
    for (const counts of outcomes(items, 3))
      total += Math.exp(logCoefficient(counts) + logProbability(unchanged, Float64Array.from(counts), items));
    expect(total).toBeCloseTo(1, 9);
  });

  test.each([1, 5, 30, 80, 200])('%d items: the mean of the tilts has mean 1 or less', (items) => {
    const functions = rankFunctionsOf(shares, 3);
    if (functions === null) throw new Error('three groups have a rank');
    const { scores, shrinks } = tiltsOf(functions, shares);
    const means = new Float64Array(TILT_COUNT);
    for (const counts of outcomes(items, 3)) {
      const own = Float64Array.from(counts);
      const sums = new Float64Array(TILT_COUNT);
      addTiltSums(sums, scores, own);
      const logChance = logCoefficient(counts) + logProbability(unchanged, own, items);
      sums.forEach((sum, tilt) => {
        means[tilt] = (means[tilt] as number) + Math.exp(logChance + sum / (1 + ((shrinks[tilt] as number) * items) / mass));
      });
    }
    expect(means.reduce((sum, mean) => sum + mean, 0) / TILT_COUNT).toBeLessThanOrEqual(Math.exp(TILT_LOG_MARGIN));
  });
});

const dayOf = (day: number, counts: readonly number[], windows = 100): DayVotes => {
  const items = counts.reduce((sum, count) => sum + count, 0);
  return { day, windows, items, squaredItems: items, squaredCells: items, counts };
};
const grouping = { groupOf: [0, 1, 2, 3], groupCount: 4, lineGroupCount: 4 };
const baselineOfDays = (days: readonly DayVotes[]) => ({
  version: 1,
  cadence: 'day' as const,
  grouping,
  days,
  agreement: 0.25,
  parts: [],
  repeats: 1,
  dispersion: null,
});
const alike = Array.from({ length: 28 }, (_, day) =>
  dayOf(
    day,
    [100, 110, 90, 100].map((count, group) => count + ((day * 7 + group * 3) % 11)),
  ),
);
const reference = referenceOf(baselineOfDays(alike), UNSHARED);

/** Days until yesterday, and today's. */
function evidenceOf(own: Reference, days: readonly ScoredDay[], fromDay: number, today: number) {
  const whole = days.filter(({ day }) => day < today);
  return evidenceOfStarts(own, startsOf(own, null, whole, fromDay, today), days.find(({ day }) => day === today) ?? null);
}

describe('a discount', () => {
  test('is at least 1, and what is observed is no more than what was counted and adds up', () => {
    const anyCounts = fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(anyCounts, fc.double({ min: 0, max: 1, noNaN: true }), (counts, withinDay) => {
        const day = dayOf(3, counts);
        expect(discountOf(day, { withinWindow: 0.3, withinDay, withinPart: 0.1, repeats: 1, wander: 0 })).toBeGreaterThanOrEqual(1);
        const { counts: observed, total } = observe(day, reference, 1);
        observed.forEach((count, group) => {
          expect(count).toBeLessThanOrEqual(counts[group] as number);
        });
        expect(total).toBeCloseTo(
          observed.reduce((sum, count) => sum + count, 0),
          6,
        );
      }),
    );
  });

  test('grows with what days differ by, and not with a season of the week', () => {
    const wobbling = alike.map((day) =>
      dayOf(
        day.day,
        day.counts.map((count, group) => count + (group === day.day % 4 ? 80 : 0)),
      ),
    );
    const seasonal = alike.map((day) =>
      dayOf(
        day.day,
        day.counts.map((count, group) => count + (group === 0 && (day.day + 3) % 7 >= 5 ? 80 : 0)),
      ),
    );
    const discounts = [alike, wobbling, seasonal].map((days) =>
      discountOf(days[0] as DayVotes, dispersionOf({ days, agreement: 0.25, parts: [], repeats: 1, lineGroupCount: 4 }, true)),
    );
    expect(discounts[1]).toBeGreaterThan(3);
    expect(discounts[2]).toBeLessThan(1.5);
    expect(discounts[0]).toBeLessThan(1.5);
    expect(referenceOf(baselineOfDays(seasonal), UNSHARED).isSplit).toBe(true);
  });
});

describe('browsers that come back', () => {
  /** Four weeks of 40 browsers, each with one cell of four that it always votes; so many of them stay from week to week. */
  const weeksOf = (stayCount: number, seed = 1): DayVotes[] => {
    const chance = new Chance(seed);
    const browsers = Array.from({ length: 40 }, () => chance.below(4));
    return Array.from({ length: 28 }, (_, index) => {
      // A Monday, and the whole week votes on it.
      const day = 4 + index;
      if (index % 7 !== 0) return dayOf(day, [0, 0, 0, 0], 0);
      for (let browser = stayCount; browser < browsers.length; browser++) browsers[browser] = chance.below(4);
      const counts = [0, 1, 2, 3].map((cell) => 20 * browsers.filter((own) => own === cell).length);
      return { day, windows: 40, items: 800, squaredItems: 40 * 400, squaredCells: 40 * 400, counts };
    });
  };
  const sampleOf = (stayCount: number, returnRatio: number, seed = 1) => ({
    ...{ weekly: weeksOf(stayCount, seed), agreement: 0.25, weekWindows: 160, dayWindows: 160 * (1 + returnRatio) },
  });

  test('are told from strangers by how little weeks in a row differ', () => {
    const middle = (stayCount: number) => {
      const likely = Array.from({ length: 49 }, (_, seed) => persistenceOf(sampleOf(stayCount, 5, seed)).likely);
      return likely.sort((one, other) => one - other)[24] as number;
    };
    expect(middle(0)).toBeLessThan(0.2);
    expect(Math.abs(middle(20) - 0.5)).toBeLessThan(0.25);
    expect(middle(40)).toBeCloseTo(1, 1);
  });

  test('are no more than come back within a week, and none where nobody does', () => {
    for (const stayCount of [0, 30, 40]) {
      expect(persistenceOf(sampleOf(stayCount, 0))).toEqual({ likely: 0, most: 0 });
      expect(repeatsOf(sampleOf(stayCount, 0))).toEqual({ likely: 1, most: 1 });
      const { likely, most } = persistenceOf(sampleOf(stayCount, 0.2));
      expect(likely).toBeLessThanOrEqual(most);
      expect(most).toBeLessThanOrEqual(0.2);
    }
  });

  test('repeat themselves in each of the weeks that are looked at', () => {
    expect(repeatsOf(sampleOf(40, 4)).likely).toBeCloseTo(60 / 7, 1);
  });

  test('make a week worth less, and never more', () => {
    const [votes] = weeksOf(30) as [DayVotes];
    const discounts = [1, 2, 8].map((repeats) => discountOf(votes, { withinWindow: 1, withinDay: 0, withinPart: 0, repeats, wander: 0 }));
    expect(discounts[0]).toBeCloseTo(20, 9);
    expect(discounts[1]).toBeCloseTo(39, 9);
    expect(discounts[2]).toBeCloseTo(153, 9);
  });
});

describe('the detector', () => {
  const scored = (counts: readonly number[], windows = 100) =>
    Array.from({ length: 10 }, (_, day) => scoreDay(dayOf(40 + day, counts, windows), reference));

  test('says nothing before enough windows were seen, and more windows never take a start away', () => {
    for (const windows of [0, 1]) expect(evidenceOf(reference, scored([300, 0, 0, 0], windows), 40, 49).log).toBe(-Infinity);
    const logs = [2, 5, 20, 100].map((windows) => evidenceOf(reference, scored([300, 0, 0, 0], windows), 40, 49).log);
    for (let index = 1; index < logs.length; index++) expect(logs[index]).toBeGreaterThanOrEqual(logs[index - 1] as number);
  });

  test('comes to the same sums whether starts are carried on from day to day, over gaps or made anew', () => {
    const anyDays = fc.uniqueArray(fc.integer({ min: 40, max: 130 }), { minLength: 1, maxLength: 60 });
    const anyLooks = fc.uniqueArray(fc.integer({ min: 40, max: 131 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(anyDays, anyLooks, (days, looks) => {
        const all = [...days].sort((one, other) => one - other).map((day) => scoreDay(dayOf(day, [90 + day, 110, 3 * day, 70]), reference));
        let carried: Starts | null = null;
        for (const today of [...looks].sort((one, other) => one - other)) {
          const whole = all.filter(({ day }) => day < today);
          carried = startsOf(reference, carried, whole, 45, today);
          const anew = startsOf(reference, null, whole, 45, today);
          expect({ ...carried, sums: carried.sums.join() }).toEqual({ ...anew, sums: anew.sums.join() });
        }
      }),
      { numRuns: 30 },
    );
  });

  test('finds a shift, and nothing where days are as they were', () => {
    expect(evidenceOf(reference, scored([150, 120, 80, 50]), 40, 49).log).toBeGreaterThan(20);
    expect(evidenceOf(reference, scored([104, 114, 94, 104]), 40, 49).log).toBeLessThan(3);
  });

  test('with a tolerance it needs more of the same', () => {
    const tolerant = referenceOf(baselineOfDays(alike), { ...UNSHARED, tolerance: 0.02 });
    const days = [150, 120, 80, 50];
    const log = evidenceOf(
      tolerant,
      Array.from({ length: 10 }, (_, day) => scoreDay(dayOf(40 + day, days), tolerant)),
      40,
      49,
    ).log;
    expect(log).toBeLessThan(evidenceOf(reference, scored(days), 40, 49).log);
  });

  test('takes no number for evidence that is none, however large or empty the days', () => {
    const anyCount = fc.oneof(fc.constantFrom(0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER), fc.integer({ min: 0, max: 1_000 }));
    const anyDay = fc.array(anyCount, { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(anyDay, { minLength: 1, maxLength: 5 }), fc.array(anyDay, { minLength: 1, maxLength: 5 }), (baseline, seen) => {
        const own = referenceOf(baselineOfDays(baseline.map((counts, day) => dayOf(day, counts))), UNSHARED);
        const days = seen.map((counts, day) => scoreDay(dayOf(20 + day, counts), own));
        expect(evidenceOf(own, days, 20, 20 + seen.length).log).not.toBeNaN();
        expect(effectOf(own, days)).not.toBeNaN();
      }),
    );
  });
});

describe('groups', () => {
  test('of a number line keep its order, and every cell has one', () => {
    const cells = metricCells(universalCells());
    const anyCounts = fc.dictionary(fc.integer({ min: 0, max: cells.cellCount - 1 }).map(String), fc.integer({ min: 1, max: 1_000 }));
    fc.assert(
      fc.property(anyCounts, (counts) => {
        const { groupOf, groupCount, lineGroupCount } = groupCells(cells, counts);
        expect(groupOf).toHaveLength(cells.cellCount);
        expect(lineGroupCount).toBeLessThanOrEqual(16);
        expect(Math.min(...groupOf)).toBe(0);
        expect(Math.max(...groupOf)).toBe(groupCount - 1);
        const line = groupOf.slice(cells.line?.firstCell, (cells.line?.firstCell ?? 0) + (cells.line?.cellCount ?? 0));
        expect(line).toEqual([...line].sort((one, other) => one - other));
      }),
    );
  });

  test('have about equal shares, and a cell that holds half leaves its neighbours together', () => {
    const cells = metricCells(universalCells());
    const first = cells.line?.firstCell ?? 0;
    const counts = Object.fromEntries(Array.from({ length: 301 }, (_, index) => [first + 1_000 + index, index === 100 ? 300 : 1]));
    const { groupOf, lineGroupCount } = groupCells(cells, counts);
    const sums = new Float64Array(lineGroupCount);
    for (const [cell, count] of Object.entries(counts))
      sums[groupOf[Number(cell)] as number] = (sums[groupOf[Number(cell)] as number] as number) + count;
    expect(lineGroupCount).toBeGreaterThanOrEqual(9);
    expect([...sums].filter((sum) => sum < 15).length).toBeLessThanOrEqual(1);
  });

  test('of many categories are the most frequent and one of all others', () => {
    const counts = Object.fromEntries(Array.from({ length: 100 }, (_, cell) => [cell, cell]));
    const { groupOf, groupCount } = groupCells({ cellCount: 100, line: null }, counts);
    expect(groupCount).toBe(32);
    expect(groupOf[99]).toBe(0);
    expect(new Set(groupOf.slice(0, 69))).toEqual(new Set([31]));
  });
});

describe('skew against the training data', () => {
  const baseline = baselineOfDays(alike);

  test('is found where the field differs from the first day on, and not where it does not', () => {
    expect(skewOf(baseline, [2_000, 2_200, 1_800, 2_000], 0.01)).toMatchObject({ isFound: false });
    const far = skewOf(baseline, [2_000, 1_000, 500, 3_000], 0.01);
    expect(far?.isFound).toBe(true);
    expect(far?.effect).toBeGreaterThan(0.1);
  });

  test('is nothing without training data, and refused for those of another metric', () => {
    expect(skewOf(baseline, [0, 0, 0, 0], 0)).toBeNull();
    expect(() => skewOf(baseline, [1, 2, 3], 0)).toThrow(/3 cells and the metric 4/);
  });
});
