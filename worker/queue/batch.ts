/**
 * Batch: tensors of several runs laid one behind the other along the first axis, and their outputs cut apart again.
 *
 * Invariants
 *  - Cutting gives each run memory of its own, as a single run would.
 *  - Runs are joined only if they agree in names, types and all axes but the first, and each run in itself agrees on how many items it has.
 *
 * Not here: when runs wait for each other (worker/queue/run-queue.ts), and whether a model's arithmetic allows it (worker/trust/batch-proof.ts).
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { NumericTensorData } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, RunTensors, TensorData, TensorWire } from '../../protocol/tensors/tensors.ts';
import { isResidentWire } from '../../protocol/worker/media.ts';

/** Items of a run and what it must have in common with others; null when it has to start alone. */
interface BatchShape {
  readonly itemCount: number;
  readonly key: string;
}

/** @param loadId Names the model: runs of two models never agree. */
export function batchShapeOf(loadId: number, feeds: RunTensors): BatchShape | null {
  let key = String(loadId);
  let itemCount: number | undefined;
  for (const [name, tensor] of Object.entries(feeds)) {
    if (isResidentWire(tensor)) return null;
    const [first, ...rest] = tensor.dims;
    itemCount ??= first;
    if (itemCount === undefined || first !== itemCount) return null;
    key += `|${name}:${tensor.type}:${rest.join()}`;
  }
  return itemCount === undefined ? null : { itemCount, key };
}

/** The feeds of several runs as those of one. */
export function joinFeeds(runs: readonly Feeds[]): Feeds {
  const [first] = runs as readonly [Feeds, ...Feeds[]];
  const joined: Record<string, TensorWire> = {};
  for (const [name, { type, dims }] of Object.entries(first)) {
    const parts = runs.map((feeds) => feeds[name] as TensorWire);
    const itemCount = parts.reduce((sum, part) => sum + (part.dims[0] as number), 0);
    joined[name] = { type, dims: [itemCount, ...dims.slice(1)], data: joinData(parts.map(({ data }) => data)) };
  }
  return joined;
}

/**
 * Each run's share of the outputs, in the order of the runs; null when an output has not one row per item, so that nobody
 * can tell whose is whose.
 */
export function splitOutputs(outputs: Feeds, itemCounts: readonly number[]): Feeds[] | null {
  const itemCount = itemCounts.reduce((sum, count) => sum + count, 0);
  const shares: Record<string, TensorWire>[] = itemCounts.map(() => ({}));
  for (const [name, { type, dims, data }] of Object.entries(outputs)) {
    if (dims[0] !== itemCount) return null;
    const rowLength = data.length / itemCount;
    let start = 0;
    for (const [run, count] of itemCounts.entries()) {
      const end = start + count * rowLength;
      (shares[run] as Record<string, TensorWire>)[name] = { type, dims: [count, ...dims.slice(1)], data: data.slice(start, end) };
      start = end;
    }
  }
  return shares;
}

/** Why runs of this model cannot be joined, for people; null when the batch axis is the first of every input and output. */
export function batchObstacle({ inputs, outputs }: Pick<Manifest, 'inputs' | 'outputs'>): string | null {
  const stranger = [...inputs, ...outputs].find(({ dims }) => dims[0] !== 'batch');
  return stranger === undefined ? null : `the first axis of "${stranger.name}" is not named "batch"`;
}

function joinData(parts: readonly TensorData[]): TensorData {
  const [first] = parts as readonly [TensorData, ...TensorData[]];
  if (!ArrayBuffer.isView(first)) return (parts as readonly (readonly string[])[]).flat();
  const ArrayType = first.constructor as new (length: number) => NumericTensorData;
  const joined = new ArrayType(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part as never, offset);
    offset += part.length;
  }
  return joined;
}
