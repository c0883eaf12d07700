/**
 * Votes: what a marked window says of a metric is a fair sample of its items, and follows from its id.
 *
 * Method of the statistical tests: fixed ids, so that each run of them is the same; the expected distribution is computed here from binomial
 * coefficients as whole numbers. A bound of chi-square is its quantile at 1 in 10,000.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { placeMetrics } from '../../../counts/layout/plan.ts';
import { drawVotes, type MetricDraw } from '../../../counts/votes/draw-votes.ts';
import { IdChance } from '../../../counts/votes/id-chance.ts';
import { toHex } from '../../../protocol/hex.ts';
import { VOTE_ITEM_COUNT_MAX } from '../../../protocol/limits.ts';
import type { Metric } from '../../../protocol/report/plan.ts';

const of = { side: 'input', tensor: 'x' } as const;
const metric = (id: string, cells: readonly string[]): Metric => {
  return { id, title: '', unit: 'items', why: '', per: 'item', of, role: null, cells, edges: null };
};
const PLAN = placeMetrics('data', [
  metric('a', ['a0', 'a1', 'a2']),
  metric('b', ['b0']),
  metric('c', ['c0', 'uncounted', 'c2', 'c3', 'c4']),
]);
const UNCOUNTED = 5;

/** Ids as a page makes them: 16 bytes that look random. */
const idOf = (index: number) => createHash('sha256').update(`window ${index}`).digest('hex').slice(0, 32);

/** @param row One count for each cell of the plan. */
function windowOf(id: string, row: readonly number[]) {
  const met = row.flatMap((count, cell) => (count > 0 ? [{ cell, count }] : []));
  return { id, cells: Uint32Array.from(met, ({ cell }) => cell), counts: Uint32Array.from(met, ({ count }) => count) };
}

const countOf = (draws: readonly MetricDraw[], cell: number): number => {
  for (const { cells, counts } of draws) if (cells.includes(cell)) return counts[cells.indexOf(cell)] as number;
  return 0;
};

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toHex);
const count = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0xffff_ffff }));
const row = fc.array(count, { minLength: PLAN.cellCount, maxLength: PLAN.cellCount });

test(`of each metric ${VOTE_ITEM_COUNT_MAX} items are drawn, or all where there are no more, and none that is not there`, () => {
  fc.assert(
    fc.property(id, row, (windowId, counts) => {
      const draws = drawVotes(PLAN, windowOf(windowId, counts));
      for (const { offset, cells } of PLAN.metrics) {
        const there = counts.map((value, cell) => (cell >= offset && cell < offset + cells.length && cell !== UNCOUNTED ? value : 0));
        const total = there.reduce((sum, value) => sum + value, 0);
        const draw = draws.find((candidate) => candidate.offset === offset);
        expect((draw?.counts ?? []).reduce((sum, value) => sum + value, 0)).toBe(Math.min(total, VOTE_ITEM_COUNT_MAX));
        expect(draw === undefined).toBe(total === 0);
        for (const [index, cell] of (draw?.cells ?? []).entries()) {
          expect(draw?.counts[index]).toBeGreaterThan(0);
          expect(draw?.counts[index]).toBeLessThanOrEqual(there[cell] as number);
        }
        expect([...(draw?.cells ?? [])].sort((one, other) => one - other)).toEqual(draw?.cells ?? []);
        if (total <= VOTE_ITEM_COUNT_MAX)
          for (const [cell, value] of there.entries()) if (value > 0) expect(countOf(draws, cell)).toBe(value);
      }
    }),
    { seed: 21 },
  );
});

test('a window that is drawn again votes the same; another id, and it votes otherwise', () => {
  const counts = [400, 300, 300, 1, 900, 50, 80, 70, 100];
  const draw = (windowId: string) => drawVotes(PLAN, windowOf(windowId, counts));
  expect(draw(idOf(1))).toEqual(draw(idOf(1)));
  expect(draw(idOf(1))).not.toEqual(draw(idOf(2)));
});

test('ids that differ in one bit, and such as count up, draw as if they had nothing in common', () => {
  const ids = Array.from({ length: 128 }, (_, bit) => {
    const bytes = new Uint8Array(16);
    bytes[bit >> 3] = 1 << (bit & 7);
    return toHex(bytes);
  });
  const seen = ids.map((windowId) => new IdChance(windowId).below(2 ** 53));
  expect(new Set(seen).size).toBe(ids.length);
  const bits = seen.map((value) => value.toString(2).replaceAll('0', '').length);
  // The mean of 128 × 53 fair bits, four deviations wide.
  expect(Math.abs(bits.reduce((sum, ones) => sum + ones, 0) / (128 * 53) - 0.5)).toBeLessThan(4 * (0.5 / Math.sqrt(128 * 53)));
});

// Goal: the generator is the one that was tested by others, and no misprint of it. Method: the same from its definition, in whole numbers.
test('the chance of an id is sfc32, seeded by its four words', () => {
  const mask = 0xffff_ffffn;
  let [a, b, c, counter] = [0, 8, 16, 24].map((at) => BigInt(`0x${idOf(7).slice(at, at + 8)}`)) as [bigint, bigint, bigint, bigint];
  const next = () => {
    const sum = (a + b + counter) & mask;
    counter = (counter + 1n) & mask;
    [a, b, c] = [b ^ (b >> 9n), (c * 9n) & mask, ((((c << 21n) | (c >> 11n)) & mask) + sum) & mask];
    return Number(sum);
  };
  for (let round = 0; round < 20; round++) next();
  const chance = new IdChance(idOf(7));
  for (let index = 0; index < 1_000; index++) expect(chance.below(2 ** 32)).toBe(next());
});

