/**
 * Where weekdays and weekends have shares of their own, an alarm that began on a weekend and was over on Monday did not end before the next
 * weekend: nothing had been seen of the change on weekdays, so nothing could speak for their return.
 */
import { expect, test } from 'vitest';
import { UNIT_EDGES } from '../../counts/layout/edges.ts';
import { DrawnMetric } from '../fixtures/drawn-metric.ts';
import type { Chance } from '../storms/monitor-world.ts';

const light = (at: number) => (chance: Chance) => at + 0.1 * (chance.uniform() - 0.5);
/** The first day is a Wednesday. */
const isWeekend = (day: number) => day % 7 === 3 || day % 7 === 4;
const SATURDAY = 45;

test('an alarm of a weekend ends in the week behind it, where weekdays differ from weekends', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const metric = new DrawnMetric(UNIT_EDGES, seed);
    const usual = (day: number) => light(isWeekend(day) ? 0.45 : 0.55);
    for (let day = 0; day < SATURDAY; day++) expect(metric.day(day, 12, usual(day))?.verdict).not.toBe('alarm');
    for (const day of [SATURDAY, SATURDAY + 1]) metric.day(day, 24, light(0.8));
    const week = [2, 3, 4, 5].map((after) => metric.day(SATURDAY + after, 12, usual(SATURDAY + after))?.verdict);
    expect([isWeekend(SATURDAY), week[0], week.at(-1)]).toEqual([true, 'alarm', 'quiet']);
  }
});
