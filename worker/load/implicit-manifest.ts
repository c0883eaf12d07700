/**
 * Implicit manifest: what a plain .onnx file without a `model.json` says of itself.
 *
 * Why: a bare file should run too. Its layout is read from the file, by the reader that packs it, too; nothing is known of what its
 * values mean, so each tensor is counted as `numeric` in the universal bins.
 *
 * Invariants
 *  - Derived from the last part of the file's address and its bytes alone, so that every device derives the same text and with
 *    it the same model version. The name of a file that a person opened is not in it: a model version leaves the device.
 *  - `JSON.stringify` of it is a `model.json` that can be registered with a collector or published.
 *  - A classifier's list of dictionaries is handed out as the tensor that it was made of (onnx/zip-map.ts); what else is no tensor is
 *    left out and named.
 *
 * Not here: goldens. A plain file has none, so nobody checks its outputs.
 */
import { withBatchAxis } from '../../onnx/batch-axis.ts';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { type OnnxModel, type OnnxValue, readOnnxModel } from '../../onnx/model-reader.ts';
import { signatureOf } from '../../onnx/signature.ts';
import { OnnxFormatError } from '../../onnx/wire-format.ts';
import { manifestLabels, withoutZipMaps } from '../../onnx/zip-map.ts';
import { SdkError } from '../../protocol/errors.ts';
import type { Manifest, ManifestVariant } from '../../protocol/manifest/manifest.ts';
import type { SessionTensor } from '../runtime/session.ts';
import type { FileFacts } from '../source/file-facts.ts';

/** A plain file as it is run, and what it says of itself. */
export interface PlainFile {
  /** Its maps are unpacked. */
  readonly files: ModelFiles;
  /** Null: a format that only the runtime reads, as ONNX Runtime's own. */
  readonly onnx: Pick<OnnxModel, 'inputs' | 'outputs'> | null;
  /** Class names of outputs, where the file has them. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

export function readPlainFile({ graph, external }: ModelFiles): PlainFile {
  try {
    const onnx = readOnnxModel(graph);
    const unpacked = withoutZipMaps(graph, onnx);
    if (unpacked === null) return { files: { graph, external }, onnx, labels: new Map() };
    return { files: { graph: unpacked.bytes, external }, onnx: readOnnxModel(unpacked.bytes), labels: unpacked.labels };
  } catch (error) {
    if (error instanceof OnnxFormatError) return { files: { graph, external }, onnx: null, labels: new Map() };
    throw error;
  }
}

/** The one variant of a plain file. wasm first: without goldens nobody would notice a GPU that is wrong. */
export function implicitVariant({ name, bytes, sha256, chunks, external }: FileFacts): ManifestVariant {
  const beside = external.map(({ name: file, path, ...facts }) => ({ path, file, ...facts }));
  return {
    id: 'onnx',
    quantization: 'fp32',
    file: name,
    bytes,
    sha256,
    chunks,
    ...(beside.length === 0 ? {} : { external: beside }),
    providers: ['wasm', 'webgpu'],
    tolerance: 0,
  };
}

/** A plain file's manifest, and what of the file is not in it. */
interface Implicit {
  readonly manifest: Manifest;
  readonly leftOut: readonly string[];
}

/**
 * @param session What the runtime says of the file: asked where the file is of a format that only the runtime reads.
 * @throws {SdkError} `model-not-onnx` when an input cannot be fed by a page, or no output is a tensor.
 */
export function implicitManifest(
  facts: FileFacts,
  { onnx, labels }: PlainFile,
  session: { readonly inputs: readonly SessionTensor[]; readonly outputs: readonly SessionTensor[] },
  url: string,
): Implicit {
  const signature = signatureOf(onnx ?? { inputs: session.inputs.map(fileValueOf), outputs: session.outputs.map(fileValueOf) });
  if (typeof signature === 'string') throw new SdkError('model-not-onnx', { url, reason: signature });
  const { inputs, outputs, leftOut } = withBatchAxis(signature);
  const manifest: Manifest = {
    schema: 1,
    name: facts.name,
    version: facts.sha256.slice(0, 12),
    licence: 'unknown',
    variants: [implicitVariant(facts)],
    inputs: inputs.map((tensor) => ({ ...tensor, kind: 'numeric' })),
    outputs: outputs.map((tensor) => ({ ...tensor, kind: 'numeric', ...manifestLabels(labels.get(tensor.name)) })),
    golden: [],
  };
  return { manifest, leftOut };
}

/** The runtime's own words in those of the file: it says 4,294,967,295 of a length that it does not know. */
function fileValueOf({ name, type, dims }: SessionTensor): OnnxValue {
  const form = dims === null ? 'unknown' : 'tensor';
  return { name, form, type, dims: dims?.map((axis) => (axis === '' || axis === UNKNOWN_LENGTH ? null : axis)) ?? null };
}

const UNKNOWN_LENGTH = 2 ** 32 - 1;
