/**
 * Goldens: sample inputs of a model, what its reference answers to them, and how far two answers are apart.
 *
 * Invariants
 *  - The same model gives the same samples: noise from a seed, or the inputs of the manifest that is packed anew.
 *  - Whole numbers stay below the rows of the table that they index, so that token ids are ids of the model's own vocabulary.
 *  - Expected outputs come from onnxruntime-web's plain WASM build with every optimisation off.
 *
 * Not here: comparing on a device (processing/golden.ts), what follows from how far a variant is from the reference (cli/pack/quality.ts).
 */
import type { ModelFiles } from '../../onnx/model-files.ts';
import type { OnnxModel } from '../../onnx/model-reader.ts';
import { GOLDEN_OUTPUT_COUNT_MAX } from '../../protocol/limits.ts';
import { goldenInputNumbers } from '../../protocol/manifest/golden-sample.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { elementCount, numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { openNodeSession } from '../runtime/node-session.ts';

export type Golden = Manifest['golden'][number];
export type GoldenInputs = Golden['inputs'];

/** Inputs of at most this many elements are written out, so that people and other tools can read them. */
const WRITTEN_COUNT_MAX = 256;
/** Lengths to try on an axis that the model leaves open. Convolutions need some, positions allow few. */
export const OPEN_AXIS_LENGTHS = [8, 16, 32, 64, 128, 224, 1] as const;
/** Operators that hand their first input on with the same values. */
const HANDS_ON = /^(Cast|Identity|Unsqueeze|Squeeze|Reshape|Flatten)$/;

/** Largest lengths of named axes: what the caller fixed, 1 for "batch", `otherLength` for the rest. */
export function sampleDims(dims: ManifestInput['dims'], axes: Readonly<Record<string, number>>, otherLength: number): number[] {
  return dims.map((axis) => (typeof axis === 'number' ? axis : (axes[axis] ?? (axis === 'batch' ? 1 : otherLength))));
}

/** @param index Of the golden: each has seeds of its own. */
export function sampleInputs(
  inputs: readonly ManifestInput[],
  model: OnnxModel,
  dimsOf: (input: ManifestInput) => number[],
  index: number,
): GoldenInputs {
  const samples = inputs.map((input, at) => {
    const noise = { dims: dimsOf(input), seed: 1000 * (index + 1) + at, range: rangeOf(input, model) };
    const isShort = elementCount(noise.dims) <= WRITTEN_COUNT_MAX;
    return [input.name, isShort ? { dims: noise.dims, data: [...goldenInputNumbers(noise, input.type)] } : noise] as const;
  });
  return Object.fromEntries(samples);
}

function rangeOf(input: ManifestInput, model: OnnxModel): [number, number] {
  if (input.type.startsWith('float')) return input.range ?? [-1, 1];
  if (input.type === 'bool') return [0, 1];
  if (/mask/i.test(input.name)) return [1, 1];
  const rows = tableRows(model, input.name);
  return [0, rows === null ? 1 : Math.max(0, rows - 1)];
}

/** Rows of the shortest table that the input's values index, or null when it indexes none that lies in the file. */
function tableRows({ nodes, weights }: OnnxModel, input: string): number | null {
  const lengths = new Map(weights.map(({ name, dims }) => [name, dims[0]]));
  const names = new Set([input]);
  let rows: number | null = null;
  const meet = (table: string | undefined): void => {
    const length = lengths.get(table ?? '');
    if (length !== undefined) rows = Math.min(rows ?? length, length);
  };
  for (const { operator, inputs, outputs } of nodes) {
    const [first = '', second = ''] = inputs;
    if (HANDS_ON.test(operator) && names.has(first)) names.add(outputs[0] ?? '');
    if (/^Gather/.test(operator) && names.has(second)) meet(first);
    if (operator === 'EmbedLayerNormalization' && names.has(first)) meet(inputs[2]);
    if (operator === 'EmbedLayerNormalization' && names.has(second)) meet(inputs[4]);
  }
  return rows;
}

/** What the model answers to each of the feeds. @throws what the runtime throws. */
export async function answersOf(model: ModelFiles, level: 'all' | 'disabled', feeds: readonly Feeds[]): Promise<Feeds[]> {
  const session = await openNodeSession(model, level);
  try {
    const answers: Feeds[] = [];
    for (const each of feeds) answers.push(copied(await session.run(each)));
    return answers;
  } finally {
    await session.release();
  }
}

/** Out of the runtime's reach: its heap is reused by the next session. */
function copied(outputs: Feeds): Feeds {
  const copyOf = ({ data, ...tensor }: TensorWire): TensorWire => ({ ...tensor, data: data.slice() as TensorWire['data'] });
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, copyOf(tensor)]));
}

/** Largest distance of two answers, element by element; Infinity when they are not alike at all. */
export function differenceOf(expected: readonly Feeds[], actual: readonly Feeds[]): number {
  let difference = 0;
  expected.forEach((outputs, index) => {
    for (const [name, tensor] of Object.entries(outputs)) {
      const values = numbersOf(tensor);
      const others = actual[index]?.[name] === undefined ? null : numbersOf(actual[index][name]);
      if (values === null) continue;
      if (others === null || others.length !== values.length) difference = Number.POSITIVE_INFINITY;
      else difference = Math.max(difference, distance(values, others));
    }
  });
  return difference;
}

function distance(values: ArrayLike<number>, others: ArrayLike<number>): number {
  let most = 0;
  for (let index = 0; index < values.length; index++) {
    const [a, b] = [values[index] as number, others[index] as number];
    // Two infinities of one sign, or two NaN, are alike.
    if (Object.is(a, b) || a === b) continue;
    most = Math.max(most, Number.isNaN(a - b) ? Number.POSITIVE_INFINITY : Math.abs(a - b));
  }
  return most;
}

/** Largest magnitude among the outputs. */
export function scaleOf(answers: readonly Feeds[]): number {
  let scale = 0;
  for (const outputs of answers) {
    for (const tensor of Object.values(outputs)) {
      const values = numbersOf(tensor) ?? [];
      for (let index = 0; index < values.length; index++) {
        const magnitude = Math.abs(values[index] as number);
        if (Number.isFinite(magnitude) && magnitude > scale) scale = magnitude;
      }
    }
  }
  return scale;
}

/** The outputs as the manifest keeps them, or the name of one that holds a value which JSON has no word for. */
export function goldenOutputs(outputs: Feeds): Golden['outputs'] | string {
  const kept: Golden['outputs'] = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    const values = numbersOf(tensor);
    if (values === null) continue;
    const stride = Math.max(1, Math.ceil(values.length / GOLDEN_OUTPUT_COUNT_MAX));
    const data: number[] = [];
    for (let index = 0; index < values.length; index += stride) data.push(shortened(values[index] as number, tensor.type));
    if (!data.every(Number.isFinite)) return name;
    kept[name] = { dims: [...tensor.dims], data, ...(stride === 1 ? {} : { stride }) };
  }
  return kept;
}

/** As many digits as the type holds; a float32 printed as a double has ten more. */
function shortened(value: number, type: TensorWire['type']): number {
  if (type === 'float32') return Number(value.toPrecision(8));
  return type === 'float16' ? Number(value.toPrecision(5)) : value;
}
