/**
 * The system's clock went nine days forward over a restart, every id was forgotten, and back again a counted body was counted once more.
 * With the real store. Also in the other direction, and without a restart.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../collector/index.ts';
import { KeptTime } from '../../collector/intake/kept-time.ts';
import { ID_HORIZON_MS } from '../../protocol/limits.ts';
import type { Series } from '../../protocol/read/read-api.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { bodyOf, dataWindow, MODEL_VERSION, manifestText, NOW_HOUR, NOW_MS } from '../fixtures/reports.ts';

const DAY_MS = 24 * 3_600_000;

let folder: string;
let collector: Collector;
let nowMs: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-clock-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
});
afterEach(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

async function startAt(ms: number): Promise<void> {
  nowMs = ms;
  const folders = { dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models') };
  collector = await startCollector({ ...folders, port: 0, adminKey: 'key', now: () => nowMs });
}

const post = async (body: Uint8Array<ArrayBuffer>) => (await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status;
const countedReports = async () => {
  const series = (await (await fetch(`${collector.url}/v1/series?model=${MODEL_VERSION}&hours=48`)).json()) as Series;
  return series.totals.reduce((sum, { reports }) => sum + reports, 0);
};

for (const days of [9, -9, 400, -400]) {
  test(`a clock that is ${days} days off over a restart, and right again, counts a body once and takes honest windows at once`, async () => {
    await startAt(NOW_MS);
    const body = bodyOf([dataWindow()]);
    expect(await post(body)).toBe(204);
    await collector.close();
    await startAt(NOW_MS + days * DAY_MS);
    // While it is off, hours that it takes for over or not yet begun are refused.
    expect(await post(bodyOf([dataWindow()]))).toBe(410);
    expect(await post(bodyOf([dataWindow({ hour: NOW_HOUR + days * 24 })]))).toBe(204);
    await collector.close();
    await startAt(NOW_MS + 1);
    expect(await post(body)).toBe(204);
    expect(await countedReports()).toBe(1);
    expect(await post(bodyOf([dataWindow()]))).toBe(204);
    expect(await countedReports()).toBe(2);
  });
}

test('a clock that steps while the collector runs refuses windows only while it is off', async () => {
  await startAt(NOW_MS);
  const body = bodyOf([dataWindow()]);
  expect(await post(body)).toBe(204);
  nowMs = NOW_MS + 9 * DAY_MS;
  expect(await post(body)).toBe(410);
  nowMs = NOW_MS;
  expect([await post(body), await post(bodyOf([dataWindow()]))]).toEqual([204, 204]);
  expect(await countedReports()).toBe(2);
});

// Goal: however often it is restarted, an id is kept for its horizon of running. Method: starts and spans of running by chance; the age of
// the first stamp is never more than what was run since.
test('the time that ids are kept by never runs ahead of the time that was run, over any restarts, and never back', async () => {
  const spans = fc.array(fc.record({ ranMs: fc.nat(DAY_MS), stepMs: fc.integer({ min: -400 * DAY_MS, max: 400 * DAY_MS }) }), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(spans, async (starts) => {
      const store = new MemoryStore();
      await store.commit([{ modelVersion: MODEL_VERSION, ...dataWindow() }], NOW_MS);
      let [ranMs, before] = [0, NOW_MS];
      for (const start of starts) {
        let elapsed = 5;
        const kept = await KeptTime.open(store, () => elapsed, NOW_MS + start.stepMs);
        expect(kept.nowMs).toBeGreaterThanOrEqual(before);
        elapsed += start.ranMs;
        ranMs += start.ranMs;
        await store.commit([{ modelVersion: MODEL_VERSION, ...dataWindow() }], kept.nowMs);
        before = kept.nowMs;
        expect(before - NOW_MS).toBe(ranMs);
      }
    }),
    { numRuns: 200 },
  );
  collector = await startCollector({ port: 0, adminKey: 'key', store: new MemoryStore() });
});

test('a collector that ran for less than another on the same store catches up with its stamps, and is never ahead of them', async () => {
  const store = new MemoryStore();
  let elapsed = 0;
  const kept = await KeptTime.open(store, () => elapsed, NOW_MS);
  await store.commit([{ modelVersion: MODEL_VERSION, ...dataWindow() }], NOW_MS + 3 * DAY_MS);
  await kept.catchUp(store);
  expect(kept.nowMs).toBe(NOW_MS + 3 * DAY_MS);
  elapsed = ID_HORIZON_MS;
  await kept.catchUp(store);
  expect(kept.nowMs).toBe(NOW_MS + 3 * DAY_MS + ID_HORIZON_MS);
  collector = await startCollector({ port: 0, adminKey: 'key', store: new MemoryStore() });
});
