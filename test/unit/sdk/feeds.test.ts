/**
 * Feeds and tensor data: what the model declares, nothing else, and each element copied at most once.
 */
import { expect, test } from 'vitest';
import { isSdkError } from '../../../protocol/errors.ts';
import { BATCH_AXIS_COUNT_MAX } from '../../../protocol/limits.ts';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import { dataFromNumbers, halfToNumber, toHalf } from '../../../protocol/tensors/tensor-data.ts';
import type { TensorType } from '../../../protocol/tensors/tensors.ts';
import type { TensorInput } from '../../../sdk/api/tensors.ts';
import { readyFeeds } from '../../../sdk/feeds/feeds.ts';

function manifestWith(type: TensorType, dims: readonly (number | string)[]): Manifest {
  return { inputs: [{ name: 'x', type, dims: [...dims], kind: 'numeric' }] } as unknown as Manifest;
}

function codeOf(manifest: Manifest, tensor: TensorInput): string | null {
  try {
    readyFeeds(manifest, { x: tensor }, false);
    return null;
  } catch (error) {
    return isSdkError(error) ? error.code : String(error);
  }
}

test('every binary16 pattern survives the way to a number and back', () => {
  for (let bits = 0; bits < 0x1_0000; bits++) {
    const value = halfToNumber(bits);
    if (!Number.isNaN(value)) expect(toHalf(value)).toBe(bits);
  }
  expect(Number.isNaN(halfToNumber(toHalf(Number.NaN)))).toBe(true);
});

test('a number between two binary16 values goes to the nearer one, ties to even, and beyond the largest to infinity', () => {
  expect(halfToNumber(toHalf(1 + 2 ** -11))).toBe(1);
  expect(halfToNumber(toHalf(1 + 3 * 2 ** -11))).toBe(1 + 2 ** -9);
  expect(halfToNumber(toHalf(1 + 2 ** -11 + 2 ** -20))).toBe(1 + 2 ** -10);
  expect(halfToNumber(toHalf(65_519))).toBe(65_504);
  expect(halfToNumber(toHalf(65_520))).toBe(Number.POSITIVE_INFINITY);
  expect(halfToNumber(toHalf(2 ** -25))).toBe(0);
  expect(halfToNumber(toHalf(-(2 ** -24)))).toBe(-(2 ** -24));
});

test('plain numbers become the array of the declared type', () => {
  expect(dataFromNumbers('int64', [1, -2, 3n])).toEqual(BigInt64Array.of(1n, -2n, 3n));
  expect(dataFromNumbers('bool', [0, 1, true, false])).toEqual(Uint8Array.of(0, 1, 1, 0));
  expect(dataFromNumbers('float16', [1, -2])).toEqual(Uint16Array.of(0x3c00, 0xc000));
});

test('an axis with a name takes any length, "batch" one from 1, a number only itself', () => {
  const manifest = manifestWith('float32', ['batch', 'tokens', 2]);
  const code = (batch: number, tokens: number, last: number) =>
    codeOf(manifest, { data: new Float32Array(batch * tokens * last), dims: [batch, tokens, last] });
  expect(code(1, 5, 2)).toBeNull();
  expect(code(1, 0, 2)).toBeNull();
  expect(code(0, 5, 2)).toBe('tensor-dims-mismatch');
  expect(code(BATCH_AXIS_COUNT_MAX + 1, 1, 2)).toBeNull();
  expect(code(1, 5, 3)).toBe('tensor-dims-mismatch');
});

test('dims and data that are no dims and no data are refused by code, not by a TypeError', () => {
  const manifest = manifestWith('float32', [2]);
  expect(codeOf(manifest, { data: [1, 2] } as unknown as TensorInput)).toBe('tensor-dims-mismatch');
  expect(codeOf(manifest, { dims: [2] } as unknown as TensorInput)).toBe('tensor-type-mismatch');
  expect(codeOf(manifest, { data: 'ab', dims: [2] } as unknown as TensorInput)).toBe('tensor-type-mismatch');
  expect(codeOf(manifest, { data: [1, '2'], dims: [2] } as unknown as TensorInput)).toBe('tensor-type-mismatch');
  expect(codeOf(manifest, { data: new DataView(new ArrayBuffer(8)), dims: [2] } as unknown as TensorInput)).toBe('tensor-type-mismatch');
});

test('a clamped array is a uint8 tensor, and strings are a string tensor', () => {
  expect(
    readyFeeds(manifestWith('uint8', [2]), { x: { data: Uint8ClampedArray.of(1, 2) as never, dims: [2] } }, false).feeds.x,
  ).toMatchObject({ data: Uint8Array.of(1, 2) });
  expect(readyFeeds(manifestWith('string', [1]), { x: { data: ['word'], dims: [1] } }, false).buffers).toEqual([]);
});

test('a copy leaves the view only, a transfer the buffer itself, and a shared buffer is always copied', () => {
  const manifest = manifestWith('float32', [2]);
  const large = new Float32Array(1000);
  const view = large.subarray(10, 12);
  const copied = readyFeeds(manifest, { x: { data: view, dims: [2] } }, false);
  expect(copied.feeds.x).toMatchObject({ data: { buffer: { byteLength: 8 } } });
  expect(readyFeeds(manifest, { x: { data: view, dims: [2] } }, true).buffers).toEqual([large.buffer]);
  const shared = new Float32Array(new SharedArrayBuffer(8));
  const [buffer] = readyFeeds(manifest, { x: { data: shared, dims: [2] } }, true).buffers;
  expect(buffer).toBeInstanceOf(ArrayBuffer);
});
