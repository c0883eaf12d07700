/**
 * What every Store does. Each implementation's test file runs this suite on itself.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AcceptedWindow, CellQuery, KeptPlan, Store } from '../../collector/store/store.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import type { CellSum } from '../../protocol/read/read-api.ts';
import { dataWindow, MODEL_VERSION, manifestText, NOW_HOUR, NOW_MS, nextId, softwareWindow, versionOf } from '../fixtures/reports.ts';
import { testVotes, testVotesInTime } from './votes.ts';

/** An empty store that keeps what it holds when it is opened again. */
export interface StoreUnderTest {
  open(): Promise<Store>;
  dispose(): Promise<void>;
}

function accepted(changes: Partial<AcceptedWindow> = {}): AcceptedWindow {
  return { modelVersion: MODEL_VERSION, ...dataWindow(), ...changes };
}

const RANGE = { modelVersion: MODEL_VERSION, fromHour: 0, toHour: NOW_HOUR + 100, slotHours: 1, segment: null, reportCountMin: 1 };
const PLAN_HASH = dataWindow().plan;
const DATA = { ...RANGE, plans: [PLAN_HASH], arm: null };

/** A plan as JSON can hold it, with what only noised plans have. */
const PLAN = { ...SOFTWARE_PLAN, microEps: 1_000_000, features: [{ metric: 'schön "quoted"; --', groups: [1, 2] }] };
const keptPlan = (changes: Partial<KeptPlan> = {}): KeptPlan => {
  return { modelVersion: MODEL_VERSION, hash: '1'.repeat(16), release: '0.1.0', plan: PLAN, keptAtMs: NOW_MS, ...changes };
};

export function testStore(prepare: () => Promise<StoreUnderTest>): void {
  let underTest: StoreUnderTest;
  let store: Store;
  beforeEach(async () => {
    underTest = await prepare();
    store = await underTest.open();
  });
  afterEach(async () => {
    await store.close();
    await underTest.dispose();
  });
  const reopen = async () => {
    await store.close();
    store = await underTest.open();
    return store;
  };
  testSums(() => store);
  testTotals(() => store);
  testReading(() => store);
  testLifetimes(() => store);
  testIds(() => store, reopen);
  testVotes(() => store, reopen);
  testVotesInTime(() => store, reopen);
  testKeeping(() => store, reopen);
  testUnregistering(() => store, reopen);
  testRecords(() => store, reopen);
}

type Reopen = () => Promise<Store>;

/** Of the plan that the query names first. */
async function sumsOf(store: Store, query: CellQuery): Promise<readonly CellSum[]> {
  return (await store.cellSums(query)).get(query.plans[0] ?? '') ?? [];
}

