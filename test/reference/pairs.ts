/**
 * Pairs: two sequences of runs whose cells the reference binner finds equal, run by run, and whose bytes differ.
 *
 * Method: draw a few runs, change each by mutations and keep those after which the reference still finds the same cells;
 * then lay both out by one order, so that a run that returns returns in both.
 *
 * Invariants
 *  - The reference alone decides; the product's counters are not asked.
 */
import fc from 'fast-check';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { cellsOfRun, type Run, type RunCells } from './binner.ts';
import { Dice } from './dice.ts';
import type { Feedback } from './feedback-cells.ts';
import { mutated } from './mutations.ts';
import { bitsOf, inputText, RepeatPattern } from './repeats.ts';
import { tensorFor } from './tensors.ts';

/** Mutations that are tried on each run. */
const ATTEMPT_COUNT = 6;
/** Runs of a laid-out sequence: as many as a data report needs at the least. */
export const SEQUENCE_RUN_COUNT = 8;

export interface Draw {
  readonly manifest: Manifest;
  /** One to three. */
  readonly runs: readonly Run[];
  readonly order: readonly number[];
  readonly seed: number;
}

/** What a run bumps, the repetition included: "metric|cell" → count. */
export type Counts = ReadonlyMap<string, number>;

export interface Sequence {
  readonly runs: readonly Run[];
  readonly counts: readonly Counts[];
}

export interface Pair {
  readonly first: Sequence;
  readonly second: Sequence;
}

export type PairVerdict = Pair | 'near-edge' | 'same-bytes' | 'other-repeats';

function runFor(manifest: Manifest): fc.Arbitrary<Run> {
  const side = (tensors: Manifest['inputs'] | Manifest['outputs']) =>
    fc.record(Object.fromEntries(tensors.map((spec) => [spec.name, tensorFor(spec)]))).map(present);
  const wires = { feeds: side(manifest.inputs), outputs: side(manifest.outputs) };
  return manifest.monitor?.feedback === true ? fc.record({ ...wires, feedback: feedbackFor(manifest) }) : fc.record(wires);
}

function present(wires: Readonly<Record<string, TensorWire | undefined>>): Feeds {
  return Object.fromEntries(Object.entries(wires).filter((entry): entry is [string, TensorWire] => entry[1] !== undefined));
}

function feedbackFor({ outputs }: Manifest): fc.Arbitrary<Feedback> {
  const labels = outputs.flatMap((output) => output.labels ?? []);
  const corrected = fc.oneof(fc.constantFrom(...labels), fc.string({ unit: 'grapheme' })).map((label) => ({ corrected: label }));
  return fc.oneof(fc.constantFrom('accepted' as const, 'redone' as const, 'abandoned' as const), corrected);
}

export function drawsOf(manifests: readonly Manifest[]): fc.Arbitrary<Draw> {
  return fc.constantFrom(...manifests).chain((manifest) =>
    fc.record({
      manifest: fc.constant(manifest),
      runs: fc.array(runFor(manifest), { minLength: 1, maxLength: 3 }),
      order: fc.array(fc.nat(2), { minLength: SEQUENCE_RUN_COUNT, maxLength: SEQUENCE_RUN_COUNT }),
      seed: fc.nat(),
    }),
  );
}

export function areEqual(a: Counts, b: Counts): boolean {
  return a.size === b.size && [...a].every(([cell, count]) => b.get(cell) === count);
}

/** One tensor of the run, changed a little, or what was said of it. */
export function changed(run: Run, dice: Dice): Run | null {
  const side = dice.oneOf(run.feedback === undefined ? (['feeds', 'outputs'] as const) : (['feeds', 'outputs', 'feedback'] as const));
  if (side === 'feedback') return { ...run, feedback: { corrected: `label ${dice.below(9)}` } };
  const names = Object.keys(run[side]);
  if (names.length === 0) return null;
  const name = dice.oneOf(names);
  const tensor = mutated(run[side][name] as TensorWire, dice);
  return tensor === null ? null : { ...run, [side]: { ...run[side], [name]: tensor } };
}

/** The run after all changes that left its cells alone. */
function twinOf(manifest: Manifest, run: Run, cells: RunCells, dice: Dice): Run {
  let twin = run;
  for (let attempt = 0; attempt < ATTEMPT_COUNT; attempt++) {
    const candidate = changed(twin, dice);
    if (candidate === null) continue;
    const found = cellsOfRun(manifest, candidate);
    if (!found.isNearEdge && areEqual(found.counts, cells.counts)) twin = candidate;
  }
  return twin;
}

function bytesText(run: Run): string {
  const side = (wires: Feeds) => Object.entries(wires).map(([name, { dims, data }]) => [name, dims, bitsOf(data)]);
  return JSON.stringify([side(run.feeds), side(run.outputs), run.feedback, run.failure]);
}

/** Lays runs out and adds what the earlier ones make of the later ones. */
export function sequenceOf(manifest: Manifest, runs: readonly Run[], cells: readonly RunCells[], order: readonly number[]): Sequence {
  const pattern = new RepeatPattern();
  const laidOut = order.map((at) => at % runs.length);
  return {
    runs: laidOut.map((at) => runs[at] as Run),
    counts: laidOut.map((at) => {
      const repeat = pattern.next(inputText(manifest, (runs[at] as Run).feeds));
      return new Map([...(cells[at] as RunCells).counts, [`run.repeat|${repeat}`, 1]]);
    }),
  };
}

export function pairOf({ manifest, runs, order, seed }: Draw): PairVerdict {
  const dice = new Dice(seed);
  const cells = runs.map((run) => cellsOfRun(manifest, run));
  if (cells.some(({ isNearEdge }) => isNearEdge)) return 'near-edge';
  const twins = runs.map((run, index) => twinOf(manifest, run, cells[index] as RunCells, dice));
  return verdictOn(sequenceOf(manifest, runs, cells, order), sequenceOf(manifest, twins, cells, order));
}

/** A pair, or why it is none: nothing differs, or what is counted does. */
export function verdictOn(first: Sequence, second: Sequence): PairVerdict {
  if (first.runs.every((run, index) => bytesText(run) === bytesText(second.runs[index] as Run))) return 'same-bytes';
  return first.counts.every((counts, index) => areEqual(counts, second.counts[index] as Counts)) ? { first, second } : 'other-repeats';
}
