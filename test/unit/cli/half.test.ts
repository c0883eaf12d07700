/**
 * Half precision as a GPU computes it.
 *
 * Goal: the emulator must round where a GPU rounds, and compute what the operator means everywhere else. Method: the rounding against
 * the one on bits, sums against a loop that rounds each step, operators against the runtime in float32 on the same numbers.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emulated, NotEmulatedError } from '../../../cli/half/emulator.ts';
import { rounded } from '../../../cli/half/half.ts';
import { product } from '../../../cli/half/products.ts';
import { answersOf } from '../../../cli/pack/goldens.ts';
import { dataFromNumbers, elementCount, halfToNumber, numbersOf, toHalf } from '../../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorData } from '../../../protocol/tensors/tensors.ts';
import { noise } from '../../fixtures/packed-models.ts';
import { type OnnxAttribute, type OnnxNode, type OnnxType, onnxModel } from '../../harness/onnx-writer.ts';

test('a number is rounded as its bits are: normal, subnormal, tied, too large', () => {
  const single = fc.oneof(
    fc.float({ noNaN: true }),
    fc.float({ min: -70000, max: 70000, noNaN: true }),
    fc.float({ min: -1, max: 1, noNaN: true }),
  );
  fc.assert(
    fc.property(single, (value) => Object.is(rounded(value) + 0, halfToNumber(toHalf(value)) + 0)),
    { numRuns: 20_000 },
  );
  for (const value of [65_519, 65_520, -65_520, 2 ** -25, 2 ** -24, 3 * 2 ** -25, 2 ** -14 - 2 ** -26, Infinity, Number.NaN]) {
    expect([value, rounded(value) + 0]).toEqual([value, halfToNumber(toHalf(value)) + 0]);
  }
});

const halves = (count: number, seed: number): Float32Array => noise(count, seed).map((value) => rounded(16 * value));

test('a product rounds after every step, in sequence or in fours', () => {
  const [rowCount, innerCount, columnCount] = [3, 70, 7];
  const left = { rowCount, columnCount: innerCount, values: halves(rowCount * innerCount, 1) };
  const right = { rowCount: innerCount, columnCount, values: halves(innerCount * columnCount, 2) };
  const expected = (stepsOf: (products: readonly number[]) => number): number[] =>
    Array.from({ length: rowCount * columnCount }, (_, at) => {
      const [row, column] = [Math.floor(at / columnCount), at % columnCount];
      const each = (inner: number) =>
        (left.values[row * innerCount + inner] as number) * (right.values[inner * columnCount + column] as number);
      return stepsOf(Array.from({ length: innerCount }, (_, inner) => each(inner)));
    });
  const inSequence = (products: readonly number[]) => products.reduce((sum, one) => rounded(sum + one), 0);
  const inFours = (products: readonly number[]) =>
    products
      .flatMap((_, at) => (at % 4 === 0 ? [inSequence(products.slice(at, at + 4))] : []))
      .reduce((sum, part) => rounded(sum + part), 0);
  expect([...product(left, right, 'sequence')]).toEqual(expected(inSequence));
  expect([...product(left, right, 'fours')]).toEqual(expected(inFours));
});

test('a sum that passes the largest number on its way is not a number any more', () => {
  const left = { rowCount: 1, columnCount: 130, values: new Float32Array(130).map((_, at) => (at < 65 ? 200 : -200)) };
  const right = { rowCount: 130, columnCount: 1, values: new Float32Array(130).fill(200) };
  expect(Number.isFinite(product(left, right, 'sequence')[0])).toBe(false);
});

interface Case {
  readonly operator: string;
  readonly dims: readonly (readonly number[])[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  readonly opset?: number;
  readonly domain?: string;
  /** The runtime does its sums. */
  readonly isApproximated?: true;
}

const ints = (...values: readonly number[]) => ({ ints: values });

