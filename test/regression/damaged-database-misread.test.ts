/**
 * A damaged database was said to be "in use by another process", because the engine speaks of a block, and one that was cut ended in a stack
 * trace. Its operator looked for a process that there was not.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDuckDbStore } from '../../collector/store/duckdb-store.ts';
import { DATA_PLAN, DATA_PLAN_HASH, dataWindow, MODEL_VERSION } from '../fixtures/reports.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-damaged-'));
  file = join(folder, 'insitu.duckdb');
  const store = await openDuckDbStore(folder);
  await store.keepPlans([{ modelVersion: MODEL_VERSION, hash: DATA_PLAN_HASH, release: '1.0.0', plan: DATA_PLAN, keptAtMs: 1 }]);
  await store.commit([{ modelVersion: MODEL_VERSION, ...dataWindow() }], 1);
  await store.close();
});
afterEach(() => rm(folder, { recursive: true }));

const DAMAGES: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'every block has a wrong byte': (bytes) => bytes.map((byte, at) => (at >= 12_288 && at % 997 === 0 ? byte ^ 0xff : byte)) as Buffer,
  'a wrong byte in the header': (bytes) => bytes.map((byte, at) => (at === 8_200 ? byte ^ 0xff : byte)) as Buffer,
  'cut to the half': (bytes) => bytes.subarray(0, bytes.length / 2),
  'no byte is left': () => Buffer.alloc(0),
  'another file': () => Buffer.from('lock '.repeat(100)),
};

test.each(Object.entries(DAMAGES))('%s: said to be damaged, and not in use', async (_, damage) => {
  await writeFile(file, damage(await readFile(file)));
  const error = await openDuckDbStore(folder).catch((failure: unknown) => failure);
  expect(error).toMatchObject({ name: 'StartupError' });
  expect((error as Error).message).toMatch(/insitu\.duckdb cannot be opened as a database \(.*\)\. Restore it, or move it away\.$/);
});
