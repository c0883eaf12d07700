/**
 * A model folder behind a symbolic link was served and never registered, and nothing said so. What lies among the models is registered, or
 * costs a sentence, or is no model.
 */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { registerFolder } from '../../collector/models/model-folder.ts';
import { Registry } from '../../collector/models/registry.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { DATA_PLAN_HASH, manifestText, NOW_MS, versionOf } from '../fixtures/reports.ts';

let folder: string;
let models: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-links-'));
  models = join(folder, 'models');
  await mkdir(models);
});
afterEach(() => rm(folder, { recursive: true }));

/** A folder with a model of that name. */
async function modelFolder(path: string, name: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'model.json'), manifestText(name));
}

async function register(): Promise<{
  readonly names: readonly string[];
  readonly sentences: readonly string[];
  readonly registry: Registry;
}> {
  const sentences: string[] = [];
  const registry = await Registry.open({ store: new MemoryStore(), release: '1.0.0', now: () => NOW_MS, complain: () => undefined });
  await registerFolder(models, registry, (sentence) => sentences.push(sentence));
  return { names: registry.models.map(({ registration }) => registration.name).sort(), sentences, registry };
}

test('a model folder, its model.json or its baseline behind a link is registered', async () => {
  await modelFolder(join(folder, 'releases', 'v3'), 'linked');
  await symlink(join(folder, 'releases', 'v3'), join(models, 'current'));
  await symlink('current', join(models, 'twice'));
  await mkdir(join(models, 'by-file'));
  await writeFile(join(folder, 'elsewhere.json'), manifestText('by-file'));
  await symlink(join(folder, 'elsewhere.json'), join(models, 'by-file', 'model.json'));
  const baseline = { modelVersion: versionOf(manifestText('by-file')), plan: DATA_PLAN_HASH, n: 5, cells: [0], counts: [5] };
  await writeFile(join(folder, 'base.json'), JSON.stringify(baseline));
  await symlink(join(folder, 'base.json'), join(models, 'by-file', 'baseline.json'));
  const { names, sentences, registry } = await register();
  expect([names, sentences]).toEqual([['by-file', 'linked'], []]);
  expect(registry.find(baseline.modelVersion)?.registration.baseline?.n).toBe(5);
});

test('a Kubernetes volume is registered once, by its plain names', async () => {
  await modelFolder(join(models, '..2026_01', 'digits'), 'digits');
  await symlink('..2026_01', join(models, '..data'));
  await symlink(join('..data', 'digits'), join(models, 'digits'));
  const { names, sentences } = await register();
  expect([names, sentences]).toEqual([['digits'], []]);
});

test('links that lead nowhere or in a circle, and a model.json that is none, cost a sentence each and no other model', async () => {
  await modelFolder(join(models, 'good'), 'good');
  await symlink('gone', join(models, 'broken'));
  await symlink('circle-two', join(models, 'circle-one'));
  await symlink('circle-one', join(models, 'circle-two'));
  await mkdir(join(models, 'folder-for-file', 'model.json'), { recursive: true });
  await mkdir(join(models, 'broken-inside'));
  await symlink('gone.json', join(models, 'broken-inside', 'model.json'));
  await modelFolder(join(models, 'bad-baseline'), 'bad-baseline');
  await symlink('gone.json', join(models, 'bad-baseline', 'baseline.json'));
  const { names, sentences } = await register();
  expect(names).toEqual(['bad-baseline', 'good']);
  const told = sentences.map((sentence) => sentence.slice(models.length + 1));
  expect(told).toEqual([
    'bad-baseline: The baseline cannot be read (ENOENT). It was registered without a baseline.',
    'broken: Nothing was registered, because it cannot be read (ENOENT). Check the link and the rights.',
    'broken-inside: Nothing was registered, because it cannot be read (ENOENT). Check the link and the rights.',
    'circle-one: Nothing was registered, because it cannot be read (ELOOP). Check the link and the rights.',
    'circle-two: Nothing was registered, because it cannot be read (ELOOP). Check the link and the rights.',
    'folder-for-file: Nothing was registered: model.json is a folder, a pipe or a device. Put a file there.',
  ]);
});

test('files beside the models and folders without a model.json are no models', async () => {
  await modelFolder(join(models, 'good'), 'good');
  await writeFile(join(models, 'README.md'), 'models');
  await mkdir(join(models, 'images'));
  const { names, sentences } = await register();
  expect([names, sentences]).toEqual([['good'], []]);
});

// A superuser may read everything.
test.runIf(process.getuid?.() !== 0 && process.platform !== 'win32')('a folder that may not be read costs a sentence', async () => {
  await modelFolder(join(models, 'closed'), 'closed');
  await chmod(join(models, 'closed'), 0);
  const { names, sentences } = await register();
  await chmod(join(models, 'closed'), 0o700);
  expect([names, sentences]).toEqual([[], [expect.stringMatching(/closed: Nothing was registered, because it cannot be read \(EACCES\)/)]]);
});
