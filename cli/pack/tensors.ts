/**
 * Inputs and outputs of the packed manifest: what the files say, and what a person said of them before.
 *
 * Invariants
 *  - All variants have one signature: a page calls the model, not the variant.
 *  - A first axis that is open and called as exporters call the batch, or not at all, is "batch". Whether it really is one is tried
 *    by running two samples together (cli/pack/reference.ts).
 *  - Names and types come from the files; kinds and everything that says what values mean come from the earlier manifest.
 */

import type { OnnxValue } from '../../onnx/model-reader.ts';
import type { Manifest, ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import type { Source } from './source.ts';

export interface Signature {
  readonly inputs: readonly ManifestInput[];
  readonly outputs: readonly ManifestOutput[];
}

const BATCH_NAME = /^(n|b|bs|batch([_ -]?size)?|unk__\d+)$/i;

/** @throws {CommandError} when the files differ from each other, or hold what cannot cross to a page. */
export function signatureOf(sources: readonly Source[], previous: Manifest | null): Signature {
  const reference = sources.at(-1);
  if (reference === undefined) throw new UsageError('There is no ONNX file to pack. Name one.');
  for (const source of sources) requireAlike(reference, source);
  const { inputs, outputs } = reference.onnx;
  if (inputs.length === 0)
    throw new CommandError(`${reference.name} has no input: all that it lists are weights. Export it with its inputs.`);
  if (outputs.length === 0) throw new CommandError(`${reference.name} has no output. Export it with its outputs.`);
  const batchNames = new Set(inputs.flatMap(({ dims }) => (typeof dims?.[0] === 'string' && BATCH_NAME.test(dims[0]) ? [dims[0]] : [])));
  const tensor = (value: OnnxValue) => tensorOf(reference.name, value, batchNames);
  return {
    inputs: inputs.map((value) => ({ kind: 'numeric', ...earlier(previous?.inputs, value), ...tensor(value) })),
    outputs: outputs.map((value) => ({ kind: 'numeric', ...earlier(previous?.outputs, value), ...tensor(value) })),
  };
}

/** What a person said of this tensor, as long as it has as many axes as then. */
function earlier<T extends { readonly name: string; readonly dims: readonly unknown[] }>(
  tensors: readonly T[] | undefined,
  { name, dims }: OnnxValue,
): Partial<T> {
  const known = tensors?.find((tensor) => tensor.name === name);
  return known === undefined || (dims !== null && dims.length !== known.dims.length) ? {} : known;
}

function tensorOf(
  file: string,
  { name, type, dims }: OnnxValue,
  batchNames: ReadonlySet<string>,
): Pick<ManifestInput, 'name' | 'type' | 'dims'> {
  if (type === null) {
    throw new CommandError(
      `"${name}" of ${file} is not a tensor of a type that a page can hold (float32, int64 …). Cast it, or leave that output away, when exporting.`,
    );
  }
  if (dims === null) {
    throw new CommandError(
      `${file} does not say how many axes "${name}" has. Run shape inference on it (onnx.shape_inference.infer_shapes) and pack again.`,
    );
  }
  const axisOf = (axis: number | string | null, index: number): number | string => {
    if (typeof axis === 'number') return axis;
    if (axis === null) return index === 0 ? 'batch' : `axis${index}`;
    return batchNames.has(axis) ? 'batch' : axis;
  };
  return { name, type, dims: dims.map(axisOf) };
}

function requireAlike(reference: Source, source: Source): void {
  for (const side of ['inputs', 'outputs'] as const) {
    for (const expected of reference.onnx[side]) {
      const actual = source.onnx[side].find(({ name }) => name === expected.name);
      const what = `${side === 'inputs' ? 'input' : 'output'} "${expected.name}"`;
      if (actual === undefined)
        throw new CommandError(`${source.name} has no ${what}, which ${reference.name} has. Variants are one model: pack others apart.`);
      if (actual.type !== expected.type) {
        throw new CommandError(
          `${what} is ${actual.type} in ${source.name} and ${expected.type} in ${reference.name}. Convert with the ends kept as they are (keep_io_types=True).`,
        );
      }
    }
    if (source.onnx[side].length !== reference.onnx[side].length) {
      throw new CommandError(`${source.name} has other ${side} than ${reference.name}. Variants are one model: pack others apart.`);
    }
  }
}
