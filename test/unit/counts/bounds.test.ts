/**
 * Bounds: what a counter counts is accepted, whatever the kind; what passes its runs or items is not.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPlausible, PART_COUNT_MAX } from '../../../counts/layout/bounds.ts';
import { metricOf } from '../../../counts/layout/plan.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { createRunCounter } from '../../../counts/run/run-counter.ts';
import { BATCH_AXIS_COUNT_MAX, SOFTWARE_EVENT_COUNT_MAX, UNCOUNTED_COUNT_MAX } from '../../../protocol/limits.ts';
import type { ManifestOutput } from '../../../protocol/manifest/manifest.ts';
import type { Plan } from '../../../protocol/report/plan.ts';
import { manifestOf, tensor } from '../../fixtures/counts-manifest.ts';
import { drawsOf } from '../../reference/pairs.ts';
import { PROOFS } from '../../reference/proofs.ts';

/** A window of these pairs of cell and count, added up. */
function windowOf(runs: number, pairs: readonly Uint32Array[]): Parameters<typeof isPlausible>[0] {
  const sums = new Map<number, number>();
  for (const run of pairs) for (let at = 0; at < run.length; at += 2) addTo(sums, run[at] as number, run[at + 1] as number);
  const cells = [...sums.keys()].sort((a, b) => a - b);
  return { runs, cells: Uint32Array.from(cells), counts: Uint32Array.from(cells, (cell) => sums.get(cell) as number) };
}

function addTo(sums: Map<number, number>, cell: number, count: number): void {
  sums.set(cell, (sums.get(cell) ?? 0) + count);
}

for (const { name, manifests } of PROOFS) {
  test(`${name}: what is counted of any runs is accepted`, () => {
    const property = fc.property(drawsOf(manifests()), ({ manifest, runs }) => {
      const plan = dataPlanOf(manifest);
      const count = createRunCounter(manifest, plan);
      const counted = runs.map(({ feeds, outputs }) => count(feeds, outputs));
      expect(isPlausible(windowOf(runs.length, counted), plan)).toBe(true);
    });
    fc.assert(property, { numRuns: 60 });
  });
}

const BOXES: ManifestOutput = {
  name: 'found.state',
  type: 'float32',
  dims: ['batch', 'n', 6],
  kind: 'boxes',
  labels: ['cat', 'dog'],
  boxes: { format: 'xyxy', score: 4, class: 5, threshold: 0.5, width: 1, height: 1 },
};

test('several boxes in one image are accepted, each with its score, area and class', () => {
  const manifest = manifestOf([], [BOXES]);
  const plan = dataPlanOf(manifest);
  const found = tensor([1, 3, 6], [0, 0, 1, 1, 0.9, 0, 0, 0, 1, 1, 0.8, 1, 0, 0, 1, 1, 0.7, 1]);
  const pairs = createRunCounter(manifest, plan)({}, { [BOXES.name]: found });
  expect(isPlausible(windowOf(1, [pairs]), plan)).toBe(true);
});

const PLAN = dataPlanOf(
  manifestOf(
    [
      { name: 'a', type: 'float32', dims: ['batch', 3], kind: 'numeric' },
      { name: 'a.b', type: 'float32', dims: ['batch', 2, 2], kind: 'image' },
    ],
    [BOXES],
  ),
);
/** One run, with as many items of each tensor as are given and `count` of the metric. */
function windowWith(plan: Plan, id: string, count: number, items: Readonly<Record<string, number>> = {}) {
  const states = Object.entries(items).map(([state, itemCount]) => [metricOf(plan, state).offset, itemCount]);
  return windowOf(
    1,
    [...states, [metricOf(plan, id).offset, count]].map((pair) => Uint32Array.from(pair)),
  );
}

test.each([
  ['a second repetition in one run', 'run.repeat', 1, {}],
  [`an input item beyond ${BATCH_AXIS_COUNT_MAX} in one run`, 'input.a.state', BATCH_AXIS_COUNT_MAX, {}],
  ['a brightness more than there are images', 'input.a.b.brightness', 2, { 'input.a.state': 9, 'input.a.b.state': 2 }],
  ['a number of boxes more than there are images', 'output.found.state.boxes', 1, { 'output.found.state.state': 1 }],
])('%s is refused, and one less is accepted', (_what, id, most, items) => {
  expect(isPlausible(windowWith(PLAN, id, most, items), PLAN)).toBe(true);
  expect(isPlausible(windowWith(PLAN, id, most + 1, items), PLAN)).toBe(false);
});

const SOFTWARE = [
  ['a loss called "uncounted"', 'loss', SOFTWARE_EVENT_COUNT_MAX],
  ['a latency', 'run.latency', SOFTWARE_EVENT_COUNT_MAX + 1],
] as const;

test.each(SOFTWARE)('a software window believes %s as often as there are runs and events', (_what, id, most) => {
  const runs = most - SOFTWARE_EVENT_COUNT_MAX;
  const { offset, cells } = metricOf(SOFTWARE_PLAN, id);
  const window = (count: number) => windowOf(runs, [Uint32Array.of(offset + Math.max(0, cells.indexOf('uncounted')), count)]);
  expect(isPlausible(window(most), SOFTWARE_PLAN)).toBe(true);
  expect(isPlausible(window(most + 1), SOFTWARE_PLAN)).toBe(false);
});

test.each([
  ['output.found.state.state', 'uncounted', UNCOUNTED_COUNT_MAX, {}],
  ['output.found.state.state', 'ok', BATCH_AXIS_COUNT_MAX, {}],
  ['output.found.state.class', 'class:0', PART_COUNT_MAX, { 'output.found.state.state': 9 }],
  ['input.a.values', 'zero', PART_COUNT_MAX, { 'input.a.state': 9 }],
  ['input.a.values', 'uncounted', UNCOUNTED_COUNT_MAX, {}],
])('one run may say of %s, %s, no more than it can count', (id, cell, most, items) => {
  const { offset, cells } = metricOf(PLAN, id);
  const states = Object.entries(items).map(([state, count]) => Uint32Array.of(metricOf(PLAN, state).offset, count));
  const window = (count: number) => windowOf(1, [...states, Uint32Array.of(offset + cells.indexOf(cell), count)]);
  expect(isPlausible(window(most), PLAN)).toBe(true);
  expect(isPlausible(window(most + 1), PLAN)).toBe(false);
});
