/**
 * Scores of a sure model lie nearly all in the highest cell. Cells were united from the left until a group was full, so that cell was in one
 * group with everything below it, and a model that became unsure moved within the group: no evidence, whatever it answered. Above the highest
 * cell that was met each empty cell was a group instead, which the monitor counts by windows alone: images twice as bright said nothing.
 */
import { expect, test } from 'vitest';
import { edgedCell, edgedCells, UNIT_EDGES, UNIT_EDGES_FINE_AT_ONE } from '../../counts/layout/edges.ts';
import { MONITOR_DEFAULTS, Monitor } from '../../counts/monitor/monitor.ts';
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { Chance } from '../storms/monitor-world.ts';

const START_DAY = 20_600;
const CHANGE_DAY = START_DAY + 40;
const VISITS_PER_DAY = 24;
const ITEMS_PER_VISIT = 10;

/** What is said of one metric a day after its values changed. */
function toldOf(edges: readonly number[], drawn: (chance: Chance, isChanged: boolean) => number) {
  const metric = {
    id: 'metric',
    title: 'Drawn',
    unit: 'items',
    why: 'To try.',
    per: 'item',
    of: null,
    role: null,
    offset: 0,
    ...edgedCells(edges),
  } as const;
  const plan: Plan = { report: 'data', metrics: [metric], cellCount: metric.cells.length, segments: [''] };
  const monitor = new Monitor(MONITOR_DEFAULTS);
  monitor.know('plan', plan);
  const chance = new Chance(3);
  for (let day = START_DAY; day <= CHANGE_DAY; day++) {
    const votes: MetricVotes & { squaredCells: number } = {
      ...{ windows: VISITS_PER_DAY, items: VISITS_PER_DAY * ITEMS_PER_VISIT, squaredItems: VISITS_PER_DAY * ITEMS_PER_VISIT ** 2 },
      ...{ squaredCells: 0, counts: new Float64Array(metric.cells.length) },
    };
    for (let visit = 0; visit < VISITS_PER_DAY; visit++) {
      const own = new Map<number, number>();
      for (let item = 0; item < ITEMS_PER_VISIT; item++) {
        const cell = edgedCell(edges, drawn(chance, day === CHANGE_DAY));
        own.set(cell, (own.get(cell) ?? 0) + 1);
      }
      for (const [cell, count] of own) {
        votes.counts[cell] = (votes.counts[cell] as number) + count;
        votes.squaredCells += count * count;
      }
    }
    monitor.add(day * 24 + 12, [{ plan: 'plan', arm: 'stable', segment: 0, metric: 'metric', votes: { day: null, week: votes } }]);
  }
  return monitor.evaluate(CHANGE_DAY * 24 + 23)[0];
}

const between = (chance: Chance, from: number, to: number) => from + (to - from) * chance.uniform();

test.each([0, 0.001, 0.04])('a model that was unsure of a share of %d, and then of half, is an alarm', (unsureShare) => {
  const score = (chance: Chance, isChanged: boolean) => {
    const isUnsure = chance.uniform() < (isChanged ? 0.5 : unsureShare);
    return isUnsure ? between(chance, 0.3, 0.9) : between(chance, 0.9998, 1);
  };
  expect(toldOf(UNIT_EDGES_FINE_AT_ONE, score)).toMatchObject({ verdict: 'alarm', kind: 'sudden' });
});

test('values above all that were met say as much as values below them', () => {
  const lights = (to: number) => (chance: Chance, isChanged: boolean) => (isChanged ? to : 0.5) + between(chance, -0.05, 0.05);
  const [above, below] = [toldOf(UNIT_EDGES, lights(0.9)), toldOf(UNIT_EDGES, lights(0.1))];
  expect([above?.verdict, below?.verdict]).toEqual(['alarm', 'alarm']);
  expect((above?.evidence ?? 0) / (below?.evidence ?? 1)).toBeGreaterThan(0.5);
  expect((above?.evidence ?? 0) / (below?.evidence ?? 1)).toBeLessThan(2);
});
