/**
 * Samples: the inputs on which a model is tried while it is packed. Those that are stated, those of an earlier manifest, else noise.
 *
 * Invariants
 *  - What is stated of an input is what it holds in every sample; nothing else is made up for it.
 *  - An axis of one name has one length within a sample: what a stated tensor has along it, the others have too.
 *  - What cannot be fed is refused before anything is run.
 *
 * Not here: which numbers are noise (cli/pack/goldens.ts).
 */
import type { OnnxModel } from '../../onnx/model-reader.ts';
import { feedsOf } from '../../processing/golden.ts';
import { MANIFEST_BYTES_MAX } from '../../protocol/limits.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { areDimsAllowed, hasAnyAxes } from '../../protocol/tensors/dims.ts';
import { dataFromNumbers, elementCount, type NumericTensorType } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import { UsageError } from '../terminal/command-error.ts';
import { type Golden, type GoldenInputs, OPEN_AXIS_LENGTHS, rangeOf, sampleDims, sampleInput } from './goldens.ts';
import type { PackOptions, StatedAxis, StatedInput } from './request.ts';
import type { Signature } from './tensors.ts';

export interface SampleSet {
  readonly samples: readonly GoldenInputs[];
  readonly feeds: readonly Feeds[];
}

export interface Samples {
  /** To be tried one after the other, until one can be run. Empty: there is an input that nobody can make samples of. */
  readonly sets: readonly SampleSet[];
  /** Names of axes that nobody gave a length. */
  readonly open: readonly string[];
  readonly notes: readonly string[];
}

/** A sample is written into the manifest, which a page reads before all else: a quarter of it, at some ten characters a number. */
const STATED_COUNT_MAX = MANIFEST_BYTES_MAX / 40;

/** @param count Samples, where nobody states more. @throws {UsageError} when what is stated does not fit. */
export function samplesOf({ inputs }: Signature, model: OnnxModel, options: PackOptions, count: number): Samples {
  const stated = options.stated ?? [];
  for (const one of stated) requireFit(inputs, one);
  const unsampled = inputs.find((input) => !isStated(stated, input) && (input.type === 'string' || hasAnyAxes(input.dims)));
  if (unsampled !== undefined) return { sets: [], open: [], notes: [unsampledNote(unsampled)] };
  const axes = { ...options.axes, ...lengthsAt(inputs, options.statedAxes ?? []) };
  const sampleCount = Math.max(count, ...inputs.map(({ name }) => tensorsOf(stated, name).length));
  const fixed = Array.from({ length: sampleCount }, (_, index) => ({ ...axes, ...statedLengths(inputs, stated, index) }));
  const names = new Set(inputs.flatMap(({ dims }) => dims.filter((axis) => typeof axis === 'string' && axis !== 'batch').map(String)));
  const open = [...names].filter((name) => fixed[0]?.[name] === undefined);
  const setOf = (length: number): SampleSet => {
    const samples = fixed.map((lengths, index) =>
      Object.fromEntries(
        inputs.map((input, at) => {
          const tensor = tensorOfSample(stated, input, index);
          if (tensor !== null && typeof tensor === 'object') return [input.name, tensor];
          const dims = sampleDims(input.dims, lengths, length);
          const range: [number, number] = tensor === null ? rangeOf(input, model) : [tensor, tensor];
          return [input.name, sampleInput(input, dims, range, 1000 * (index + 1) + at)];
        }),
      ),
    );
    return { samples, feeds: feedsOfSamples(samples, inputs) };
  };
  const earlier = stated.length > 0 ? [] : earlierSamples(options, inputs, axes).slice(0, count);
  const made = (open.length > 0 ? OPEN_AXIS_LENGTHS : [1]).map(setOf);
  const guessed = inputs.filter((input) => !isStated(stated, input) && isGuess(input, model)).map(({ name }) => name);
  return {
    sets: earlier.length > 0 ? [{ samples: earlier, feeds: feedsOfSamples(earlier, inputs) }, ...made] : made,
    open,
    notes: earlier.length > 0 || guessed.length === 0 ? [] : [guessNote(guessed)],
  };
}

function feedsOfSamples(samples: readonly GoldenInputs[], inputs: readonly ManifestInput[]): Feeds[] {
  return samples.map((sample) => feedsOf({ inputs: sample }, { inputs: [...inputs] }));
}

function isStated(stated: readonly StatedInput[], { name }: ManifestInput): boolean {
  return stated.some(({ input }) => input === name);
}

type StatedTensor = Exclude<StatedInput['value'], number>;

function tensorsOf(stated: readonly StatedInput[], name: string): readonly StatedTensor[] {
  return stated.flatMap(({ input, value }) => (input === name && typeof value === 'object' ? [value] : []));
}

