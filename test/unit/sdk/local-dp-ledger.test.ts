/** The epsilon ledger: caps, epochs, quarantine, and which run an answer is about. */
import { describe, expect, test } from 'vitest';
import { ByteChance } from '../../../counts/noise/chance.ts';
import { estimateFeature } from '../../../counts/noise/estimate.ts';
import type { Feature } from '../../../counts/noise/local-dp-plan.ts';
import { LOCAL_DP_EPOCH_HOURS, LOCAL_DP_MICRO_EPSILON, LOCAL_DP_MICRO_EPSILON_MAX } from '../../../protocol/limits.ts';
import { atTime, exhaustedLedger, isLedger, type Ledger, newLedger, spend } from '../../../sdk/local-dp/epsilon-ledger.ts';
import { drawKey, visit } from '../../../sdk/local-dp/noised-state.ts';
import { seededSource } from '../../noise/seeded-source.ts';
import { DAY, HOUR, MODEL, START_MS } from '../../storms/epsilon-world.ts';
import { ledgerStorm } from '../../storms/ledger-storm.ts';

const SCHEDULE_COUNT = 300;
const EPOCH = LOCAL_DP_EPOCH_HOURS * HOUR;
const chanceOf = (seed: number) => new ByteChance(seededSource(seed));
const endOf = ({ startHour, epochIndex }: Ledger) => startHour * HOUR + (epochIndex + 1) * EPOCH;

/** A ledger in its third epoch, at that epoch's start. */
function grown(seed: number): { ledger: Ledger; nowMs: number } {
  const chance = chanceOf(seed);
  const young = newLedger(START_MS, chance);
  const nowMs = endOf(young) + EPOCH;
  return { ledger: atTime(young, nowMs, chance), nowMs };
}

test(`over ${SCHEDULE_COUNT} random schedules of tabs, crashes, clocks and faults no epoch and no quarter has too many reports`, async () => {
  const { schedules, reports } = await ledgerStorm(SCHEDULE_COUNT, 5);
  expect(schedules).toBe(SCHEDULE_COUNT);
  // Rules that nothing tests would hold too.
  expect(reports).toBeGreaterThan(SCHEDULE_COUNT / 2);
});

describe('an epoch', () => {
  test('has a due time anywhere in it, and an hour of its own to begin', () => {
    const starts = new Set<number>();
    const shares: number[] = [];
    for (let seed = 0; seed < 400; seed++) {
      const { ledger, nowMs } = grown(seed);
      starts.add(ledger.startHour);
      expect(nowMs).toBe(endOf(ledger) - EPOCH);
      shares.push(((ledger.dueMs as number) - nowMs) / EPOCH);
    }
    expect(starts.size).toBeGreaterThan(100);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...shares)).toBeLessThan(1);
    expect(shares.filter((share) => share < 0.5).length / shares.length).toBeCloseTo(0.5, 1);
  });

  test('whose due time passed before the first look draws one in what is left', () => {
    for (let seed = 0; seed < 100; seed++) {
      const { ledger } = grown(seed);
      const lateMs = endOf(ledger) + EPOCH - HOUR;
      const late = atTime(ledger, lateMs, chanceOf(seed + 1000));
      expect(late.dueMs).toBeGreaterThanOrEqual(lateMs);
      expect(late.dueMs).toBeLessThan(endOf(late));
    }
  });

  test('is spent by one report, whatever of its ε is left', () => {
    const { ledger } = grown(1);
    const dueMs = ledger.dueMs as number;
    expect(spend(ledger, 'a', LOCAL_DP_MICRO_EPSILON, dueMs - 1)).toBeNull();
    const after = spend(ledger, 'a', LOCAL_DP_MICRO_EPSILON / 4, dueMs) as Ledger;
    expect(spend(after, 'a', 1, dueMs)).toBeNull();
    expect(spend({ ...after, dueMs }, 'a', 1, dueMs)).toBeNull();
    expect(isLedger(after)).toBe(true);
  });

  test('rounds a deduction up and refuses what is above the ceiling, or nothing', () => {
    const { ledger } = grown(2);
    const dueMs = ledger.dueMs as number;
    expect(spend(ledger, 'a', 0.25, dueMs)?.spentMicroEps).toBe(1);
    expect(spend(ledger, 'a', LOCAL_DP_MICRO_EPSILON_MAX - 0.5, dueMs)?.spentMicroEps).toBe(LOCAL_DP_MICRO_EPSILON_MAX);
    for (const microEps of [LOCAL_DP_MICRO_EPSILON_MAX + 0.5, 0, -1, Number.NaN]) expect(spend(ledger, 'a', microEps, dueMs)).toBeNull();
  });

  test('ends without a report when the clock goes back, and the clock of a time server does not count', () => {
    const { ledger, nowMs } = grown(3);
    const later = atTime(ledger, nowMs + 20 * HOUR, chanceOf(0));
    expect(atTime(later, nowMs + 19 * HOUR, chanceOf(0))).toBe(later);
    const back = atTime(later, nowMs + 18 * HOUR, chanceOf(0));
    expect(back.dueMs).toBeNull();
    expect(atTime(back, endOf(back), chanceOf(0)).dueMs).not.toBeNull();
  });
});

