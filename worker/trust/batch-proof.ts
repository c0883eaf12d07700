/**
 * Batch proof: runs of a model start together only if that gives each of them, bit for bit, what it would get alone.
 *
 * Why: not every model keeps its items apart. Dynamic quantization takes one scale over the whole batch, so that a neighbour's
 * values change one's own answer; and a provider may add up in another order when the batch is larger.
 *
 * Method: a few items that differ in size and in order, run alone and then in batches of two and of `maxBatch`. Without golden inputs a ramp
 * is taken, named axes but the first 8 long. A model whose proof fails runs one by one, and `explain()` says so.
 *
 * Not here: golden outputs (processing/golden.ts), which tell whether the numbers are right; this tells whether they are the same.
 */

import { feedsOf } from '../../processing/golden.ts';
import { firstLine } from '../../protocol/errors.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { dataFromNumbers, elementCount } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorData, TensorWire } from '../../protocol/tensors/tensors.ts';
import type { BatchRule } from '../../protocol/worker/loading.ts';
import { joinFeeds, splitOutputs } from '../queue/batch.ts';

/** Length of an axis that the manifest leaves open, where no golden says what is usual. */
const OPEN_AXIS_LENGTH = 8;
/** What the items' values are multiplied by. Far enough apart that a scale taken over all of them is one that none has alone. */
const SCALES = [1, 0.5, 2] as const;

/** Why runs of this model must start alone, for people; null when they may start together. */
export async function batchRefusal(
  run: (feeds: Feeds) => Promise<Feeds>,
  manifest: Manifest,
  { maxBatch }: BatchRule,
): Promise<string | null> {
  const items = itemsOf(manifest);
  try {
    const alone: Feeds[] = [];
    for (const item of items) alone.push(await run(item));
    for (const count of new Set([Math.min(2, maxBatch), maxBatch])) {
      const together = Array.from({ length: count }, (_, index) => items[index % items.length] as Feeds);
      const shares = splitOutputs(
        await run(joinFeeds(together)),
        together.map(() => 1),
      );
      if (shares === null) return 'its outputs have not one row per item';
      const isSame = shares.every((share, index) => areSame(share, alone[index % items.length] as Feeds));
      if (!isSame) return `a batch of ${count} gives an item other outputs than a run alone`;
    }
    return null;
  } catch (error) {
    return `trying batches failed: ${firstLine(error)}`;
  }
}

function itemsOf(manifest: Manifest): Feeds[] {
  const [golden] = manifest.golden;
  const source = golden === undefined ? null : feedsOf(golden, manifest);
  return SCALES.map((scale, index) =>
    Object.fromEntries(manifest.inputs.map((input) => [input.name, itemOf(input, source?.[input.name], scale, index)])),
  );
}

/** One item: the first of the golden's, or a ramp; values scaled if they are no integers, and turned round in every second item. */
function itemOf(input: ManifestInput, golden: TensorWire | undefined, scale: number, index: number): TensorWire {
  const axes = golden?.dims ?? input.dims.map((axis) => (typeof axis === 'number' ? axis : OPEN_AXIS_LENGTH));
  const dims = [1, ...axes.slice(1)];
  const data = golden?.data.slice(0, elementCount(dims)) ?? ramp(input, elementCount(dims));
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let at = 0; at < data.length; at++) data[at] = (data[at] as number) * scale;
  }
  if (ArrayBuffer.isView(data) && index % 2 === 1) data.reverse();
  return { type: input.type, dims, data };
}

function ramp({ type }: ManifestInput, count: number): TensorData {
  if (type === 'string') return Array.from({ length: count }, (_, at) => `word ${at}`);
  const isWhole = !type.startsWith('float');
  const numbers = Array.from({ length: count }, (_, at) => (isWhole ? at % 2 : (at % 17) / 16 - 0.25));
  // Zeros and ones are of every type.
  return dataFromNumbers(type, numbers) as TensorData;
}

function areSame(one: Feeds, other: Feeds): boolean {
  return Object.keys(one).every((name) => {
    const [a, b] = [one[name] as TensorWire, other[name] as TensorWire];
    if (String(a.dims) !== String(b.dims)) return false;
    if (!ArrayBuffer.isView(a.data) || !ArrayBuffer.isView(b.data)) return String(a.data) === String(b.data);
    const [left, right] = [bytesOf(a.data), bytesOf(b.data)];
    return left.length === right.length && left.every((byte, at) => byte === right[at]);
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
