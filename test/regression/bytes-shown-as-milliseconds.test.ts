/**
 * Bug: the dashboard's table of loads told the bytes that were on the device already in milliseconds ("cached-bytes 1,024 ms").
 */
import { expect, test } from 'vitest';
import { View } from '../../collector/dashboard/view/view-model.ts';
import { metricOf } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import type { PlanDocument, Series } from '../../protocol/read/read-api.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import { manifestOf } from '../fixtures/counts-manifest.ts';

const HOUR = 490_000;
const HASH = 'a'.repeat(16);
const manifest = manifestOf([{ name: 'x', type: 'float32', dims: ['batch', 1], kind: 'numeric' }], []);
const document = (hash: string, plan: Plan): PlanDocument => ({ hash, report: plan.report, release: '2.0.0', isPresent: true, plan });
const plans = { data: document(HASH, dataPlanOf(manifest)), software: document(SOFTWARE_PLAN_HASH, SOFTWARE_PLAN) };

/** The phases after one load that met this cell. */
function phasesOf(metricId: string, cellId: string) {
  const metric = metricOf(SOFTWARE_PLAN, metricId);
  const series: Series = {
    ...{ nowMs: HOUR * HOUR_MS, fromHour: HOUR - 23, slotHours: 1, data: [], shownReportsMin: 1, withheldReports: 0 },
    totals: [{ hour: HOUR, arm: 'stable', plan: SOFTWARE_PLAN_HASH, report: 'software', reports: 1, runs: 0 }],
    software: [{ hour: HOUR, cell: metric.offset + metric.cells.indexOf(cellId), count: 1 }],
    plans: { data: HASH, software: SOFTWARE_PLAN_HASH },
  };
  const selection = { modelVersion: HASH, hourCount: 24, untilHour: null, arm: null, segment: null, dataPlan: null, softwarePlan: null };
  const detail = { modelVersion: HASH, plan: HASH, manifest, baseline: null, plans: [plans.data, plans.software] };
  return new View({ detail, selection, series, unattributed: { ...series, software: [], totals: [] }, plans }).phases;
}

test('bytes of a load are told in bytes, and a time in milliseconds', () => {
  const cells = metricOf(SOFTWARE_PLAN, 'load.cached-bytes').cells;
  const ofMegabytes = cells.find((cell) => Number(cell.split('..')[0]) >= 1e6) as string;
  expect(phasesOf('load.cached-bytes', 'under')).toEqual([{ what: 'cached-bytes', loads: 1, p50: '≤ 1 KiB', p95: '≤ 1 KiB' }]);
  expect(phasesOf('load.cached-bytes', ofMegabytes)).toMatchObject([{ p50: expect.stringMatching(/^1\.\d MB$/) }]);
  const ofSeconds = metricOf(SOFTWARE_PLAN, 'load.total.cold').cells.find((cell) => Number(cell.split('..')[0]) >= 1e3) as string;
  expect(phasesOf('load.total.cold', ofSeconds)).toMatchObject([{ what: 'total cold', p50: expect.stringMatching(/^1,\d{3} ms$/) }]);
});
