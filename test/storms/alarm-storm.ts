/**
 * Model-years in which nothing changes, through the real monitor: how many false incidents there are.
 *
 * Each stream that alarms is an incident here, so this is the most that there could be: what moves together opens one.
 */
import { MONITOR_DEFAULTS, Monitor, type MonitorOptions, type StreamVotes } from '../../counts/monitor/monitor.ts';
import { type HourVotes, METRIC_NAMES, STILL_WORLD, tilted, World, type WorldOptions, worldPlan } from './monitor-world.ts';

export const PLAN = 'aaaaaaaaaaaaaaaa';
/** Days since 1970: a Monday. */
export const START_DAY = 20_454;
const HOURS_PER_DAY = 24;
/** Votes come, and are looked at, so often a day. Whatever lies between two looks is seen at the second. */
export const LOOKS_PER_DAY = 2;

export type Condition = Partial<Omit<WorldOptions, 'seed' | 'metricCount'>>;

/** The conditions that a monitor has to bear; the names are the rows of the table. */
export const CONDITIONS: Readonly<Record<string, Condition>> = {
  'items independent': {},
  'visits Dirichlet(20 p)': { visitMix: 20 },
  'visits Dirichlet(5 p)': { visitMix: 5 },
  'regulars who stay': { visitMix: 5, visitsOn: () => 27, regulars: { count: 4, stayDays: 1e6 } },
  'regulars who turn over': { visitMix: 5, visitsOn: () => 27, regulars: { count: 4, stayDays: 21 } },
  'days Dirichlet(5000 p)': { visitMix: 20, dayMix: 5_000 },
  'days Dirichlet(500 p)': { visitMix: 20, dayMix: 500 },
  'slow wander': { visitMix: 20, wander: 0.09 },
  'weekly season': { visitMix: 20, dayMix: 2_000, isSeasonal: true },
  'mornings unlike evenings': { visitMix: 20, change: (shares, _, at) => tilted(shares, 0.3 * Math.sin(2 * Math.PI * at)) },
  'traffic × 8': { visitMix: 20, dayMix: 500, visitsOn: (day) => 30 * 8 ** Math.max(0, (day - START_DAY - 28) / 365) },
};

/** The same with 1,000 visits a day. */
export function busy(condition: Condition): Condition {
  const regulars = condition.regulars == null ? {} : { regulars: { ...condition.regulars, count: 125 } };
  const { visitsOn } = condition;
  return { ...condition, ...regulars, visitsOn: visitsOn === undefined ? () => 1_000 : (day) => (visitsOn(day) * 1_000) / 30 };
}

export interface YearResult {
  readonly incidents: number;
  /** Of all streams and days, those that had a baseline. */
  readonly watchedShare: number;
  readonly tolerance: number;
}

export function streamVotes(votes: readonly HourVotes[], segment = 0): StreamVotes[] {
  return votes.map((own, metric) => ({ plan: PLAN, arm: 'stable', segment, metric: METRIC_NAMES[metric] as string, votes: own }));
}

export function nullYear(
  condition: Condition,
  seed: number,
  { days = 365, options = MONITOR_DEFAULTS, metricCount = 50 } = {},
): YearResult {
  const world = new World({ ...STILL_WORLD, ...condition, metricCount, seed });
  const monitor = monitorFor(metricCount, options);
  const alarmed = new Set<string>();
  let [incidents, watched] = [0, 0];
  const burnIn = burnInOf(monitor, world);
  for (let day = burnIn; day < burnIn + days; day++) {
    for (let look = 0; look < LOOKS_PER_DAY; look++) {
      const hour = hourOf(day, look, LOOKS_PER_DAY);
      const votes = world.draw(day, look, LOOKS_PER_DAY);
      monitor.add(hour, streamVotes(votes));
      // A collector judges an hour in which votes came, and the last one of each day.
      if (look < LOOKS_PER_DAY - 1 && votes.every((own) => own.day.items === 0)) continue;
      for (const { metric, verdict } of monitor.evaluate(hour)) {
        if (verdict !== 'alarm') alarmed.delete(metric);
        else if (!alarmed.has(metric)) {
          alarmed.add(metric);
          incidents++;
        }
      }
    }
    watched += monitor.watchedCount;
  }
  return { incidents, watchedShare: watched / (days * metricCount), tolerance: monitor.tolerance };
}

export function monitorFor(metricCount: number, options: MonitorOptions): Monitor {
  const monitor = new Monitor(options);
  monitor.know(PLAN, worldPlan(metricCount));
  return monitor;
}

/** Feeds the monitor until it watches. @returns The day after. */
export function burnInOf(monitor: Monitor, world: World, looksPerDay = LOOKS_PER_DAY, daysMax = 200): number {
  let day = START_DAY;
  for (; day < START_DAY + daysMax && monitor.watchedCount < world.bases.length; day++)
    for (let look = 0; look < looksPerDay; look++)
      monitor.add(hourOf(day, look, looksPerDay), streamVotes(world.draw(day, look, looksPerDay)));
  return day;
}

/** The last hour of a part of a day. */
export function hourOf(day: number, look: number, looksPerDay: number): number {
  return day * HOURS_PER_DAY + ((look + 1) * HOURS_PER_DAY) / looksPerDay - 1;
}

/** The mean, and what it is below with 95 %: exact for a Poisson, or by the spread of the years where that is more. */
export function meanWithBound(counts: readonly number[]): { mean: number; bound: number } {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const mean = total / counts.length;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / Math.max(1, counts.length - 1);
  let [low, high] = [total, total + 10 + 4 * Math.sqrt(total + 1)];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (poissonBelow(total, middle) > 0.05) low = middle;
    else high = middle;
  }
  return { mean, bound: Math.max(high / counts.length, mean + 1.645 * Math.sqrt(variance / counts.length)) };
}

/** P(Poisson(mean) ≤ count). */
function poissonBelow(count: number, mean: number): number {
  let term = Math.exp(-mean);
  let sum = term;
  for (let index = 1; index <= count; index++) {
    term *= mean / index;
    sum += term;
  }
  return sum;
}

/** "12 × 0, 3 × 1": how many years had how many. */
export function distributionOf(counts: readonly number[]): string {
  const values = [...new Set(counts)].sort((one, other) => one - other);
  return values.map((value) => `${counts.filter((count) => count === value).length} × ${value}`).join(', ');
}
