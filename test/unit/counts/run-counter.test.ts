/**
 * What one run counts: states, odd input, batches, and nothing that tells two inputs of the same cells apart.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { createRunCounter } from '../../../counts/run/run-counter.ts';
import { COUNTED_ELEMENT_COUNT_MAX } from '../../../protocol/limits.ts';
import type { ManifestInput, ManifestOutput } from '../../../protocol/manifest/manifest.ts';
import type { TensorType, TensorWire } from '../../../protocol/tensors/tensors.ts';
import { countedBy, manifestOf, tensor } from '../../fixtures/counts-manifest.ts';
import { referenceUniversalCell } from '../../fixtures/counts-reference.ts';

const IMAGE: ManifestInput = { name: 'x', type: 'float32', dims: ['batch', 1, 2, 2], kind: 'image', range: [0, 16], missing: 'all-zero' };
const VECTOR: ManifestInput = { name: 'v', type: 'float32', dims: ['batch', 3], kind: 'numeric', missing: 'constant' };
const SCORES: ManifestOutput = {
  name: 'p',
  type: 'float32',
  dims: ['batch', 3],
  kind: 'label-scores',
  normalisation: 'probabilities',
  labels: ['a', 'b', 'c'],
};
const FIXED: ManifestOutput = { name: 'y', type: 'float32', dims: [4], kind: 'numeric' };

const state = (counted: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counted).filter(([cell]) => cell.includes('.state/')));

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const INPUT_STATE_CASES: readonly (readonly [what: string, input: ManifestInput, tensor: TensorWire | undefined, state: string])[] = [
  ['an image with light and dark', IMAGE, tensor([1, 1, 2, 2], [0, 16, 3, 4]), 'present'],
  ['an absent image', IMAGE, undefined, 'missing'],
  ['an empty image', IMAGE, tensor([0, 1, 2, 2], []), 'empty'],
  ['an all-zero image whose manifest calls that missing', IMAGE, tensor([1, 1, 2, 2], [0, 0, 0, 0]), 'missing'],
  ['a constant image that is not zero', IMAGE, tensor([1, 1, 2, 2], [3, 3, 3, 3]), 'present'],
  ['an image that is all NaN', IMAGE, tensor([1, 1, 2, 2], [nan, nan, nan, nan]), 'missing'],
  ['an image with one NaN', IMAGE, tensor([1, 1, 2, 2], [nan, 1, 2, inf]), 'nan'],
  ['an image with an infinity', IMAGE, tensor([1, 1, 2, 2], [1, 1, 2, inf]), 'inf'],
  ['an image whose dims and data disagree', IMAGE, tensor([1, 1, 2, 2], [1, 2]), 'malformed'],
  ['an image of one axis', IMAGE, tensor([4], [1, 2, 3, 4]), 'malformed'],
  ['an image of strings', IMAGE, { type: 'string', dims: [1, 1, 1, 1], data: ['a'] }, 'malformed'],
  ['a vector', VECTOR, tensor([1, 3], [1, 2, 3]), 'present'],
  ['a constant vector whose manifest calls that missing', VECTOR, tensor([1, 3], [7, 7, 7]), 'missing'],
  ['a vector that is all NaN', VECTOR, tensor([1, 3], [nan, nan, nan]), 'missing'],
  ['a vector with a NaN', VECTOR, tensor([1, 3], [1, nan, 3]), 'nan'],
  ['a vector with an infinity', VECTOR, tensor([1, 3], [1, -inf, 3]), 'inf'],
  ['a vector whose batch axis lies', VECTOR, tensor([2, 3], [1, 2, 3]), 'malformed'],
  ['a vector whose axes are negative', VECTOR, tensor([-1, -3], [1, 2, 3]), 'malformed'],
  ['a vector of strings', { ...VECTOR, kind: 'categorical' }, { type: 'string', dims: [1, 3], data: ['a', 'b', 'c'] }, 'present'],
];

for (const [what, input, value, expected] of INPUT_STATE_CASES) {
  test(`${what} is counted as ${expected}`, () => {
    const counted = countedBy(manifestOf([input]), value === undefined ? {} : { [input.name]: value });
    expect(state(counted)).toEqual({ [`input.${input.name}.state/${expected}`]: 1 });
  });
}

const OUTPUT_STATE_CASES: readonly (readonly [what: string, output: ManifestOutput, tensor: TensorWire | undefined, state: string])[] = [
  ['a row of scores', SCORES, tensor([1, 3], [0.1, 0.7, 0.2]), 'ok'],
  ['an absent output', SCORES, undefined, 'null-empty'],
  ['an empty output', SCORES, tensor([0, 3], []), 'null-empty'],
  ['scores with a NaN', SCORES, tensor([1, 3], [0.1, nan, 0.2]), 'nan'],
  ['scores with an infinity', SCORES, tensor([1, 3], [0.1, inf, 0.2]), 'inf'],
  ['scores that are all zero', SCORES, tensor([1, 3], [0, 0, 0]), 'all-zero'],
  ['scores that are all the same', SCORES, tensor([1, 3], [0.25, 0.25, 0.25]), 'constant'],
  ['scores without an axis', SCORES, tensor([], [0.5]), 'malformed'],
  ['a numeric output', FIXED, tensor([4], [1, 2, 3, 4]), 'ok'],
  ['a numeric output that is all zero', FIXED, tensor([4], [0, 0, 0, -0]), 'all-zero'],
  ['a single number, zero though it is', { ...FIXED, dims: [1] }, tensor([1], [0]), 'ok'],
  ['an output whose dims and data disagree', FIXED, tensor([4], [1]), 'malformed'],
];

for (const [what, output, value, expected] of OUTPUT_STATE_CASES) {
  test(`${what} is counted as ${expected}`, () => {
    const counted = countedBy(manifestOf([], [output]), {}, value === undefined ? {} : { [output.name]: value });
    expect(state(counted)).toEqual({ [`output.${output.name}.state/${expected}`]: 1 });
  });
}

test('a digit-like image and its scores bump one cell of each metric', () => {
  const counted = countedBy(
    manifestOf([IMAGE], [SCORES]),
    { x: tensor([1, 1, 2, 2], [0, 16, 8, 8]) },
    { p: tensor([1, 3], [0.01, 0.98, 0.01]) },
  );
  expect(counted).toEqual({
    'run.repeat/new': 1,
    'input.x.state/present': 1,
    'input.x.brightness/0.5..0.53125': 1,
    'input.x.contrast/0.34375..0.359375': 1,
    'input.x.sharpness/0.5..0.53125': 1,
    'input.x.clipped-dark/0.25..0.28125': 1,
    'input.x.clipped-bright/0.25..0.28125': 1,
    'output.p.state/ok': 1,
    'output.p.class/class:1': 1,
    'output.p.score/0.96875..0.984375': 1,
    'output.p.entropy/0.09375..0.125': 1,
    'output.p.margin/0.96875..1': 1,
  });
});

test('values outside the range are counted as under and over, not clamped', () => {
  const over = countedBy(manifestOf([IMAGE]), { x: tensor([1, 1, 2, 2], [255, 255, 255, 250]) });
  const under = countedBy(manifestOf([IMAGE]), { x: tensor([1, 1, 2, 2], [-9, -9, -9, -8]) });
  expect(over['input.x.brightness/over']).toBe(1);
  expect(under['input.x.brightness/under']).toBe(1);
});

test('a batch of n counts n items of every metric, each with its own state', () => {
  const counted = countedBy(
    manifestOf([IMAGE, VECTOR], [SCORES]),
    { x: tensor([3, 1, 2, 2], [0, 0, 0, 0, 1, 2, 3, 4, nan, 1, 2, 3]), v: tensor([3, 3], [1, 1, 1, 1, 2, 3, 4, nan, 5]) },
    { p: tensor([3, 3], [0, 0, 0, 0.1, 0.2, 0.7, 0.7, 0.2, 0.1]) },
  );
  expect(state(counted)).toEqual({
    'input.x.state/missing': 1,
    'input.x.state/present': 1,
    'input.x.state/nan': 1,
    'input.v.state/missing': 1,
    'input.v.state/present': 1,
    'input.v.state/nan': 1,
    'output.p.state/all-zero': 1,
    'output.p.state/ok': 2,
  });
  expect(counted['output.p.class/class:2']).toBe(1);
  expect(counted['output.p.class/class:0']).toBe(1);
});

test('a top class beyond the label list is other', () => {
  const counted = countedBy(manifestOf([], [SCORES]), {}, { p: tensor([1, 5], [0, 0, 0, 0, 1]) });
  expect(counted['output.p.class/other']).toBe(1);
});

test('every numeric element falls into the cell that the reference finds, in every tensor type', () => {
  const types: readonly (readonly [TensorType, TensorWire['data'], readonly number[]])[] = [
    ['float32', Float32Array.of(-1.5, 0, 1e-30, 300), [-1.5, 0, Math.fround(1e-30), 300]],
    ['float64', Float64Array.of(1e300, -1e-300, nan, 0.1), [1e300, -1e-300, nan, 0.1]],
    ['float16', Uint16Array.of(0x3c00, 0xc000, 0x7c00, 0), [1, -2, inf, 0]],
    ['int8', Int8Array.of(-128, 127, 0, 1), [-128, 127, 0, 1]],
    ['int64', BigInt64Array.of(-(2n ** 60n), 5n, 0n, 1n), [-(2 ** 60), 5, 0, 1]],
    ['uint8', Uint8Array.of(255, 0, 1, 2), [255, 0, 1, 2]],
  ];
  for (const [type, data, values] of types) {
    const counted = countedBy(manifestOf([{ name: 'v', type, dims: [4], kind: 'numeric' }]), { v: { type, dims: [4], data } });
    for (const value of values) expect(counted, `${type} ${value}`).toHaveProperty([`input.v.values/${referenceUniversalCell(value)}`]);
  }
});

test('of a tensor beyond the cap a fixed share is counted and the rest is in the cell uncounted', () => {
  const length = COUNTED_ELEMENT_COUNT_MAX * 3;
  const counted = countedBy(manifestOf([{ ...VECTOR, dims: ['batch', length] }]), {
    v: { type: 'float32', dims: [1, length], data: Float32Array.from({ length }, (_, index) => index % 100) },
  });
  const values = Object.entries(counted).filter(([cell]) => cell.startsWith('input.v.values/'));
  expect(values.reduce((sum, [, count]) => sum + count, 0)).toBe(length);
  expect(length - (counted['input.v.values/uncounted'] as number)).toBeLessThanOrEqual(COUNTED_ELEMENT_COUNT_MAX + 1);
});

test('score rows beyond the cap are sampled, and the rest is in the state uncounted', () => {
  const rows = COUNTED_ELEMENT_COUNT_MAX;
  const data = Float32Array.from({ length: rows * 3 }, (_, index) => (index % 3) / 3);
  const counted = state(countedBy(manifestOf([], [SCORES]), {}, { p: { type: 'float32', dims: [rows, 3], data } }));
  expect((counted['output.p.state/ok'] as number) + (counted['output.p.state/uncounted'] as number)).toBe(rows);
  expect(counted['output.p.state/ok']).toBeLessThanOrEqual(COUNTED_ELEMENT_COUNT_MAX / 3 + 1);
});

// Goal: nothing but cells tells two runs apart. Method: values are moved within their cells and permuted within the
// tensor, where the metric does not depend on place; the pairs must be the same bytes.
test('two inputs that fall into the same cells give identical pairs', () => {
  const manifest = manifestOf([{ name: 'v', type: 'float32', dims: ['batch', 6], kind: 'numeric' }]);
  const counter = createRunCounter(manifest, dataPlanOf(manifest));
  const octaves = fc.integer({ min: -20, max: 30 });
  const steps = fc.integer({ min: 0, max: 31 });
  const anyCell = fc.tuple(octaves, steps, fc.constantFrom(1, -1));
  const within = fc.array(fc.double({ min: 0, max: 0.99, noNaN: true }), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(anyCell, { minLength: 6, maxLength: 6 }), within, within, (places, a, b) => {
      const values = (shares: readonly number[]) =>
        places.map(([octave, step, sign], index) => sign * 2 ** octave * (1 + (step + (shares[index] as number)) / 32));
      const first = counter({ v: tensor([1, 6], values(a)) }, {});
      const second = counter({ v: tensor([1, 6], values(b).reverse()) }, {});
      expect(second).toEqual(first);
    }),
  );
});

test('a counter keeps of one run what tells a repeat, and nothing else', () => {
  const manifest = manifestOf([IMAGE, VECTOR], [SCORES, FIXED]);
  const counter = createRunCounter(manifest, dataPlanOf(manifest));
  const feeds = { x: tensor([1, 1, 2, 2], [0, 5, 6, 7]), v: tensor([1, 3], [1, nan, inf]) };
  const outputs = { p: tensor([1, 3], [0.1, 0.2, 0.7]), y: tensor([4], [1, 2, 3, 4]) };
  const [, , ...first] = counter(feeds, outputs);
  counter({}, {});
  const [repeat, , ...again] = counter(feeds, outputs);
  expect(again).toEqual(first);
  expect(repeat).toBe(1);
});

test('no tensor, however odd, makes the counter throw', () => {
  const manifest = manifestOf([IMAGE, VECTOR], [SCORES, FIXED]);
  const counter = createRunCounter(manifest, dataPlanOf(manifest));
  const data = fc.oneof(
    fc.array(fc.float()).map((values) => Float32Array.from(values)),
    fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map((values) => BigInt64Array.from(values)),
    fc.array(fc.integer({ min: 0, max: 65_535 })).map((values) => Uint16Array.from(values)),
    fc.array(fc.string()),
  );
  const anyTensor = fc.record({
    type: fc.constantFrom<TensorType>('float32', 'float16', 'int64', 'string'),
    dims: fc.array(fc.oneof(fc.nat(5), fc.constantFrom(-1, 0.5, nan)), { maxLength: 5 }),
    data,
  });
  fc.assert(
    fc.property(fc.array(anyTensor, { minLength: 4, maxLength: 4 }), ([x, v, p, y]) => {
      const pairs = counter({ x, v } as never, { p, y } as never);
      expect(pairs.length % 2).toBe(0);
    }),
    { numRuns: 500 },
  );
});
