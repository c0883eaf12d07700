/**
 * What the dashboard says follows from the sums, and from nothing else.
 */
import { expect, test } from 'vitest';
import { cellLabel, ms, percent } from '../../../collector/dashboard/charts/figures.ts';
import type { Selection } from '../../../collector/dashboard/view/selection.ts';
import { View } from '../../../collector/dashboard/view/view-model.ts';
import { metricOf } from '../../../counts/layout/plan.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { cellsOfLoadFailure, cellsOfRun, SOFTWARE_PLAN_HASH } from '../../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import type { ManifestInput, ManifestOutput } from '../../../protocol/manifest/manifest.ts';
import type { CellSum, ModelDetail, PlanDocument, Series, SlotTotal } from '../../../protocol/read/read-api.ts';
import type { Plan } from '../../../protocol/report/plan.ts';
import { HOUR_MS, type ReportKind } from '../../../protocol/report/window.ts';
import { manifestOf } from '../../fixtures/counts-manifest.ts';

const NOW_HOUR = 490_000;
const PLAN_HASH = 'aaaaaaaaaaaaaaaa';
const image: ManifestInput = { name: 'image', type: 'float32', dims: ['batch', 1, 8, 8], kind: 'image', layout: 'NCHW', range: [0, 1] };
const scores: ManifestOutput = { name: 'scores', type: 'float32', dims: ['batch', 3], kind: 'label-scores', labels: ['cat', 'dog', 'owl'] };
const manifest = manifestOf([image], [scores]);
const plan = dataPlanOf(manifest);
const BRIGHTNESS = 'input.image.brightness';
const CLASS = 'output.scores.class';

interface Counted {
  readonly metric: string;
  readonly cell: string;
  readonly count: number;
  readonly hour?: number;
}

function indexOf(of: Plan, metricId: string, cell: string): number {
  const metric = metricOf(of, metricId);
  expect(metric.cells).toContain(cell);
  return metric.offset + metric.cells.indexOf(cell);
}

function sums(of: Plan, counted: readonly Counted[]): CellSum[] {
  return counted.map(({ metric, cell, count, hour = NOW_HOUR }) => {
    return { hour, cell: indexOf(of, metric, cell), count };
  });
}

function softwareSums(pairs: readonly number[]): CellSum[] {
  return pairs.flatMap((cell, index) => (index % 2 === 1 ? [] : [{ hour: NOW_HOUR, cell, count: pairs[index + 1] as number }]));
}

const HASHES: { readonly [R in ReportKind]: string } = { data: PLAN_HASH, software: SOFTWARE_PLAN_HASH, noised: 'd'.repeat(16) };

function total(runs: number, hour = NOW_HOUR, report: ReportKind = 'data', changes: Partial<SlotTotal> = {}): SlotTotal {
  return { hour, report, arm: 'stable', plan: HASHES[report], reports: 1, runs, ...changes };
}

const series = (part: Partial<Series> = {}): Series => {
  const empty = { nowMs: NOW_HOUR * HOUR_MS, fromHour: NOW_HOUR - 23, slotHours: 1, totals: [], data: [], software: [] };
  const plans = { data: PLAN_HASH, software: SOFTWARE_PLAN_HASH };
  return { ...empty, plans, shownReportsMin: 1, withheldReports: 0, ...part };
};
const document = (hash: string, of: Plan): PlanDocument => ({ hash, report: of.report, release: '2.0.0', isPresent: true, plan: of });
const plans = { data: document(PLAN_HASH, plan), software: document(SOFTWARE_PLAN_HASH, SOFTWARE_PLAN) };

interface Shown {
  readonly hourCount?: number;
  readonly baseline?: readonly Counted[];
  readonly selection?: Partial<Selection>;
  readonly unattributed?: Partial<Series>;
}

function viewOf(part: Partial<Series>, { hourCount = 24, baseline = [], selection = {}, unattributed = {} }: Shown = {}): View {
  const modelVersion = 'bbbbbbbbbbbbbbbb';
  const cells = sums(plan, baseline);
  const counted = { modelVersion, plan: PLAN_HASH, n: 10, cells: cells.map(({ cell }) => cell), counts: cells.map(({ count }) => count) };
  const detail: ModelDetail = { modelVersion, plan: PLAN_HASH, manifest, baseline: baseline.length === 0 ? null : counted, plans: [] };
  return new View({
    ...{ detail, plans, series: series(part), unattributed: series(unattributed) },
    selection: { modelVersion, hourCount, untilHour: null, arm: null, segment: null, dataPlan: null, softwarePlan: null, ...selection },
  });
}

