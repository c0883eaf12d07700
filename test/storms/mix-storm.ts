/**
 * Two segments with shares that differ: either one gets more of the visits and nothing else happens, or both move inside.
 */
import { ALL_SEGMENTS, type Finding } from '../../counts/monitor/finding.ts';
import { Monitor } from '../../counts/monitor/monitor.ts';
import { hourOf, PLAN, START_DAY, streamVotes } from './alarm-storm.ts';
import { METRIC_NAMES, STILL_WORLD, tilted, World, worldPlan } from './monitor-world.ts';

const METRIC_COUNT = 4;
const BURN_IN_DAYS = 28;
const QUIET_DAYS = 12;
const DAYS_AFTER = 10;
const VISITS = 300;

/** What is found over all segments ten days after. */
export function segmentedChange(seed: number, cause: 'mix' | 'inside'): Finding[] {
  let share = 0.5;
  let isMoved = false;
  const worlds = [-0.4, 0.4].map(
    (apart, segment) =>
      new World({
        ...STILL_WORLD,
        seed: 2 * seed + segment,
        metricCount: METRIC_COUNT,
        isSkewed: false,
        visitMix: 20,
        visitsOn: () => VISITS * (segment === 0 ? 1 - share : share),
        change: (shares) => tilted(tilted(shares, apart), isMoved ? 0.3 : 0),
      }),
  );
  const monitor = new Monitor({ budget: 1, tolerance: 0, burnInDays: BURN_IN_DAYS });
  monitor.know(PLAN, worldPlan(METRIC_COUNT, ['desktop', 'mobile']));
  let findings: Finding[] = [];
  const onset = START_DAY + BURN_IN_DAYS + QUIET_DAYS;
  for (let day = START_DAY; day < onset + DAYS_AFTER; day++) {
    isMoved = cause === 'inside' && day >= onset;
    share = cause === 'mix' && day >= onset ? 0.8 : 0.5;
    const hour = hourOf(day, 0, 1);
    monitor.add(
      hour,
      worlds.flatMap((world, segment) => streamVotes(world.draw(day, 0, 1), segment)),
    );
    findings = monitor.evaluate(hour);
  }
  return findings.filter(({ segment, metric }) => segment === ALL_SEGMENTS && METRIC_NAMES.includes(metric));
}

export function tellsMix(seed: number, cause: 'mix' | 'inside'): { readonly right: number; readonly alarms: number } {
  const alarms = segmentedChange(seed, cause).filter(({ verdict }) => verdict === 'alarm');
  return { right: alarms.filter(({ mix }) => mix === (cause === 'mix' ? 'alone' : 'steady')).length, alarms: alarms.length };
}
