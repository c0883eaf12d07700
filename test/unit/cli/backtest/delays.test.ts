/**
 * Delays: a planted change has the distance that it is said to have, and what is found of it is counted right.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { delaysOf, quantileOf } from '../../../../cli/backtest/delays.ts';
import { replay } from '../../../../cli/backtest/replay.ts';
import { distance, TiltedVotes, tiltedShares, tiltKey, tiltOf } from '../../../../cli/backtest/tilted-votes.ts';
import { sparseVotes, VoteHistory } from '../../../../cli/backtest/vote-history.ts';
import { MONITOR_DEFAULTS } from '../../../../counts/monitor/monitor.ts';
import { CELL_COUNT, METRIC_NAMES, STILL_WORLD, World, worldPlan } from '../../../storms/monitor-world.ts';

const PLAN = 'aaaaaaaaaaaaaaaa';
const START_DAY = 20_454;
const METRIC_COUNT = 4;
const plan = worldPlan(METRIC_COUNT);
const VERSION = '0123456789abcdef';

/** Days of a world in which nothing changes, looked at four times a day. */
function stillHistory(days: number, visits: number): VoteHistory {
  const world = new World({ ...STILL_WORLD, metricCount: METRIC_COUNT, visitsOn: () => visits, visitMix: 20, seed: 3 });
  const history = new VoteHistory();
  for (let day = START_DAY; day < START_DAY + days; day++) {
    for (let look = 0; look < 4; look++) {
      const votes = world.draw(day, look, 4);
      for (const cadence of ['day', 'week'] as const) {
        const metrics = votes.map((own, metric) => sparseVotes(METRIC_NAMES[metric] as string, own[cadence]));
        const windows = Math.max(...votes.map((own) => own[cadence].windows));
        if (windows > 0)
          history.add(PLAN, cadence, [{ arm: 'stable', segment: 0, hour: day * 24 + look * 6 + 5, slotHours: 1, windows, metrics }]);
      }
    }
  }
  return history;
}

const asked = (history: VoteHistory, days: number) => ({
  ...{ modelVersion: VERSION, plans: [{ hash: PLAN, plan }], options: MONITOR_DEFAULTS, source: history },
  ...{ fromHour: START_DAY * 24, toHour: (START_DAY + days) * 24 - 1 },
});

const counts = fc.array(fc.nat(500), { minLength: CELL_COUNT, maxLength: CELL_COUNT }).map((all) => Float64Array.from(all));
const shareOf = (all: Float64Array) => all.map((count) => count / all.reduce((sum, each) => sum + each, 0));

