/**
 * The DuckDB store: the conformance suite, and what only a file on one machine has.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDuckDbStore } from '../../../collector/store/duckdb-store.ts';
import type { Store } from '../../../collector/store/store.ts';
import { testStore } from '../../conformance/store.ts';
import { dataWindow, MODEL_VERSION, NOW_HOUR, NOW_MS, nextId } from '../../fixtures/reports.ts';

const RANGE = { modelVersion: MODEL_VERSION, fromHour: 0, toHour: NOW_HOUR, slotHours: 1, segment: null, reportCountMin: 1 };

describe('conformance', () => {
  testStore(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'insitu-store-'));
    return { open: () => openDuckDbStore(folder), dispose: () => rm(folder, { recursive: true }) };
  });
});

describe('the file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'insitu-store-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('a database that another process has open is refused with a sentence', async () => {
    const script = `
      const { DuckDBInstance } = require(${JSON.stringify(createRequire(import.meta.url).resolve('@duckdb/node-api'))});
      DuckDBInstance.create(process.argv[1]).then(() => { process.stdout.write('open'); process.stdin.resume(); });`;
    const other = spawn(process.execPath, ['-e', script, join(folder, 'insitu.duckdb')], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => other.stdout.once('data', resolve));
    await expect(openDuckDbStore(folder)).rejects.toThrow(/in use by another process.*--data/s);
    const ended = new Promise((resolve) => other.once('exit', resolve));
    other.kill('SIGKILL');
    await ended;
    await (await openDuckDbStore(folder)).close();
  });

  test('a data folder that is a file is refused with a sentence', async () => {
    await writeFile(join(folder, 'taken'), '');
    await expect(openDuckDbStore(join(folder, 'taken'))).rejects.toThrow(/cannot be created.*--data/s);
  });

  test('a file that is no database is refused with a sentence and left as it is', async () => {
    await writeFile(join(folder, 'insitu.duckdb'), 'x'.repeat(9_000));
    await expect(openDuckDbStore(folder)).rejects.toThrow(/cannot be opened as a database/);
    expect((await stat(join(folder, 'insitu.duckdb'))).size).toBe(9_000);
  });

  test('a group that fails half-way leaves nothing, and the next group is counted', async () => {
    const store = await openDuckDbStore(folder);
    const window = { modelVersion: MODEL_VERSION, ...dataWindow() };
    // A negative segment is none the column can hold; the ids are inserted before it is met.
    await expect(store.commit([window, { ...window, id: 'e'.repeat(32), segment: -1 }], NOW_MS)).rejects.toThrow();
    const range = { ...RANGE, toHour: window.hour };
    expect((await store.totals(range)).totals).toEqual([]);
    expect(await store.cellSums({ ...range, plans: [window.plan], arm: null })).toEqual(new Map());
    expect(await store.commit([window], NOW_MS)).toEqual(['stored']);
    expect((await store.totals(range)).totals).toMatchObject([{ reports: 1 }]);
    await store.close();
  });
});

/** Files of this process may have so many bytes; what goes beyond fails as on a full disk. */
function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);
}

// Goal: a full disk costs no count and needs no restart. Method: the system's file-size limit makes writes of the real
// database fail; then it is lifted, and the groups that failed are committed again, as clients would.
describe.runIf(existsSync('/usr/bin/prlimit'))('a full disk', () => {
  const ignore = () => undefined;
  const range = RANGE;
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    // Without a listener the signal that comes with the failed write ends the process.
    process.on('SIGXFSZ', ignore);
    folder = await mkdtemp(join(tmpdir(), 'insitu-store-'));
    store = await openDuckDbStore(folder);
  });
  afterEach(async () => {
    limitFiles('unlimited');
    process.off('SIGXFSZ', ignore);
    await store.close();
    await rm(folder, { recursive: true });
  });
  const group = () => Array.from({ length: 100 }, () => ({ modelVersion: MODEL_VERSION, ...dataWindow({ id: nextId() }) }));
  const commitUntilRefused = async (failure: RegExp) => {
    for (let groupCount = 0; groupCount < 10_000; groupCount++) {
      const next = group();
      try {
        await store.commit(next, NOW_MS);
      } catch (error) {
        expect(String(error)).toMatch(failure);
        return { refused: next, groupCount };
      }
    }
    throw new Error('the limit was never met');
  };

  test('commits that the disk refuses count nothing, and count once when there is room', async () => {
    await store.commit(group(), NOW_MS);
    limitFiles(100_000);
    const { refused, groupCount } = await commitUntilRefused(/could not write/i);
    await expect(store.commit(group(), NOW_MS)).rejects.toThrow();
    limitFiles('unlimited');
    expect(new Set(await store.commit(refused, NOW_MS))).toEqual(new Set(['stored']));
    expect((await store.totals(range)).totals).toMatchObject([{ reports: 100 * (groupCount + 2) }]);
  });

  test('a checkpoint that the disk refuses costs no count, and the store works on when there is room', async () => {
    await store.commit(group(), NOW_MS);
    limitFiles(18_000_000);
    const grow = async () => {
      for (let index = 0; index < 100; index++) {
        const manifestJson = randomBytes(800_000).toString('base64');
        const modelVersion = index.toString(16).padStart(16, '0');
        const rest = { plan: '0'.repeat(16), name: 'filler', version: '1', baseline: null, registeredAtMs: NOW_MS };
        await store.register({ modelVersion, manifestJson, ...rest });
      }
    };
    await expect(grow()).rejects.toThrow(/checkpoint|invalidated/);
    limitFiles('unlimited');
    const later = group();
    await store.commit(later, NOW_MS).catch(ignore);
    await store.commit(later, NOW_MS);
    expect((await store.totals(range)).totals).toMatchObject([{ reports: 200 }]);
  });
});
