/**
 * Write keys: what they may look like, and what a key that names its models refuses.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../../collector/index.ts';
import { readWriteKeys } from '../../../collector/operator/write-keys.ts';
import { UNKNOWN_MODEL_VERSION } from '../../../protocol/report/window.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { bodyOf, dataWindow, manifestText, NOW_MS, softwareWindow, versionOf } from '../../fixtures/reports.ts';

test('a key stands alone, for all models, or names its models', () => {
  expect([...readWriteKeys([' my-site ', 'shop=digits+9f3c02d19f3c02d1', 'blog=faces 2'])]).toEqual([
    ['my-site', null],
    ['shop', new Set(['digits', '9f3c02d19f3c02d1'])],
    ['blog', new Set(['faces 2'])],
  ]);
});

test.each([[['']], [['a b']], [['shop=']], [['shop=digits+']], [['=digits']], [['shop', 'shop=digits']], [[]]])(
  '%j is refused with a sentence that says what to write',
  (texts) => expect(() => readWriteKeys(texts)).toThrow(/^["A-Z].*write key.*\.$/),
);

let folder: string;
let collector: Collector;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-keys-'));
  for (const name of ['one', 'other']) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'model.json'), manifestText(name));
  }
  collector = await startCollector({
    ...{ port: 0, store: new MemoryStore(), modelsFolder: folder, adminKey: 'key', now: () => NOW_MS },
    writeKeys: ['any', 'by-name=one', `by-version=${versionOf(manifestText('other'))}`],
  });
});
afterEach(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

test('a key that names its models reports about those, and about no model at all; to others it is a stranger', async () => {
  const post = async (key: string, body: Uint8Array<ArrayBuffer>) =>
    (await fetch(`${collector.url}/v1/report/${key}`, { method: 'POST', body })).status;
  const statuses = async (key: string) => [
    await post(key, bodyOf([dataWindow()], versionOf(manifestText('one')))),
    await post(key, bodyOf([softwareWindow()], versionOf(manifestText('other')))),
    await post(key, bodyOf([softwareWindow()], UNKNOWN_MODEL_VERSION)),
    await post(key, bodyOf([dataWindow()], '1'.repeat(16))),
  ];
  expect(await statuses('any')).toEqual([204, 204, 204, 503]);
  expect(await statuses('by-name')).toEqual([204, 403, 204, 503]);
  expect(await statuses('by-version')).toEqual([403, 204, 204, 503]);
});
