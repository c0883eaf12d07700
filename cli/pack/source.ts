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
import { withoutZipMaps } from '../../onnx/zip-map.ts';
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
  /** Class names of outputs that were lists of dictionaries, by output. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

/** A weight this large is handed to the runtime beside the graph while packing: the heap of WebAssembly ends at 4 GB. */
const WEIGHT_BYTES_MIN = 1024;

/** @throws {CommandError} */
export async function readSource(input: PackInput): Promise<Source> {
  const { name, id = null } = input;
  const reason = notOnnxReason(input.bytes);
  if (reason !== null) throw new CommandError(`${name} is no ONNX model: ${reason}.`);
  const unpacked = withoutZipMaps(input.bytes, readModel(name, input.bytes));
  const bytes = unpacked?.bytes ?? input.bytes;
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
  return { name, id, onnx: readModel(name, model.graph), model, kind: variantKindOf(onnx), labels: unpacked?.labels ?? new Map() };
}

function readModel(name: string, bytes: Uint8Array): OnnxModel {
  try {
    return readOnnxModel(bytes);
  } catch (error) {
    if (error instanceof OnnxFormatError) throw new CommandError(`${name} cannot be read as an ONNX model: ${error.message}.`);
    throw error;
  }
}

async function readExternal({ name, readExternal }: PackInput, onnx: OnnxModel): Promise<ModelFiles['external']> {
  if (onnx.nestedLocation !== null) {
    throw new CommandError(
      `${name} keeps weights of a branch or a loop in "${onnx.nestedLocation}", which packing cannot move. Save it with its weights inside (onnx.save of a model that was loaded with them).`,
    );
  }
  const files: { path: string; data: Uint8Array }[] = [];
  for (const path of onnx.externalLocations) {
    if (readExternal === undefined)
      throw new CommandError(`${name} keeps weights in "${path}", which was not given. Hand it in with the graph.`);
    const data = await readExternal(path).catch((error) => {
      if (!(error instanceof CommandError)) throw error;
      const others = onnx.externalLocations.length === 1 ? '' : ` and ${onnx.externalLocations.length - 1} more`;
      throw new CommandError(`${name} keeps weights in other files ("${path}"${others}), which belong beside it. ${error.message}`);
    });
    files.push({ path, data });
  }
  return files;
}
