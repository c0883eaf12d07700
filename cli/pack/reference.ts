/**
 * The reference: what the most exact of the given files answers to the samples. All goldens and tolerances follow from it.
 *
 * Invariants
 *  - A model that answers the same question in two ways has no goldens, and so has one whose answers are not finite.
 *  - "batch" is an axis along which two samples together are answered as they are one by one; an axis that is not gets another name.
 *
 * Not here: which numbers are samples (cli/pack/goldens.ts).
 */
import { feedsOf } from '../../processing/golden.ts';
import { firstLine } from '../../protocol/errors.ts';
import { SINGLE_FILE_BYTES_MAX } from '../../protocol/limits.ts';
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { dataFromNumbers, type NumericTensorType, numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorData } from '../../protocol/tensors/tensors.ts';
import { CommandError } from '../terminal/command-error.ts';
import {
  answersOf,
  differenceOf,
  type Golden,
  type GoldenInputs,
  goldenOutputs,
  OPEN_AXIS_LENGTHS,
  sampleDims,
  sampleInputs,
  scaleOf,
} from './goldens.ts';
import type { PackOptions } from './request.ts';
import type { Source } from './source.ts';
import type { Signature } from './tensors.ts';

export interface Reference {
  readonly inputs: ManifestInput[];
  readonly outputs: ManifestOutput[];
  readonly golden: Golden[];
  readonly feeds: readonly Feeds[];
  /** What it answers to the feeds. */
  readonly answers: readonly Feeds[];
  readonly notes: readonly string[];
}

interface Sampling {
  readonly samples: readonly GoldenInputs[];
  readonly feeds: readonly Feeds[];
  readonly answers: readonly Feeds[];
}

interface SampleRequest {
  /** Lengths of open axes. */
  readonly axes: Readonly<Record<string, number>>;
  /** Of the manifest that is packed anew; tried before any that are made here. */
  readonly earlier: readonly GoldenInputs[];
  readonly count: number;
}

/** What an axis is called that looked like the batch and is none. */
const NO_BATCH = 'rows';

/** @throws {CommandError} when the reference cannot be run. */
export async function makeReference(sources: readonly Source[], signature: Signature, options: PackOptions): Promise<Reference> {
  const source = sources.at(-1) as Source;
  const notes: string[] = [];
  const earlier = earlierSamples(options, signature);
  const goldenCount = options.goldenCount ?? (earlier.length || (modelBytes(source) < SINGLE_FILE_BYTES_MAX ? 3 : 1));
  const sampleCount = Math.max(goldenCount, (options.isOptimized ?? true) ? 1 : 0);
  const text = signature.inputs.find(({ type }) => type === 'string');
  if (text !== undefined)
    notes.push(`Input "${text.name}" is text, for which no samples are made: no golden outputs, and nothing is optimised.`);
  const isSampled = sampleCount > 0 && text === undefined;
  const sampling = isSampled
    ? await sample(source, signature, { axes: options.axes ?? {}, earlier: earlier.slice(0, sampleCount), count: sampleCount }, notes)
    : NO_SAMPLES;
  const { samples, feeds, answers } = sampling;
  const isBatch = await batchHolds(source, signature, sampling);
  if (!isBatch)
    notes.push(
      `Two samples together are not answered as they are one by one, so the axis "batch" is called "${NO_BATCH}" and nobody will batch along it.`,
    );
  const named = <T extends ManifestInput | ManifestOutput>(tensor: T): T =>
    isBatch ? tensor : { ...tensor, dims: tensor.dims.map((axis) => (axis === 'batch' ? NO_BATCH : axis)) };
  return {
    inputs: signature.inputs.map(named),
    outputs: signature.outputs.map(named),
    golden: goldensOf(samples.slice(0, goldenCount), answers, notes),
    feeds,
    answers,
    notes,
  };
}

const NO_SAMPLES: Sampling = { samples: [], feeds: [], answers: [] };

async function sample(source: Source, signature: Signature, { axes, earlier, count }: SampleRequest, notes: string[]): Promise<Sampling> {
  const open = new Set(signature.inputs.flatMap(({ dims }) => dims.filter((axis) => typeof axis === 'string' && axis !== 'batch')));
  const isOpen = [...open].some((axis) => axes[axis as string] === undefined);
  const lengths = isOpen ? OPEN_AXIS_LENGTHS : [1];
  const kinds: (() => readonly GoldenInputs[])[] = lengths.map((length) => () => {
    const dimsOf = ({ dims }: ManifestInput) => sampleDims(dims, axes, length);
    return Array.from({ length: count }, (_, index) => sampleInputs(signature.inputs, source.onnx, dimsOf, index));
  });
  if (earlier.length > 0) kinds.unshift(() => earlier);
  let failure: unknown = null;
  for (const [index, make] of kinds.entries()) {
    const samples = make();
    const feeds = samples.map((inputs) => feedsOf({ inputs }, signature));
    try {
      // The first once more, at the end of the same session: random operators begin anew in each.
      const answers = await answersOf(source.model, 'disabled', [...feeds, ...feeds.slice(0, 1)]);
      if (differenceOf(answers.slice(0, 1), answers.splice(-1)) > 0) {
        notes.push(
          `${source.name} answers the same input in two ways: no golden outputs, and nothing is optimised. Export it without random operators.`,
        );
        return NO_SAMPLES;
      }
      if (isOpen) notes.push(openAxesNote(signature, samples[0] ?? {}));
      return { samples, feeds, answers };
    } catch (error) {
      failure ??= error;
      if (index === kinds.length - 1 && isOpen) throw new CommandError(unrunnableAxes(source.name, [...open].map(String), failure));
    }
  }
  throw runError(source.name, failure);
}

