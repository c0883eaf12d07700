/**
 * A database that the release before left behind: it opens, its sums are what they were, and it is worked on.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCollector } from '../../../collector/index.ts';
import { openDuckDbStore } from '../../../collector/store/duckdb-store.ts';
import { SOFTWARE_PLAN_HASH } from '../../../counts/plans/software-layout.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { EARLIER_HOUR, EARLIER_SOFTWARE_PLAN_HASH, placeEarlierDatabase } from '../../fixtures/earlier-release.ts';
import { bodyOf, DATA_PLAN_HASH, dataWindow, MODEL_VERSION, softwareWindow } from '../../fixtures/reports.ts';

const HOURS = { fromHour: EARLIER_HOUR, toHour: EARLIER_HOUR, slotHours: 1 };
const RANGE = { modelVersion: MODEL_VERSION, ...HOURS, segment: null, reportCountMin: 1 };
const KEY = { hour: EARLIER_HOUR, arm: 'stable' };
const EARLIER_TOTALS = [
  { ...KEY, plan: DATA_PLAN_HASH, report: 'data', reports: 2, runs: 17 },
  { ...KEY, plan: EARLIER_SOFTWARE_PLAN_HASH, report: 'software', reports: 1, runs: 0 },
];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-earlier-'));
  placeEarlierDatabase(folder);
});
afterEach(() => rm(folder, { recursive: true }));

test('its sums, its registration and its baseline are what they were', async () => {
  const store = await openDuckDbStore(folder);
  expect((await store.totals(RANGE)).totals).toEqual(EARLIER_TOTALS);
  expect((await store.cellSums({ ...RANGE, plans: [DATA_PLAN_HASH], arm: null })).get(DATA_PLAN_HASH)).toEqual([
    { hour: EARLIER_HOUR, cell: 2, count: 16 },
    { hour: EARLIER_HOUR, cell: 8, count: 16 },
  ]);
  expect(await store.registrations()).toMatchObject([{ modelVersion: MODEL_VERSION, baseline: { plan: DATA_PLAN_HASH, n: 100 } }]);
  await store.close();
});

test('a collector on it counts both releases, keeps their sums apart, and finds everything again', async () => {
  const start = () =>
    startCollector({
      port: 0,
      dataFolder: folder,
      adminKey: 'key',
      now: () => EARLIER_HOUR * HOUR_MS,
      log: (text) => sentences.push(text),
    });
  const sentences: string[] = [];
  let collector = await start();
  const windows = [EARLIER_SOFTWARE_PLAN_HASH, SOFTWARE_PLAN_HASH].map((plan, index) =>
    softwareWindow({ hour: EARLIER_HOUR, plan, id: `e${index}`.padStart(32, 'e') }),
  );
  const data = dataWindow({ hour: EARLIER_HOUR, id: 'd'.repeat(32) });
  const response = await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body: bodyOf([data, ...windows]) });
  expect([response.status, sentences]).toEqual([204, []]);
  await collector.close();
  collector = await start();
  await collector.close();
  const store = await openDuckDbStore(folder);
  expect((await store.totals(RANGE)).totals).toEqual(
    expect.arrayContaining([
      { ...EARLIER_TOTALS[0], reports: 3, runs: 25 },
      { ...EARLIER_TOTALS[1], reports: 2 },
      { ...EARLIER_TOTALS[1], plan: SOFTWARE_PLAN_HASH, reports: 1 },
    ]),
  );
  const kept = (await store.plans()).map(({ modelVersion, hash }) => `${modelVersion} ${hash}`);
  expect(kept).toEqual(expect.arrayContaining([`${MODEL_VERSION} ${DATA_PLAN_HASH}`]));
  await store.close();
});
