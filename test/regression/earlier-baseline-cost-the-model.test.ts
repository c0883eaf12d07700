/**
 * A baseline of an earlier plan took its model with it: after an upgrade that changed the data plan, the collector refused the
 * stored registration, and with it every report of the model.
 */
import { expect, test } from 'vitest';
import { Registry } from '../../collector/models/registry.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { DATA_PLAN_HASH, MODEL_VERSION, manifestText, NOW_MS } from '../fixtures/reports.ts';

const EARLIER = 'f'.repeat(16);
const earlierBaseline = { modelVersion: MODEL_VERSION, plan: EARLIER, n: 1, cells: [0], counts: [1] };

async function open(store: MemoryStore) {
  const sentences: string[] = [];
  const registry = await Registry.open({ store, release: '2.0.0', now: () => NOW_MS, complain: (text) => sentences.push(text) });
  return { registry, sentences };
}

/** As an earlier release stored it, whose data plan had another hash. */
async function storeOfEarlierRelease(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const rest = { name: 'fixture', version: '1.0.0', manifestJson: manifestText(), registeredAtMs: NOW_MS };
  await store.register({ modelVersion: MODEL_VERSION, plan: EARLIER, baseline: earlierBaseline, ...rest });
  return store;
}

test('a stored registration whose baseline is of an earlier plan keeps its model, and says that the baseline was left out', async () => {
  const { registry, sentences } = await open(await storeOfEarlierRelease());
  expect(registry.find(MODEL_VERSION)?.registration).toMatchObject({ plan: DATA_PLAN_HASH, baseline: null });
  expect(registry.planOf(MODEL_VERSION, DATA_PLAN_HASH)?.report).toBe('data');
  expect(sentences).toEqual([
    expect.stringMatching(/^fixture was counted by plan f{16}, .* register its answer/),
    expect.stringMatching(/^fixture: The baseline was left out: .*Count it again with insitu baseline\.$/),
  ]);
});

test('what is stored of it stays, so that the earlier release finds it when it comes back', async () => {
  const store = await storeOfEarlierRelease();
  await open(store);
  expect(await store.registrations()).toMatchObject([{ plan: EARLIER, baseline: earlierBaseline }]);
});

test('a registration with a baseline of an earlier plan is taken without it, and one that was there is kept', async () => {
  const { registry } = await open(new MemoryStore());
  const present = { ...earlierBaseline, plan: DATA_PLAN_HASH };
  expect(await registry.admit(manifestText(), { baseline: present })).toMatchObject({ ok: true, baselineLeftOut: null });
  const again = await registry.admit(manifestText(), { baseline: earlierBaseline });
  expect(again).toMatchObject({ ok: true, baselineLeftOut: expect.stringMatching(/counted by plan f{16}.*insitu baseline\.$/) });
  expect(registry.find(MODEL_VERSION)?.registration.baseline).toEqual(present);
});
