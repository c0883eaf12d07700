/**
 * `DELETE /v1/models/{version}` of a whole collector on its real store: what goes, what stays, and what the answer says of both.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCollectorClient } from '../../../collector/client/collector-client.ts';
import { type Collector, startCollector } from '../../../collector/index.ts';
import { Registry } from '../../../collector/models/registry.ts';
import { REGISTRATION_COUNT_MAX } from '../../../protocol/limits.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import {
  bodyOf,
  DATA_PLAN,
  DATA_PLAN_HASH,
  dataWindow,
  MODEL_VERSION,
  manifestText,
  NOW_MS,
  softwareWindow,
  versionOf,
} from '../../fixtures/reports.ts';

const KEY = 'the-admin-key';
const MINUTE_MS = 60_000;

let folder: string;
let collector: Collector;
let nowMs: number;
let sentences: string[];

async function start(): Promise<void> {
  sentences = [];
  collector = await startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: KEY, now: () => nowMs },
    ...{ siteFolder: folder, libraryFolder: folder, log: (sentence: string) => sentences.push(sentence) },
  });
}

beforeEach(async () => {
  nowMs = NOW_MS;
  folder = await mkdtemp(join(tmpdir(), 'insitu-removal-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
  await start();
});
afterEach(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

const client = (adminKey = KEY) => createCollectorClient({ url: collector.url, adminKey });
const post = (body: Uint8Array<ArrayBuffer>) => fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body });

test('only the admin key removes, and only what is registered', async () => {
  await expect(client('other').unregister({ version: MODEL_VERSION })).rejects.toMatchObject({ status: 401 });
  await expect(client().unregister({ version: '1'.repeat(16) })).rejects.toMatchObject({ status: 404 });
  expect(await client().models()).toHaveLength(1);
});

test('reports of a removed version are refused and told; its sums stay, and are read again once it is registered again', async () => {
  expect((await post(bodyOf([dataWindow(), softwareWindow()]))).status).toBe(204);
  const before = await client().series({ model: MODEL_VERSION });
  expect(await client().unregister({ version: MODEL_VERSION })).toEqual({
    ...{ modelVersion: MODEL_VERSION, name: 'fixture', version: '1.0.0', isInFolder: true, closedIncidents: [], idleRules: [] },
  });
  expect(await client().models()).toEqual([]);
  await expect(client().model({ version: MODEL_VERSION })).rejects.toMatchObject({ status: 404 });
  expect((await post(bodyOf([dataWindow()]))).status).toBe(503);
  expect(sentences).toEqual([expect.stringMatching(`^A report of model version ${MODEL_VERSION} came, which is not registered here`)]);
  const between = await client().series({ model: MODEL_VERSION });
  expect([between.totals, between.software, between.data]).toEqual([before.totals, before.software, []]);
  await client().register({ body: { manifest: manifestText() } });
  expect((await post(bodyOf([dataWindow()]))).status).toBe(204);
  const after = await client().series({ model: MODEL_VERSION });
  expect(after.data.map(({ count }) => count)).toEqual(before.data.map(({ count }) => 2 * count));
  // Told anew, should it be removed again.
  await client().unregister({ version: MODEL_VERSION });
  await post(bodyOf([dataWindow()]));
  expect(sentences).toHaveLength(2);
});

test('a removed version stays removed over a restart, unless its manifest lies in the models folder', async () => {
  const other = versionOf(manifestText('other'));
  await client().register({ body: { manifest: manifestText('other') } });
  expect(await client().unregister({ version: other })).toMatchObject({ name: 'other', isInFolder: false });
  await client().unregister({ version: MODEL_VERSION });
  await collector.close();
  await start();
  expect((await client().models()).map(({ name }) => name)).toEqual(['fixture']);
});

test('its incidents are closed and stay readable, its rules stay and are named, and nothing of it is judged any more', async () => {
  const rule = { metric: 'load.outcome', statistic: 'share', cells: ['failed'], comparison: 'above', value: 0.5, minutes: 1 } as const;
  await client().putRule({ id: 'loads', body: { ...rule, model: 'fixture' } });
  await client().putRule({ id: 'of-others', body: { ...rule, model: 'other' } });
  const judged = async () => (await client().audit()).length;
  nowMs += MINUTE_MS / 2;
  const entries = await judged();
  expect((await post(bodyOf([softwareWindow()]))).status).toBe(204);
  nowMs += MINUTE_MS;
  while ((await judged()) === entries) await new Promise((resolve) => setTimeout(resolve, 20));
  const [open] = (await client().incidents({ state: 'open' })).incidents;
  const { closedIncidents, idleRules } = await client().unregister({ version: MODEL_VERSION });
  expect([closedIncidents, idleRules]).toEqual([[open?.id], ['loads']]);
  const { incident } = await client().incident({ id: open?.id ?? '' });
  expect(incident).toMatchObject({ state: 'closed', closedBecause: 'unregistered', modelVersion: MODEL_VERSION });
  expect(await client().rules()).toMatchObject([
    { rule: { id: 'loads' }, problem: 'No model "fixture" is registered.' },
    { rule: { id: 'of-others' }, problem: 'No model "other" is registered.' },
  ]);
  expect((await client().audit()).map(({ what, subject }) => [what, subject]).slice(0, 2)).toEqual([
    ['closed', open?.id],
    ['model-removed', MODEL_VERSION],
  ]);
  nowMs += MINUTE_MS;
  // The clock looks every second: what was judged since is nothing.
  while ((await client().rules()).some(({ states }) => states.length > 0)) await new Promise((resolve) => setTimeout(resolve, 20));
  expect((await client().incidents({ state: 'open' })).incidents).toEqual([]);
});

test('the registry is full at its limit, says what to do, and takes another one once one was removed', async () => {
  const store = new MemoryStore();
  const registry = await Registry.open({ store, release: '1.0.0', now: () => NOW_MS, complain: () => undefined });
  for (let index = 0; index < REGISTRATION_COUNT_MAX; index++) await registry.admit(manifestText(`m${index}`), { baseline: null });
  expect(await registry.admit(manifestText('more'), { baseline: null })).toEqual({
    ok: false,
    reason: '1000 model versions are registered already. Remove one that no page loads any more: DELETE /v1/models/{version}.',
  });
  await registry.remove(versionOf(manifestText('m7')));
  expect(await registry.admit(manifestText('more'), { baseline: null })).toMatchObject({ ok: true });
});

test('plans of earlier releases come back with the version that they are of', async () => {
  const store = new MemoryStore();
  const open = () => Registry.open({ store, release: '1.0.0', now: () => NOW_MS, complain: () => undefined });
  const earlier = { ...DATA_PLAN, segments: ['one', 'two'] };
  await store.keepPlans([{ modelVersion: MODEL_VERSION, hash: '1'.repeat(16), release: '0.1.0', plan: earlier, keptAtMs: NOW_MS }]);
  let registry = await open();
  await registry.admit(manifestText(), { baseline: null });
  expect(registry.planOf(MODEL_VERSION, '1'.repeat(16))).toEqual(earlier);
  await registry.remove(MODEL_VERSION);
  for (const again of [async () => registry, open]) {
    registry = await again();
    expect(registry.planOf(MODEL_VERSION, '1'.repeat(16))).toBeUndefined();
    await registry.admit(manifestText(), { baseline: null });
    expect(registry.planOf(MODEL_VERSION, '1'.repeat(16))).toEqual(earlier);
    expect(registry.planOf(MODEL_VERSION, DATA_PLAN_HASH)).toEqual(DATA_PLAN);
    await registry.remove(MODEL_VERSION);
  }
});

test('registering and removing at once leave the same in memory and in the store', async () => {
  const store = new MemoryStore();
  const registry = await Registry.open({ store, release: '1.0.0', now: () => NOW_MS, complain: () => undefined });
  await registry.admit(manifestText(), { baseline: null });
  const acts = Array.from({ length: 20 }, (_, index) =>
    index % 3 === 1 ? registry.remove(MODEL_VERSION) : registry.admit(manifestText(), { baseline: null }),
  );
  await Promise.all(acts);
  const stored = (await store.registrations()).map(({ modelVersion }) => modelVersion);
  expect(registry.models.map(({ registration }) => registration.modelVersion)).toEqual(stored);
});
