/**
 * What the storms over the monitor draw directly is what the page's windows, the intake and the drawing of votes make of the same visits.
 *
 * Method: for some days, 30 visits a day go through the real code, and as many are drawn. Of each number that a collector keeps the mean
 * over days is compared, in standard errors of the two. Of about a hundred numbers one differs by more than 4.2 of them once in 400 seeds;
 * that is said beside how large such a difference would be.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { MetricVotes } from '../../../../counts/votes/metric-votes.ts';
import { VOTE_ITEM_COUNT_MAX } from '../../../../protocol/limits.ts';
import { CELL_COUNT, Chance, STILL_WORLD, World, type WorldOptions } from '../../../storms/monitor-world.ts';
import { type DayOfVotes, newBrowser, type VisitBrowser, VisitCollector } from '../../../storms/visit-windows.ts';

const METRICS = 2;
const DAYS = 24;
/** Pages that stay open long have more timers. */
const SLOW_DAYS = 8;
const STRANGERS = 25;
const REGULARS = 6;
/** Short, or the mixes of a few people would be the same over all days, and days no longer draws of their own. */
const STAY_DAYS = 3;
const VISIT_MIX = 20;
/** A Monday. */
const FIRST_DAY = 20_454;
const DAY_MS = 86_400_000;
const ERROR_COUNT_MAX = 4.2;
const OPTIONS: WorldOptions = {
  ...{ ...STILL_WORLD, seed: 1, metricCount: METRICS, visitsOn: () => STRANGERS, visitMix: VISIT_MIX },
  regulars: { count: REGULARS, stayDays: STAY_DAYS },
};
const BASES = new World(OPTIONS).bases;

interface Habits {
  /** From run to run, in the mean. */
  readonly gapMs: number;
  /** Whether pages are hidden amid a visit, and people come for a few runs alone. */
  readonly isRestless: boolean;
}

const pick = (shares: ArrayLike<number>, chance: Chance): number => {
  let rest = chance.uniform();
  for (let cell = 0; cell < shares.length - 1; cell++) {
    rest -= shares[cell] as number;
    if (rest < 0) return cell;
  }
  return shares.length - 1;
};

/** A visit's items are an urn: each is new, or one of those before. */
function urn(base: Float64Array, length: number, chance: Chance): number[] {
  const items: number[] = [];
  for (let index = 0; index < length; index++) {
    const isOld = chance.uniform() * (VISIT_MIX + index) >= VISIT_MIX;
    items.push(isOld ? (items[chance.below(index)] as number) : pick(base, chance));
  }
  return items;
}

interface Regular {
  readonly browser: VisitBrowser;
  readonly leavesOn: number;
  readonly mixes: readonly Float64Array[];
}

/** The same people as in a World, with pages. */
async function lived({ gapMs, isRestless }: Habits, seed: number, dayCount = DAYS): Promise<DayOfVotes[]> {
  const chance = new Chance(seed);
  const collector = new VisitCollector(METRICS, chance);
  const regulars: Regular[] = [];
  const lengthOf = () => Math.max(8, Math.floor(Math.exp(Math.log(20) + chance.normal())));
  const visit = async (browser: VisitBrowser, startMs: number, itemsOf: (metric: number, length: number) => number[]) => {
    const length = isRestless && chance.uniform() < 0.2 ? 1 + chance.below(7) : lengthOf();
    const byMetric = BASES.map((_, metric) => itemsOf(metric, length));
    const runs = Array.from({ length }, (_, run) => byMetric.map((items) => items[run] as number));
    const hidesAfter = isRestless && chance.uniform() < 0.3 ? 1 + chance.below(length) : Infinity;
    await collector.visit({ browser, startMs, gapMs: () => -gapMs * Math.log(chance.uniform()), runs, hidesAfter });
  };
  for (let day = FIRST_DAY; day < FIRST_DAY + dayCount; day++) {
    // What is left of a day when a visit begins: no visit lasts over midnight, or it would be two.
    const at = () => day * DAY_MS + chance.uniform() * 0.97 * DAY_MS;
    const strangers = Math.floor(STRANGERS + chance.uniform());
    for (let index = 0; index < strangers; index++)
      await visit(newBrowser(), at(), (metric, length) => urn(BASES[metric] as Float64Array, length, chance));
    for (let index = 0; index < REGULARS; index++) {
      const known = regulars[index];
      const regular =
        known !== undefined && known.leavesOn > day
          ? known
          : {
              browser: newBrowser(),
              leavesOn: day - STAY_DAYS * Math.log(chance.uniform()),
              mixes: BASES.map((base) => chance.dirichlet(base.map((share) => 5 * share))),
            };
      regulars[index] = regular;
      if (chance.uniform() > 0.8) continue;
      // Half of them come twice that day, and vote once.
      const times = [at(), ...(chance.uniform() < 0.5 ? [at()] : [])].sort((one, other) => one - other);
      for (const startMs of times)
        await visit(regular.browser, startMs, (metric, length) =>
          Array.from({ length }, () => pick(regular.mixes[metric] as Float64Array, chance)),
        );
    }
  }
  return Array.from({ length: dayCount }, (_, index) => collector.dayOf(FIRST_DAY + index));
}

