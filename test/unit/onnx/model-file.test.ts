/**
 * ONNX reader and weight split, on models written byte by byte and on the digits model.
 *
 * Goal: a rewritten model must compute what the original computes, and no bytes at all may hang the reader or make it allocate what
 * they claim. Method: random models are split and put together again; valid files are cut and changed at random places.
 */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openNodeSession } from '../../../cli/runtime/node-session.ts';
import { readOnnxModel, weightBytes } from '../../../onnx/model-reader.ts';
import { splitWeights, withWeightsAt } from '../../../onnx/weight-split.ts';
import { bytesField, integerField, joined, OnnxFormatError, textField } from '../../../onnx/wire-format.ts';
import { type OnnxWeights, onnxModel } from '../../harness/onnx-writer.ts';

const DIGITS = new Uint8Array(readFileSync(new URL('../../../models/digits/digits.fp32.onnx', import.meta.url)));

test('inputs, outputs, operators, opsets and weights of a real file are told', () => {
  const model = readOnnxModel(DIGITS);
  expect(model.inputs).toEqual([{ name: 'image', form: 'tensor', type: 'float32', dims: ['batch', 1, 8, 8] }]);
  expect(model.outputs).toEqual([{ name: 'scores', form: 'tensor', type: 'float32', dims: ['batch', 10] }]);
  expect([...model.operators].map(([name, count]) => `${count} ${name}`)).toEqual([
    '1 Mul',
    '3 Conv',
    '4 Relu',
    '2 MaxPool',
    '1 Flatten',
    '2 Gemm',
    '1 Softmax',
  ]);
  expect(model.opsets.map(({ domain }) => domain)).toContain('');
  const largest = model.weights.find(({ name }) => name === 'c3.w');
  expect(largest?.dims).toEqual([64, 48, 3, 3]);
  expect(largest && weightBytes(largest)).toBe(4 * 64 * 48 * 9);
  expect(largest?.place).toMatchObject({ kind: 'inline' });
});

test('a weight that is listed among the inputs too is no input', () => {
  const weights = [{ name: 'w', dims: [2], data: Float32Array.of(1, 2) }];
  const values = [
    { name: 'x', dims: [2] },
    { name: 'w', dims: [2] },
  ];
  const bytes = onnxModel(values, [{ operator: 'Add', inputs: ['x', 'w'], output: 'y' }], [{ name: 'y', dims: [2] }], { weights });
  expect(readOnnxModel(bytes).inputs.map(({ name }) => name)).toEqual(['x']);
});

test('operators inside a branch are counted, its weights are left alone', () => {
  const inner = joined([
    ...bytesField(1, [...textField(1, 'a'), ...textField(2, 'b'), ...textField(4, 'Relu')]),
    ...bytesField(5, [...integerField(1, 4), ...integerField(2, 1), ...textField(8, 'inner'), ...bytesField(9, [new Uint8Array(16)])]),
  ]);
  const branch = bytesField(5, [...textField(1, 'then_branch'), ...bytesField(6, [inner]), ...integerField(20, 5)]);
  const node = bytesField(1, [...textField(1, 'c'), ...textField(2, 'y'), ...textField(4, 'If'), ...branch]);
  const bytes = joined(bytesField(7, node));
  const model = readOnnxModel(bytes);
  expect([...model.operators.keys()].sort()).toEqual(['If', 'Relu']);
  expect(model.weights).toEqual([]);
  expect(splitWeights(bytes, 1)).toEqual({ graph: bytes, external: [] });
});

test('packed floats are moved like raw bytes; numbers written as varints stay', () => {
  const floats = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const tensor = (name: string, type: number, data: readonly Uint8Array[]) =>
    bytesField(5, [...integerField(1, 4), ...integerField(2, type), ...textField(8, name), ...data]);
  const bytes = joined(
    bytesField(7, [
      ...tensor('packed', 1, bytesField(4, [floats])),
      ...tensor('ints', 6, bytesField(5, [Uint8Array.of(1, 2, 3, 4)])),
      ...tensor('short', 1, bytesField(9, [floats.subarray(4)])),
    ]),
  );
  const split = readOnnxModel(splitWeights(bytes, 1).graph);
  expect(split.weights.map(({ name, place }) => [name, place.kind])).toEqual([
    ['packed', 'external'],
    ['ints', 'other'],
    ['short', 'other'],
  ]);
});

