/**
 * The overview: what a collector says of all models at once, through its own route and its real database.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../../collector/index.ts';
import { OVERVIEW_KEPT_MS } from '../../../protocol/limits.ts';
import type { Overview } from '../../../protocol/read/read-api.ts';
import type { Window } from '../../../protocol/report/window.ts';
import { DATA_COUNTED, dataReport, SOFTWARE_COUNTED, softwareReport } from '../../fixtures/field-reports.ts';
import { bodyOf, MODEL_VERSION, manifestText, NOW_HOUR, NOW_MS, nextId } from '../../fixtures/reports.ts';

let folder: string;
let collector: Collector;
let nowMs: number;

async function start(shownReportsMin: number): Promise<void> {
  collector = await startCollector({ port: 0, dataFolder: folder, adminKey: 'key', now: () => nowMs, shownReportsMin });
  const request = { method: 'POST', headers: { Authorization: 'Bearer key' }, body: JSON.stringify({ manifest: manifestText() }) };
  expect((await fetch(`${collector.url}/v1/models`, request)).status).toBe(201);
}

beforeEach(async () => {
  nowMs = NOW_MS;
  folder = await mkdtemp(join(tmpdir(), 'insitu-overview-'));
});
afterEach(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

async function send(...windows: readonly Window[]): Promise<void> {
  const body = bodyOf(windows.map((window) => ({ ...window, id: nextId() })));
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status).toBe(204);
}

const overview = async () => (await (await fetch(`${collector.url}/v1/overview`)).json()) as Overview;
const numbers = (at: Readonly<Record<number, number>>) => Array.from({ length: 14 }, (_, slot) => at[slot] ?? 0);

test('a model has reports, runs and usable outputs of each half day of the last seven days', async () => {
  await start(1);
  expect(await overview()).toEqual({
    nowMs: NOW_MS,
    // Noon of a day, six and a half days before.
    fromHour: NOW_HOUR - 156,
    slotHours: 12,
    slotCount: 14,
    shownReportsMin: 1,
    models: [],
  });
  const nan = dataReport(10, [...DATA_COUNTED.slice(0, 3), ['output.y.state', 'ok', 4], ['output.y.state', 'nan', 6]]);
  await send(dataReport(10, DATA_COUNTED), softwareReport(10, SOFTWARE_COUNTED), { ...nan, hour: NOW_HOUR - 12 });
  const { models } = await overview();
  expect(models).toEqual([
    {
      modelVersion: MODEL_VERSION,
      reports: numbers({ 12: 1, 13: 2 }),
      runs: numbers({ 12: 10, 13: 10 }),
      outputs: numbers({ 12: 10, 13: 10 }),
      usableOutputs: numbers({ 12: 4, 13: 10 }),
    },
  ]);
});

test('what fewer reports make than are shown is in no number', async () => {
  await start(2);
  await send(dataReport(10, DATA_COUNTED), { ...dataReport(10, DATA_COUNTED), hour: NOW_HOUR - 1 });
  expect((await overview()).models).toEqual([]);
  await send(dataReport(10, DATA_COUNTED));
  expect((await overview()).models).toMatchObject([{ reports: numbers({ 13: 2 }), runs: numbers({ 13: 20 }) }]);
});

test('what comes late about a half day that is over is in it a few minutes later', async () => {
  await start(1);
  await send(dataReport(10, DATA_COUNTED));
  expect((await overview()).models).toMatchObject([{ reports: numbers({ 13: 1 }) }]);
  await send({ ...dataReport(10, DATA_COUNTED), hour: NOW_HOUR - 60 });
  expect((await overview()).models).toMatchObject([{ reports: numbers({ 13: 1 }) }]);
  nowMs += OVERVIEW_KEPT_MS;
  expect((await overview()).models).toMatchObject([{ reports: numbers({ 8: 1, 13: 1 }) }]);
});