const tile = (view: View, id: string) => view.tiles().find((candidate) => candidate.id === id);
const dark = { metric: BRIGHTNESS, cell: '0..0.03125' };
const bright = { metric: BRIGHTNESS, cell: '0.5..0.53125' };

test('with no report a fraction and a quantile are a dash, never 0 %', () => {
  const view = viewOf({});
  expect(view.reports).toBe(0);
  expect(['outputs', 'missing', 'latency'].map((id) => tile(view, id)?.value)).toEqual(['–', '–', '–']);
  expect(['reports', 'runs', 'loads', 'lost'].map((id) => tile(view, id)?.value)).toEqual(['0', '0', '0', '0']);
  expect(view.distribution(BRIGHTNESS)).toMatchObject({ mean: null, base: null, psi: null, js: null });
});

test('a fraction is taken over the items of its metric, not over runs', () => {
  const state = 'output.scores.state';
  const data = sums(plan, [
    { metric: state, cell: 'ok', count: 30 },
    { metric: state, cell: 'nan', count: 10 },
    { metric: 'input.image.state', cell: 'present', count: 39 },
    { metric: 'input.image.state', cell: 'missing', count: 1 },
  ]);
  const view = viewOf({ totals: [total(10)], data });
  expect(tile(view, 'outputs')?.value).toBe('75.0 %');
  expect(tile(view, 'missing')?.value).toBe('2.5 %');
});

test('cells of another plan are never read by the plan of the model', () => {
  const data = sums(plan, [{ ...bright, count: 8 }]);
  expect(viewOf({ data }).distribution(BRIGHTNESS).mean).toBeCloseTo(0.515625, 6);
  expect(viewOf({ data, plans: { data: 'cccccccccccccccc', software: null } }).distribution(BRIGHTNESS).mean).toBeNull();
});

test('a software report adds to reports, and not to runs', () => {
  const view = viewOf({ totals: [total(8), total(5, NOW_HOUR, 'software')] });
  expect([tile(view, 'reports')?.value, tile(view, 'runs')?.value]).toEqual(['2', '8']);
});

test('latency is that of steady runs: the first run after a load is left out', () => {
  const durations = (totalMs: number) => ({ queueMs: 0, runMs: totalMs, totalMs });
  const first = softwareSums(cellsOfRun(durations(5000), true));
  const steady = softwareSums(cellsOfRun(durations(4), false));
  const shown = Number.parseFloat(tile(viewOf({ software: [...first, ...steady] }), 'latency')?.value ?? '');
  // Cells of durations are 12.5 % wide: 4 ms lies in [4, 4.5).
  expect(shown).toBeGreaterThanOrEqual(4);
  expect(shown).toBeLessThanOrEqual(4.5);
});

test('the same shares have distance 0, and disjoint ones a Jensen-Shannon divergence of 1 bit', () => {
  const baseline = [{ ...bright, count: 300 }];
  const same = viewOf({ data: sums(plan, [{ ...bright, count: 10 }]) }, { baseline }).distribution(BRIGHTNESS);
  expect([same.psi, same.js]).toEqual([0, 0]);
  const moved = viewOf({ data: sums(plan, [{ ...dark, count: 10 }]) }, { baseline }).distribution(BRIGHTNESS);
  expect(moved.js).toBeCloseTo(1, 9);
  expect(moved.psi).toBeGreaterThan(1);
  expect(moved.mean).toBeLessThan(moved.baseMean as number);
});

test('what came since an earlier view is just that: its runs, its mean, its most frequent class', () => {
  const before = [
    { ...bright, count: 100 },
    { metric: CLASS, cell: 'class:0', count: 100 },
  ];
  const added = [
    { ...dark, count: 10 },
    { metric: CLASS, cell: 'class:2', count: 8 },
    { metric: CLASS, cell: 'class:1', count: 2 },
  ];
  const baseline = [
    { metric: CLASS, cell: 'class:0', count: 3 },
    { metric: CLASS, cell: 'class:2', count: 1 },
  ];
  const earlier = viewOf({ totals: [total(100)], data: sums(plan, before) }, { baseline });
  const later = viewOf({ totals: [total(110)], data: sums(plan, [...before, ...added]) }, { baseline });
  const gain = later.since(earlier);
  if (gain === null) throw new Error('no gain');
  expect(gain.runs).toBe(10);
  expect(later.meanOfGain(BRIGHTNESS, gain)).toBeCloseTo(0.015625, 6);
  expect(later.topClassOfGain(gain)).toEqual({ label: 'owl', ratio: 0.8, baseRatio: 0.25 });
  expect(later.since(later)).toBeNull();
});

