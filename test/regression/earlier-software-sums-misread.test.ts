/**
 * Software sums of an earlier plan were read with the present offsets: after a release that put a metric in front of another, the
 * dashboard showed latencies of last week as errors.
 */
import { expect, test } from 'vitest';
import { otherPlansSentence, planChoices, type Selection } from '../../collector/dashboard/view/selection.ts';
import { View } from '../../collector/dashboard/view/view-model.ts';
import { metricOf } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { RELEASED_SOFTWARE_PLANS } from '../../counts/plans/released-software-plans.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import type { CellSum, ModelDetail, PlanDocument, Series } from '../../protocol/read/read-api.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import { manifestOf } from '../fixtures/counts-manifest.ts';

const HOUR = 490_000;
const DATA_HASH = 'a'.repeat(16);
const EARLIER_DATA_HASH = 'b'.repeat(16);
const UNKNOWN_HASH = 'f'.repeat(16);
const image = { name: 'image', type: 'float32', dims: ['batch', 1, 8, 8], kind: 'image', layout: 'NCHW', range: [0, 1] } as const;
const manifest = manifestOf([{ ...image, dims: [...image.dims], range: [...image.range] }], []);
const dataPlan = dataPlanOf(manifest);
const earlier = RELEASED_SOFTWARE_PLANS[0] as (typeof RELEASED_SOFTWARE_PLANS)[number];

const document = (hash: string, plan: Plan, release: string, isPresent: boolean): PlanDocument => {
  return { hash, report: plan.report, release, isPresent, plan };
};
const PRESENT = {
  data: document(DATA_HASH, dataPlan, '2.0.0', true),
  software: document(SOFTWARE_PLAN_HASH, SOFTWARE_PLAN, '2.0.0', true),
};
const EARLIER_SOFTWARE = document(earlier.hash, earlier.plan, earlier.release, false);
const EARLIER_DATA = document(EARLIER_DATA_HASH, dataPlan, '1.0.0', false);
const baseline = { modelVersion: 'c'.repeat(16), plan: DATA_HASH, n: 1, cells: [2], counts: [1] };
const detail: ModelDetail = {
  ...{ modelVersion: 'c'.repeat(16), plan: DATA_HASH, manifest, baseline },
  plans: [PRESENT.data, PRESENT.software, EARLIER_SOFTWARE, EARLIER_DATA],
};
const selection: Selection = {
  ...{ modelVersion: detail.modelVersion, hourCount: 24, untilHour: null, arm: null, segment: null, dataPlan: null, softwarePlan: null },
};

const cellOf = (cell: number, count: number): CellSum => ({ hour: HOUR, cell, count });
const totalOf = (report: 'data' | 'software', plan: string, reports: number, runs = 0) => {
  return { hour: HOUR, arm: 'stable', plan, report, reports, runs } as const;
};

const EMPTY: Series = {
  ...{ nowMs: HOUR * HOUR_MS, fromHour: HOUR - 23, slotHours: 1, totals: [], data: [], software: [], shownReportsMin: 1 },
  ...{ plans: { data: DATA_HASH, software: SOFTWARE_PLAN_HASH }, withheldReports: 0 },
};
/** What a collector answers that was asked for the earlier software plan. */
const OF_EARLIER = { plans: { data: DATA_HASH, software: earlier.hash } };

function viewOf(part: Partial<Series>, plans: { data?: PlanDocument; software?: PlanDocument } = {}): View {
  return new View({
    detail,
    selection,
    plans: { ...PRESENT, ...plans },
    series: { ...EMPTY, ...part },
    unattributed: { ...EMPTY, ...part },
  });
}