test('the split digits model gives the same answers and keeps the weights where they were', async () => {
  const split = splitWeights(DIGITS, 1024);
  expect(split.graph.length).toBeLessThan(10_000);
  expect(split.external.map(({ data }) => data)).toEqual([DIGITS]);
  expect(split.external[0]?.data.buffer).toBe(DIGITS.buffer);
  const image = { type: 'float32', dims: [1, 1, 8, 8], data: Float32Array.from({ length: 64 }, (_, index) => index % 17) } as const;
  const [whole, parted] = [await openNodeSession(DIGITS, 'all'), await openNodeSession(split, 'all')];
  expect(await parted.run({ image })).toEqual(await whole.run({ image }));
});

const weightsOf = fc.array(
  fc.record({ length: fc.integer({ min: 0, max: 400 }), type: fc.constantFrom('float32' as const, 'uint8' as const, 'float16' as const) }),
  { maxLength: 8 },
);
const BYTES_EACH = { float32: 4, uint8: 1, float16: 2 };

function modelOf(kinds: readonly { length: number; type: keyof typeof BYTES_EACH }[], seed: number): Uint8Array {
  const weights: OnnxWeights[] = kinds.map(({ length, type }, index) => ({
    name: `w${index}`,
    dims: [length],
    type,
    data: Uint8Array.from({ length: length * BYTES_EACH[type] }, (_, at) => at * 31 + seed + index),
  }));
  return onnxModel([{ name: 'x', dims: ['n'] }], [{ operator: 'Identity', inputs: ['x'], output: 'y' }], [{ name: 'y', dims: ['n'] }], {
    weights,
  });
}

test('any model that is split and put together again holds the same weights', () => {
  fc.assert(
    fc.property(weightsOf, fc.nat(255), fc.integer({ min: 1, max: 1000 }), (kinds, seed, minBytes) => {
      const bytes = modelOf(kinds, seed);
      const { graph, external } = splitWeights(bytes, minBytes);
      const split = readOnnxModel(graph);
      const moved = split.weights.filter(({ place }) => place.kind === 'external');
      const expected = kinds.filter(({ length, type }) => length * BYTES_EACH[type] >= minBytes);
      expect(moved.length).toBe(expected.length);
      const places = new Map(
        moved.map((weight) => {
          const { offset, bytes: length } = weight.place as { offset: number; bytes: number };
          return [weight, external[0]?.data.subarray(offset, offset + length) as Uint8Array] as const;
        }),
      );
      expect(Buffer.compare(withWeightsAt(graph, split, places), bytes)).toBe(0);
    }),
    { numRuns: 200 },
  );
});

/** Reads and splits; whatever comes must be a model or an OnnxFormatError. */
function readsOrRefuses(bytes: Uint8Array): void {
  try {
    splitWeights(bytes, 16);
  } catch (error) {
    expect(error).toBeInstanceOf(OnnxFormatError);
  }
}

test('a file that ends anywhere, or with any bytes changed, is read or refused', () => {
  const whole = modelOf([{ length: 100, type: 'float32' }], 7);
  for (let end = 0; end < whole.length; end++) readsOrRefuses(whole.subarray(0, end));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }), (changes) => {
      const changed = whole.slice();
      for (const [at, byte] of changes) changed[at] = byte;
      readsOrRefuses(changed);
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), readsOrRefuses), { numRuns: 2000 });
});

test('lengths of exabytes, endless numbers and bottomless graphs are refused, not believed', () => {
  const endless = new Uint8Array(64).fill(0xff);
  expect(() => readOnnxModel(endless)).toThrow(OnnxFormatError);
  expect(() => readOnnxModel(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f))).toThrow('cut off');
  let graph: readonly Uint8Array[] = [];
  for (let depth = 0; depth < 100; depth++) graph = bytesField(1, bytesField(5, bytesField(6, graph)));
  expect(() => readOnnxModel(joined(bytesField(7, graph)))).toThrow('nested more than 32 deep');
  expect(() => readOnnxModel(joined([...bytesField(7, []), ...bytesField(7, [])]))).toThrow('two graphs');
  expect(() => readOnnxModel(new Uint8Array())).toThrow('no graph');
  // One byte per axis: what is remembered is bounded, whatever the file's length.
  const axes = bytesField(5, bytesField(1, [new Uint8Array(1_100_000).fill(1)]));
  expect(() => readOnnxModel(joined(bytesField(7, axes)))).toThrow('more than 1000000 parts');
});
