/**
 * Pages of the release before were refused: a collector knew the present software plan and the present data plan of each model, and
 * nothing else. What cached pages sent after an upgrade was answered 503 for a week and then expired.
 */
import { expect, test } from 'vitest';
import { judgeBody } from '../../collector/intake/intake.ts';
import { Registry } from '../../collector/models/registry.ts';
import { placeMetrics, planHash } from '../../counts/layout/plan.ts';
import { RELEASED_SOFTWARE_PLANS } from '../../counts/plans/released-software-plans.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { PLAN_KEPT_COUNT_MAX } from '../../protocol/limits.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import { EARLIER_SOFTWARE_PLAN_HASH } from '../fixtures/earlier-release.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { bodyOf, DATA_PLAN, DATA_PLAN_HASH, dataWindow, MODEL_VERSION, manifestText, NOW_MS, softwareWindow } from '../fixtures/reports.ts';

async function open(store = new MemoryStore(), release = '2.0.0') {
  const registry = await Registry.open({ store, release, now: () => NOW_MS, complain: () => undefined });
  await registry.admit(manifestText(), { baseline: null });
  return registry;
}

/** A data plan as a release before could have made it of the same manifest: without the first metric. */
const earlierPlan: Plan = placeMetrics('data', DATA_PLAN.metrics.slice(1));
const earlierHash = await planHash(earlierPlan);
/** Every item present and usable, by that plan. */
const earlierWindow = () => dataWindow({ plan: earlierHash, cells: Uint32Array.of(0, 6) });

test('software windows of the release before are counted by a collector that was never anything else than new', async () => {
  const registry = await open();
  for (const version of [MODEL_VERSION, UNKNOWN_MODEL_VERSION]) {
    expect(judgeBody(bodyOf([softwareWindow({ plan: EARLIER_SOFTWARE_PLAN_HASH })], version), registry, NOW_MS).ok).toBe(true);
  }
  expect(registry.planOf('1'.repeat(16), EARLIER_SOFTWARE_PLAN_HASH)).toBeUndefined();
});

test('the plan under an earlier hash is the earlier plan: what was renamed since has its old name', async () => {
  const registry = await open();
  const idsOf = (hash: string) => registry.planOf(MODEL_VERSION, hash)?.metrics.map(({ id }) => id);
  expect(idsOf(EARLIER_SOFTWARE_PLAN_HASH)).toContain('load.flavour');
  expect(idsOf(SOFTWARE_PLAN_HASH)).toContain('load.build');
  expect(RELEASED_SOFTWARE_PLANS[0]?.release).toBe('0.1.0');
});

test('data windows by a plan that an earlier release registered are counted after the upgrade', async () => {
  const store = new MemoryStore();
  // As the release before kept it when it started.
  await store.keepPlans([{ modelVersion: MODEL_VERSION, hash: earlierHash, release: '1.0.0', plan: earlierPlan, keptAtMs: NOW_MS }]);
  const registry = await open(store);
  expect(judgeBody(bodyOf([earlierWindow(), dataWindow()]), registry, NOW_MS).ok).toBe(true);
  expect(judgeBody(bodyOf([dataWindow({ plan: earlierHash, cells: Uint32Array.of(0, earlierPlan.cellCount) })]), registry, NOW_MS)).toEqual(
    { ok: false, status: 400, reason: 'A cell lies outside the plan.', why: 'implausible' },
  );
});

test('a new collector that never saw that plan asks for it, and counts by it once it is registered', async () => {
  const registry = await open();
  expect(judgeBody(bodyOf([earlierWindow()]), registry, NOW_MS)).toEqual({
    ok: false,
    status: 503,
    reason: expect.stringContaining('another release of insitu. Register its plan with POST /v1/models.'),
    why: 'unregistered-plan',
    about: { modelVersion: MODEL_VERSION, plan: earlierHash },
  });
  const document = JSON.parse(JSON.stringify({ hash: earlierHash, release: '1.0.0', plan: earlierPlan }));
  expect(await registry.admit(manifestText(), { baseline: null, plans: [document] })).toMatchObject({ ok: true });
  expect(judgeBody(bodyOf([earlierWindow()]), registry, NOW_MS).ok).toBe(true);
});

test('what a collector tells of its plans another one takes, noised plans with them, and a restart keeps them', async () => {
  const model = (await open()).find(MODEL_VERSION);
  if (model === undefined) throw new Error('the fixture is registered');
  const store = new MemoryStore();
  const other = await open(store, '3.0.0');
  const documents = (await open()).plansOf(model).filter(({ report }) => report === 'data');
  expect(documents.map(({ hash }) => hash)).toEqual([DATA_PLAN_HASH]);
  expect(await other.admit(manifestText(), { baseline: null, plans: documents })).toMatchObject({ ok: true });
  const restarted = await open(store, '3.0.0');
  expect(restarted.planOf(MODEL_VERSION, model.noised?.hash ?? '')?.report).toBe('noised');
});

const faults: readonly [string, unknown][] = [
  ['no object', 7],
  ['a plan under another hash', { hash: '0'.repeat(16), release: '1.0.0', plan: earlierPlan }],
  ['a plan of no release', { hash: earlierHash, plan: earlierPlan }],
  ['a software plan', { hash: EARLIER_SOFTWARE_PLAN_HASH, release: '0.1.0', plan: RELEASED_SOFTWARE_PLANS[0]?.plan }],
  ['a plan without metrics', { hash: earlierHash, release: '1.0.0', plan: { ...earlierPlan, metrics: [] } }],
  [
    'a metric without cells',
    { hash: earlierHash, release: '1.0.0', plan: { ...earlierPlan, metrics: [{ ...DATA_PLAN.metrics[0], cells: [] }] } },
  ],
];
for (const [what, document] of faults) {
  test(`${what} among the plans is refused with a sentence, and nothing is kept of it`, async () => {
    const registry = await open();
    const before = registry.find(MODEL_VERSION);
    const verdict = await registry.admit(manifestText(), { baseline: null, plans: [document] });
    expect(verdict).toEqual({ ok: false, reason: expect.stringMatching(/^Plan 0 is not usable: .*\.$/) });
    expect(registry.find(MODEL_VERSION)).toBe(before);
    expect(registry.planOf(MODEL_VERSION, earlierHash)).toBeNull();
  });
}

test(`of more than ${PLAN_KEPT_COUNT_MAX} plans of one kind the oldest goes, and never the present one`, async () => {
  const store = new MemoryStore();
  const first = await open(store);
  const hashes: string[] = [];
  for (let index = 0; index <= PLAN_KEPT_COUNT_MAX; index++) {
    const plan = placeMetrics('data', [{ ...(DATA_PLAN.metrics[1] as Plan['metrics'][number]), id: `input.x.${index}` }]);
    const hash = await planHash(plan);
    hashes.push(hash);
    await first.admit(manifestText(), { baseline: null, plans: [{ hash, release: '1.0.0', plan }] });
  }
  const kept = (await store.plans()).filter(({ plan }) => plan.report === 'data').map(({ hash }) => hash);
  expect(kept).toEqual([DATA_PLAN_HASH, ...hashes.slice(2)]);
  expect(first.planOf(MODEL_VERSION, hashes[0] as string)).toBeNull();
});
