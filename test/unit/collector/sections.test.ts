/**
 * What the sections of a model's page show is what was counted: no count is lost on the way to a row, a slot or a share.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heatTable, sharesOf, thinned } from '../../../collector/dashboard/charts/heat-map.ts';
import { heatRows, ROW_COUNT_MAX, rowOfCells, rowSums } from '../../../collector/dashboard/charts/heat-rows.ts';
import { intervalsOf } from '../../../collector/dashboard/sections/noised.ts';
import { SectionData, type SectionInput, shareLines } from '../../../collector/dashboard/sections/section.ts';
import { SlotSums, slotsOf, slotTimes } from '../../../collector/dashboard/sections/slot-sums.ts';
import { edgedCells, UNIT_EDGES } from '../../../counts/layout/edges.ts';
import { metricOf } from '../../../counts/layout/plan.ts';
import { universalCells } from '../../../counts/layout/universal.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN_HASH } from '../../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { denseOf, totalOf } from '../../../counts/statistics/summary.ts';
import type { CellSum, PlanDocument, Series } from '../../../protocol/read/read-api.ts';
import type { Metric, PlacedMetric, Plan } from '../../../protocol/report/plan.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { manifestOf } from '../../fixtures/counts-manifest.ts';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Layouts as plans have them: a number line of 36 cells and of 4,201, and categories without an order. */
const LAYOUTS: readonly Pick<Metric, 'cells' | 'edges'>[] = [
  edgedCells(UNIT_EDGES),
  universalCells(),
  { cells: Array.from({ length: 6 }, (_, index) => `class:${index}`), edges: null },
  { cells: Array.from({ length: 300 }, (_, index) => `class:${index}`), edges: null },
];

const counted = fc.constantFrom(...LAYOUTS).chain((layout) => {
  const cell = fc.record({ cell: fc.nat(layout.cells.length - 1), count: fc.integer({ min: 1, max: 1e6 }) });
  return fc.array(cell, { maxLength: 60 }).map((cells) => {
    const counts = new Float64Array(layout.cells.length);
    for (const { cell: at, count } of cells) counts[at] = (counts[at] as number) + count;
    return { layout, counts };
  });
});

test('each cell that was met is in one row of the heat map, and the rows hold every count', () => {
  fc.assert(
    fc.property(counted, ({ layout, counts }) => {
      const rows = heatRows({ labels: layout.cells, edges: layout.edges }, counts);
      expect(rows.length).toBeLessThanOrEqual(ROW_COUNT_MAX);
      const cells = rows.flatMap((row) => row.cells);
      expect(new Set(cells).size).toBe(cells.length);
      expect(sum(rowSums(rows, counts))).toBe(totalOf(counts));
      const rowOf = rowOfCells(rows, counts.length);
      for (const [cell, count] of counts.entries()) if (count > 0) expect(rows[rowOf[cell] as number]?.cells).toContain(cell);
    }),
  );
});

test('rows of a number line lie in its order', () => {
  const layout = edgedCells(UNIT_EDGES);
  const counts = Float64Array.from(layout.cells, (_, cell) => (cell >= 10 && cell < 14 ? 1000 : cell === 30 ? 1 : 0));
  const rows = heatRows({ labels: layout.cells, edges: layout.edges }, counts);
  expect(rows.map(({ label }) => label)).toEqual(['< 0.25', '0.25–0.28', '0.28–0.31', '0.31–0.34', '0.34–0.38', '≥ 0.38']);
});

test('shares of a column add up to one, and a column without counts has none', () => {
  const sums = fc.array(fc.integer({ min: 0, max: 1e9 }), { minLength: 1, maxLength: 24 });
  fc.assert(
    fc.property(sums, (of) => {
      const total = sum(of);
      const shares = sharesOf({ sums: of, total });
      if (total === 0) expect(shares).toBeNull();
      else expect(sum(shares ?? [])).toBeCloseTo(1, 9);
    }),
  );
});

test('slots that are taken together for a narrow picture keep every count, and the file has each slot', () => {
  const slots = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(slots, fc.integer({ min: 1, max: 80 }), (of, countMax) => {
      const all = of.map((sums, index) => ({ fromMs: index * HOUR_MS, toMs: (index + 1) * HOUR_MS, sums: [...sums] }));
      const few = thinned(all, countMax);
      expect(few.length).toBeLessThanOrEqual(Math.max(1, countMax));
      for (const row of [0, 1])
        expect(sum(few.map(({ sums }) => sums[row] as number))).toBe(sum(all.map(({ sums }) => sums[row] as number)));
      expect([few[0]?.fromMs, few.at(-1)?.toMs]).toEqual([0, all.length * HOUR_MS]);
      const rows = ['a', 'b'].map((label, cell) => ({ label, cells: [cell] }));
      const table = heatTable({ label: 'x', file: [], rows, columns: { slots: all }, beside: [] });
      expect(table.rows.map((row) => row.slice(2))).toEqual(of.map((sums) => [...sums]));
    }),
  );
});