describe('a tilt', () => {
  test('moves shares by exactly the asked PSI, or is none', () => {
    fc.assert(
      fc.property(counts, fc.constantFrom(0, 1), fc.constantFrom(0.02, 0.05, 0.1), (met, metric, psi) => {
        const { cells, edges } = plan.metrics[metric * 2] as (typeof plan.metrics)[number];
        const tilt = tiltOf({ cells, edges }, met, psi);
        if (tilt === null) return expect(met.filter((count) => count > 0).length).toBeLessThan(2);
        const shares = shareOf(met);
        const left = shares.map((share, cell) => share * (tilt.leaving[cell] as number));
        const homeless = left.reduce((sum, each) => sum + each, 0);
        const moved = shares.map((share, cell) => share - (left[cell] as number) + homeless * (tilt.arriving[cell] as number));
        expect(distance(shares, moved)).toBeCloseTo(psi, 6);
        expect(distance(shares, shares)).toBe(0);
      }),
    );
  });

  test('leaves what lies off the number line as it was', () => {
    fc.assert(
      fc.property(counts, fc.double({ min: -5, max: 5, noNaN: true }), (met, strength) => {
        fc.pre(met.some((count) => count > 0));
        const shares = shareOf(met);
        const tilted = tiltedShares(shares, 2, 10, strength);
        for (const cell of [0, 1, 10, 15]) expect(tilted[cell]).toBe(shares[cell]);
        expect(tilted.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
      }),
    );
  });

  test('keeps items and windows, is the same twice, and touches nothing before its hour', async () => {
    const history = stillHistory(3, 40);
    const query = { modelVersion: VERSION, plan: PLAN, cadence: 'day', fromHour: 0, toHour: START_DAY * 24 + 99, slotHours: 1 } as const;
    const all = { ...query, arm: null, segment: null, metrics: plan.metrics };
    const [id] = METRIC_NAMES as [string];
    const tilt = tiltOf(plan.metrics[0] as (typeof plan.metrics)[number], new Float64Array(CELL_COUNT).fill(1), 0.5);
    const tilted = () =>
      new TiltedVotes(history, (START_DAY + 1) * 24, new Map(tilt === null ? [] : [[tiltKey(PLAN, id), tilt]]), 'seed').votes(all);
    const [before, after, again] = [await history.votes(all), await tilted(), await tilted()];
    expect(again).toEqual(after);
    for (const [index, slot] of after.entries()) {
      const old = before[index];
      if (slot.hour < (START_DAY + 1) * 24) expect(slot).toEqual(old);
      else expect(slot.metrics.get(id)?.counts).not.toEqual(old?.metrics.get(id)?.counts);
      expect(slot.metrics.get(METRIC_NAMES[1] as string)).toEqual(old?.metrics.get(METRIC_NAMES[1] as string));
      expect(slot.metrics.get(id)?.counts.reduce((sum, count) => sum + count, 0)).toBe(old?.metrics.get(id)?.items);
    }
  });
});

describe('what is found of planted changes', () => {
  test('is a quantile of the delays where all were found', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), fc.constantFrom(0.5, 0.9), (days, part) => {
        const sorted = [...days].sort((one, other) => one - other);
        const wanted = sorted[Math.ceil(part * days.length - 1e-9) - 1];
        expect(
          quantileOf(
            days.map((each) => ({ days: each, isFound: true })),
            part,
          ),
        ).toBe(wanted);
      }),
    );
  });

  test('says no number where too few were found, and counts those not yet found for as long as they were waited for', () => {
    const found = (days: number) => ({ days, isFound: true });
    const waiting = (days: number) => ({ days, isFound: false });
    expect(quantileOf([], 0.5)).toBeNull();
    expect(quantileOf([found(3), waiting(10), waiting(10)], 0.5)).toBeNull();
    // Kaplan and Meier: 1 - 1/4 after 2, times 1 - 1/2 after 5 with two left.
    expect(quantileOf([found(2), waiting(3), found(5), waiting(9)], 0.5)).toBe(5);
    expect(quantileOf([found(2), waiting(3), found(5), waiting(9)], 0.7)).toBeNull();
  });

  test('larger changes are found sooner, and the table says of how many trials', async () => {
    const days = 60;
    const history = stillHistory(days, 300);
    const replayed = await replay(asked(history, days));
    expect(replayed.watchedFromDay).toBe(START_DAY + 28);
    const steps: number[] = [];
    const table = await delaysOf(asked(history, days), replayed, (step) => steps.push(step));
    expect(table?.plantedDays).toEqual(replayed.stands.map(({ day }) => day));
    expect(table?.plantedDays[0]).toBe(START_DAY + 29);
    expect(steps).toHaveLength((table?.plantedDays.length ?? 0) * 3);
    const [large, middle, small] = table?.rows ?? [];
    expect(large).toMatchObject({ psi: 0.1, planted: (table?.plantedDays.length ?? 0) * METRIC_COUNT });
    expect(large?.found).toBeGreaterThan(0.8 * (large?.planted ?? 0));
    expect(large?.medianDays).toBeLessThanOrEqual(middle?.medianDays ?? Infinity);
    expect(large?.medianDays).toBeLessThan(small?.medianDays ?? Infinity);
    expect(large?.ninetyPercentDays).toBeLessThan(small?.ninetyPercentDays ?? Infinity);
    expect(await delaysOf(asked(history, days), replayed)).toEqual(table);
  }, 60_000);
});
