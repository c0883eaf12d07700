/**
 * Implicit manifest: what a plain .onnx file without a `model.json` says of itself.
 *
 * Why: a bare file should run too. Its layout is read from the session; nothing is known of what its values mean, so each
 * tensor is counted as `numeric` in the universal bins.
 *
 * Invariants
 *  - Derived from the last part of the file's address and its bytes alone, so that every device derives the same text and with
 *    it the same model version. The name of a file that a person opened is not in it: a model version leaves the device.
 *  - `JSON.stringify` of it is a `model.json` that can be registered with a collector or published.
 *
 * Not here: goldens. A plain file has none, so nobody checks its outputs.
 */
import { SdkError } from '../../protocol/errors.ts';
import type { Manifest, ManifestInput, ManifestVariant } from '../../protocol/manifest/manifest.ts';
import type { SessionTensor } from '../runtime/session.ts';
import type { FileFacts } from '../source/file-facts.ts';

/** The one variant of a plain file. wasm first: without goldens nobody would notice a GPU that is wrong. */
export function implicitVariant(facts: FileFacts): ManifestVariant {
  return {
    id: 'onnx',
    quantization: 'fp32',
    file: facts.name,
    bytes: facts.bytes,
    sha256: facts.sha256,
    chunks: facts.chunks,
    providers: ['wasm', 'webgpu'],
    tolerance: 0,
  };
}

/** What an input and an output of a plain file have in common. */
type NumericTensor = Pick<ManifestInput, 'name' | 'type' | 'dims'> & { kind: 'numeric' };

/** @throws {SdkError} `model-not-onnx` when an input is of a type that cannot cross to the page, or no output is a tensor. */
export function implicitManifest(
  facts: FileFacts,
  inputs: readonly SessionTensor[],
  outputs: readonly SessionTensor[],
  url: string,
): Manifest {
  const refuse = (reason: string) => new SdkError('model-not-onnx', { url, reason });
  const tensors = (side: readonly SessionTensor[]): NumericTensor[] =>
    side.map(({ name, type, dims }) => {
      if (type === null || dims === null) throw refuse(`"${name}" is not a tensor of a supported type`);
      return {
        name,
        type,
        dims: dims.map((axis, index) => (typeof axis === 'string' && axis === '' ? `axis${index}` : axis)),
        kind: 'numeric',
      };
    });
  if (outputs.length === 0) throw refuse('no output is a tensor');
  return {
    schema: 1,
    name: facts.name,
    version: facts.sha256.slice(0, 12),
    licence: 'unknown',
    variants: [implicitVariant(facts)],
    inputs: tensors(inputs),
    outputs: tensors(outputs),
    golden: [],
  };
}