const manifest = manifestOf(
  [{ name: 'image', type: 'float32', dims: ['batch', 1, 8, 8], kind: 'image', layout: 'NCHW', range: [0, 1] }],
  [{ name: 'scores', type: 'float32', dims: ['batch', 3], kind: 'label-scores', labels: ['cat', 'dog', 'owl'] }],
);
const plan = dataPlanOf(manifest);
const FROM_HOUR = 490_000;
const PLAN_HASH = 'aaaaaaaaaaaaaaaa';

function seriesOf(part: Partial<Series>): Series {
  const empty = { nowMs: (FROM_HOUR + 23.5) * HOUR_MS, fromHour: FROM_HOUR, slotHours: 1, totals: [], data: [], software: [] };
  return { ...empty, plans: { data: PLAN_HASH, software: SOFTWARE_PLAN_HASH }, shownReportsMin: 1, withheldReports: 0, ...part };
}

function inputOf(part: Partial<Series>): SectionInput {
  const document = (hash: string, of: Plan): PlanDocument => ({ hash, report: of.report, release: '2.0.0', isPresent: true, plan: of });
  const modelVersion = 'bbbbbbbbbbbbbbbb';
  return {
    detail: { modelVersion, plan: PLAN_HASH, manifest, baseline: null, plans: [] },
    ...{ series: seriesOf(part), unattributed: seriesOf({}) },
    plans: { data: document(PLAN_HASH, plan), software: document(SOFTWARE_PLAN_HASH, SOFTWARE_PLAN) },
    selection: { modelVersion, hourCount: 24, arm: null, segment: null, untilHour: null, dataPlan: null, softwarePlan: null },
    ...{ noised: null, ask: () => Promise.reject(new Error('nobody is asked')), findingOf: () => null, linkOf: (id) => `#${id}` },
  };
}

test('a metric’s counts by slot add up to its counts in the series, whichever way they are asked for', () => {
  const cell = fc.record({
    hour: fc.integer({ min: FROM_HOUR, max: FROM_HOUR + 23 }),
    cell: fc.nat(plan.cellCount - 1),
    count: fc.nat(1000),
  });
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 200 }), fc.constantFrom(...plan.metrics), (cells: CellSum[], metric: PlacedMetric) => {
      const series = seriesOf({ data: cells });
      const slots = slotsOf(series, 24);
      expect(slotTimes(slots).length).toBe(24);
      const sums = new SlotSums(slots, cells);
      const total = denseOf(metric, cells);
      expect(sums.total(metric)).toEqual(total);
      expect(sum(sums.perSlot(metric, totalOf).map((count) => count ?? 0))).toBe(totalOf(total));
      const rows = heatRows({ labels: metric.cells, edges: metric.edges }, total);
      expect(sum(sums.rowSums(metric, rows).map(sum))).toBe(totalOf(total));
    }),
  );
});

test('shares over time are of their slot, add up to 100 %, and are unknown where nothing was counted', () => {
  const state = metricOf(plan, 'output.scores.state');
  const cells = [0, 0, 1, 2].map((index, at) => ({ hour: FROM_HOUR + (at > 2 ? 5 : at), cell: state.offset + index, count: 10 + at }));
  const data = new SectionData(inputOf({ data: cells }));
  const lines = shareLines(data.data, state, state.cells);
  const [first, , third, fourth] = [0, 1, 2, 3].map((slot) => lines.map(({ values }) => values[slot] ?? null));
  expect(sum((first ?? []).map((value) => value ?? 0))).toBeCloseTo(100, 9);
  expect(sum((third ?? []).map((value) => value ?? 0))).toBeCloseTo(100, 9);
  expect(fourth).toEqual(lines.map(() => null));
  const many = shareLines(data.data, state, state.cells, ['ok']);
  expect(many.map(({ label }) => label)).not.toContain('ok');
});

test('a rate of the hour that goes on is taken over what of it is over, and is unknown in its first minutes', () => {
  const data = new SectionData(inputOf({}));
  expect(data.secondsOf(0)).toBe(3600);
  expect(data.secondsOf(23)).toBe(1800);
  expect(data.perHour(Array.from({ length: 24 }, () => 10)).slice(22)).toEqual([10, 20]);
  const early = new SectionData(inputOf({ nowMs: (FROM_HOUR + 23.05) * HOUR_MS }));
  expect(early.secondsOf(23)).toBeNull();
});

test('an estimate stands with the interval of its noise, also below nothing', () => {
  const [one] = intervalsOf({ metric: 'm', reportCount: 100, cells: [{ cell: 'a', count: -5, deviation: 10 }] });
  expect(one?.share).toBeCloseTo(-0.05, 9);
  expect(one?.low).toBeCloseTo(-0.246, 9);
  expect(one?.high).toBeCloseTo(0.146, 9);
});

test('each section has an id of its own, which nothing else of the page has', () => {
  const folder = new URL('../../../collector/dashboard/', import.meta.url);
  const sources = readdirSync(new URL('sections/', folder)).map((name) => readFileSync(new URL(`sections/${name}`, folder), 'utf8'));
  const ids = sources.flatMap((source) => [...source.matchAll(/^ {2}id: '([a-z-]+)',$/gm)].map((match) => match[1] as string));
  const page = readFileSync(new URL('index.html', folder), 'utf8');
  expect(ids.length).toBeGreaterThan(8);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(page).not.toContain(`id="${id}"`);
});
