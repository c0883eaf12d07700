/**
 * Inputs and outputs of the packed manifest: what the files say, and what a person said of them before.
 *
 * Invariants
 *  - All variants have one signature: a page calls the model, not the variant.
 *  - A first axis that is open and called as exporters call the batch, or not at all, is "batch". Whether it really is one is tried
 *    by running two samples together (cli/pack/reference.ts).
 *  - Names and types come from the files; kinds and everything that says what values mean come from the earlier manifest. So do the names of
 *    axes that the files leave without one; what whoever packs says of an axis goes before both.
 *
 * Not here: how a file's own words are read, and which outputs are left out (onnx/signature.ts).
 */

import type { OnnxValue } from '../../onnx/model-reader.ts';
import { type SignatureTensor, signatureOf as signatureOfModel } from '../../onnx/signature.ts';
import { manifestLabels } from '../../onnx/zip-map.ts';
import type { Manifest, ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import type { StatedAxis } from './request.ts';
import type { Source } from './source.ts';

export interface Signature {
  readonly inputs: readonly ManifestInput[];
  readonly outputs: readonly ManifestOutput[];
  /** Sentences on what is not as the file has it. */
  readonly notes: readonly string[];
}

const BATCH_NAME = /^(n|b|bs|batch([_ -]?size)?|unk__\d+)$/i;

/** @throws {CommandError} when the files differ from each other, or hold what cannot cross to a page. */
export function signatureOf(sources: readonly Source[], previous: Manifest | null, stated: readonly StatedAxis[] = []): Signature {
  const reference = sources.at(-1);
  if (reference === undefined) throw new UsageError('There is no ONNX file to pack. Name one.');
  for (const source of sources) requireAlike(reference, source);
  const known = [...(previous?.inputs ?? []), ...(previous?.outputs ?? [])];
  const nameOpen = ({ name, dims }: OnnxValue, axis: number): string => {
    const earlier = known.find((tensor) => tensor.name === name && tensor.dims.length === dims?.length)?.dims[axis];
    if (typeof earlier === 'string') return earlier;
    return axis === 0 ? 'batch' : `axis${axis}`;
  };
  const read = signatureOfModel(reference.onnx, nameOpen);
  if (typeof read === 'string') throw new CommandError(`${reference.name}: ${read}.`);
  requireTensors(stated, [...read.inputs, ...read.outputs]);
  const isBatch = (axis: unknown): axis is string => typeof axis === 'string' && BATCH_NAME.test(axis);
  const batchNames = new Set<number | string>(read.inputs.flatMap(({ dims }) => dims.slice(0, 1).filter(isBatch)));
  const tensor = ({ name, type, dims }: SignatureTensor): SignatureTensor => ({
    name,
    type,
    dims: dims.map((axis, index) => {
      const said = stated.find((each) => each.tensor === name && each.axis === index && typeof each.is === 'string')?.is;
      return said ?? (batchNames.has(axis) ? 'batch' : axis);
    }),
  });
  return {
    inputs: read.inputs.map((input) => ({ kind: 'numeric', ...earlier(previous?.inputs, input), ...tensor(input) })),
    outputs: read.outputs.map((output) => ({
      kind: 'numeric',
      ...manifestLabels(reference.labels.get(output.name)),
      ...earlier(previous?.outputs, output),
      ...tensor(output),
    })),
    notes: notesOn(reference, read.leftOut),
  };
}

function notesOn({ labels, onnx: { defaults } }: Source, leftOut: readonly string[]): string[] {
  return [
    ...leftOut.map((output) => `Left out: ${output}, which cannot be handed to a page.`),
    ...[...labels].map(
      ([name, classes]) =>
        `Output "${name}" was a dictionary for each row; it is published as the tensor of its scores, in the order ${classes.slice(0, 8).join(', ')}${classes.length > 8 ? ' …' : ''}.`,
    ),
    ...(defaults.length === 0 ? [] : [`Not fed, because the file holds values for them, which are used: ${defaults.join(', ')}.`]),
  ];
}

/** @throws {UsageError} */
function requireTensors(stated: readonly StatedAxis[], tensors: readonly SignatureTensor[]): void {
  for (const { tensor, axis } of stated) {
    const known = tensors.find(({ name }) => name === tensor);
    if (known === undefined)
      throw new UsageError(
        `--axis ${tensor}:${axis}: the model has no tensor "${tensor}"; it has ${tensors.map(({ name }) => name).join(', ')}.`,
      );
    if (axis >= known.dims.length)
      throw new UsageError(`--axis ${tensor}:${axis}: "${tensor}" is [${known.dims.join(', ')}]; axes are counted from 0.`);
    if (typeof known.dims[axis] === 'number')
      throw new UsageError(`--axis ${tensor}:${axis}: that axis always has ${known.dims[axis]} elements, and needs no name.`);
  }
}

/** What a person said of this tensor, as long as it has as many axes as then. */
function earlier<T extends { readonly name: string; readonly dims: readonly unknown[] }>(
  tensors: readonly T[] | undefined,
  { name, dims }: SignatureTensor,
): Partial<T> {
  const known = tensors?.find((tensor) => tensor.name === name);
  return known === undefined || dims.length !== known.dims.length ? {} : known;
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
