/**
 * Output steps against what NumPy makes of the same tensors (test/vectors/outputs.py).
 *
 * Tolerance: 1e-6 for scores (outputs are float32), a thousandth of a pixel for boxes.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fitOf, placementOf } from '../../../processing/image/fit.ts';
import { itemsOf } from '../../../processing/outputs/outputs.ts';
import { checkManifest, type Manifest } from '../../../protocol/manifest/manifest.ts';
import type { ManifestStep } from '../../../protocol/manifest/postprocess.ts';
import type { Feeds, TensorWire } from '../../../protocol/tensors/tensors.ts';
import type { Box, OutputItem } from '../../../protocol/worker/results.ts';
import { processingOf } from '../../../worker/prepare/processing.ts';

interface Tensor {
  readonly dims: number[];
  readonly data: number[];
}
interface Detection extends Tensor {
  readonly name: string;
  readonly step: Extract<ManifestStep, { kind: 'boxes' }>;
  readonly others?: Readonly<Record<string, Tensor>>;
  readonly boxes: readonly Box[];
  readonly onSource?: readonly Box[];
}

const VECTORS = JSON.parse(readFileSync(new URL('../../vectors/outputs.json', import.meta.url), 'utf8')) as {
  readonly labels: string[];
  readonly scores: Tensor & { softmax: number[][]; sigmoid: number[][]; order: number[][] };
  readonly detections: readonly Detection[];
};
const NONE = new Map();

function manifestOf(tensors: Readonly<Record<string, Tensor>>, name: string, steps: ManifestStep[], labels: string[] = []): Manifest {
  return {
    schema: 1,
    name: 'm',
    version: '1',
    licence: 'MIT',
    variants: [],
    inputs: [{ name: 'image', type: 'float32', dims: ['batch', 3, 640, 640], kind: 'image' }],
    outputs: Object.entries(tensors).map(([key, { dims }]) => ({
      name: key,
      type: 'float32',
      dims: ['batch', ...dims.slice(1)],
      kind: 'opaque',
      ...(key === name ? { labels, postprocess: { steps } } : {}),
    })),
    golden: [],
  };
}

function wire({ dims, data }: Tensor): TensorWire {
  return { type: 'float32', dims, data: Float32Array.from(data) };
}

function itemsFor(steps: ManifestStep[], tensor: Tensor = VECTORS.scores, labels?: string[]): readonly OutputItem[] {
  return itemsOf(manifestOf({ y: tensor }, 'y', steps, labels), 'y', { y: wire(tensor) }, NONE);
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, at) => {
    expect(Math.abs((actual[at] as number) - value)).toBeLessThanOrEqual(tolerance);
  });
}

test.each(['softmax', 'sigmoid'] as const)('%s of each item is NumPy’s', (kind) => {
  const items = itemsFor([{ kind }]);
  expect(items.length).toBe(2);
  items.forEach((item, index) => {
    if (item.kind !== 'values') throw new Error(item.kind);
    expect(item.dims).toEqual([10]);
    expectClose(item.values, VECTORS.scores[kind][index] as number[], 1e-6);
  });
});

test('softmax of large logits does not overflow', () => {
  const [item] = itemsFor([{ kind: 'softmax' }], { dims: [1, 2], data: [1000, 1000] });
  expect(item).toMatchObject({ values: Float32Array.of(0.5, 0.5) });
});

test('top-k names the k best, best first, of equal ones the lower index, with the scores of the steps before', () => {
  const labels = Array.from({ length: 10 }, (_, index) => `class ${index}`);
  itemsFor([{ kind: 'softmax' }, { kind: 'top-k', k: 4 }], VECTORS.scores, labels).forEach((item, index) => {
    if (item.kind !== 'top') throw new Error(item.kind);
    const order = (VECTORS.scores.order[index] as number[]).slice(0, 4);
    expect(item.top.map((entry) => [entry.index, entry.label])).toEqual(order.map((at) => [at, `class ${at}`]));
    expectClose(
      item.top.map(({ score }) => score),
      order.map((at) => (VECTORS.scores.softmax[index] as number[])[at] as number),
      1e-6,
    );
  });
});

test('arg-max is the first of top-k, and a class that no list names has the label null', () => {
  const tops = itemsFor([{ kind: 'arg-max' }]).map((item) => (item.kind === 'top' ? item.top : []));
  expect(tops.map((top) => top.map(({ index, label }) => [index, label]))).toEqual(VECTORS.scores.order.map(([best]) => [[best, null]]));
});

test('a threshold takes what is at it or above, best first, and NaN is nothing', () => {
  const tensor = { dims: [1, 5], data: [0.5, Number.NaN, 0.75, 0.25, 0.5] };
  const [item] = itemsFor([{ kind: 'threshold', min: 0.5, labels: ['a', 'b', 'c', 'd', 'e'] }], tensor);
  expect(item).toEqual({
    kind: 'top',
    top: [
      { index: 2, label: 'c', score: 0.75 },
      { index: 0, label: 'a', score: 0.5 },
      { index: 4, label: 'e', score: 0.5 },
    ],
  });
  expect(itemsFor([{ kind: 'arg-max' }], { dims: [1, 2], data: [Number.NaN, Number.NaN] })).toEqual([{ kind: 'top', top: [] }]);
});

function expectBoxes(item: OutputItem | undefined, expected: readonly Box[]): void {
  if (item?.kind !== 'boxes') throw new Error(String(item?.kind));
  expect(item.boxes.map(({ index, label }) => [index, label])).toEqual(expected.map(({ index, label }) => [index, label]));
  item.boxes.forEach((box, at) => {
    const { x, y, width, height, score } = expected[at] as Box;
    expectClose([box.x, box.y, box.width, box.height], [x, y, width, height], 2e-3);
    expectClose([box.score], [score], 1e-5);
  });
}

for (const { name, step, dims, data, others = {}, boxes, onSource } of VECTORS.detections) {
  const tensors = { y: { dims, data }, ...others };
  const manifest = manifestOf(tensors, 'y', [step], VECTORS.labels);
  const outputs: Feeds = Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, wire(tensor)]));

  test(`${name}: ${boxes.length} boxes as in the reference`, () => {
    expect(checkManifest(manifest)).toMatchObject({ ok: true });
    expectBoxes(itemsOf(manifest, 'y', outputs, NONE)[0], boxes);
  });

  if (onSource === undefined) continue;
  test(`${name}: a letterbox is undone, and what reaches beyond the picture is cut off`, () => {
    const source = { width: 1280, height: 720 };
    const placement = placementOf(fitOf({ fit: 'contain' }, source, 640, 640), source);
    expectBoxes(itemsOf(manifest, 'y', outputs, new Map([['image', [placement]]]))[0], onSource);
  });
}

test('boxes with a coordinate or a score that is no number are left out', () => {
  const step = { kind: 'boxes', format: 'xyxy', scores: { at: 4 }, threshold: 0.1 } as const;
  const rows = [0, 0, 1, 1, Number.NaN, 0, 0, 1, Number.POSITIVE_INFINITY, 1, 0, 0, 2, 2, 0.5];
  const [item] = itemsFor([step], { dims: [1, 3, 5], data: rows });
  expect(item).toEqual({ kind: 'boxes', boxes: [{ x: 0, y: 0, width: 2, height: 2, score: 0.5, index: 0, label: null }] });
});

test('an output that keepOutput: false leaves in the worker is not among the outputs, and its results are', () => {
  const tensor = VECTORS.scores;
  const manifest = manifestOf({ y: tensor, z: tensor }, 'y', [{ kind: 'arg-max' }]);
  const [y, z] = manifest.outputs as [Manifest['outputs'][number], Manifest['outputs'][number]];
  const quiet = { ...manifest, outputs: [{ ...y, postprocess: { steps: [{ kind: 'arg-max' as const }], keepOutput: false } }, z] };
  const finished = processingOf(quiet)?.finish({ y: wire(tensor), z: wire(tensor) }, { placements: NONE });
  expect(Object.keys(finished?.outputs ?? {})).toEqual(['z']);
  expect(Object.keys(finished?.results ?? {})).toEqual(['y']);
  expect(processingOf({ ...manifest, outputs: [z] })).toBeNull();
});

function verdictOf(steps: ManifestStep[], dims: number[] = [1, 84, 8400], more: object = {}): string {
  const manifest = manifestOf({ y: { dims, data: [] } }, 'y', steps);
  const [output] = manifest.outputs as [Manifest['outputs'][number]];
  const verdict = checkManifest({ ...manifest, outputs: [{ ...output, ...more }] });
  return verdict.ok ? 'ok' : verdict.reason;
}

test('a declaration that does not fit its output is refused with what is wrong', () => {
  const boxes = { kind: 'boxes', layout: 'columns', format: 'cxcywh', scores: { classesFrom: 4 }, threshold: 0.25, iou: 0.7 } as const;
  expect(verdictOf([boxes])).toBe('ok');
  expect(verdictOf([{ kind: 'softmax' }, boxes])).toContain('must be the only step');
  expect(verdictOf([{ ...boxes, scores: { classesFrom: 4, classCount: 81 } }])).toContain('within the values of a box');
  expect(verdictOf([{ ...boxes, scores: { output: 'none' } }])).toContain('must name outputs');
  expect(verdictOf([{ ...boxes, input: 'none' }])).toContain('must be an input');
  expect(verdictOf([boxes], [1, 84])).toContain('boxes and values');
  expect(verdictOf([{ kind: 'arg-max' }, { kind: 'softmax' }])).toContain('must be the last one');
  expect(verdictOf([{ kind: 'arg-max' }], [1, 1000, 1, 1])).toBe('ok');
  expect(verdictOf([{ kind: 'top-k', k: 5 }], [1, 12, 50])).toContain('[batch,] classes');
  expect(verdictOf([])).not.toBe('ok');
  expect(verdictOf([{ kind: 'arg-max' }], [1, 4], { type: 'string' })).toContain('an output of numbers');
  const scores = { kind: 'label-scores', postprocess: { steps: [{ kind: 'arg-max' }], keepOutput: false } };
  expect(verdictOf([{ kind: 'arg-max' }], [1, 4], scores)).toContain('must not be false for label scores');
});
