/**
 * Changes at full size; see test/storms/change-storm.ts. Prints a row of a table each: how long until a change is found, what is told of
 * it, and what of its mix.
 *
 * Delays are in observations over log(average run length) / KL, where the run length is that of a stream in days; the baseline has at
 * least ten times the delay. An observation is what votes are worth by the discount that the monitor has learnt; printed beside it is
 * the delay in those of the world's own design effect, which no monitor knows. Seeds are others than those by which rules and thresholds were fixed (1 … 999).
 */
import { describe, expect, test } from 'vitest';
import { boundOf, type ChangeOptions, delaysOf, type Judgement, judge, ranksFirst, STEP } from '../storms/change-storm.ts';
import { tellsMix } from '../storms/mix-storm.ts';

const FIRST_SEED = 800_000;
const CHANGE_COUNT = 200;
/** Items of a visit that vote, in the mean. */
const ITEMS_PER_VISIT = 20.4;

const print = (line: string) => process.stdout.write(`${line}\n`);

interface MedianDelay {
  readonly median: number;
  readonly late: number;
  readonly share: number;
  readonly discount: number;
  readonly designEffect: number;
}

function medianDelay(options: Omit<ChangeOptions, 'seed'>, daysMax: number, count = CHANGE_COUNT): MedianDelay {
  const days: number[] = [];
  const discounts: number[] = [];
  const designEffects: number[] = [];
  for (let seed = FIRST_SEED; days.length < count; seed++) {
    const one = delaysOf({ ...options, seed }, daysMax);
    days.push(...one.days);
    discounts.push(one.discount);
    designEffects.push(one.designEffect);
  }
  const sorted = days.sort((one, other) => one - other);
  const at = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] as number;
  const share = sorted.filter((each) => each < Infinity).length / sorted.length;
  return { median: at(0.5), late: at(0.9), share, discount: meanOf(discounts), designEffect: meanOf(designEffects) };
}

const meanOf = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;

/**
 * Few items between two looks, and days that are short beside the delay: processes start at midnight. Visits have mixes of their own: were
 * their items independent, a change would be told before ALARM_WINDOW_COUNT_MIN windows of 20 items have come, and that would be measured.
 */
const FINE = { ...STEP, visits: 16, visitMix: 20, looksPerDay: 8 };

describe('in observations, at no tolerance', () => {
  test.each([
    ['any', 0.1, 60, 2.5],
    ['any', 0.05, 90, 2.5],
    ['any', 0.02, 182, 3],
    ['smooth', 0.1, 60, 1.7],
    ['smooth', 0.05, 60, 1.7],
    ['smooth', 0.02, 120, 1.7],
  ] as const)(
    'a change of %s shape and PSI %d, with a baseline of %d days, is found within so many times the bound',
    (shift, psi, burnInDays, most) => {
      const options = { ...FINE, shift, psi, burnInDays };
      const { median, late, discount, designEffect } = medianDelay(options, 60);
      const items = FINE.visits * ITEMS_PER_VISIT;
      const ratio = (median * items) / discount / boundOf(options);
      const inWorld = (median * items) / designEffect / boundOf(options);
      print(
        `${shift}, PSI ${psi}: ${((median * items) / discount).toFixed(0)} observations = ${ratio.toFixed(2)} × the bound (90 %: ${((late * items) / discount).toFixed(0)}); by the world's design effect ${inWorld.toFixed(2)}`,
      );
      expect(ratio).toBeLessThanOrEqual(most);
    },
  );
});

describe('in days', () => {
  test.each([
    [30, 0],
    [300, 0],
    [3_000, 0],
    [30, 0.01],
    [300, 0.01],
    [3_000, 0.01],
  ] as const)('%d visits a day with mixes of their own, tolerance %d: most changes of PSI 0.1 are found', (visits, tolerance) => {
    for (const shift of ['any', 'smooth'] as const) {
      for (const psi of [0.1, 0.05, 0.02]) {
        const { median, late, share } = medianDelay({ ...STEP, visits, visitMix: 20, tolerance, shift, psi }, 60, 50);
        print(
          `${visits} visits a day, tolerance ${tolerance}, ${shift}, PSI ${psi}: ${median} days (90 %: ${late}), found ${(100 * share).toFixed(0)} %`,
        );
        if (psi === 0.1) expect(share).toBeGreaterThan(0.5);
      }
    }
  });
});

describe('what is told of a change', () => {
  test.each([
    [300, 0, 7],
    [300, 7, 10],
    [300, 14, 10],
    [300, 30, 10],
    [30, 0, 10],
    [30, 7, 14],
    [30, 14, 14],
    [30, 30, 14],
  ] as const)('%d visits a day, a ramp of %d days (0: a step), judged %d days after it is complete', (visits, rampDays, daysAfter) => {
    const sum: { -readonly [K in keyof Judgement]: number } = { decided: 0, right: 0, changes: 0, placed: 0, alarms: 0, gap: 0 };
    for (let seed = FIRST_SEED; sum.changes < CHANGE_COUNT; seed++) {
      const one = judge({ ...STEP, shift: 'smooth', visits, visitMix: 20, dayMix: 2_000, rampDays, seed }, daysAfter);
      for (const key of Object.keys(sum) as (keyof Judgement)[]) sum[key] += one[key];
    }
    const right = sum.right / Math.max(1, sum.decided);
    const placed = sum.placed / Math.max(1, sum.alarms);
    print(
      `${visits} visits a day, ramp ${rampDays}: alarms ${sum.alarms} of ${sum.changes}, decided ${sum.decided}, right ${right.toFixed(3)}, placed ${placed.toFixed(3)}`,
    );
    if (sum.decided > 20) expect(right).toBeGreaterThanOrEqual(0.93);
    expect(placed).toBeGreaterThanOrEqual(rampDays === 0 ? 0.88 : 0.9);
  });

  test(`of ${CHANGE_COUNT} changes of one metric in twenty the moved one is ranked first`, () => {
    const first = Array.from({ length: CHANGE_COUNT }, (_, index) => ranksFirst(FIRST_SEED + index)).filter(Boolean).length;
    print(`ranked first: ${first} of ${CHANGE_COUNT}`);
    expect(first / CHANGE_COUNT).toBeGreaterThanOrEqual(0.95);
  });

  test.each(['mix', 'inside'] as const)(`of ${CHANGE_COUNT} changes the cause is named: %s`, (cause) => {
    const named = Array.from({ length: CHANGE_COUNT / 4 }, (_, index) => tellsMix(FIRST_SEED + index, cause));
    const right = named.reduce((sum, each) => sum + each.right, 0);
    const alarms = named.reduce((sum, each) => sum + each.alarms, 0);
    print(`${cause}: named rightly ${right} of ${alarms} alarms`);
    expect(alarms).toBeGreaterThan(CHANGE_COUNT / 2);
    expect(right / alarms).toBeGreaterThanOrEqual(0.95);
  });
});
