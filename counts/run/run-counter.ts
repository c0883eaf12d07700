/**
 * Run counter: which data cells one run bumps. Built once per model, called once per run, in worker, page and Node alike.
 *
 * Invariants
 *  - Never throws on odd data: an absent, empty, NaN-ridden or wrongly laid out tensor is a cell.
 *  - Keeps nothing between runs but the hashes of counts/run/repeats.ts.
 *  - Two runs whose values fall into the same cells give the same pairs, byte for byte.
 *
 * Not here: cell layout (counts/plans/data-plan.ts), what a kind counts (counts/kinds), the window (counts/tally/window.ts).
 */
import type { Manifest, ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { type Feeds, type TensorWire, tensorNamed } from '../../protocol/tensors/tensors.ts';
import { inputCounterOf, outputCounterOf } from '../kinds/table.ts';
import { inputOf, outputOf } from '../layout/bounds.ts';
import { NEW_CELL, REPEAT_CELL } from '../layout/plan.ts';
import { RunCounts } from '../tally/run-counts.ts';
import { TensorCounts } from '../tally/tensor-counts.ts';
import { Repeats } from './repeats.ts';

/**
 * `onGpu` names inputs and outputs that cannot be read here, because they lie on the GPU: their metrics are left out, and so
 * is repetition when an input is among them. They are not missing, and reading them would cost the copy that they were kept there to save.
 */
export type RunCounter = (feeds: Feeds, outputs: Feeds, onGpu?: OnGpu) => Uint32Array<ArrayBuffer>;

export interface OnGpu {
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
}

const NOTHING: OnGpu = { inputs: new Set(), outputs: new Set() };

type CountIfThere = (tensor: TensorWire | undefined) => void;

/**
 * @param plan `dataPlanOf(manifest)`; handed in because its owner also needs the hash.
 * @param repeats `repeatsOf` the model, where others count it too.
 */
export function createRunCounter(manifest: Manifest, plan: Plan, repeats = new Repeats(manifest.inputs)): RunCounter {
  const counts = new RunCounts(plan.cellCount);
  const inputs = manifest.inputs.map((input): [string, CountIfThere] => [
    input.name,
    inputCounter(input, new TensorCounts(counts, plan, inputOf(input))),
  ]);
  const outputs = manifest.outputs.map((output): [string, CountIfThere] => [
    output.name,
    outputCounter(output, new TensorCounts(counts, plan, outputOf(output))),
  ]);
  return (feeds, results, onGpu = NOTHING) => {
    if (onGpu.inputs.size === 0) counts.bump(repeats.isRepeat(feeds) ? REPEAT_CELL : NEW_CELL);
    for (const [name, count] of inputs) if (!onGpu.inputs.has(name)) count(tensorNamed(feeds, name));
    for (const [name, count] of outputs) if (!onGpu.outputs.has(name)) count(tensorNamed(results, name));
    return counts.take();
  };
}

function inputCounter(input: ManifestInput, counts: TensorCounts): CountIfThere {
  const count = inputCounterOf(input).counterOf(input, counts);
  return (tensor) => {
    if (tensor === undefined) counts.inputState('missing');
    else if (tensor.data.length === 0) counts.inputState('empty');
    else if (!count(tensor)) counts.inputState('malformed');
  };
}

function outputCounter(output: ManifestOutput, counts: TensorCounts): CountIfThere {
  const count = outputCounterOf(output).counterOf(output, counts);
  return (tensor) => {
    if (tensor === undefined || tensor.data.length === 0) counts.outputState('null-empty');
    else if (!count(tensor)) counts.outputState('malformed');
  };
}