/** What is added up, and what is kept apart. */
function testSums(current: () => Store): void {
  test('an empty store has no sums, no totals and no registrations', async () => {
    expect(await current().cellSums(DATA)).toEqual(new Map());
    expect(await current().totals(RANGE)).toEqual({ totals: [], withheldReports: 0 });
    expect(await current().registrations()).toEqual([]);
    expect(await current().plans()).toEqual([]);
    expect(await current().commit([], NOW_MS)).toEqual([]);
  });

  test('cells of one key add up, within a group and over groups', async () => {
    const window = (count: number) => accepted({ id: nextId(), cells: Uint32Array.of(0, 6), counts: Uint32Array.of(count, 1) });
    expect(await current().commit([window(8), window(9)], NOW_MS)).toEqual(['stored', 'stored']);
    await current().commit([window(10)], NOW_MS);
    expect(await sumsOf(current(), DATA)).toEqual([
      { hour: NOW_HOUR, cell: 0, count: 27 },
      { hour: NOW_HOUR, cell: 6, count: 3 },
    ]);
  });

  test('model version, plan, report, arm, segment and hour each keep sums apart', async () => {
    const others: Partial<AcceptedWindow>[] = [
      {},
      { modelVersion: '1'.repeat(16) },
      { plan: '2'.repeat(16) },
      { report: 'software', plan: '3'.repeat(16) },
      { arm: 'candidate' },
      { segment: 31 },
      { hour: NOW_HOUR - 1 },
    ];
    const windows = others.map((changes) => accepted({ ...changes, id: nextId(), cells: Uint32Array.of(1), counts: Uint32Array.of(1) }));
    await current().commit(windows, NOW_MS);
    const countsOf = async (changes: Partial<CellQuery>) => (await sumsOf(current(), { ...DATA, ...changes })).map(({ count }) => count);
    expect(await countsOf({})).toEqual([1, 3]);
    expect(await countsOf({ modelVersion: '1'.repeat(16) })).toEqual([1]);
    expect(await countsOf({ plans: ['2'.repeat(16)] })).toEqual([1]);
    expect(await countsOf({ plans: ['3'.repeat(16)] })).toEqual([1]);
    const both = await current().cellSums({ ...DATA, plans: [PLAN_HASH, '2'.repeat(16)] });
    expect([...both].map(([plan, sums]) => [plan, sums.length]).sort()).toEqual(
      [
        [PLAN_HASH, 2],
        ['2'.repeat(16), 1],
      ].sort(),
    );
    expect(await countsOf({ arm: 'candidate' })).toEqual([1]);
    expect(await countsOf({ arm: 'stable' })).toEqual([1, 2]);
    expect(await countsOf({ segment: 31 })).toEqual([1]);
    expect(await countsOf({ segment: 0 })).toEqual([1, 2]);
    expect(await countsOf({ fromHour: NOW_HOUR, toHour: NOW_HOUR })).toEqual([3]);
    expect(await countsOf({ fromHour: NOW_HOUR - 1, toHour: NOW_HOUR - 1 })).toEqual([1]);
  });

  test('sums beyond 32 bits are exact', async () => {
    const max = 0xffff_ffff;
    const windows = Array.from({ length: 1_000 }, () =>
      accepted({ id: nextId(), runs: max, cells: Uint32Array.of(65_535), counts: Uint32Array.of(max) }),
    );
    await current().commit(windows, NOW_MS);
    await current().commit([accepted({ runs: 1, cells: Uint32Array.of(65_535), counts: Uint32Array.of(1) })], NOW_MS);
    expect(await sumsOf(current(), DATA)).toMatchObject([{ cell: 65_535, count: 1_000 * max + 1 }]);
    expect((await current().totals(RANGE)).totals).toMatchObject([{ runs: 1_000 * max + 1 }]);
  });
}

function testTotals(current: () => Store): void {
  test('totals count reports and runs of an hour, kinds of report and plans apart', async () => {
    await current().commit(
      [
        accepted({ id: nextId(), runs: 8 }),
        accepted({ id: nextId(), runs: 9, plan: '2'.repeat(16) }),
        { modelVersion: MODEL_VERSION, ...softwareWindow({ runs: 3 }) },
      ],
      NOW_MS,
    );
    const key = { hour: NOW_HOUR, arm: 'stable' };
    const { totals } = await current().totals(RANGE);
    expect(totals).toHaveLength(3);
    expect(totals).toEqual(
      expect.arrayContaining([
        { ...key, plan: dataWindow().plan, report: 'data', reports: 1, runs: 8 },
        { ...key, plan: '2'.repeat(16), report: 'data', reports: 1, runs: 9 },
        { ...key, plan: softwareWindow().plan, report: 'software', reports: 1, runs: 3 },
      ]),
    );
  });

  test('a window without cells counts as a report', async () => {
    await current().commit([accepted({ cells: new Uint32Array(), counts: new Uint32Array() })], NOW_MS);
    expect(await current().cellSums(DATA)).toEqual(new Map());
    expect((await current().totals(RANGE)).totals).toMatchObject([{ reports: 1, runs: 8 }]);
  });
}