test('software sums of another plan are in no row, tile, phase or hour of the present one', () => {
  const foreign = Array.from({ length: SOFTWARE_PLAN.cellCount }, (_, cell) => cellOf(cell, 500));
  const plans = { data: DATA_HASH, software: UNKNOWN_HASH };
  const view = viewOf({ plans, software: foreign, totals: [totalOf('software', UNKNOWN_HASH, 3), totalOf('data', DATA_HASH, 1, 8)] });
  const empty = viewOf({ totals: [totalOf('data', DATA_HASH, 1, 8)] });
  expect([view.errorRows, view.phases]).toEqual([[], []]);
  expect(view.tiles()).toEqual(empty.tiles());
  expect(view.hours(null)).toEqual(empty.hours(null));
});

test('runs and gains are of the chosen data plan alone', () => {
  const before = viewOf({ totals: [totalOf('data', DATA_HASH, 1, 8)] });
  const after = viewOf({ totals: [totalOf('data', DATA_HASH, 1, 8), totalOf('data', EARLIER_DATA_HASH, 1, 100)] });
  expect(after.dataRuns).toBe(8);
  expect(after.since(before)).toBeNull();
});

test('what another plan has is told, with the way to see it', () => {
  const view = viewOf({
    totals: [
      ...[totalOf('software', earlier.hash, 2), totalOf('software', earlier.hash, 1), totalOf('software', UNKNOWN_HASH, 1)],
      ...[totalOf('data', EARLIER_DATA_HASH, 1, 8), totalOf('data', DATA_HASH, 1, 8)],
    ],
  });
  expect(view.hidden).toEqual([
    { report: 'software', plan: earlier.hash, reports: 3 },
    { report: 'software', plan: UNKNOWN_HASH, reports: 1 },
    { report: 'data', plan: EARLIER_DATA_HASH, reports: 1 },
  ]);
  const sentence = otherPlansSentence(detail, view.hidden);
  expect(sentence).toContain(
    '3 software reports of these hours are not shown: counted by release 0.1.0 (f35dfcea), which lays its cells out another way. ' +
      'Choose it at “Software counted by”.',
  );
  expect(sentence).toContain(`1 software report of these hours is not shown: counted by plan ${UNKNOWN_HASH}, which this collector`);
  expect(sentence).toContain('Choose it at “Data counted by”.');
  expect(otherPlansSentence(detail, viewOf({}).hidden)).toBeNull();
});

test('under the plan that was chosen the same sums say what they meant', () => {
  const flavour = metricOf(earlier.plan, 'load.flavour');
  const failed = metricOf(earlier.plan, 'error.run');
  const software = [cellOf(flavour.offset, 4), cellOf(failed.offset, 5)];
  const view = viewOf({ ...OF_EARLIER, software, totals: [totalOf('software', earlier.hash, 1)] }, { software: EARLIER_SOFTWARE });
  expect(view.errorRows[0]).toEqual({ what: `error.run: ${failed.cells[0]}`, count: 5 });
  expect(view.hidden).toEqual([]);
});

test('a baseline is not drawn beside sums of an earlier plan', () => {
  const [metric] = dataPlan.metrics.filter(({ edges }) => edges !== null);
  const distribution = (data: PlanDocument) => viewOf({}, { data }).distribution(metric?.id ?? '');
  expect(distribution(PRESENT.data).base).not.toBeNull();
  expect(distribution(EARLIER_DATA)).toMatchObject({ base: null, baseMean: null, psi: null });
});

test('a plan is offered when it has reports in these hours or was chosen, and none is when there is only the present one', () => {
  const series = (...totals: Series['totals'][number][]): Series => ({ ...EMPTY, totals });
  const textsOf = (of: Series, chosen: string | null) => planChoices(detail, of, 'software', chosen).map(({ text }) => text);
  expect(textsOf(series(), null)).toEqual([]);
  expect(textsOf(series(totalOf('data', EARLIER_DATA_HASH, 1)), null)).toEqual([]);
  expect(textsOf(series(totalOf('software', earlier.hash, 1)), null)).toEqual(['this release', 'release 0.1.0 (f35dfcea)']);
  expect(textsOf(series(), earlier.hash)).toEqual(['this release', 'release 0.1.0 (f35dfcea)']);
});
