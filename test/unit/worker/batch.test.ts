/**
 * Batches: joined along the first axis, cut apart again, and nobody's row in another's hands.
 */
import { expect, test } from 'vitest';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import type { Feeds, TensorData } from '../../../protocol/tensors/tensors.ts';
import { batchObstacle, batchShapeOf, joinFeeds, splitOutputs } from '../../../worker/queue/batch.ts';
import { batchRefusal } from '../../../worker/trust/batch-proof.ts';

const tensor = (dims: readonly number[], data: TensorData = new Float32Array(dims.reduce((product, length) => product * length, 1))) => ({
  type: 'float32' as const,
  dims,
  data,
});

test('runs agree when names, types and all axes but the first do, and models never agree', () => {
  const key = (feeds: Feeds, loadId = 1) => batchShapeOf(loadId, feeds)?.key;
  expect(key({ x: tensor([1, 4]) })).toBe(key({ x: tensor([3, 4]) }));
  expect(key({ x: tensor([1, 4]) })).not.toBe(key({ x: tensor([1, 5]) }));
  expect(key({ x: tensor([1, 4]) })).not.toBe(key({ y: tensor([1, 4]) }));
  expect(key({ x: tensor([1, 4]) })).not.toBe(key({ x: { ...tensor([1, 4]), type: 'float64' } }));
  expect(key({ x: tensor([1, 4]) })).not.toBe(key({ x: tensor([1, 4]) }, 2));
  expect(batchShapeOf(1, { x: tensor([3, 4]) })?.itemCount).toBe(3);
});

test('a run whose inputs disagree on the number of items, or that feeds a scalar or a resident tensor, starts alone', () => {
  expect(batchShapeOf(1, { x: tensor([2, 4]), y: tensor([3, 4]) })).toBeNull();
  expect(batchShapeOf(1, { x: tensor([]) })).toBeNull();
  expect(batchShapeOf(1, {})).toBeNull();
  expect(batchShapeOf(1, { x: { residentId: 1, type: 'float32', dims: [1, 4], location: 'memory' } })).toBeNull();
});

test('feeds are laid one behind the other and outputs cut apart, in memory of their own', () => {
  const joined = joinFeeds([
    { x: tensor([1, 2], Float32Array.of(1, 2)), s: { type: 'string', dims: [1], data: ['a'] } },
    { x: tensor([2, 2], Float32Array.of(3, 4, 5, 6)), s: { type: 'string', dims: [2], data: ['b', 'c'] } },
  ]);
  expect(joined).toEqual({ x: tensor([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)), s: { type: 'string', dims: [3], data: ['a', 'b', 'c'] } });
  const shares = splitOutputs(joined, [1, 2]);
  expect(shares?.[0]).toEqual({ x: tensor([1, 2], Float32Array.of(1, 2)), s: { type: 'string', dims: [1], data: ['a'] } });
  expect(shares?.[1]).toEqual({ x: tensor([2, 2], Float32Array.of(3, 4, 5, 6)), s: { type: 'string', dims: [2], data: ['b', 'c'] } });
  const buffers = shares?.map((share) => (share.x as { data: Float32Array }).data.buffer);
  expect(buffers?.map((buffer) => buffer?.byteLength)).toEqual([8, 16]);
  expect(splitOutputs({ y: tensor([2, 2]) }, [1, 2])).toBeNull();
});

test('64-bit integers and half floats keep their bits', () => {
  const joined = joinFeeds([
    { i: { type: 'int64', dims: [1], data: BigInt64Array.of(2n ** 60n) }, h: { type: 'float16', dims: [1], data: Uint16Array.of(0x7e01) } },
    { i: { type: 'int64', dims: [1], data: BigInt64Array.of(-1n) }, h: { type: 'float16', dims: [1], data: Uint16Array.of(0x8000) } },
  ]);
  expect([joined.i?.data, joined.h?.data]).toEqual([BigInt64Array.of(2n ** 60n, -1n), Uint16Array.of(0x7e01, 0x8000)]);
});

const MANIFEST = {
  inputs: [{ name: 'x', type: 'float32', dims: ['batch', 3], kind: 'numeric' }],
  outputs: [{ name: 'y', dims: ['batch', 3], kind: 'numeric' }],
  golden: [],
} as unknown as Manifest;

test('a model whose first axis is not the batch axis everywhere cannot be batched', () => {
  expect(batchObstacle(MANIFEST)).toBeNull();
  const named = { ...MANIFEST, outputs: [{ name: 'y', dims: ['n', 3], kind: 'numeric' }] } as unknown as Manifest;
  expect(batchObstacle(named)).toContain('"y"');
  expect(batchObstacle({ ...MANIFEST, outputs: [{ name: 'y', dims: [], kind: 'numeric' }] } as unknown as Manifest)).toContain('"y"');
});

/** A model given by what it makes of its rows. */
function model(rowsOf: (rows: readonly Float32Array[]) => readonly Float32Array[]): (feeds: Feeds) => Promise<Feeds> {
  return async (feeds) => {
    const { data, dims } = feeds.x as { data: Float32Array; dims: readonly number[] };
    const rows = rowsOf(Array.from({ length: dims[0] as number }, (_, row) => data.slice(3 * row, 3 * row + 3)));
    return { y: tensor([rows.length, 3], Float32Array.from(rows.flatMap((row) => [...row]))) };
  };
}

test('a model that keeps its items apart is batched; one that mixes, reorders or drops them is not', async () => {
  const rule = { maxBatch: 16, maxWaitMs: 0 };
  const refusal = (rowsOf: (rows: readonly Float32Array[]) => readonly Float32Array[]) => batchRefusal(model(rowsOf), MANIFEST, rule);
  expect(await refusal((rows) => rows.map((row) => row.map((value) => value * 2)))).toBeNull();
  // As dynamic quantization does it: one scale for all.
  const scale = (rows: readonly Float32Array[]) => Math.max(...rows.flatMap((row) => [...row].map(Math.abs)));
  expect(await refusal((rows) => rows.map((row) => row.map((value) => Math.round((value / scale(rows)) * 127))))).toContain(
    'other outputs',
  );
  expect(await refusal((rows) => [...rows].reverse())).toContain('other outputs');
  expect(await refusal((rows) => rows.slice(0, 1))).toContain('one row per item');
  const failing = async (feeds: Feeds) => {
    if (((feeds.x?.dims[0] as number) ?? 0) > 1) throw new Error('only one at a time');
    return { y: tensor([1, 3]) };
  };
  expect(await batchRefusal(failing, MANIFEST, rule)).toContain('only one at a time');
});
