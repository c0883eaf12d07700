/**
 * What every Store does with votes: a part of the suite in store.ts.
 */
import { expect, test } from 'vitest';
import type { AcceptedWindow, SlotVotes, Store, VotesQuery, WindowVotes } from '../../collector/store/store.ts';
import { DATA_PLAN_HASH, dataWindow, MODEL_VERSION, NOW_HOUR, NOW_MS } from '../fixtures/reports.ts';

type Reopen = () => Promise<Store>;

function accepted(changes: Partial<AcceptedWindow> = {}): AcceptedWindow {
  return { modelVersion: MODEL_VERSION, ...dataWindow(), ...changes };
}

const METRICS = [
  { id: 'a', offset: 0, cells: ['a0', 'a1'] },
  { id: 'b', offset: 2, cells: ['b0', 'b1', 'b2'] },
  { id: 'c', offset: 65_533, cells: ['c0', 'c1', 'c2'] },
];
const VOTES: VotesQuery = {
  ...{ modelVersion: MODEL_VERSION, plan: DATA_PLAN_HASH, cadence: 'day', fromHour: 0, toHour: NOW_HOUR + 100, slotHours: 1 },
  ...{ arm: null, segment: null, metrics: METRICS },
};
const DAY = NOW_HOUR - (NOW_HOUR % 24);

/** Three items of metric a, four of b. */
function voting(changes: Partial<AcceptedWindow> = {}, votes: Partial<WindowVotes> = {}): AcceptedWindow {
  const metrics = [
    { offset: 0, cells: [0, 1], counts: [1, 2] },
    { offset: 2, cells: [4], counts: [4] },
  ];
  return accepted({ votes: { cadence: 'day', hour: NOW_HOUR, metrics, ...votes }, ...changes });
}

const votesOf = ({ hour, slotHours, windows, metrics }: SlotVotes) => {
  return {
    hour,
    slotHours,
    windows,
    metrics: [...metrics].map(([id, { counts, ...numbers }]) => ({ id, ...numbers, counts: [...counts] })),
  };
};

const asker =
  (current: () => Store) =>
  (changes: Partial<VotesQuery> = {}) =>
    current().votes({ ...VOTES, ...changes });

/** Votes go with their window. */
export function testVotes(current: () => Store, reopen: Reopen): void {
  const ask = asker(current);

  test('votes add up within a group and over groups, with the numbers that give the design effect', async () => {
    expect(await ask()).toEqual([]);
    await current().commit([voting(), voting({}, { metrics: [{ offset: 0, cells: [1], counts: [32] }] }), accepted()], NOW_MS);
    await current().commit([voting({}, { metrics: [] })], NOW_MS);
    await reopen();
    const [slot, ...rest] = await ask();
    expect(rest).toEqual([]);
    expect(slot).toMatchObject({ arm: 'stable', segment: 0 });
    expect(votesOf(slot as SlotVotes)).toEqual({
      hour: NOW_HOUR,
      slotHours: 1,
      windows: 3,
      metrics: [
        { id: 'a', windows: 2, items: 35, squaredItems: 9 + 1_024, squaredCells: 5 + 1_024, counts: [1, 34] },
        { id: 'b', windows: 1, items: 4, squaredItems: 16, squaredCells: 16, counts: [0, 0, 4] },
      ],
    });
  });

  test('a window that was counted before votes no more, within a group and over groups', async () => {
    const window = voting();
    await current().commit([window, window], NOW_MS);
    await current().commit([window, voting()], NOW_MS);
    expect((await ask()).map(({ windows }) => windows)).toEqual([2]);
  });

  test('the first of a week votes by day and by week, the first of a day by day alone', async () => {
    await current().commit([voting({}, { cadence: 'week' }), voting(), voting()], NOW_MS);
    const itemsOf = async (cadence: 'day' | 'week') =>
      (await ask({ cadence })).map(({ windows, metrics }) => [windows, metrics.get('a')?.items]);
    expect([await itemsOf('day'), await itemsOf('week')]).toEqual([[[3, 9]], [[1, 3]]]);
  });

  test('model version, plan, arm, segment and hour of receipt each keep votes apart; the hour of the page does not', async () => {
    const others: [Partial<AcceptedWindow>, Partial<WindowVotes>][] = [
      [{}, {}],
      [{ hour: NOW_HOUR - 100 }, {}],
      [{ modelVersion: '1'.repeat(16) }, {}],
      [{ plan: '2'.repeat(16) }, {}],
      [{ arm: 'candidate' }, {}],
      [{ segment: 31 }, {}],
      [{}, { hour: NOW_HOUR - 1 }],
    ];
    await current().commit(
      others.map(([window, votes]) => voting(window, votes)),
      NOW_MS,
    );
    const windowsOf = async (changes: Partial<VotesQuery>) => (await ask(changes)).map(({ windows }) => windows);
    expect((await ask()).map(({ hour, arm, segment, windows }) => [hour, arm, segment, windows])).toEqual([
      [NOW_HOUR - 1, 'stable', 0, 1],
      [NOW_HOUR, 'stable', 0, 2],
      [NOW_HOUR, 'stable', 31, 1],
      [NOW_HOUR, 'candidate', 0, 1],
    ]);
    expect(await windowsOf({ modelVersion: '1'.repeat(16) })).toEqual([1]);
    expect(await windowsOf({ plan: '2'.repeat(16) })).toEqual([1]);
    expect(await windowsOf({ arm: 'candidate' })).toEqual([1]);
    expect(await windowsOf({ segment: 31 })).toEqual([1]);
    expect(await windowsOf({ toHour: NOW_HOUR - 1 })).toEqual([1]);
    expect(await windowsOf({ fromHour: NOW_HOUR, arm: 'stable', segment: 0 })).toEqual([2]);
  });
}

