/**
 * Outputs: the declared steps, run on each item of a batch.
 *
 * Invariants
 *  - Arithmetic in double precision; what comes out as values is rounded once to float32.
 *  - NaN is never the best of anything: it is left out of lists and of boxes.
 *
 * Not here: boxes (processing/outputs/boxes.ts), what is counted (the raw outputs).
 */

import { SdkError } from '../../protocol/errors.ts';
import type { Manifest, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { hasItemAxis, type ManifestBoxesStep, type ManifestPickStep, type ManifestStep } from '../../protocol/manifest/postprocess.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import type { LabelScore, OutputItem } from '../../protocol/worker/results.ts';
import type { Placement } from '../image/fit.ts';
import { sigmoid, softmax } from './activations.ts';
import { itemBoxes } from './boxes.ts';

/** One output's values, cut into the items of the batch. */
interface OutputRows {
  /** Of one item. */
  readonly dims: readonly number[];
  readonly items: readonly Float64Array[];
}

/** @throws {SdkError} `run-failed` when an output that is needed is missing or has other axes than declared. */
export function itemsOf(
  manifest: Manifest,
  name: string,
  outputs: Feeds,
  placements: ReadonlyMap<string, readonly Placement[]>,
): readonly OutputItem[] {
  const output = manifest.outputs.find((known) => known.name === name) as ManifestOutput;
  const steps = output.postprocess?.steps ?? [];
  const hasBatch = hasItemAxis(output);
  const rows = outputRows(manifest, name, outputs, hasBatch);
  const last = steps.at(-1);
  if (last?.kind === 'boxes') return boxesOf(output, last, rows, { manifest, outputs, placements });
  return rows.items.map((values) => {
    for (const step of steps) activate(step, values, rows.dims.at(-1) ?? 1);
    return last === undefined || last.kind === 'softmax' || last.kind === 'sigmoid'
      ? { kind: 'values', dims: rows.dims, values: Float32Array.from(values) }
      : { kind: 'top', top: pick(last, values, last.labels ?? output.labels ?? []) };
  });
}

/** What the outputs of one run are read with. */
interface RunContext {
  readonly manifest: Manifest;
  readonly outputs: Feeds;
  /** Of each image input that was fed pictures. */
  readonly placements: ReadonlyMap<string, readonly Placement[]>;
}

function boxesOf(
  output: ManifestOutput,
  step: ManifestBoxesStep,
  rows: OutputRows,
  { manifest, outputs, placements }: RunContext,
): readonly OutputItem[] {
  const hasBatch = hasItemAxis(output);
  const named = (other: string | undefined) => (other === undefined ? null : outputRows(manifest, other, outputs, hasBatch));
  const [scores, classes] = 'output' in step.scores ? [named(step.scores.output), named(step.scores.classOutput)] : [null, null];
  const input =
    manifest.inputs.find((known) => (step.input === undefined ? known.preprocess?.kind === 'image' : known.name === step.input)) ??
    manifest.inputs.find(({ kind }) => kind === 'image');
  const labels = step.labels ?? output.labels ?? [];
  return rows.items.map((values, index) => ({
    kind: 'boxes',
    boxes: itemBoxes(step, { values, dims: rows.dims }, partOf(scores, index), partOf(classes, index), {
      input,
      placement: input === undefined ? undefined : placements.get(input.name)?.[index],
      labels,
    }),
  }));
}

function partOf(rows: OutputRows | null, index: number): { readonly values: Float64Array; readonly dims: readonly number[] } | null {
  const values = rows?.items[index];
  return rows === null || values === undefined ? null : { values, dims: rows.dims };
}

/** An output as double precision numbers, cut along its first axis where that counts items. */
function outputRows({ outputs: declared }: Manifest, name: string, outputs: Feeds, hasBatch: boolean): OutputRows {
  const tensor = outputs[name];
  const numbers = tensor === undefined || !declared.some((known) => known.name === name) ? null : numbersOf(tensor);
  if (tensor === undefined || numbers === null) {
    throw new SdkError('run-failed', { reason: `output "${name}" is not there or holds no numbers` });
  }
  const values = Float64Array.from(numbers);
  const count = hasBatch ? (tensor.dims[0] ?? 0) : 1;
  const length = values.length / Math.max(1, count);
  return {
    dims: hasBatch ? tensor.dims.slice(1) : tensor.dims,
    items: Array.from({ length: count }, (_, index) => values.subarray(index * length, (index + 1) * length)),
  };
}

/** In place, row by row of the last axis. */
function activate(step: ManifestStep, values: Float64Array, rowLength: number): void {
  if (step.kind === 'sigmoid') for (let at = 0; at < values.length; at++) values[at] = sigmoid(values[at] as number);
  if (step.kind === 'softmax') for (let start = 0; start < values.length; start += rowLength) softmax(values, start, rowLength, 1);
}

/** Best first; of equal scores the lower index. */
function pick(step: ManifestPickStep, values: Float64Array, labels: readonly string[]): readonly LabelScore[] {
  const least = step.kind === 'threshold' ? step.min : -Infinity;
  const indices: number[] = [];
  for (let index = 0; index < values.length; index++) if ((values[index] as number) >= least) indices.push(index);
  indices.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
  const count = step.kind === 'top-k' ? step.k : step.kind === 'arg-max' ? 1 : indices.length;
  return indices.slice(0, count).map((index) => ({ index, label: labels[index] ?? null, score: values[index] as number }));
}