const CASES: readonly Case[] = [
  {
    operator: 'MatMul',
    dims: [
      [2, 3, 5, 8],
      [8, 6],
    ],
  },
  {
    operator: 'MatMul',
    dims: [
      [2, 1, 5, 8],
      [3, 8, 6],
    ],
  },
  {
    operator: 'MatMul',
    dims: [
      [5, 8],
      [1, 1, 8, 6],
    ],
  },
  { operator: 'MatMul', dims: [[8], [8, 6]], isApproximated: true },
  { operator: 'Gemm', dims: [[5, 8], [6, 8], [6]], attributes: { transB: { int: 1 }, alpha: { float: 0.5 }, beta: { float: 2 } } },
  {
    operator: 'Gemm',
    dims: [
      [8, 5],
      [8, 6],
      [5, 1],
    ],
    attributes: { transA: { int: 1 } },
  },
  {
    operator: 'Gemm',
    dims: [
      [5, 8],
      [8, 6],
    ],
  },
  {
    operator: 'Conv',
    dims: [[2, 4, 9, 8], [6, 4, 3, 3], [6]],
    attributes: { pads: ints(1, 2, 0, 1), strides: ints(2, 1), dilations: ints(1, 2) },
  },
  { operator: 'Conv', dims: [[1, 4, 7, 7], [8, 2, 3, 3], [8]], attributes: { group: { int: 2 } } },
  {
    operator: 'Conv',
    dims: [
      [1, 4, 7, 8],
      [6, 4, 3, 2],
    ],
    attributes: { auto_pad: { string: 'SAME_UPPER' }, strides: ints(2, 2) },
  },
  {
    operator: 'Conv',
    dims: [
      [1, 4, 7, 8],
      [6, 4, 3, 2],
    ],
    attributes: { auto_pad: { string: 'SAME_LOWER' } },
  },
  { operator: 'Conv', dims: [[2, 4, 9], [6, 4, 3], [6]], attributes: { pads: ints(1, 1), strides: ints(2) } },
  {
    operator: 'Conv',
    dims: [
      [1, 2, 4, 4, 4],
      [3, 2, 2, 2, 2],
    ],
    isApproximated: true,
  },
  { operator: 'LayerNormalization', dims: [[3, 4, 12], [12], [12]], attributes: { axis: { int: -1 } } },
  {
    operator: 'LayerNormalization',
    dims: [
      [3, 4, 12],
      [4, 12],
    ],
    attributes: { axis: { int: 1 } },
  },
  { operator: 'Softmax', dims: [[3, 4, 10]], attributes: { axis: { int: -1 } } },
  { operator: 'Softmax', dims: [[3, 4, 10]], attributes: { axis: { int: 1 } } },
  { operator: 'Softmax', dims: [[3, 4, 10]], attributes: { axis: { int: 1 } }, opset: 12 },
  { operator: 'Softmax', dims: [[2, 700]] },
  { operator: 'GlobalAveragePool', dims: [[2, 3, 7, 5]] },
  { operator: 'Erf', dims: [[40]] },
  { operator: 'Gelu', dims: [[40]], opset: 20 },
  { operator: 'Gelu', dims: [[40]], opset: 20, attributes: { approximate: { string: 'tanh' } } },
  { operator: 'Gelu', dims: [[40]], domain: 'com.microsoft' },
  { operator: 'Sigmoid', dims: [[40]] },
  { operator: 'MaxPool', dims: [[1, 2, 6, 6]], attributes: { kernel_shape: ints(2, 2) } },
];

function graphOf({ operator, dims, attributes = {}, opset = 17, domain }: Case, type: OnnxType): Uint8Array {
  const names = dims.map((_, at) => `i${at}`);
  const node: OnnxNode = { operator, inputs: names, output: 'o', attributes, ...(domain === undefined ? {} : { domain }) };
  const inputs = dims.map((each, at) => ({ name: `i${at}`, dims: each, type }));
  return onnxModel(inputs, [node], [{ name: 'o', dims: outputAxes(operator, dims), type }], {
    opset,
    domains: domain === undefined ? {} : { [domain]: 1 },
  });
}

/** As many open axes as the answer has. */
function outputAxes(operator: string, dims: readonly (readonly number[])[]): string[] {
  const ranks = dims.map(({ length }) => length);
  const rank = operator === 'MatMul' ? Math.max(...ranks) - (ranks.includes(1) ? 1 : 0) : (ranks[0] as number);
  return Array.from({ length: rank }, (_, at) => `a${at}`);
}

test.each(
  CASES.map((each) => [`${each.operator} of ${JSON.stringify(each.dims)} ${JSON.stringify(each.attributes ?? {})}`, each] as const),
)('%s computes what it means, to the precision of halves', async (_, each) => {
  const numbers = each.dims.map((dims, at) => [...halves(elementCount(dims), at)]);
  const feedsOf = (type: 'float16' | 'float32'): Feeds =>
    Object.fromEntries(
      each.dims.map((dims, at) => [`i${at}`, { type, dims, data: dataFromNumbers(type, numbers[at] as number[]) as TensorData }]),
    );
  const [exact] = await answersOf({ graph: graphOf(each, 'float32'), external: [] }, 'disabled', [feedsOf('float32')]);
  const { answers, approximated } = await emulated(
    { graph: graphOf(each, 'float16'), external: [] },
    [feedsOf('float16')],
    () => undefined,
  );
  const [half] = answers;
  expect(approximated).toEqual(each.isApproximated === true ? [each.operator] : []);
  expect([half?.o?.type, half?.o?.dims]).toEqual(['float16', exact?.o?.dims]);
  const [expected, actual] = [numbersOf(exact?.o as never) as Float32Array, numbersOf(half?.o as never) as Float32Array];
  const scale = Math.max(...expected.map(Math.abs));
  for (let at = 0; at < expected.length; at++)
    expect(Math.abs((actual[at] as number) - (expected[at] as number))).toBeLessThan(4e-3 * scale);
});

test('an operator of a domain that the file does not name is not walked, and the error says so', async () => {
  const nodes: OnnxNode[] = [{ operator: 'Relu', inputs: ['x'], output: 'y', domain: 'unheard.of' }];
  const bytes = onnxModel([{ name: 'x', dims: [2], type: 'float16' }], nodes, [{ name: 'y', dims: [2], type: 'float16' }]);
  await expect(emulated({ graph: bytes, external: [] }, [{}], () => undefined)).rejects.toThrow(NotEmulatedError);
});
