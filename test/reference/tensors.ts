/**
 * Tensors at random for each kind: plausible ones, edge cases, and odd shapes that a page might send.
 *
 * Not here: manifests and likely values (test/reference/kinds).
 */
import fc from 'fast-check';
import { dataFromNumbers, elementCount, type NumericTensorType, TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorData, TensorType, TensorWire } from '../../protocol/tensors/tensors.ts';
import { Dice } from './dice.ts';
import { referenceOf } from './kind-table.ts';
import type { TensorSpec } from './tensor-spec.ts';

const SPECIAL = [Number.NaN, Infinity, -Infinity, 0, -0, 1e-45, -5e-324, 2 ** -126, 2 ** -24, -(2 ** 40), 3.4e38, -1e300, 1, -1];
const INTEGER_ENDS: Readonly<Record<string, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 53), 2 ** 53],
  uint64: [0, 2 ** 53],
  bool: [0, 1],
};

const TEXTS = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...'abßжαع字カ한กա1٣.,!😀 \u0301'), maxLength: 16 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', 'a', '\ud83d\ude00'), maxLength: 4 }),
  fc.constantFrom('', 'red', 'green', 'red ', 'Red', '1e3', '-0', 'Infinity', ' 12 ', '0x10', 'nan', '999'),
);

const ANY_NUMBER = fc.oneof(
  fc.float({ noNaN: true }),
  fc.double({ min: -1000, max: 1000, noNaN: true }),
  fc.integer({ min: -300, max: 300 }),
);

/** Likely values for a float tensor. */
function likely(spec: TensorSpec): fc.Arbitrary<number> {
  return referenceOf(spec.kind).likely?.(spec) ?? ANY_NUMBER;
}

function numbersFor(spec: TensorSpec, count: number): fc.Arbitrary<number[]> {
  const ends = INTEGER_ENDS[spec.type];
  const exactly = { minLength: count, maxLength: count };
  if (ends !== undefined) {
    const small = fc.integer({ min: Math.max(ends[0], -3), max: Math.min(ends[1], 12) });
    return fc.array(fc.oneof(small, fc.integer({ min: ends[0], max: ends[1] })), exactly);
  }
  const usual = fc.array(likely(spec), exactly);
  const flat = likely(spec).map((value) => Array.from({ length: count }, () => value));
  const withSpecial = fc.array(fc.oneof({ arbitrary: likely(spec), weight: 6 }, fc.constantFrom(...SPECIAL)), exactly);
  return fc.oneof({ arbitrary: usual, weight: 5 }, flat, { arbitrary: withSpecial, weight: 2 });
}

/** Any bits at all: every NaN, every subnormal. */
function rawData(type: NumericTensorType, count: number): fc.Arbitrary<TensorData> {
  const width = new TENSOR_ARRAYS[type](1).byteLength;
  return fc.uint8Array({ minLength: count * width, maxLength: count * width }).map((bytes) => {
    const data = new TENSOR_ARRAYS[type](count);
    new Uint8Array(data.buffer).set(type === 'bool' ? bytes.map((byte) => byte & 1) : bytes);
    return data;
  });
}

/** Elements from which on data is filled from a seed: nobody shrinks that many one by one. */
const DRAWN_COUNT_MAX = 4096;

function filled({ kind, type }: TensorSpec, count: number): fc.Arbitrary<TensorData> {
  // A manifest may call whole numbers a recording, too.
  const numberOf = (roll: number) => (kind === 'audio' && INTEGER_ENDS[type] === undefined ? (roll - 45) / 45 : roll);
  return fc.nat().map((seed) => {
    const dice = new Dice(seed);
    const numbers = Array.from({ length: count }, () => numberOf(dice.below(type === 'bool' ? 2 : 90)));
    return dataFromNumbers(type as NumericTensorType, numbers) as TensorData;
  });
}

function dataFor(spec: TensorSpec, count: number): fc.Arbitrary<TensorData> {
  if (spec.type === 'string') return fc.array(TEXTS, { minLength: count, maxLength: count });
  const type = spec.type as NumericTensorType;
  if (count > DRAWN_COUNT_MAX) return filled(spec, count);
  const written = numbersFor(spec, count).map((numbers) => dataFromNumbers(type, numbers) as TensorData);
  const mayBeRaw = spec.kind === 'numeric' || spec.kind === 'opaque';
  return mayBeRaw
    ? fc.oneof({ arbitrary: written, weight: 3 }, rawData(type, count))
    : fc.oneof({ arbitrary: written, weight: 12 }, rawData(type, count));
}

/** Longest axis that a manifest leaves open, where the kind does not say. */
const FREE_AXIS_MAX = 7;

function dimsFor(spec: TensorSpec): fc.Arbitrary<number[]> {
  const lengths = spec.dims.map((axis) => {
    if (typeof axis === 'number') return fc.constant(axis);
    return fc.integer({ min: 1, max: axis === 'batch' ? 3 : (referenceOf(spec.kind).freeAxisMax ?? FREE_AXIS_MAX) });
  });
  return fc.tuple(...lengths);
}

function odd(spec: TensorSpec): fc.Arbitrary<TensorWire | undefined> {
  const type = spec.type as TensorType;
  const dims = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  const fitting = dims.chain((lengths) => dataFor(spec, elementCount(lengths)).map((data) => ({ type, dims: lengths, data })));
  const lying = fc.tuple(dims, fc.nat(6)).chain(([lengths, count]) => dataFor(spec, count).map((data) => ({ type, dims: lengths, data })));
  const texts = fc.array(TEXTS, { minLength: 1, maxLength: 3 }).map((data) => ({ type: 'string' as const, dims: [data.length], data }));
  return fc.oneof(fitting, lying, texts, fc.constant(undefined));
}

/** A tensor for one input or output; one in ten is odd. */
export function tensorFor(spec: TensorSpec): fc.Arbitrary<TensorWire | undefined> {
  const type = spec.type as TensorType;
  const right = dimsFor(spec).chain((dims) => dataFor(spec, elementCount(dims)).map((data) => ({ type, dims, data })));
  return fc.oneof({ arbitrary: right, weight: 9 }, odd(spec));
}