test('a record that cannot be true blocks reports for a quarter', () => {
  const ledger = exhaustedLedger(START_MS, chanceOf(4));
  expect(isLedger(ledger)).toBe(true);
  let now = ledger;
  for (let day = 1; day < 90; day++) {
    now = atTime(now, START_MS + day * DAY, chanceOf(day));
    expect(spend({ ...now, dueMs: now.dueMs ?? START_MS }, 'a', 1, START_MS + day * DAY)).toBeNull();
  }
});

test('a page that finds such a record begins with that ledger, and forgets answers and reports', () => {
  for (const stored of [null, 7, {}, { ledger: grown(9).ledger, answers: [{}], outgoing: [] }, { ledger: {}, answers: [], outgoing: [] }]) {
    const next = visit(stored, { nowMs: START_MS, chance: chanceOf(1), random: seededSource(1), models: [MODEL], candidates: [] });
    expect(next).toMatchObject({ ledger: { dueMs: null, spentMicroEps: LOCAL_DP_MICRO_EPSILON_MAX }, answers: [], outgoing: [] });
  }
});

test.each([
  ['spent', { spentMicroEps: -1 }],
  ['spent above the ceiling', { spentMicroEps: LOCAL_DP_MICRO_EPSILON_MAX + 1 }],
  ['an epoch that its hours deny', { epochIndex: 0 }],
  ['a due time outside the epoch', { dueMs: START_MS - 10 * EPOCH }],
  ['a due time after spending', { spentMicroEps: 1 }],
  ['a start outside the week', { startHour: LOCAL_DP_EPOCH_HOURS }],
  ['more reports than there can be', { reportsByModel: { a: Array.from({ length: 9 }, () => 1) } }],
  ['reports that are no days', { reportsByModel: { a: ['x'] } }],
  ['a fraction of an hour', { latestHour: 0.5 }],
])('a ledger with %s is none', (_, wrong) => {
  const { ledger } = grown(5);
  expect(isLedger(ledger)).toBe(true);
  expect(isLedger({ ...ledger, ...wrong })).toBe(false);
});

test('whoever clears storage every few days gets no more reports than one in seven days', () => {
  // Goal: a cleared ledger refunds nothing. Method: 4,000 new ledgers, looked at every hour until they are cleared.
  for (const clearedAfterHours of [24, 72, 160]) {
    let reports = 0;
    for (let seed = 0; seed < 4_000; seed++) {
      const chance = chanceOf(seed * 7 + clearedAfterHours);
      let ledger = newLedger(START_MS, chance);
      for (let hour = 0; hour <= clearedAfterHours; hour++) {
        const nowMs = START_MS + hour * HOUR;
        ledger = atTime(ledger, nowMs, chance);
        const after = spend(ledger, 'a', 1, nowMs);
        if (after !== null) reports++;
        ledger = after ?? ledger;
      }
    }
    const share = Math.max(0, clearedAfterHours - 24) / LOCAL_DP_EPOCH_HOURS;
    expect(reports / 4_000).toBeLessThanOrEqual(share + 0.03);
    expect(reports / 4_000).toBeGreaterThanOrEqual(share - 0.06);
  }
});

test('each run of an epoch is as likely as the next to be the one that is answered, over visits and tabs', () => {
  // One feature, four runs of different classes in two visits each: a quarter of the answers is about each class.
  const [feature] = MODEL.plan.features as readonly [Feature];
  const models = [{ ...MODEL, plan: { ...MODEL.plan, features: [feature] } }];
  const chance = chanceOf(6);
  const { ledger, nowMs } = grown(6);
  const random = seededSource(8);
  const sums = Array.from({ length: feature.cellCount }, () => 0);
  const count = 8_000;
  for (let index = 0; index < count; index++) {
    let stored: unknown = { ledger: { ...ledger, dueMs: endOf(ledger) - 1 }, answers: [], outgoing: [] };
    for (const classes of [[0, 1], [2], [3]]) {
      const candidates = classes.map((position) => ({
        modelVersion: MODEL.modelVersion,
        key: drawKey(chance),
        cells: Uint32Array.from([feature.sourceOffset + position, 1]),
      }));
      stored = visit(stored, { nowMs, chance, random, models, candidates });
    }
    const [kept] = (stored as ReturnType<typeof visit>).answers;
    kept?.answer.forEach((bit, cell) => {
      sums[cell] = (sums[cell] as number) + Number(bit);
    });
  }
  estimateFeature(feature, MODEL.plan.microEps, sums, count).forEach(({ count: estimate, variance }, cell) => {
    const truth = cell >= 1 && cell <= 4 ? count / 4 : 0;
    expect(Math.abs(estimate - truth) / Math.sqrt(variance + (3 * count) / 16)).toBeLessThan(4);
  });
});
