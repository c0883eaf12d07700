/** The monitor: the same votes give the same findings, whatever is stored, repeated, missing or wrong in between. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../../counts/monitor/finding.ts';
import { MONITOR_DEFAULTS, Monitor, type MonitorState, type StreamVotes } from '../../../../counts/monitor/monitor.ts';
import type { MetricVotes } from '../../../../counts/votes/metric-votes.ts';
import { burnInOf, hourOf, monitorFor, PLAN, START_DAY, streamVotes } from '../../../storms/alarm-storm.ts';
import { segmentedChange } from '../../../storms/mix-storm.ts';
import { CELL_COUNT, METRIC_NAMES, STILL_WORLD, tilted, World, type WorldOptions, worldPlan } from '../../../storms/monitor-world.ts';

const OPTIONS = { budget: 1, tolerance: 0, burnInDays: 28 };
const METRICS = 4;

const worldOf = (seed: number, options: Partial<WorldOptions> = {}) =>
  new World({ ...STILL_WORLD, seed, metricCount: METRICS, visitsOn: () => 60, ...options });

/** Adds a day in one look and says what is found at its end. */
function day(monitor: Monitor, world: World, at: number): Finding[] {
  const hour = hourOf(at, 0, 1);
  monitor.add(hour, streamVotes(world.draw(at, 0, 1)));
  return monitor.evaluate(hour);
}

const watched = (world: World, options = OPTIONS) => {
  const monitor = monitorFor(METRICS, options);
  return { monitor, from: burnInOf(monitor, world, 1) };
};

const throughJson = (state: MonitorState): MonitorState => JSON.parse(JSON.stringify(state));

describe('a state', () => {
  test('goes through JSON at any hour, in a burn-in, quiet or alarmed, and the monitor goes on as if it had not stopped', () => {
    const change: WorldOptions['change'] = (shares, metric, at) => (metric === 0 && at > START_DAY + 40 ? tilted(shares, 0.5) : shares);
    const [one, other] = [worldOf(3, { change }), worldOf(3, { change })];
    const straight = monitorFor(METRICS, OPTIONS);
    let stopped = monitorFor(METRICS, OPTIONS);
    for (let at = START_DAY; at < START_DAY + 48; at++) {
      const findings = day(straight, one, at);
      expect(day(stopped, other, at)).toEqual(findings);
      const state = throughJson(stopped.state());
      expect(state).toEqual(throughJson(straight.state()));
      stopped = Monitor.restore(state);
      stopped.know(PLAN, worldPlan(METRICS));
    }
    expect(straight.evaluate(hourOf(START_DAY + 47, 0, 1))[0]).toMatchObject({ metric: METRIC_NAMES[0], verdict: 'alarm' });
  });

  test('of another format is refused, with what to do', () => {
    const state = { ...monitorFor(1, OPTIONS).state(), format: 2 } as unknown as MonitorState;
    expect(() => Monitor.restore(state)).toThrow(/format 2 .* replay the stored votes/);
  });

  test('does not grow with time', () => {
    const world = worldOf(4);
    const { monitor, from } = watched(world);
    const sizes: number[] = [];
    for (let at = from; at < from + 200; at++) {
      day(monitor, world, at);
      if (at === from + 80 || at === from + 199) sizes.push(JSON.stringify(monitor.state()).length);
    }
    expect(sizes[1]).toBeLessThan(1.05 * (sizes[0] as number));
    expect((sizes[1] as number) / METRICS).toBeLessThan(20_000);
  });
});

