/**
 * The reference: what the most exact of the given files answers to the samples. All goldens and tolerances follow from it.
 *
 * Invariants
 *  - A model that answers the same question in two ways has no goldens, and so has one whose answers are not finite.
 *  - "batch" is an axis along which two samples together are answered as they are one by one; an axis that is not gets another name.
 *
 * Not here: which numbers are samples (cli/pack/goldens.ts).
 */
import { withExactBlocks } from '../../onnx/exact-blocks.ts';
import { readOnnxModel } from '../../onnx/model-reader.ts';
import { firstLine } from '../../protocol/errors.ts';
import { SINGLE_FILE_BYTES_MAX } from '../../protocol/limits.ts';
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { dataFromNumbers, type NumericTensorType, numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorData } from '../../protocol/tensors/tensors.ts';
import { CommandError } from '../terminal/command-error.ts';
import { answersOf, differenceOf, type Golden, type GoldenInputs, goldenOutputs, OPEN_AXIS_LENGTHS, scaleOf } from './goldens.ts';
import type { PackOptions } from './request.ts';
import { type SampleSet, type Samples, samplesOf } from './samples.ts';
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

interface Sampling extends SampleSet {
  readonly answers: readonly Feeds[];
}

/** What an axis is called that looked like the batch and is none. */
const NO_BATCH = 'rows';

/** @throws {CommandError} when the reference cannot be run. */
export async function makeReference(sources: readonly Source[], signature: Signature, options: PackOptions): Promise<Reference> {
  const source = exactReference(sources.at(-1) as Source);
  const notes: string[] = [...signature.notes];
  const earlierCount = options.previous?.golden.length ?? 0;
  const goldenCount = options.goldenCount ?? (earlierCount || (modelBytes(source) < SINGLE_FILE_BYTES_MAX ? 3 : 1));
  const sampleCount = Math.max(goldenCount, (options.isOptimized ?? true) ? 1 : 0);
  const offered = sampleCount === 0 ? NO_OFFER : samplesOf(signature, source.onnx, options, sampleCount);
  notes.push(...offered.notes);
  const sampling = await sampled(source, signature, offered, notes);
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
    golden: goldensOf(options.goldenCount === undefined ? samples : samples.slice(0, goldenCount), answers, notes),
    feeds,
    answers,
    notes,
  };
}

const NO_SAMPLES: Sampling = { samples: [], feeds: [], answers: [] };
const NO_OFFER: Samples = { sets: [], open: [], notes: [] };

/** The first of the samples that can be run, and what the model answers to them. @throws {CommandError} when none can. */
async function sampled(source: Source, signature: Signature, { sets, open, notes: offered }: Samples, notes: string[]): Promise<Sampling> {
  let failure: unknown = null;
  for (const { samples, feeds } of sets) {
    try {
      // The first once more, at the end of the same session: random operators begin anew in each.
      const answers = await answersOf(source.model, 'disabled', [...feeds, ...feeds.slice(0, 1)]);
      if (differenceOf(answers.slice(0, 1), answers.splice(-1)) > 0) {
        notes.push(
          `${source.name} answers the same input in two ways: no golden outputs, nothing is optimised, and devices run it on wasm. Export it without random operators.`,
        );
        return NO_SAMPLES;
      }
      if (open.length > 0) notes.push(openAxesNote(signature, samples[0] ?? {}));
      return { samples, feeds, answers };
    } catch (error) {
      failure ??= error;
    }
  }
  if (sets.length === 0) return NO_SAMPLES;
  if (open.length > 0) throw new CommandError([unrunnableAxes(source.name, open, signature, failure), ...offered].join(' '));
  throw runError(source.name, failure);
}

function openAxesNote({ inputs }: Signature, sample: GoldenInputs): string {
  const open = inputs.flatMap(({ name, dims }) =>
    dims.flatMap((axis, index) =>
      typeof axis === 'string' && axis !== 'batch' ? [`"${axis}" of ${name} (${sample[name]?.dims[index]} in the samples)`] : [],
    ),
  );
  return `Open axes: ${open.join(', ')}. Any length is taken, and each new one costs time on a GPU; --axis NAME=LENGTH chooses the samples' length.`;
}

function unrunnableAxes(name: string, open: readonly string[], { inputs }: Signature, failure: unknown): string {
  const layout = inputs.map((input) => `${input.name} [${input.dims.join(', ')}]`).join(', ');
  const [input] = inputs;
  return `${name} leaves ${open.map((axis) => `"${axis}"`).join(', ')} open (${layout}), and none of the lengths ${OPEN_AXIS_LENGTHS.join(', ')} can be run (${firstLine(failure)}). Say one: --axis ${open[0]}=LENGTH; tell axes apart: --axis ${input?.name}:0=NAME; or state an input: --input ${input?.name}=VALUE or FILE.npy.`;
}

/** True when nothing speaks against it: there is no such axis, there are no samples, or two together give what each gives alone. */
async function batchHolds(source: Source, signature: Signature, { samples, feeds, answers }: Sampling): Promise<boolean> {
  const isBatched = ({ dims }: { readonly dims: ManifestInput['dims'] }): boolean => dims[0] === 'batch';
  const hasBatch = [...signature.inputs, ...signature.outputs].some(({ dims }) => dims.includes('batch'));
  if (!hasBatch || samples.length === 0) return true;
  if (signature.inputs.length === 0) return false;
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
      const joined = { type, dims: [length + (second?.dims[0] ?? 0), ...rest] };
      if (!ArrayBuffer.isView(data)) return [name, { ...joined, data: [...data, ...((second?.data ?? []) as readonly string[])] }];
      const numbers = [...Array.from(numbersOf({ type, dims, data }) ?? []), ...Array.from((second && numbersOf(second)) ?? [])];
      return [name, { ...joined, data: dataFromNumbers(type as NumericTensorType, numbers) as TensorData }];
    }),
  );
}

function goldensOf(samples: readonly GoldenInputs[], answers: readonly Feeds[], notes: string[]): Golden[] {
  const goldens: Golden[] = [];
  for (const [index, inputs] of samples.entries()) {
    const outputs = goldenOutputs(answers[index] as Feeds);
    if (typeof outputs === 'string') {
      notes.push(
        `Output "${outputs}" is not finite for a sample: no golden outputs. Devices run it on wasm. State inputs that the model expects: --input NAME=FILE.npy.`,
      );
      return [];
    }
    if (Object.keys(outputs).length > 0) goldens.push({ inputs, outputs });
  }
  return goldens;
}

/**
 * Weights of 4 bits may ask that what they are multiplied by is rounded to 8 bits, for speed (`accuracy_level` 4): the model itself computes in
 * single precision, and how far the shortcut is from that is the variant's to answer for.
 */
function exactReference(source: Source): Source {
  const graph = withExactBlocks(source.model.graph, source.onnx);
  if (graph === null) return source;
  return { ...source, onnx: readOnnxModel(graph), model: { ...source.model, graph } };
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
