/**
 * Devices: what the collector says of them, through its own routes and its real database.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../../collector/index.ts';
import type { Devices } from '../../../protocol/read/read-api.ts';
import { HOUR_MS, type Window } from '../../../protocol/report/window.ts';
import { EARLIER_SOFTWARE_PLAN_HASH, placeEarlierDatabase } from '../../fixtures/earlier-release.ts';
import { bodyOf, dataWindow, MODEL_VERSION, manifestText, nextId, softwareWindow } from '../../fixtures/reports.ts';

/** A Friday. */
const FRIDAY_MS = Date.UTC(2026, 11, 4, 15);
const FRIDAY = Math.floor(FRIDAY_MS / HOUR_MS) - 15;

let folder: string;
let collector: Collector;
let nowMs: number;

async function start(shownReportsMin: number): Promise<void> {
  collector = await startCollector({ port: 0, dataFolder: folder, adminKey: 'key', now: () => nowMs, shownReportsMin });
  const request = { method: 'POST', headers: { Authorization: 'Bearer key' }, body: JSON.stringify({ manifest: manifestText() }) };
  expect((await fetch(`${collector.url}/v1/models`, request)).status).toBe(201);
}

beforeEach(async () => {
  nowMs = FRIDAY_MS;
  folder = await mkdtemp(join(tmpdir(), 'insitu-devices-'));
  placeEarlierDatabase(folder);
});
afterEach(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

async function send(...windows: readonly Window[]): Promise<void> {
  const body = bodyOf(windows.map((window) => ({ ...window, id: nextId(), hour: Math.floor(nowMs / HOUR_MS) })));
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status).toBe(204);
}

async function devices(hours: number): Promise<Devices> {
  return (await (await fetch(`${collector.url}/v1/devices?model=${MODEL_VERSION}&hours=${hours}`)).json()) as Devices;
}

const [DAY, WEEK, NONE] = [softwareWindow({ mark: 'day' }), softwareWindow({ mark: 'week' }), softwareWindow()];

test('devices of each day and each ISO week are the marked software windows that came in it, of all plans', async () => {
  await start(1);
  await send(WEEK, WEEK, NONE, dataWindow({ mark: 'week' }), { ...WEEK, plan: EARLIER_SOFTWARE_PLAN_HASH });
  nowMs += 24 * HOUR_MS;
  await send(DAY, NONE);
  nowMs += 48 * HOUR_MS;
  await send(WEEK);
  const weeks = [
    { hour: FRIDAY - 4 * 24, devices: 3 },
    { hour: FRIDAY + 3 * 24, devices: 1 },
  ];
  expect(await devices(24 * 7)).toEqual({
    days: [
      { hour: FRIDAY, devices: 3 },
      { hour: FRIDAY + 24, devices: 1 },
      { hour: FRIDAY + 72, devices: 1 },
    ],
    weeks,
    shownReportsMin: 1,
  });
  expect(await devices(49)).toMatchObject({ days: [{ devices: 1 }, { devices: 1 }], weeks });
  expect(await devices(1)).toMatchObject({ days: [{ devices: 1 }], weeks: weeks.slice(1) });
});

test('a day and a week of few devices are not shown where others can read', async () => {
  await start(2);
  await send(WEEK, DAY, DAY);
  expect(await devices(24)).toEqual({ days: [{ hour: FRIDAY, devices: 3 }], weeks: [], shownReportsMin: 2 });
});

test('votes that are older than five weeks are by day after the next start, and none is lost', async () => {
  await start(1);
  await send(WEEK);
  nowMs += HOUR_MS;
  await send(DAY);
  await collector.close();
  nowMs += 36 * 24 * HOUR_MS;
  await start(1);
  expect(await devices(24 * 40)).toMatchObject({ days: [{ hour: FRIDAY, devices: 2 }], weeks: [{ devices: 1 }] });
});
