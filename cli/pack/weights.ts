/**
 * Layout of packed weights: which tensors leave the graph, in what order they lie, and where the file is cut.
 *
 * Why along tensors: a fine-tuned model changes some tensors whole and leaves the rest as they were. Chunks that begin and end
 * with a tensor keep their hash when another tensor changes, wherever that one lies and however long it becomes.
 *
 * Invariants
 *  - Large tensors come first, each in chunks of its own; small ones follow, grouped. Both in the order in which the graph first uses
 *    them, which does not depend on what an exporter numbers its names by.
 *  - Within a tensor the cuts lie at multiples of the chunk's length, so an edit moves no other cut.
 *  - No chunk is longer than CHUNK_BYTES_MAX.
 *
 * Not here: hashes and file names (cli/pack/model.ts).
 */

import type { ModelFiles } from '../../onnx/model-files.ts';
import { type OnnxModel, type OnnxWeights, readOnnxModel } from '../../onnx/model-reader.ts';
import { type ExternalPlace, withWeightsAt } from '../../onnx/weight-split.ts';
import { CHUNK_BYTES_MAX, SINGLE_FILE_BYTES_MAX } from '../../protocol/limits.ts';
import { CommandError } from '../terminal/command-error.ts';

/** Where a tensor may begin. Runtimes read whole SIMD vectors and cache lines from an aligned place. */
const ALIGNMENT_BYTES = 64;
/** The location that a packed graph names. Always the same, so that new weights alone do not change the graph's file. */
export const WEIGHTS_PATH = 'weights';

interface LaidOutModel {
  readonly graph: Uint8Array;
  readonly weights: { readonly data: Uint8Array; readonly cutBytes: readonly number[] } | null;
}

interface Tensor {
  readonly data: Uint8Array;
  /** Those that are this tensor: two may share one place. */
  readonly owners: OnnxWeights[];
}

/** @param minBytes Weights below it stay in, or come into, the graph. */
export function layOutWeights(model: ModelFiles, minBytes: number, chunkBytes: number): LaidOutModel {
  const onnx = readOnnxModel(model.graph);
  const tensors = movableTensors(model, onnx);
  const all = [...tensors].sort(byFirstUse(onnx));
  const total = all.reduce((sum, { data }) => sum + data.length, 0);
  const leaves = ({ data }: Tensor): boolean => data.length >= minBytes && total >= SINGLE_FILE_BYTES_MAX;
  const places = new Map<OnnxWeights, ExternalPlace | Uint8Array>();
  for (const tensor of all) if (!leaves(tensor)) for (const owner of tensor.owners) places.set(owner, tensor.data);
  const out = all.filter(leaves);
  const isLarge = ({ data }: Tensor): boolean => data.length >= chunkBytes / 2;
  const large = out.filter(isLarge);
  const small = out.filter((tensor) => !isLarge(tensor));
  const offsets = offsetsOf([...large, ...small]);
  for (const [{ data, owners }, offset] of offsets) {
    for (const owner of owners) places.set(owner, { location: WEIGHTS_PATH, offset, bytes: data.length });
  }
  const graph = withWeightsAt(model.graph, onnx, places);
  if (out.length === 0) return { graph, weights: null };
  return {
    graph,
    weights: { data: fileOf(offsets), cutBytes: [...large.flatMap((one) => largeCuts(one, chunkBytes)), ...groupCuts(small, chunkBytes)] },
  };
}

/** Consecutive pieces of a file whose content is not known to have parts. */
export function evenCuts(bytes: number, chunkBytes: number): number[] {
  const cuts = Array.from({ length: Math.floor(bytes / chunkBytes) }, () => chunkBytes);
  return bytes % chunkBytes === 0 ? cuts : [...cuts, bytes % chunkBytes];
}

/** Tensors whose bytes are known, those that share a place as one. */
function movableTensors({ graph, external }: ModelFiles, { weights }: OnnxModel): Tensor[] {
  const byPlace = new Map<string, Tensor>();
  for (const weight of weights) {
    const { place } = weight;
    if (place.kind === 'other') continue;
    const key = place.kind === 'inline' ? `${place.start}` : `${place.location}:${place.offset}:${place.bytes}`;
    const known = byPlace.get(key);
    if (known !== undefined) known.owners.push(weight);
    else {
      const data = place.kind === 'inline' ? graph.subarray(place.start, place.end) : externalData(external, place);
      byPlace.set(key, { data, owners: [weight] });
    }
  }
  return [...byPlace.values()];
}

function externalData(external: ModelFiles['external'], place: Extract<OnnxWeights['place'], { kind: 'external' }>): Uint8Array {
  const file = external.find(({ path }) => path === place.location)?.data;
  const end = place.bytes === null ? file?.length : place.offset + place.bytes;
  if (file === undefined || end === undefined || end > file.length) {
    throw new CommandError(
      `The weights in "${place.location}" are not whole: the graph names more bytes than the file has. Export the model again.`,
    );
  }
  return file.subarray(place.offset, end);
}

/** Weights that only nested graphs use come last, by name. */
function byFirstUse({ nodes }: OnnxModel): (a: Tensor, b: Tensor) => number {
  const uses = new Map<string, number>();
  for (const { inputs } of nodes) for (const name of inputs) if (!uses.has(name)) uses.set(name, uses.size);
  const useOf = ({ owners }: Tensor): number => Math.min(...owners.map(({ name }) => uses.get(name) ?? Number.MAX_SAFE_INTEGER));
  const nameOf = ({ owners }: Tensor): string => owners[0]?.name ?? '';
  return (a, b) => useOf(a) - useOf(b) || (nameOf(a) < nameOf(b) ? -1 : 1);
}

function paddedBytes({ data }: Tensor): number {
  return Math.ceil(data.length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

function offsetsOf(tensors: readonly Tensor[]): Map<Tensor, number> {
  let offset = 0;
  return new Map(
    tensors.map((tensor) => {
      const own = offset;
      offset += paddedBytes(tensor);
      return [tensor, own];
    }),
  );
}

function fileOf(offsets: ReadonlyMap<Tensor, number>): Uint8Array {
  const bytes = [...offsets.keys()].reduce((sum, tensor) => sum + paddedBytes(tensor), 0);
  const file = new Uint8Array(bytes);
  for (const [{ data }, offset] of offsets) file.set(data, offset);
  return file;
}

/** Pieces of one tensor; a short rest goes with the last piece. */
function largeCuts(tensor: Tensor, chunkBytes: number): number[] {
  const cuts = evenCuts(paddedBytes(tensor), chunkBytes);
  const [last = 0, rest = 0] = cuts.slice(-2);
  if (cuts.length < 2 || rest > chunkBytes / 2 || last + rest > CHUNK_BYTES_MAX) return cuts;
  return [...cuts.slice(0, -2), last + rest];
}

function groupCuts(tensors: readonly Tensor[], chunkBytes: number): number[] {
  const cuts: number[] = [];
  let open = 0;
  for (const tensor of tensors) {
    const bytes = paddedBytes(tensor);
    if (open > 0 && open + bytes > chunkBytes) {
      cuts.push(open);
      open = 0;
    }
    open += bytes;
  }
  return open === 0 ? cuts : [...cuts, open];
}
