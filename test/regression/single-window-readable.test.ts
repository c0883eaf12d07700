/**
 * A stranger who listened to the live feed and asked for series after each event could read every single window. Where others than this machine
 * read, a sum of few reports is shown to nobody, and an event says nothing of what was counted.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../collector/index.ts';
import { SHOWN_REPORT_COUNT_MIN } from '../../protocol/limits.ts';
import type { Series } from '../../protocol/read/read-api.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { bodyOf, dataWindow, MODEL_VERSION, manifestText, NOW_HOUR, NOW_MS, softwareWindow } from '../fixtures/reports.ts';

let models: string;
let collector: Collector;
beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), 'insitu-single-'));
  await mkdir(join(models, 'fixture'));
  await writeFile(join(models, 'fixture', 'model.json'), manifestText());
});
afterEach(async () => {
  await collector.close();
  await rm(models, { recursive: true });
});

async function start(options: { readonly host?: string; readonly shownReportsMin?: number }): Promise<void> {
  collector = await startCollector({
    port: 0,
    store: new MemoryStore(),
    modelsFolder: models,
    adminKey: 'key',
    now: () => NOW_MS,
    ...options,
  });
}

const address = () => collector.url.replace('0.0.0.0', '127.0.0.1');
const post = async (body: Uint8Array<ArrayBuffer>) => (await fetch(`${address()}/v1/report/demo`, { method: 'POST', body })).status;
const series = async () => (await (await fetch(`${address()}/v1/series?model=${MODEL_VERSION}&hours=48`)).json()) as Series;

test('on a network, reports of an hour are shown once there are enough of them; other kinds and hours are not shown with them', async () => {
  await start({ host: '0.0.0.0' });
  for (let count = 1; count < SHOWN_REPORT_COUNT_MIN; count++) expect(await post(bodyOf([dataWindow()]))).toBe(204);
  await post(bodyOf([softwareWindow(), dataWindow({ hour: NOW_HOUR - 1 })]));
  const hidden = await series();
  expect(hidden).toMatchObject({ totals: [], data: [], software: [], shownReportsMin: SHOWN_REPORT_COUNT_MIN });
  expect(hidden.withheldReports).toBe(SHOWN_REPORT_COUNT_MIN + 1);
  await post(bodyOf([dataWindow()]));
  const shown = await series();
  expect(shown.totals).toMatchObject([{ report: 'data', hour: NOW_HOUR, reports: SHOWN_REPORT_COUNT_MIN }]);
  expect(new Set(shown.data.map(({ hour }) => hour))).toEqual(new Set([NOW_HOUR]));
  expect([shown.software, shown.withheldReports]).toEqual([[], 2]);
});

test('on this machine alone everything is shown, unless its operator says that others are let in', async () => {
  await start({});
  await post(bodyOf([dataWindow()]));
  expect(await series()).toMatchObject({ totals: [{ reports: 1 }], withheldReports: 0 });
  await collector.close();
  await start({ shownReportsMin: 2 });
  await post(bodyOf([dataWindow()]));
  expect(await series()).toMatchObject({ totals: [], withheldReports: 1 });
});
