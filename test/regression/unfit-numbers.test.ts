/**
 * Plain numbers that a tensor's type does not have ran as others: 300 as 44 in a uint8, NaN as 0 in an int32, 2 ** 63 wrapped in an int64.
 *
 * Method: what is taken must come back, bit by bit, from a DataView, which knows nothing of our arrays; what is refused must not.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSdkError } from '../../protocol/errors.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { dataFromNumbers, type NumericTensorType, TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorType } from '../../protocol/tensors/tensors.ts';
import type { FeedInputs } from '../../sdk/api/runs.ts';
import { readyFeeds } from '../../sdk/feeds/feeds.ts';

const view = new DataView(new ArrayBuffer(8));

type Kind = 'Int8' | 'Uint8' | 'Int16' | 'Uint16' | 'Int32' | 'Uint32' | 'BigInt64' | 'BigUint64';

/** Writes and reads one value. */
function roundTrip(kind: Kind): (value: number | bigint) => number | bigint {
  return (value) => {
    view[`set${kind}`](0, (kind.startsWith('Big') ? BigInt(value) : Number(value)) as never);
    return view[`get${kind}`](0);
  };
}

const ROUND_TRIPS: Readonly<Partial<Record<NumericTensorType, (value: number | bigint) => number | bigint>>> = {
  int8: roundTrip('Int8'),
  uint8: roundTrip('Uint8'),
  int16: roundTrip('Int16'),
  uint16: roundTrip('Uint16'),
  int32: roundTrip('Int32'),
  uint32: roundTrip('Uint32'),
  int64: roundTrip('BigInt64'),
  uint64: roundTrip('BigUint64'),
};
const WHOLE = Object.keys(ROUND_TRIPS) as NumericTensorType[];

function comesBack(type: NumericTensorType, value: number | bigint): boolean {
  try {
    // Loosely: a bigint that came back is the number that went in.
    // biome-ignore lint/suspicious/noDoubleEquals: see above
    return (ROUND_TRIPS[type] as (value: number | bigint) => number | bigint)(value) == value;
  } catch {
    return false;
  }
}

const NUMBERS = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.integer({ min: 0, max: 66 }).chain((bits) => fc.integer({ min: -2, max: 2 }).map((step) => 2 ** bits + step)),
  fc.integer({ min: 0, max: 66 }).chain((bits) => fc.integer({ min: -2, max: 2 }).map((step) => -(2 ** bits) + step)),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0.5),
);

test('a whole type takes exactly the numbers that come back from it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...WHOLE), NUMBERS, (type, value) => {
      const data = dataFromNumbers(type, [value]);
      expect(data !== null).toBe(comesBack(type, value));
      if (data !== null) expect(Number(data[0])).toBe(value === 0 ? 0 : value);
    }),
    { numRuns: 5000 },
  );
});

test('the types of 64 bits take exactly the bigints of their range, the others none', () => {
  fc.assert(
    fc.property(fc.constantFrom(...WHOLE), fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), (type, value) => {
      expect(dataFromNumbers(type, [value])?.[0] ?? null).toBe(type.endsWith('64') && comesBack(type, value) ? value : null);
    }),
    { numRuns: 2000 },
  );
});

test('floating point takes every number, to the nearest, and nothing else', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      view.setFloat32(0, value);
      expect(dataFromNumbers('float32', [value])?.[0]).toBe(view.getFloat32(0));
      expect(dataFromNumbers('float64', [value])?.[0]).toBe(value);
      expect(dataFromNumbers('float16', [value])).not.toBeNull();
    }),
  );
  for (const type of ['float16', 'float32', 'float64'] as const)
    for (const odd of [1n, true, '1', null, undefined, {}, Symbol('1')]) expect(dataFromNumbers(type, [odd])).toBeNull();
});

test('bool takes 0, 1 and booleans; a hole in a list is no element of any type', () => {
  expect(dataFromNumbers('bool', [true, false, 1, 0, -0])).toEqual(Uint8Array.of(1, 0, 1, 0, 0));
  for (const odd of [2, -1, 0.5, Number.NaN, 1n, 'true']) expect(dataFromNumbers('bool', [odd])).toBeNull();
  for (const type of Object.keys(TENSOR_ARRAYS)) expect(dataFromNumbers(type as NumericTensorType, new Array(1))).toBeNull();
});

function errorOf(type: TensorType, feed: unknown, dims: readonly number[] = [1]): string {
  const manifest = { inputs: [{ name: 'x', type, dims, kind: 'numeric' }] } as unknown as Manifest;
  try {
    readyFeeds(manifest, { x: feed as FeedInputs[string] }, false);
    return '';
  } catch (error) {
    return isSdkError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

test('a feed of such a number is refused with its type, and never named', () => {
  const refused = (type: TensorType, value: unknown) => errorOf(type, { data: [value], dims: [1] });
  expect(refused('uint8', 300)).toBe(
    'tensor-type-mismatch: Input "x" has type array of number, one of them not whole or out of range; the model expects uint8.',
  );
  expect(refused('int64', 1e30)).toContain('array of number, one of them not whole or out of range');
  expect(refused('int64', 2n ** 63n)).toContain('array of bigint, one of them not whole or out of range');
  expect(refused('int32', 1n)).toContain('array of bigint;');
  expect(refused('float32', true)).toContain('array of boolean;');
  expect(refused('string', 1)).toContain('array of number;');
  expect(refused('float32', undefined)).toContain('array of undefined;');
});

test('a bare array and a proxy of an array are told what to pass', () => {
  for (const bare of [new Float32Array(1), [1], new Proxy([1], {})])
    expect(errorOf('float32', bare)).toContain('bare array, not { data, dims }');
  expect(errorOf('float32', { data: new Proxy(new Float32Array(1), {}), dims: [1] })).toContain('toRaw');
  // A row, a picture or a text, given to a model whose manifest declares nothing of that kind.
  for (const given of [{ age: 5 }, 'some text'])
    expect(errorOf('float32', given as never)).toContain('where the manifest declares preprocess');
  expect(errorOf('float32', { value: { data: [1], dims: [1] } })).toContain('.value');
  // A reactive object of plain arrays works: what leaves is a copy.
  expect(errorOf('float32', new Proxy({ data: new Proxy([1], {}), dims: new Proxy([1], {}) }, {}))).toBe('');
});