/** What a reader gets of it. */
function testReading(current: () => Store): void {
  test('hours of a slot are added up, totals and cells alike, and each hour tells how many cells it holds, and how many different ones there are', async () => {
    const slotHours = 8;
    const first = NOW_HOUR - (NOW_HOUR % slotHours);
    const at = (hour: number) => accepted({ id: nextId(), hour, cells: Uint32Array.of(1, 2), counts: Uint32Array.of(1, 1) });
    await current().commit([at(first - 1), at(first), at(first + 7), at(first + 8)], NOW_MS);
    const asked = { ...DATA, fromHour: first - slotHours, slotHours };
    const slots = [first - slotHours, first, first + slotHours];
    expect(await sumsOf(current(), asked)).toEqual(
      slots.flatMap((hour, index) => [1, 2].map((cell) => ({ hour, cell, count: index === 1 ? 2 : 1 }))),
    );
    expect(
      (await current().totals({ ...RANGE, fromHour: asked.fromHour, slotHours })).totals.map(({ hour, reports }) => [hour, reports]),
    ).toEqual(slots.map((hour, index) => [hour, index === 1 ? 2 : 1]));
    expect(await current().hourCells(asked)).toEqual(
      [first - 1, first, first + 7, first + 8].map((hour) => ({ plan: PLAN_HASH, hour, cellCount: 2, metCellCount: 2 })),
    );
  });

  test('a series of fewer reports than are shown is in no sum, also not in a larger one, and is counted as withheld', async () => {
    const at = (changes: Partial<AcceptedWindow>) =>
      accepted({ id: nextId(), cells: Uint32Array.of(1), counts: Uint32Array.of(1), ...changes });
    await current().commit([at({}), at({}), at({ segment: 1 }), at({ hour: NOW_HOUR - 1 }), at({ arm: 'candidate' })], NOW_MS);
    const shown = { reportCountMin: 2 };
    expect(await sumsOf(current(), { ...DATA, ...shown })).toEqual([{ hour: NOW_HOUR, cell: 1, count: 2 }]);
    expect(await sumsOf(current(), { ...DATA, ...shown, fromHour: 0, slotHours: NOW_HOUR + 1 })).toEqual([{ hour: 0, cell: 1, count: 2 }]);
    expect(await current().hourCells({ ...DATA, ...shown })).toEqual([{ plan: PLAN_HASH, hour: NOW_HOUR, cellCount: 1, metCellCount: 1 }]);
    expect(await current().totals({ ...RANGE, ...shown })).toMatchObject({ totals: [{ reports: 2 }], withheldReports: 3 });
    expect((await current().totals(RANGE)).withheldReports).toBe(0);
  });
}

/** What all hours of all models come to. */
function testLifetimes(current: () => Store): void {
  const OTHER = '2'.repeat(16);
  const cells = [
    { plan: PLAN_HASH, firstCell: 0, endCell: 2 },
    { plan: PLAN_HASH, firstCell: 7, endCell: 9 },
    { plan: OTHER, firstCell: 1, endCell: 2 },
  ];
  const ALL = { fromHour: 0, toHour: 0xffff_ffff, cells, reportCountMin: 1 };
  const at = (changes: Partial<AcceptedWindow>) =>
    accepted({ id: nextId(), cells: Uint32Array.of(1, 2, 8), counts: Uint32Array.of(1, 10, 100), ...changes });

  test('a lifetime is the sum of hours and segments, of each model version, plan and arm apart, and of the wanted cells alone', async () => {
    await current().commit(
      [at({}), at({ hour: NOW_HOUR - 5_000, segment: 3 }), at({ arm: 'candidate' }), at({ modelVersion: '1'.repeat(16), plan: OTHER })],
      NOW_MS,
    );
    await current().commit([at({ plan: '3'.repeat(16) }), at({ cells: new Uint32Array(), counts: new Uint32Array() })], NOW_MS);
    const lifetimes = await current().lifetimes(ALL);
    const told = lifetimes.map(({ modelVersion, plan, arm, reports, runs, counts }) => [
      ...[`${modelVersion} ${plan} ${arm}`, reports, runs],
      Object.fromEntries(counts),
    ]);
    expect(new Map(told.map(([key, ...rest]) => [key, rest]))).toEqual(
      new Map([
        [`${'1'.repeat(16)} ${OTHER} stable`, [1, 8, { 1: 1 }]],
        [`${MODEL_VERSION} ${PLAN_HASH} stable`, [3, 24, { 1: 2, 8: 200 }]],
        [`${MODEL_VERSION} ${PLAN_HASH} candidate`, [1, 8, { 1: 1, 8: 100 }]],
      ]),
    );
  });

  test('a lifetime has the hours that were asked for, and no sum of fewer reports than are shown', async () => {
    await current().commit([at({}), at({}), at({ hour: NOW_HOUR - 1 }), at({ hour: NOW_HOUR - 2 }), at({ hour: NOW_HOUR - 2 })], NOW_MS);
    const reportsOf = async (changes: object) => (await current().lifetimes({ ...ALL, ...changes })).map(({ reports }) => reports);
    expect(await reportsOf({ reportCountMin: 2 })).toEqual([4]);
    expect(await reportsOf({ toHour: NOW_HOUR - 1 })).toEqual([3]);
    expect(await reportsOf({ fromHour: NOW_HOUR })).toEqual([2]);
    expect(await reportsOf({ cells: [] })).toEqual([]);
    expect(await reportsOf({ fromHour: NOW_HOUR + 1 })).toEqual([]);
  });
}

