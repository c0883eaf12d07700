/**
 * An alarm that ends is looked at from the day on which its stream came back. That was the first day since which all in all spoke for the
 * baseline, so a last bad day before many good ones was among them: its evidence was still there, and the same alarm began again at once.
 */
import { expect, test } from 'vitest';
import { UNIT_EDGES } from '../../counts/layout/edges.ts';
import { DrawnMetric } from '../fixtures/drawn-metric.ts';
import type { Chance } from '../storms/monitor-world.ts';

const light = (at: number) => (chance: Chance) => at + 0.1 * (chance.uniform() - 0.5);
const QUIET_DAYS = 40;
const GOOD_DAYS = 10;

test.each([2, 6, 12, 24])('a stream that came back does not alarm again, however many (%d) came on its last bad day', (visitCount) => {
  for (let seed = 1; seed <= 5; seed++) {
    const metric = new DrawnMetric(UNIT_EDGES, seed);
    for (let day = 0; day < QUIET_DAYS; day++) metric.day(day, 12, light(0.5));
    expect(metric.day(QUIET_DAYS, 24, light(0.7))?.verdict).toBe('alarm');
    expect(metric.day(QUIET_DAYS + 1, visitCount, light(0.7))?.verdict).toBe('alarm');
    const found = Array.from({ length: GOOD_DAYS }, (_, index) => metric.day(QUIET_DAYS + 2 + index, 12, light(0.5)));
    const verdicts = found.map((finding) => finding?.verdict).join(' ');
    expect(verdicts).toMatch(/^alarm (alarm )*quiet (quiet )+quiet$/);
    for (const finding of found) if (finding?.verdict === 'quiet') expect(finding.evidence).toBeLessThan(0);
  }
});
