/**
 * Sources: ONNX files as they come from an exporter, read and judged before anything is made of them.
 *
 * Invariants
 *  - What cannot be packed is refused here, with one sentence that says what to do about it.
 *  - Weights stay where they are: the graph points at them.
 */

import { notOnnxReason } from '../../onnx/file-signature.ts';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { type OnnxModel, readOnnxModel } from '../../onnx/model-reader.ts';
import { splitWeights } from '../../onnx/weight-split.ts';
import { OnnxFormatError } from '../../onnx/wire-format.ts';
import { MODEL_BYTES_MAX } from '../../protocol/limits.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { PackInput } from './request.ts';
import { type VariantKind, variantKindOf } from './variant.ts';

export interface Source {
  readonly name: string;
  readonly id: string | null;
  readonly onnx: OnnxModel;
  readonly model: ModelFiles;
  readonly kind: VariantKind;
}

/** A weight this large is handed to the runtime beside the graph while packing: the heap of WebAssembly ends at 4 GB. */
const WEIGHT_BYTES_MIN = 1024;

/** @throws {CommandError} */
export async function readSource(input: PackInput): Promise<Source> {
  const { name, bytes, id = null } = input;
  const reason = notOnnxReason(bytes);
  if (reason !== null) throw new CommandError(`${name} is no ONNX model: ${reason}.`);
  const onnx = readModel(name, bytes);
  const external = await readExternal(input, onnx);
  const total = bytes.length + external.reduce((sum, { data }) => sum + data.length, 0);
  if (total > MODEL_BYTES_MAX) {
    throw new CommandError(
      `${name} has ${total} bytes with its weights; a browser can hold at most ${MODEL_BYTES_MAX}. Quantize it first.`,
    );
  }
  const own = splitWeights(bytes, WEIGHT_BYTES_MIN);
  const model = { graph: own.graph, external: [...own.external, ...external] };
  return { name, id, onnx: readModel(name, model.graph), model, kind: variantKindOf(onnx) };
}

function readModel(name: string, bytes: Uint8Array): OnnxModel {
  try {
    return readOnnxModel(bytes);
  } catch (error) {
    if (error instanceof OnnxFormatError) throw new CommandError(`${name} cannot be read as an ONNX model: ${error.message}.`);
    throw error;
  }
}

async function readExternal({ name, readExternal }: PackInput, { weights }: OnnxModel): Promise<ModelFiles['external']> {
  const locations = new Set(weights.flatMap(({ place }) => (place.kind === 'external' ? [place.location] : [])));
  const files: { path: string; data: Uint8Array }[] = [];
  for (const path of locations) {
    if (readExternal === undefined)
      throw new CommandError(`${name} keeps weights in "${path}", which was not given. Hand it in with the graph.`);
    files.push({ path, data: await readExternal(path) });
  }
  return files;
}
