/**
 * Weight split: an ONNX model as a small graph and its large weights, so that the runtime never holds them twice.
 *
 * Why: 100 MB of weights inline in the graph cost 271 MB of WASM heap, as external data 119 to 172 MB, on WebGPU 16 MB.
 *
 * Invariants
 *  - The weights are not copied: the one external file is the model's own bytes, and each moved tensor names its place in them.
 *  - A tensor whose length does not fit its dims, or whose elements are not plain bytes, stays as it is, and so does
 *    everything in nested graphs and attributes: the runtime reads those as it always did.
 *
 * Source: onnx.proto3, TensorProto.external_data; inference-session notes on `externalData` in onnxruntime-common.
 */
import { EXTERNAL_WEIGHT_BYTES_MIN, SINGLE_FILE_BYTES_MAX } from '../protocol/limits.ts';
import type { ModelFiles } from './model-files.ts';
import { IS_DATA, type OnnxModel, type OnnxWeights, readOnnxModel } from './model-reader.ts';
import { bytesField, fieldsOf, integerField, joined, OnnxFormatError, type Pieces, textField } from './wire-format.ts';

/** Where a moved tensor's elements are from now on. */
export interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * The same model with its large weights outside the graph, when it is worth it: a large graph that keeps all of its weights inside.
 * What cannot be read here is handed on as it is: the runtime has the last word on a file, and its own formats.
 */
export function splitWhereLarge(files: ModelFiles): ModelFiles {
  if (files.external.length > 0 || files.graph.length < SINGLE_FILE_BYTES_MAX) return files;
  try {
    return splitWeights(files.graph, EXTERNAL_WEIGHT_BYTES_MIN);
  } catch (error) {
    if (error instanceof OnnxFormatError) return files;
    throw error;
  }
}

/** No exporter writes such a location, so it meets none that the graph names already. */
const OWN_BYTES = 'insitu-own-bytes';

/**
 * Points weights of at least `minBytes` at the model's own bytes.
 *
 * @param bytes The model; the answer's external data is a view of it, so it must stay as it is until the session exists.
 * @throws {OnnxFormatError} when the bytes are no ONNX model.
 */
export function splitWeights(bytes: Uint8Array, minBytes: number): ModelFiles {
  const places = new Map<OnnxWeights, ExternalPlace>();
  const model = readOnnxModel(bytes);
  for (const weights of model.weights) {
    const { place } = weights;
    if (place.kind !== 'inline' || place.end - place.start < minBytes) continue;
    places.set(weights, { location: OWN_BYTES, offset: place.start, bytes: place.end - place.start });
  }
  if (places.size === 0) return { graph: bytes, external: [] };
  return { graph: withWeightsAt(bytes, model, places), external: [{ path: OWN_BYTES, data: bytes }] };
}

/** The same model with the named weights in other places, or, where the place is bytes, inside the graph. */
export function withWeightsAt(
  bytes: Uint8Array,
  model: OnnxModel,
  places: ReadonlyMap<OnnxWeights, ExternalPlace | Uint8Array>,
): Uint8Array<ArrayBuffer> {
  const { graph } = model;
  const pieces: Uint8Array[] = [];
  let keptFrom = graph.valueStart;
  for (const [weights, place] of [...places].sort(([a], [b]) => a.start - b.start)) {
    pieces.push(bytes.subarray(keptFrom, weights.start), ...tensorAt(bytes, weights, place));
    keptFrom = weights.end;
  }
  pieces.push(bytes.subarray(keptFrom, graph.end));
  return joined([bytes.subarray(0, graph.start), ...bytesField(7, pieces), bytes.subarray(graph.end)]);
}

function tensorAt(bytes: Uint8Array, weights: OnnxWeights, place: ExternalPlace | Uint8Array): Pieces {
  const [field] = fieldsOf(bytes, weights.start, weights.end);
  if (field === undefined) return [];
  const kept: Uint8Array[] = [];
  for (const part of fieldsOf(bytes, field.valueStart, field.end)) {
    if (!IS_DATA.has(part.number) && part.number !== 13 && part.number !== 14) kept.push(bytes.subarray(part.start, part.end));
  }
  if (place instanceof Uint8Array) return bytesField(5, [...kept, ...bytesField(9, [place])]);
  const entries = Object.entries({ location: place.location, offset: String(place.offset), length: String(place.bytes) });
  return bytesField(5, [
    ...kept,
    ...entries.flatMap(([key, value]) => bytesField(13, [...textField(1, key), ...textField(2, value)])),
    ...integerField(14, 1),
  ]);
}
