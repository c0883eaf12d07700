/**
 * 44 posts with the public key (dense windows over all segments, arms and hours to come) made one answer of series 4.5 GB long. What a window,
 * a model's hour and an answer may hold is bounded now, and a reader gets slots of hours where hours would be too many.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../collector/index.ts';
import { openDuckDbStore } from '../../collector/store/duckdb-store.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { SERIES_CELL_COUNT_MAX } from '../../protocol/limits.ts';
import type { CellSum, Series } from '../../protocol/read/read-api.ts';
import { bodyOf, MODEL_VERSION, manifestText, NOW_HOUR, NOW_MS, nextId, softwareWindow } from '../fixtures/reports.ts';

const HOUR_COUNT = 160;
const CELLS = Uint32Array.from({ length: SOFTWARE_PLAN.cellCount }, (_, cell) => cell);
const dense = (hour: number) => softwareWindow({ id: nextId(), hour, cells: CELLS, counts: CELLS.map(() => 1) });

let folder: string;
let collector: Collector;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-bound-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
  const store = await openDuckDbStore(join(folder, 'data'));
  for (let hour = 0; hour < HOUR_COUNT; hour++) {
    await store.commit([{ modelVersion: MODEL_VERSION, ...dense(NOW_HOUR - hour) }], NOW_MS);
  }
  collector = await startCollector({
    ...{ port: 0, store, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: 'key', now: () => NOW_MS },
  });
}, 60_000);
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

const series = async (hours: number) =>
  (await (await fetch(`${collector.url}/v1/series?model=${MODEL_VERSION}&hours=${hours}`)).json()) as Series;
const total = (sums: readonly CellSum[]) => sums.reduce((sum, { count }) => sum + count, 0);

test.each([1, 12, 24, 25, 72, 168, 2208])(
  'an answer over %i hours has no more cells than it may, and every count is in it',
  async (hours) => {
    const { software, totals, slotHours, fromHour, nowMs } = await series(hours);
    expect(software.length).toBeLessThanOrEqual(SERIES_CELL_COUNT_MAX);
    const shownHours = Math.min(HOUR_COUNT, Math.floor(nowMs / 3_600_000) - fromHour + 1);
    expect(total(software)).toBe(shownHours * CELLS.length);
    expect(totals.reduce((sum, { reports }) => sum + reports, 0)).toBe(shownHours);
    expect(fromHour % slotHours).toBe(0);
    expect(NOW_HOUR - hours + 1 - fromHour).toBeLessThan(slotHours);
    expect([...software, ...totals].every(({ hour }) => hour % slotHours === 0)).toBe(true);
  },
);

test('hours are taken together only where there are too many cells, and as few as need be', async () => {
  expect((await series(20)).slotHours).toBe(1);
  expect((await series(24)).slotHours).toBe(Math.ceil((24 * CELLS.length) / SERIES_CELL_COUNT_MAX) === 1 ? 1 : 2);
  expect((await series(160)).slotHours).toBe(8);
});

test('what the plan and the model do not have is refused before it is stored', async () => {
  const post = async (body: Uint8Array<ArrayBuffer>) => (await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status;
  const before = await series(1);
  const refused = [{ segment: 1 }, { arm: 'candidate' as const }, { hour: NOW_HOUR + 3 }];
  const statuses = [];
  for (const changes of refused) statuses.push(await post(bodyOf([softwareWindow({ id: nextId(), ...changes })])));
  expect(statuses).toEqual([400, 400, 410]);
  expect(await post(bodyOf(Array.from({ length: 44 }, () => dense(NOW_HOUR))))).toBe(413);
  expect(await series(1)).toEqual(before);
});