/** What is answered, by hour and by day. */
export function testVotesInTime(current: () => Store, reopen: Reopen): void {
  const ask = asker(current);

  test('metrics that are asked for are answered, at the end of the largest plan too; without any, windows alone', async () => {
    const last = { offset: 65_533, cells: [65_533, 65_535], counts: [1, 5] };
    await current().commit([voting({}, { metrics: [{ offset: 0, cells: [1], counts: [2] }, last] })], NOW_MS);
    const idsOf = (slots: readonly SlotVotes[]) => slots.map(({ windows, metrics }) => [windows, ...metrics.keys()]);
    expect(idsOf(await ask({ metrics: METRICS.slice(1) }))).toEqual([[1, 'c']]);
    expect(idsOf(await ask({ metrics: [] }))).toEqual([[1]]);
    expect((await ask())[0]?.metrics.get('c')).toEqual({
      ...{ windows: 1, items: 6, squaredItems: 36, squaredCells: 26, counts: Float64Array.of(1, 0, 5) },
    });
  });

  test('hours of a day are taken together for who asks by day, and for everybody once they are rolled up', async () => {
    const hours = [DAY - 1, DAY, DAY + 23, DAY + 24];
    await current().commit(
      hours.map((hour) => voting({}, { hour })),
      NOW_MS,
    );
    const days = [
      [DAY - 24, 24, 1],
      [DAY, 24, 2],
      [DAY + 24, 24, 1],
    ];
    const slotsOf = async (changes: Partial<VotesQuery> = {}) =>
      (await ask(changes)).map(({ hour, slotHours, windows }) => [hour, slotHours, windows]);
    expect(await slotsOf()).toEqual(hours.map((hour) => [hour, 1, 1]));
    expect(await slotsOf({ slotHours: 24 })).toEqual(days);
    const before = (await ask({ slotHours: 24 })).map(votesOf);
    while (await current().rollUpVotes(DAY + 24));
    expect(await slotsOf()).toEqual([...days.slice(0, 2), [DAY + 24, 1, 1]]);
    expect((await ask({ slotHours: 24 })).map(votesOf)).toEqual(before);
    // What comes late for a day that was rolled up is added to it.
    await current().commit([voting({}, { hour: DAY + 3 }), voting({}, { hour: DAY, cadence: 'week' })], NOW_MS);
    while (await current().rollUpVotes(DAY + 24));
    await reopen();
    expect((await ask()).map(votesOf)[1]).toMatchObject({ hour: DAY, slotHours: 24, windows: 4, metrics: [{ id: 'a', items: 12 }, {}] });
    expect(await slotsOf({ cadence: 'week' })).toEqual([[DAY, 24, 1]]);
    expect(await current().rollUpVotes(DAY + 24)).toBe(false);
  });

  test('many streams are rolled up in steps, none is left out or added twice', async () => {
    const windows = Array.from({ length: 32 }, (_, segment) =>
      [0, 1, 25].map((later) => voting({ segment }, { hour: DAY + later })),
    ).flat();
    await current().commit(windows, NOW_MS);
    while (await current().rollUpVotes(DAY + 48));
    const slots = await ask();
    expect(slots).toHaveLength(64);
    expect(slots.map(({ slotHours, windows: count }) => [slotHours, count])).toEqual(slots.map(({ hour }) => [24, hour === DAY ? 2 : 1]));
  });
}
