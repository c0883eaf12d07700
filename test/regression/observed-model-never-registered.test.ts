/**
 * Bug: `insitu baseline` and the pages take a model's `observe.json`, and a collector started with that folder never registered it; and one
 * that was given the folder of a model itself began without a model and without a word.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { registerFolder } from '../../collector/models/model-folder.ts';
import { Registry } from '../../collector/models/registry.ts';
import { temporaryFolder } from '../fixtures/data-files.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { DATA_PLAN_HASH, manifestText, NOW_MS, versionOf } from '../fixtures/reports.ts';

const folder = temporaryFolder();
let count = 0;
let models: string;
beforeEach(() => {
  models = join(folder, String(count++));
});

function write(model: string, file: string, text: string): void {
  mkdirSync(join(models, model), { recursive: true });
  writeFileSync(join(models, model, file), text);
}

async function register(path: string) {
  const sentences: string[] = [];
  const registry = await Registry.open({ store: new MemoryStore(), release: '1.0.0', now: () => NOW_MS, complain: () => undefined });
  await registerFolder(path, registry, (sentence) => sentences.push(sentence));
  return { names: registry.models.map(({ registration }) => registration.name).sort(), sentences, registry };
}

test('an observe.json is registered with its baseline', async () => {
  const text = manifestText('mood');
  write('mood', 'observe.json', text);
  write('mood', 'baseline.json', JSON.stringify({ modelVersion: versionOf(text), plan: DATA_PLAN_HASH, n: 5, cells: [0], counts: [5] }));
  const { names, sentences, registry } = await register(models);
  expect([names, sentences]).toEqual([['mood'], []]);
  expect(registry.find(versionOf(text))?.registration.baseline?.n).toBe(5);
});

test('of a folder with both, the model.json is registered', async () => {
  write('digits', 'observe.json', manifestText('observed'));
  write('digits', 'model.json', manifestText('packed'));
  expect((await register(models)).names).toEqual(['packed']);
});

test('the folder of a model itself costs a sentence that says which one to name', async () => {
  write('digits', 'model.json', manifestText('digits'));
  const { names, sentences } = await register(join(models, 'digits'));
  expect(names).toEqual([]);
  expect(sentences).toEqual([expect.stringMatching(/is the folder of one model.*Name the folder around it with --models\.$/)]);
});