describe('votes', () => {
  test('of an hour may come in any number of calls', () => {
    const [one, other] = [worldOf(5), worldOf(5)];
    const [whole, parted] = [monitorFor(METRICS, OPTIONS), monitorFor(METRICS, OPTIONS)];
    for (let at = START_DAY; at < START_DAY + 35; at++) {
      const hour = hourOf(at, 0, 1);
      whole.add(hour, streamVotes(one.draw(at, 0, 1)));
      for (const votes of streamVotes(other.draw(at, 0, 1))) parted.add(hour, [votes]);
      expect(parted.evaluate(hour)).toEqual(whole.evaluate(hour));
    }
  });

  test('of an earlier hour, of another number of cells, or that are no counts are refused', () => {
    const monitor = monitorFor(METRICS, OPTIONS);
    const good = streamVotes(worldOf(6).draw(START_DAY, 0, 1))[0] as StreamVotes;
    const votes = good.votes.day as MetricVotes;
    const withDay = (own: MetricVotes): StreamVotes => ({ ...good, votes: { day: own, week: null } });
    monitor.add(480_000, [good]);
    expect(() => monitor.add(479_999, [])).toThrow(/before 480000/);
    expect(() => monitor.evaluate(479_999)).toThrow(RangeError);
    expect(() => monitor.add(480_000.5, [])).toThrow(/no hour/);
    expect(() => monitor.add(480_001, [withDay({ ...votes, counts: new Float64Array(3) })])).toThrow(/3 cells and its plan 16/);
    expect(() => monitor.add(480_001, [withDay({ ...votes, items: Number.NaN })])).toThrow(/pass counts/);
    expect(() => monitor.add(480_001, [withDay({ ...votes, counts: new Float64Array(CELL_COUNT).fill(-1) })])).toThrow(/pass counts/);
  });

  test('of a plan, segment or metric that is not known are left out', () => {
    const monitor = monitorFor(METRICS, OPTIONS);
    const good = streamVotes(worldOf(6).draw(START_DAY, 0, 1))[0] as StreamVotes;
    monitor.add(480_000, [
      { ...good, plan: 'bbbbbbbbbbbbbbbb' },
      { ...good, metric: 'none' },
      { ...good, segment: 1 },
      { ...good, segment: -1 },
    ]);
    expect(monitor.state().streams).toEqual([]);
  });

  test('however large or empty lead to no finding with a number that is none', () => {
    const anyCount = fc.oneof(fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER), fc.integer({ min: 0, max: 10_000 }));
    const anyVotes = fc.record({
      windows: anyCount,
      items: anyCount,
      squaredItems: anyCount,
      squaredCells: anyCount,
      counts: fc.array(anyCount, { minLength: CELL_COUNT, maxLength: CELL_COUNT }).map((counts) => Float64Array.from(counts)),
    });
    fc.assert(
      fc.property(fc.array(fc.option(anyVotes), { minLength: 12, maxLength: 20 }), (days) => {
        const monitor = monitorFor(2, { ...OPTIONS, burnInDays: 7 });
        days.forEach((own, at) => {
          const hour = hourOf(START_DAY + at, 0, 1);
          monitor.add(hour, own === null ? [] : [0, 1].map((metric) => ({ ...name(metric), votes: { day: own, week: own } })));
          for (const { evidence, effect } of monitor.evaluate(hour)) {
            expect(Number.isFinite(evidence)).toBe(true);
            expect(effect).not.toBeNaN();
          }
        });
      }),
      { numRuns: 60 },
    );
  });
});

const name = (metric: number) => ({ plan: PLAN, arm: 'stable' as const, segment: 0, metric: METRIC_NAMES[metric] as string });