/** Golden inputs of the manifest that is packed anew, as long as they fit. */
function earlierSamples({ previous }: PackOptions, { inputs }: Signature): GoldenInputs[] {
  const fits = (golden: Golden): boolean =>
    Object.keys(golden.inputs).length === inputs.length &&
    inputs.every(({ name, dims }) => {
      const given = golden.inputs[name]?.dims;
      return given?.length === dims.length && dims.every((axis, index) => typeof axis === 'string' || axis === given[index]);
    });
  return (previous?.golden ?? []).filter(fits).map(({ inputs: sample }) => sample);
}

function openAxesNote({ inputs }: Signature, sample: GoldenInputs): string {
  const open = inputs.flatMap(({ name, dims }) =>
    dims.flatMap((axis, index) =>
      typeof axis === 'string' && axis !== 'batch' ? [`"${axis}" of ${name} (${sample[name]?.dims[index]} in the samples)`] : [],
    ),
  );
  return `Open axes: ${open.join(', ')}. Any length is taken, and each new one costs time on a GPU; --axis NAME=LENGTH chooses the samples' length.`;
}

function unrunnableAxes(name: string, axes: readonly string[], failure: unknown): string {
  return `${name} leaves ${axes.map((axis) => `"${axis}"`).join(', ')} open, and none of the lengths ${OPEN_AXIS_LENGTHS.join(', ')} can be run (${firstLine(failure)}). Say one: --axis ${axes[0]}=LENGTH, or fix the axis when exporting.`;
}

/** True when nothing speaks against it: there is no such axis, there are no samples, or two together give what each gives alone. */
async function batchHolds(source: Source, signature: Signature, { samples, feeds, answers }: Sampling): Promise<boolean> {
  const isBatched = ({ dims }: { readonly dims: ManifestInput['dims'] }): boolean => dims[0] === 'batch';
  const hasBatch = [...signature.inputs, ...signature.outputs].some(({ dims }) => dims.includes('batch'));
  const [first] = samples;
  if (!hasBatch || first === undefined) return true;
  if (!signature.inputs.every(isBatched) || !signature.outputs.every(isBatched)) return false;
  const [one, other] = [feeds[0] as Feeds, feeds[1] ?? (feeds[0] as Feeds)];
  const wanted = together(answers[0] as Feeds, answers[1] ?? (answers[0] as Feeds));
  try {
    const actual = await answersOf(source.model, 'disabled', [together(one, other)]);
    return differenceOf([wanted], actual) <= 1e-4 * Math.max(scaleOf([wanted]), 1e-6);
  } catch {
    return false;
  }
}

/** Two samples along the first axis. */
function together(one: Feeds, other: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(one).map(([name, { type, dims, data }]) => {
      const second = other[name];
      const [length = 1, ...rest] = dims;
      const numbers = [...Array.from(numbersOf({ type, dims, data }) ?? []), ...Array.from((second && numbersOf(second)) ?? [])];
      return [
        name,
        { type, dims: [length + (second?.dims[0] ?? 0), ...rest], data: dataFromNumbers(type as NumericTensorType, numbers) as TensorData },
      ];
    }),
  );
}

function goldensOf(samples: readonly GoldenInputs[], answers: readonly Feeds[], notes: string[]): Golden[] {
  const goldens: Golden[] = [];
  for (const [index, inputs] of samples.entries()) {
    const outputs = goldenOutputs(answers[index] as Feeds);
    if (typeof outputs === 'string') {
      notes.push(
        `Output "${outputs}" is not finite for a sample: no golden outputs. Write golden inputs that the model expects into model.json and pack again.`,
      );
      return [];
    }
    if (Object.keys(outputs).length > 0) goldens.push({ inputs, outputs });
  }
  return goldens;
}

function modelBytes({ model }: Source): number {
  return model.graph.length + model.external.reduce((sum, { data }) => sum + data.length, 0);
}

export async function orRunError<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw runError(name, error);
  }
}

/** The runtime's sentence and ours. */
function runError(name: string, error: unknown): CommandError {
  const reason = firstLine(error);
  const operator = /([\w.]*):(\w+)\(-?\d+\) is not a registered function\/op|Could not find an implementation for (\w+)/.exec(reason);
  if (operator !== null) {
    return new CommandError(
      `${name}: the runtime has no operator ${operator[3] ?? `${operator[1] || 'ai.onnx'}:${operator[2]}`} (${reason}). Export with standard operators, opset 21 or lower, or quantize in a form that onnxruntime-web runs.`,
    );
  }
  return new CommandError(`${name} cannot be run: ${reason}. Try it in onnxruntime itself, and export it again.`);
}