type Votes = Pick<DayOfVotes, 'day' | 'week'>;

function drawn(seed: number, options: Partial<WorldOptions> = {}): Votes[] {
  const world = new World({ ...OPTIONS, seed, ...options });
  return Array.from({ length: DAYS }, (_, index) => {
    const votes = world.draw(FIRST_DAY + index, 0, 1);
    return { day: votes.map(({ day }) => day), week: votes.map(({ week }) => week) };
  });
}

/** Of each day: what a collector keeps, by name. */
function numbersOf({ day, week }: Votes): Map<string, number> {
  const numbers = new Map<string, number>();
  const [first] = day as [MetricVotes];
  numbers.set('windows', first.windows);
  numbers.set('windows that are the first of a week', (week[0] as MetricVotes).windows);
  numbers.set('items of a window', first.items / first.windows);
  numbers.set('their squares', first.squaredItems / first.windows);
  for (const [metric, votes] of day.entries()) {
    numbers.set(`pairs of a window that agree, metric ${metric}`, (votes.squaredCells - votes.items) / (votes.squaredItems - votes.items));
    for (let cell = 0; cell < CELL_COUNT; cell++)
      numbers.set(`share of cell ${cell}, metric ${metric}`, (votes.counts[cell] as number) / votes.items);
  }
  return numbers;
}

/** By name: the difference of the means over days, in standard errors, and one standard error over the mean. */
function compare(one: readonly Votes[], other: readonly Votes[]): Map<string, { readonly errors: number; readonly relative: number }> {
  const [first, second] = [one.map(numbersOf), other.map(numbersOf)];
  const summary = (all: readonly Map<string, number>[], name: string) => {
    const values = all.map((numbers) => numbers.get(name) as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, square: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length };
  };
  return new Map(
    [...(first[0] as Map<string, number>).keys()].map((name) => {
      const [a, b] = [summary(first, name), summary(second, name)];
      const error = Math.sqrt(a.square + b.square);
      return [name, { errors: error === 0 ? 0 : (a.mean - b.mean) / error, relative: error / b.mean }];
    }),
  );
}

const worst = (found: ReturnType<typeof compare>) => Math.max(...[...found.values()].map(({ errors }) => Math.abs(errors)));

describe('visits of a run a second, left when they end', () => {
  let days: DayOfVotes[];
  beforeAll(async () => {
    days = await lived({ gapMs: 700, isRestless: false }, 5);
  }, 60_000);

  test('give the same votes as those that are drawn', () => {
    const found = compare(days, drawn(6));
    expect(worst(found)).toBeLessThan(ERROR_COUNT_MAX);
    // So large a difference would have been seen in what false alarms follow from.
    for (const name of ['windows', 'items of a window', 'pairs of a window that agree, metric 0'])
      expect(ERROR_COUNT_MAX * (found.get(name)?.relative ?? 1)).toBeLessThan(0.15);
  });

  test('and not those of other visits, nor of windows that have no mark', () => {
    expect(worst(compare(days, drawn(6, { visitMix: 5 })))).toBeGreaterThan(ERROR_COUNT_MAX);
    expect(worst(compare(days, drawn(6, { visitsOn: () => 1.3 * STRANGERS })))).toBeGreaterThan(ERROR_COUNT_MAX);
    const windows = days.reduce((sum, { windowCount }) => sum + windowCount, 0);
    expect(windows).toBeGreaterThan(1.1 * days.reduce((sum, { day }) => sum + (day[0] as MetricVotes).windows, 0));
  });
});

test('slow visits, hidden amid their runs or too short to be sent, vote at most once a browser and day, with fewer items', async () => {
  const days = await lived({ gapMs: 5_000, isRestless: true }, 7, SLOW_DAYS);
  const found = compare(days, drawn(8));
  const { windows, items } = days.reduce(
    (sum, { day: [first] }) => ({ windows: sum.windows + (first as MetricVotes).windows, items: sum.items + (first as MetricVotes).items }),
    { windows: 0, items: 0 },
  );
  expect(windows).toBeLessThanOrEqual(SLOW_DAYS * (STRANGERS + 1 + REGULARS));
  expect(items / windows).toBeLessThan(VOTE_ITEM_COUNT_MAX);
  expect(items / windows).toBeGreaterThanOrEqual(8);
  // How alike the items of a window are does not depend on how many it has, nor do shares.
  for (const [name, { errors }] of found) if (/agree|share/.test(name)) expect(Math.abs(errors), name).toBeLessThan(ERROR_COUNT_MAX);
}, 60_000);