describe('a verdict', () => {
  test('is that data are not enough, with fewer and fewer windows and days missing, until there is a baseline', () => {
    const world = worldOf(7, { visitsOn: () => 1, visitMix: 1 });
    const monitor = monitorFor(METRICS, OPTIONS);
    let before = { windows: Infinity, days: 28 };
    for (let at = START_DAY; at < START_DAY + 60; at++) {
      const [finding] = day(monitor, world, at) as [Finding];
      expect(finding.verdict).toBe('not-enough-data');
      expect(finding.missingDays).toBe(Math.max(0, before.days - 1));
      before = { windows: finding.missingWindows, days: finding.missingDays };
    }
    expect(before.windows).toBeGreaterThan(100);
  });

  test('is so as long as too few different browsers were seen: regulars are not counted anew each week', () => {
    const missing = (options: Partial<WorldOptions>) => {
      const world = worldOf(12, { visitMix: 5, ...options });
      const monitor = monitorFor(METRICS, OPTIONS);
      for (let at = START_DAY; at < START_DAY + 28; at++) day(monitor, world, at);
      return monitor.evaluate(hourOf(START_DAY + 28, 0, 1)).map(({ missingWindows }) => missingWindows);
    };
    const weekly = Math.round((30 * 0.8 * 7) / 6);
    const strangers = Math.max(...missing({ visitsOn: () => weekly / 7 }));
    const regulars = Math.min(...missing({ visitsOn: () => 0, regulars: { count: 30, stayDays: 21 } }));
    expect(strangers).toBeLessThan(100);
    expect(regulars).toBeGreaterThan(300);
  });

  test('is so again when nobody comes any more', () => {
    const world = worldOf(8);
    const { monitor, from } = watched(world);
    expect(day(monitor, world, from).map(({ verdict }) => verdict)).toEqual(new Array(METRICS).fill('quiet'));
    const [finding] = monitor.evaluate(hourOf(from + 10, 0, 1)) as [Finding];
    expect(finding).toMatchObject({ verdict: 'not-enough-data', missingWindows: 20 });
  });

  test('is an alarm from the change until the world is as it was, and then quiet', () => {
    let isMoved = false;
    const world = worldOf(9, { change: (shares, metric) => (isMoved && metric === 0 ? tilted(shares, 0.5) : shares) });
    const { monitor, from } = watched(world);
    const verdictOn = (at: number) => day(monitor, world, at).find(({ metric }) => metric === METRIC_NAMES[0]) as Finding;
    for (let at = from; at < from + 20; at++) expect(verdictOn(at).verdict).toBe('quiet');
    isMoved = true;
    for (let at = from + 20; at < from + 27; at++) verdictOn(at);
    const alarm = verdictOn(from + 27);
    expect(alarm).toMatchObject({ verdict: 'alarm', mix: null });
    expect(Math.abs((alarm.onset?.hour ?? 0) - 24 * (from + 20))).toBeLessThanOrEqual(24);
    expect(alarm.effect).toBeGreaterThan(0.15);
    isMoved = false;
    const after = Array.from({ length: 6 }, (_, index) => verdictOn(from + 28 + index).verdict);
    expect(after.at(-1)).toBe('quiet');
    expect(after.lastIndexOf('alarm')).toBeLessThan(4);
  });
});

describe('a baseline', () => {
  test('that was moved to the new normal is quiet there, and has the next version', () => {
    let isMoved = false;
    const world = worldOf(10, { change: (shares, metric) => (isMoved && metric === 0 ? tilted(shares, 0.5) : shares) });
    const { monitor, from } = watched(world);
    for (let at = from; at < from + 10; at++) day(monitor, world, at);
    isMoved = true;
    for (let at = from + 10; at < from + 20; at++) day(monitor, world, at);
    monitor.rebase(24 * (from + 11), [name(0)]);
    const found: Finding[] = [];
    for (let at = from + 20; at < from + 30; at++)
      found.push(...day(monitor, world, at).filter(({ metric }) => metric === METRIC_NAMES[0]));
    expect(found.at(-1)?.verdict).toBe('quiet');
    expect(monitor.baselineOf(name(0))?.version).toBe(2);
    expect(monitor.baselineOf(name(1))?.version).toBe(1);
  });

  test('is inherited by a later version of the model, which watches from its first hour', () => {
    const world = worldOf(11);
    const { monitor, from } = watched(world);
    const heir = monitorFor(METRICS, OPTIONS);
    heir.inherit(throughJson(monitor.state()), 24 * from);
    expect(heir.watchedCount).toBe(METRICS);
    expect(day(heir, world, from).map(({ verdict }) => verdict)).toEqual(new Array(METRICS).fill('quiet'));
  });
});

describe('of two segments', () => {
  test('a metric that moved because one has more visits is said to have moved by the mix alone', () => {
    for (const finding of segmentedChange(20, 'mix')) expect(finding).toMatchObject({ verdict: 'alarm', mix: 'alone' });
  });

  test('a metric that moved inside both is not', () => {
    const alarms = segmentedChange(21, 'inside').filter(({ verdict }) => verdict === 'alarm');
    expect(alarms.length).toBeGreaterThan(0);
    for (const { mix } of alarms) expect(mix).toBe('steady');
  });
});

test.each([{ budget: 0 }, { budget: Number.NaN }, { tolerance: -1 }, { tolerance: 0.2 }, { burnInDays: 3 }, { burnInDays: 28.5 }])(
  'options that mean nothing are refused: %o',
  (wrong) => {
    expect(() => new Monitor({ ...MONITOR_DEFAULTS, ...wrong })).toThrow(RangeError);
  },
);