/** The tensor of the sample, the number in all of its elements, or null where nothing is stated. */
function tensorOfSample(stated: readonly StatedInput[], { name }: ManifestInput, index: number): GoldenInputs[string] | number | null {
  const tensors = tensorsOf(stated, name);
  const tensor = tensors[index % Math.max(1, tensors.length)];
  if (tensor !== undefined) return { dims: [...tensor.dims], data: [...tensor.data] };
  const number = stated.findLast(({ input }) => input === name)?.value;
  return typeof number === 'number' ? number : null;
}

/** Lengths of named axes that the stated tensors of one sample have. */
function statedLengths(inputs: readonly ManifestInput[], stated: readonly StatedInput[], index: number): Record<string, number> {
  const lengths: Record<string, number> = {};
  for (const input of inputs) {
    const tensor = tensorOfSample(stated, input, index);
    if (typeof tensor !== 'object' || tensor === null || hasAnyAxes(input.dims)) continue;
    for (const [at, axis] of input.dims.entries()) if (typeof axis === 'string') lengths[axis] = tensor.dims[at] as number;
  }
  return lengths;
}

function lengthsAt(inputs: readonly ManifestInput[], stated: readonly StatedAxis[]): Record<string, number> {
  return Object.fromEntries(
    stated.flatMap(({ tensor, axis, is }) => {
      const name = inputs.find((input) => input.name === tensor)?.dims[axis];
      return typeof is === 'number' && typeof name === 'string' ? [[name, is]] : [];
    }),
  );
}

/** Golden inputs of the manifest that is packed anew, as long as they fit what the files and the options say now. */
function earlierSamples(
  { previous }: PackOptions,
  inputs: readonly ManifestInput[],
  axes: Readonly<Record<string, number>>,
): GoldenInputs[] {
  const fits = (golden: Golden): boolean =>
    Object.keys(golden.inputs).length === inputs.length &&
    inputs.every(({ name, dims }) => {
      const given = golden.inputs[name]?.dims;
      const isLength = (axis: number | string, at: number) => typeof axis !== 'string' || (axes[axis] ?? given?.[at]) === given?.[at];
      return given !== undefined && areDimsAllowed(dims, given) && dims.every(isLength);
    });
  return (previous?.golden ?? []).filter(fits).map(({ inputs: sample }) => sample);
}

/** @throws {UsageError} */
function requireFit(inputs: readonly ManifestInput[], { input: name, name: called, value }: StatedInput): void {
  const input = inputs.find((each) => each.name === name);
  if (input === undefined)
    throw new UsageError(`--input ${name}: the model has no such input; it has ${inputs.map((each) => each.name).join(', ')}.`);
  if (input.type === 'string') throw new UsageError(`--input ${name} is text, and golden inputs hold numbers: it cannot be stated.`);
  if (typeof value === 'number') {
    if (hasAnyAxes(input.dims)) throw new UsageError(`--input ${name}: its number of axes is open; state a whole tensor, FILE.npy.`);
  } else if (!areDimsAllowed(input.dims, value.dims)) {
    throw new UsageError(`${called} is [${value.dims.join(', ')}]; input "${name}" takes [${input.dims.join(', ')}].`);
  } else if (elementCount(value.dims) > STATED_COUNT_MAX) {
    throw new UsageError(
      `${called} has ${elementCount(value.dims)} numbers; a sample is written into model.json, and may have ${STATED_COUNT_MAX}. Give a smaller one.`,
    );
  }
  const numbers = typeof value === 'number' ? [value] : value.data;
  if (dataFromNumbers(input.type as NumericTensorType, numbers) === null || !numbers.every(Number.isFinite))
    throw new UsageError(`${called} holds a number that is not one of ${input.type}, or not finite. Input "${name}" is ${input.type}.`);
}

function unsampledNote({ name, type }: ManifestInput): string {
  const end = 'no golden outputs, nothing is optimised, and devices run it on wasm, which needs no proof';
  return type === 'string'
    ? `Input "${name}" is text, for which no samples are made: ${end}.`
    : `The file does not say how many axes input "${name}" has, so no samples are made: ${end}. State one: --input ${name}=FILE.npy.`;
}

/** Whole numbers that are no ids of a table in the file: nobody knows what they may be. */
function isGuess(input: ManifestInput, model: OnnxModel): boolean {
  return /int/.test(input.type) && String(rangeOf(input, model)) === '0,1';
}

function guessNote(names: readonly string[]): string {
  return `${names.join(', ')}: whole numbers of which the file does not say what they may be; the samples hold 0 and 1. If others are meant, state them: --input ${names[0]}=VALUE.`;
}
