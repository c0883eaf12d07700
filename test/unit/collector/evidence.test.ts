/**
 * Evidence: the counts behind an incident, from the real store, beside the baseline or the week before.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { evidenceOf } from '../../../collector/incidents/evidence.ts';
import { openDuckDbStore } from '../../../collector/store/duckdb-store.ts';
import type { Store } from '../../../collector/store/store.ts';
import { EVIDENCE_METRIC_COUNT_MAX } from '../../../protocol/alarm-limits.ts';
import type { Baseline } from '../../../protocol/read/read-api.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { DATA_PLAN, DATA_PLAN_HASH, dataWindow, MODEL_VERSION, NOW_HOUR, NOW_MS } from '../../fixtures/reports.ts';
import { openIncident } from '../../fixtures/signals.ts';

const METRIC = DATA_PLAN.metrics.find(({ id }) => id === 'output.y.state');
if (METRIC === undefined) throw new Error('the fixture has no output state');
const { offset, cells } = METRIC;
const cellOf = (id: string) => offset + cells.indexOf(id);

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-evidence-'));
  store = await openDuckDbStore(folder);
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** One report of so many answers that were ok, and so many that were NaN. */
const report = (hour: number, ok: number, nan: number, segment = 0) => ({
  modelVersion: MODEL_VERSION,
  ...dataWindow({ hour, segment, cells: Uint32Array.of(cellOf('ok'), cellOf('nan')), counts: Uint32Array.of(ok, nan) }),
});
const since = (hour: number) => ({ atMs: hour * HOUR_MS, fromMs: hour * HOUR_MS, toMs: hour * HOUR_MS });
const incident = openIncident({}, { metric: 'output.y.state', onset: since(NOW_HOUR - 2) });
const ask = (baseline: Baseline | null, shownReportsMin = 1, of = incident) =>
  evidenceOf(of, {
    ...{ store, shownReportsMin, now: () => NOW_MS, baselineOf: () => baseline },
    planOf: (_, hash) => (hash === DATA_PLAN_HASH ? DATA_PLAN : null),
  });

test('without a baseline the week before is beside it, and what moved most comes first', async () => {
  await store.commit(
    [report(NOW_HOUR - 9 * 24, 500, 500), report(NOW_HOUR - 3, 90, 10), report(NOW_HOUR - 2, 10, 30), report(NOW_HOUR, 0, 60)],
    NOW_MS,
  );
  expect(await ask(null)).toMatchObject([
    {
      ...{ metric: 'output.y.state', stage: 'output', fromHour: NOW_HOUR - 2, toHour: NOW_HOUR, observedCount: 100, expectedCount: 100 },
      ...{ expectedOf: 'hours-before', evidence: 1, effect: 0.1 },
      cells: [
        { cell: 'ok', observed: 10, expected: 90 },
        { cell: 'nan', observed: 90, expected: 10 },
      ],
    },
  ]);
});

test('a baseline of the same plan is beside it, one of another plan is not', async () => {
  await store.commit([report(NOW_HOUR, 5, 5)], NOW_MS);
  const baseline = { modelVersion: MODEL_VERSION, plan: DATA_PLAN_HASH, n: 1000, cells: [cellOf('ok')], counts: [1000] };
  expect(await ask(baseline)).toMatchObject([{ expectedOf: 'baseline', expectedCount: 1000, observedCount: 10 }]);
  expect(await ask({ ...baseline, plan: '9'.repeat(16) })).toMatchObject([{ expectedOf: null, expectedCount: 0 }]);
});

test('series of fewer reports than readers are shown are in no count, and other segments in none', async () => {
  await store.commit([report(NOW_HOUR, 1, 0), report(NOW_HOUR, 2, 0), report(NOW_HOUR - 1, 100, 0), report(NOW_HOUR, 1000, 0, 1)], NOW_MS);
  expect(await ask(null, 2)).toMatchObject([{ observedCount: 3 }]);
});

test('metrics that the plan does not have are passed over, and there are not too many', async () => {
  const [metric] = incident.metrics;
  const many = Array.from({ length: EVIDENCE_METRIC_COUNT_MAX + 1 }, () => metric as (typeof incident.metrics)[number]);
  expect(await ask(null, 1, { ...incident, metrics: many })).toHaveLength(EVIDENCE_METRIC_COUNT_MAX);
  expect(await ask(null, 1, openIncident({}, { metric: 'gone' }))).toEqual([]);
});
