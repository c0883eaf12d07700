/**
 * A collector on a store that its starter brought: it counts there, and loads no database.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCollector } from '../../../collector/index.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { bodyOf, dataWindow, MODEL_VERSION, manifestText, NOW_HOUR, NOW_MS } from '../../fixtures/reports.ts';

/** Counts how often it was closed. */
class WatchedStore extends MemoryStore {
  closeCount = 0;
  override async close(): Promise<void> {
    this.closeCount++;
  }
}

let dataFolder: string;
beforeEach(async () => {
  dataFolder = join(await mkdtemp(join(tmpdir(), 'insitu-given-')), 'data');
});
afterEach(() => rm(join(dataFolder, '..'), { recursive: true }));

/** Native libraries of this process. */
function loadedLibraries(): readonly string[] {
  return (process.report.getReport() as unknown as { sharedObjects: string[] }).sharedObjects;
}

test('reports are counted in the given store, no database is loaded, and only the admin key is in the data folder', async () => {
  const store = new WatchedStore();
  const collector = await startCollector({ port: 0, dataFolder, store, now: () => NOW_MS });
  const key = (await readFile(join(dataFolder, 'admin-key'), 'utf8')).trim();
  const headers = { Authorization: `Bearer ${key}` };
  const registration = { method: 'POST', headers, body: JSON.stringify({ manifest: manifestText() }) };
  expect((await fetch(`${collector.url}/v1/models`, registration)).status).toBe(201);
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body: bodyOf([dataWindow()]) })).status).toBe(204);
  const hours = { fromHour: NOW_HOUR, toHour: NOW_HOUR, slotHours: 1 };
  const range = { modelVersion: MODEL_VERSION, ...hours, segment: null, reportCountMin: 1 };
  expect(await store.totals(range)).toMatchObject({ totals: [{ runs: 8 }] });
  await collector.close();
  expect(store.closeCount).toBe(1);
  expect(await readdir(dataFolder)).toEqual(['admin-key']);
  expect(loadedLibraries().length).toBeGreaterThan(0);
  expect(loadedLibraries().filter((file) => /duckdb/i.test(file))).toEqual([]);
});

test('a collector that cannot start closes the given store', async () => {
  const store = new WatchedStore();
  const blocker = await startCollector({ port: 0, dataFolder, adminKey: 'key', store: new MemoryStore() });
  const port = Number(new URL(blocker.url).port);
  await expect(startCollector({ port, dataFolder, adminKey: 'key', store })).rejects.toThrow(/in use/);
  expect(store.closeCount).toBe(1);
  await blocker.close();
});