/** A window counts once. */
function testIds(current: () => Store, reopen: Reopen): void {
  test('an id counts once: within a group, over groups and after opening again', async () => {
    const window = accepted();
    expect(await current().commit([window, window], NOW_MS)).toEqual(['stored', 'duplicate']);
    expect(await current().commit([window, accepted()], NOW_MS)).toEqual(['duplicate', 'stored']);
    await reopen();
    expect(await current().commit([window], NOW_MS)).toEqual(['duplicate']);
    expect((await current().totals(RANGE)).totals).toMatchObject([{ reports: 2, runs: 16 }]);
  });

  test('commits that overlap count an id once', async () => {
    const window = accepted();
    const results = await Promise.all(Array.from({ length: 8 }, () => current().commit([window], NOW_MS)));
    expect(results.flat().filter((result) => result === 'stored')).toHaveLength(1);
    expect((await current().totals(RANGE)).totals).toMatchObject([{ reports: 1, runs: 8 }]);
  });

  test('ids of all sixteen bytes are told apart', async () => {
    const ids = ['0'.repeat(32), 'f'.repeat(32), `8${'0'.repeat(31)}`, `${'0'.repeat(31)}1`, `7${'f'.repeat(31)}`];
    const windows = ids.map((id) => accepted({ id }));
    expect(await current().commit(windows, NOW_MS)).toEqual(ids.map(() => 'stored'));
    expect(await current().commit(windows, NOW_MS)).toEqual(ids.map(() => 'duplicate'));
  });

  test('the latest stamp of an id is known, after opening again too; without any there is none', async () => {
    expect(await current().lastReceivedMs()).toBeNull();
    await current().commit([accepted()], NOW_MS);
    await current().commit([accepted()], NOW_MS - 5);
    expect(await current().lastReceivedMs()).toBe(NOW_MS);
    expect(await (await reopen()).lastReceivedMs()).toBe(NOW_MS);
  });

  test('forgetting drops ids received before a time, and no sum', async () => {
    const [old, recent] = [accepted(), accepted()];
    await current().commit([old], NOW_MS - 1);
    await current().commit([recent], NOW_MS);
    expect(await current().forgetIds(NOW_MS)).toBe(1);
    expect(await current().commit([old, recent], NOW_MS)).toEqual(['stored', 'duplicate']);
    expect((await current().totals(RANGE)).totals).toMatchObject([{ reports: 3 }]);
  });
}

/** What is given comes back. */
function testKeeping(current: () => Store, reopen: Reopen): void {
  test('a registration comes back as it was given, after opening again too; a second one replaces it', async () => {
    const manifestJson = manifestText('schön "quoted"; DROP TABLE ids; --');
    const modelVersion = versionOf(manifestJson);
    const plan = dataWindow().plan;
    const registration = { modelVersion, plan, name: 'schön', version: '1', manifestJson, baseline: null, registeredAtMs: NOW_MS };
    await current().register(registration);
    expect(await current().registrations()).toEqual([registration]);
    const rebased = { ...registration, baseline: { modelVersion, plan, n: 2 ** 40, cells: [1, 2], counts: [2 ** 40, 0] } };
    await current().register(rebased);
    await reopen();
    expect(await current().registrations()).toEqual([rebased]);
  });

  test('plans come back as they were given, those kept first come first, after opening again too', async () => {
    const later = keptPlan({ hash: '0'.repeat(16), keptAtMs: NOW_MS + 1, release: '0.2.0' });
    const other = keptPlan({ modelVersion: '9'.repeat(16), keptAtMs: NOW_MS + 2 });
    await current().keepPlans([keptPlan(), later]);
    await current().keepPlans([]);
    await current().keepPlans([other]);
    expect(await current().plans()).toEqual([keptPlan(), later, other]);
    expect(await (await reopen()).plans()).toEqual([keptPlan(), later, other]);
  });

  test('a plan that is kept stays as it is', async () => {
    await current().keepPlans([keptPlan()]);
    await current().keepPlans([keptPlan({ release: '0.2.0', keptAtMs: NOW_MS + 1 }), keptPlan({ hash: '2'.repeat(16) })]);
    expect(await current().plans()).toEqual([keptPlan(), keptPlan({ hash: '2'.repeat(16) })]);
  });

  test('dropping a plan drops that one, and no sum', async () => {
    const [one, other] = [keptPlan(), keptPlan({ modelVersion: '9'.repeat(16) })];
    await current().keepPlans([one, other]);
    await current().commit([accepted({ plan: one.hash })], NOW_MS);
    await current().dropPlan(one.modelVersion, one.hash);
    expect(await (await reopen()).plans()).toEqual([other]);
    expect((await current().totals(RANGE)).totals).toMatchObject([{ plan: one.hash, reports: 1 }]);
  });
}

