/**
 * Tensors at random for each kind: plausible ones, edge cases, and odd shapes that a page might send.
 *
 * Not here: manifests (kinds.ts).
 */
import fc from 'fast-check';
import { dataFromNumbers, elementCount, type NumericTensorType, TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorData, TensorType, TensorWire } from '../../protocol/tensors/tensors.ts';
import { Dice } from './dice.ts';
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

/** Likely values of a kind, for a float tensor. */
function likely(spec: TensorSpec): fc.Arbitrary<number> {
  switch (spec.kind) {
    case 'image': {
      const [black, white] = spec.range ?? [0, 1];
      return fc.oneof(
        fc.integer({ min: 0, max: 17 }).map((step) => black + ((white - black) * step) / 17),
        fc.double({ min: black, max: white, noNaN: true }),
        fc.double({ min: black - 1, max: white + 1, noNaN: true }),
      );
    }
    case 'label-scores':
      return spec.normalisation === 'logits'
        ? fc.oneof(fc.integer({ min: -4, max: 4 }), fc.double({ min: -30, max: 30, noNaN: true }))
        : fc.oneof(fc.constantFrom(0, 0.2, 0.55, 1), fc.double({ min: 0, max: 1, noNaN: true }));
    case 'audio':
      return fc.oneof(
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -0.002, max: 0.002, noNaN: true }),
        fc.constantFrom(0, -0, 1, -1, 0.999, 0.001),
      );
    case 'boxes':
      return fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 4 }));
    case 'embedding':
      return fc.oneof(fc.constantFrom(0, -0, 0.3, 1, -1.1, 2.7), fc.double({ min: -2, max: 2, noNaN: true }));
    case 'text':
    case 'categorical':
    case 'tabular':
      return fc.oneof(fc.integer({ min: -2, max: 9 }), fc.double({ min: -20, max: 120, noNaN: true }), fc.constantFrom(-999, Number.NaN));
    default:
      return fc.oneof(fc.float({ noNaN: true }), fc.double({ min: -1000, max: 1000, noNaN: true }), fc.integer({ min: -300, max: 300 }));
  }
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
  const numberOf = (roll: number) => (kind === 'audio' ? (roll - 45) / 45 : roll);
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

/** Longest axis that a manifest leaves open, by kind. */
const FREE_AXIS_LENGTHS: Readonly<Record<string, number>> = { image: 4, audio: 48, text: 24 };

function dimsFor(spec: TensorSpec): fc.Arbitrary<number[]> {
  const lengths = spec.dims.map((axis) => {
    if (typeof axis === 'number') return fc.constant(axis);
    return fc.integer({ min: 1, max: axis === 'batch' ? 3 : (FREE_AXIS_LENGTHS[spec.kind] ?? 7) });
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
