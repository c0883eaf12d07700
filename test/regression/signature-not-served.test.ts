/**
 * A page that asks for a signature got a 404 from the collector that served the model beside it. And a disk that tells no case apart gave
 * the baseline away under `Baseline.json`.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SIGNATURE_FILE } from '../../cli/folder/signature.ts';
import { startCollector } from '../../collector/index.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';

test('the signature is served beside its manifest, and the baseline under no spelling of its name', async () => {
  const modelsFolder = await mkdtemp(join(tmpdir(), 'insitu-signed-'));
  await mkdir(join(modelsFolder, 'digits'));
  for (const name of [SIGNATURE_FILE, 'Baseline.json', 'BASELINE.JSON']) await writeFile(join(modelsFolder, 'digits', name), name);
  const collector = await startCollector({ port: 0, store: new MemoryStore(), adminKey: 'key', modelsFolder });
  try {
    const ask = async (name: string) => fetch(`${collector.url}/models/digits/${name}`);
    expect(await (await ask(SIGNATURE_FILE)).text()).toBe(SIGNATURE_FILE);
    expect(await Promise.all(['Baseline.json', 'BASELINE.JSON'].map(async (name) => (await ask(name)).status))).toEqual([404, 404]);
  } finally {
    await collector.close();
    await rm(modelsFolder, { recursive: true });
  }
});