/** What is taken out of the registered models. */
function testUnregistering(current: () => Store, reopen: Reopen): void {
  test('what is unregistered is gone, after opening again too, and its sums and plans stay', async () => {
    const registration = (name: string) => {
      const manifestJson = manifestText(name);
      return {
        modelVersion: versionOf(manifestJson),
        plan: PLAN_HASH,
        name,
        version: '1',
        manifestJson,
        baseline: null,
        registeredAtMs: NOW_MS,
      };
    };
    const [gone, other] = [registration('fixture'), registration('other')];
    for (const each of [gone, other]) await current().register(each);
    await current().keepPlans([keptPlan(), keptPlan({ modelVersion: other.modelVersion })]);
    await current().commit([accepted()], NOW_MS);
    await current().unregister(gone.modelVersion);
    await current().unregister('9'.repeat(16));
    for (const open of [async () => current(), reopen]) {
      const store = await open();
      expect(await store.registrations()).toEqual([other]);
      expect(await store.plans()).toHaveLength(2);
      expect((await store.totals(RANGE)).totals).toMatchObject([{ reports: 1 }]);
    }
    await current().register(gone);
    expect((await current().registrations()).map(({ name }) => name).sort()).toEqual(['fixture', 'other']);
  });

  test('plans of one model version are asked for alone', async () => {
    const other = keptPlan({ modelVersion: "9'; DROP TABLE plans; --" });
    await current().keepPlans([keptPlan(), other]);
    expect(await current().plans(MODEL_VERSION)).toEqual([keptPlan()]);
    expect(await current().plans(other.modelVersion)).toEqual([other]);
    expect(await current().plans('8'.repeat(16))).toEqual([]);
  });
}

/** What the owner keeps. */
function testRecords(current: () => Store, reopen: Reopen): void {
  const record = (key: string, text: string, kind = 'incident') => ({ kind, key, value: { text } });

  test('records come back as they were given, in order of their keys, kinds apart, after opening again too', async () => {
    expect(await current().records('incident')).toEqual([]);
    const given = [record('b', 'schön "quoted"; DROP TABLE ids; -- \''), record('a', ''), record('a', 'other', 'rule')];
    await current().putRecords(given);
    await current().putRecords([]);
    for (const open of [async () => current(), reopen]) {
      const store = await open();
      expect(await store.records('incident')).toEqual([given[1], given[0]]);
      expect(await store.records('rule')).toEqual([given[2]]);
    }
  });

  test('a record is replaced by its kind and key, and null deletes it; of the same key twice the last counts', async () => {
    await current().putRecords([record('a', '1'), record('b', '1'), record('c', '1')]);
    await current().putRecords([
      record('a', '2'),
      { kind: 'incident', key: 'b', value: null },
      { kind: 'incident', key: 'never', value: null },
      { kind: 'rule', key: 'c', value: null },
    ]);
    await current().putRecords([record('d', '1'), record('d', '2'), record('e', '1'), { kind: 'incident', key: 'e', value: null }]);
    const expected = [record('a', '2'), record('c', '1'), record('d', '2')];
    expect(await current().records('incident')).toEqual(expected);
    expect(await (await reopen()).records('incident')).toEqual(expected);
  });

  test('records and commits do not hold each other up, and none is lost', async () => {
    const puts = Array.from({ length: 20 }, (_, index) => current().putRecords([record(String(index).padStart(2, '0'), 'x')]));
    const commits = Array.from({ length: 20 }, () => current().commit([accepted({ id: nextId() })], NOW_MS));
    await Promise.all([...puts, ...commits]);
    expect(await current().records('incident')).toHaveLength(20);
    expect((await current().totals(RANGE)).totals).toMatchObject([{ reports: 20 }]);
  });
}