describe('numbers below', () => {
  for (const n of [1, 2, 3, 7, 33, 2 ** 31 + 1, 3 * 2 ** 30, 2 ** 32, 2 ** 32 + 1, 3 * 2 ** 40, 2 ** 53 - 1]) {
    test(`${n} have equal shares, by sevenths`, () => {
      const shareCount = Math.min(n, 7);
      const seen = new Array<number>(shareCount).fill(0);
      const chance = new IdChance(idOf(n));
      const drawCount = 21_000;
      for (let index = 0; index < drawCount; index++) {
        const drawn = chance.below(n);
        expect(Number.isSafeInteger(drawn) && drawn >= 0 && drawn < n).toBe(true);
        const at = Math.floor((drawn / n) * shareCount);
        seen[at] = (seen[at] as number) + 1;
      }
      const sevenths = seen.map((_, at) => Math.ceil(((at + 1) * n) / shareCount) - Math.ceil((at * n) / shareCount));
      expect(
        chiSquare(
          seen,
          sevenths.map((size) => (size / n) * drawCount),
        ),
      ).toBeLessThan(28);
    });
  }
});

function chiSquare(seen: readonly number[], expected: readonly number[]): number {
  return seen.reduce((sum, value, index) => sum + (value - (expected[index] as number)) ** 2 / (expected[index] as number), 0);
}

/** n over k, exact. */
function choose(n: number, k: number): bigint {
  if (k < 0 || k > n) return 0n;
  let value = 1n;
  for (let index = 1; index <= k; index++) value = (value * BigInt(n - k + index)) / BigInt(index);
  return value;
}

const ratio = (numerator: bigint, denominator: bigint) => Number((numerator * 10n ** 15n) / denominator) / 1e15;

describe('drawn counts follow the hypergeometric distribution', () => {
  const WINDOW_COUNT = 20_000;

  test('of one cell', () => {
    const counts = [20, 30, 50];
    const seen = new Array<number>(21).fill(0);
    for (let index = 0; index < WINDOW_COUNT; index++) {
      const drawn = countOf(drawVotes(PLAN, windowOf(idOf(index), counts)), 0);
      seen[drawn] = (seen[drawn] as number) + 1;
    }
    const expected = seen.map(
      (_, drawn) => WINDOW_COUNT * ratio(choose(20, drawn) * choose(80, VOTE_ITEM_COUNT_MAX - drawn), choose(100, VOTE_ITEM_COUNT_MAX)),
    );
    // Tails of fewer than five are one class each.
    const [first, last] = [expected.findIndex((value) => value >= 5), expected.findLastIndex((value) => value >= 5)];
    const pooled = (of: readonly number[]) => [
      of.slice(0, first + 1).reduce((sum, value) => sum + value, 0),
      ...of.slice(first + 1, last),
      of.slice(last).reduce((sum, value) => sum + value, 0),
    ];
    expect(chiSquare(pooled(seen), pooled(expected))).toBeLessThan(38);
  });

  test('of three cells together', () => {
    // Three of 35 items are left out: where they come from is the whole draw.
    const counts = [30, 3, 2];
    const outcomes = new Map<string, { seen: number; expected: number }>();
    for (let b = 0; b <= 3; b++) {
      for (let c = 0; c <= 2; c++) {
        const ways = choose(30, VOTE_ITEM_COUNT_MAX - b - c) * choose(3, b) * choose(2, c);
        if (ways > 0n) outcomes.set(`${b} ${c}`, { seen: 0, expected: WINDOW_COUNT * ratio(ways, choose(35, VOTE_ITEM_COUNT_MAX)) });
      }
    }
    for (let index = 0; index < WINDOW_COUNT; index++) {
      const draws = drawVotes(PLAN, windowOf(idOf(index), counts));
      const outcome = outcomes.get(`${countOf(draws, 1)} ${countOf(draws, 2)}`);
      if (outcome !== undefined) outcome.seen++;
    }
    const classes = [...outcomes.values()];
    const rare = classes.filter(({ expected }) => expected < 5);
    const sumOf = (name: 'seen' | 'expected') => rare.reduce((sum, outcome) => sum + outcome[name], 0);
    const pooled = [...classes.filter(({ expected }) => expected >= 5), { seen: sumOf('seen'), expected: sumOf('expected') }];
    expect(pooled.reduce((sum, { seen }) => sum + seen, 0)).toBe(WINDOW_COUNT);
    expect(
      chiSquare(
        pooled.map(({ seen }) => seen),
        pooled.map(({ expected }) => Math.max(expected, 1e-9)),
      ),
    ).toBeLessThan(36);
  });

  test('of as many items as a window can have', () => {
    const counts = [0xffff_ffff, 0xffff_ffff, 0xffff_fffe];
    const seen = [0, 1, 2].map((cell) => {
      let sum = 0;
      for (let index = 0; index < 2_000; index++) sum += countOf(drawVotes(PLAN, windowOf(idOf(index), counts)), cell);
      return sum;
    });
    const each = (2_000 * VOTE_ITEM_COUNT_MAX) / 3;
    expect(chiSquare(seen, [each, each, each])).toBeLessThan(19);
  });
});