test('a longer range is not taken for reports that have just come', () => {
  const old = NOW_HOUR - 30;
  const day = viewOf({ totals: [total(8)], data: sums(plan, [{ ...bright, count: 8 }]) });
  const data = sums(plan, [
    { ...bright, count: 8 },
    { ...dark, count: 500, hour: old },
  ]);
  const week = viewOf({ totals: [total(8), total(500, old)], data, fromHour: NOW_HOUR - 167 }, { hourCount: 168 });
  expect(week.since(day)).toBeNull();
});

test('an hour that leaves the range does not hide what came meanwhile', () => {
  const leaving = NOW_HOUR - 1;
  const before = { totals: [total(500, leaving)], data: sums(plan, [{ ...bright, count: 500, hour: leaving }]) };
  const earlier = viewOf({ ...before, nowMs: leaving * HOUR_MS, fromHour: leaving }, { hourCount: 1 });
  const later = viewOf({ totals: [total(8)], data: sums(plan, [{ ...dark, count: 8 }]), fromHour: NOW_HOUR }, { hourCount: 1 });
  const gain = later.since(earlier);
  expect(gain?.runs).toBe(8);
  expect(gain?.cells).toEqual([{ cell: indexOf(plan, BRIGHTNESS, dark.cell), count: 8 }]);
});

test('totals are those of the chosen arm; cells come from the collector as they were chosen', () => {
  const part = {
    totals: [total(8), total(9, NOW_HOUR, 'data', { arm: 'candidate' }), total(0, NOW_HOUR, 'software', { arm: 'candidate' })],
    data: sums(plan, [{ ...bright, count: 9 }]),
  };
  const shown = (selection: Partial<Selection>) => {
    const view = viewOf(part, { selection });
    return [view.dataRuns, view.reports, view.distribution(BRIGHTNESS).field.reduce((sum, count) => sum + count)];
  };
  expect(shown({})).toEqual([17, 3, 9]);
  expect(shown({ arm: 'candidate' })).toEqual([9, 2, 9]);
  expect(shown({ arm: 'stable' })).toEqual([8, 1, 9]);
});

test('views of other slots are not compared: their hours cannot be told apart', () => {
  const earlier = viewOf({ totals: [total(8)], data: sums(plan, [{ ...bright, count: 8 }]) });
  const later = { totals: [total(16)], data: sums(plan, [{ ...bright, count: 16 }]) };
  expect(viewOf(later).since(earlier)?.runs).toBe(8);
  expect(viewOf({ ...later, slotHours: 8 }).since(earlier)).toBeNull();
});

test('hours come oldest first, each with its own mean', () => {
  const [early, late] = [NOW_HOUR - 2, NOW_HOUR];
  const data = sums(plan, [
    { ...dark, count: 8, hour: late },
    { ...bright, count: 8, hour: early },
  ]);
  const points = viewOf({ totals: [total(8, late), total(9, early)], data }).hours(BRIGHTNESS);
  expect(points.map(({ hour, runs }) => [hour, runs])).toEqual([
    [early, 9],
    [late, 8],
  ]);
  expect(points[0]?.mean).toBeGreaterThan(points[1]?.mean as number);
});

test('errors are listed by code, and what did not happen is not', () => {
  const failed = softwareSums(cellsOfLoadFailure('manifest-unreachable'));
  expect(viewOf({ software: failed }).errorRows).toEqual([{ what: 'error.load: manifest-unreachable', count: 1 }]);
  expect(viewOf({}, { unattributed: { software: failed } }).errorRows).toEqual([
    { what: 'error.load: manifest-unreachable (model unknown)', count: 1 },
  ]);
});

test('class labels come from the manifest, with "other" last', () => {
  const view = viewOf({});
  expect(view.labelsOf(metricOf(view.plan, CLASS))).toEqual(['cat', 'dog', 'owl', 'other']);
});

test.each([
  ['0.03125..0.0625', '0.031–0.063'],
  ['0.5..0.53125', '0.5–0.53'],
  ['nan', 'nan'],
  ['class:7', 'class:7'],
])('the cell %s reads %s on an axis', (cell, text) => expect(cellLabel(cell)).toBe(text));

test('durations below 10 ms keep a decimal; no value is a dash', () => {
  expect([ms(1.24), ms(49.6), ms(null), percent(0.125), percent(null)]).toEqual(['1.2 ms', '50 ms', '–', '12.5 %', '–']);
});
