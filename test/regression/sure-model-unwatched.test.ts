/**
 * Scores of a sure model lie nearly all in the highest cell. Cells were united from the left until a group was full, so that cell was in one
 * group with everything below it, and a model that became unsure moved within the group: no evidence, whatever it answered. Above the highest
 * cell that was met each empty cell was a group instead, which the monitor counts by windows alone: images twice as bright said nothing.
 */
import { expect, test } from 'vitest';
import { UNIT_EDGES, UNIT_EDGES_FINE_AT_ONE } from '../../counts/layout/edges.ts';
import { DrawnMetric } from '../fixtures/drawn-metric.ts';
import type { Chance } from '../storms/monitor-world.ts';

const CHANGE_DAY = 40;
const between = (chance: Chance, from: number, to: number) => from + (to - from) * chance.uniform();

/** What is said of a metric a day after its values changed. */
function toldOf(edges: readonly number[], drawn: (chance: Chance, isChanged: boolean) => number) {
  const metric = new DrawnMetric(edges, 3);
  for (let day = 0; day < CHANGE_DAY; day++) metric.day(day, 24, (chance) => drawn(chance, false));
  return metric.day(CHANGE_DAY, 24, (chance) => drawn(chance, true));
}

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
