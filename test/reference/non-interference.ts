/**
 * Non-interference, the body of the proof: pairs whose cells are equal by the reference give identical egress.
 *
 * Goal: what leaves the page depends on the cells of inputs and outputs, their repetition included, and on nothing else of
 * them. Method: pairs of run sequences (pairs.ts) go through the real counter, telemetry, outbox and exporter; everything
 * that is requested, stored and logged is compared line by line. The counter's own cells are compared with the
 * reference's, run by run, so that the reference and the kernels check each other.
 *
 * Not here: sizes (test/unit/counts/non-interference.test.ts, test/prove/non-interference.prove.test.ts).
 */
import fc from 'fast-check';
import { planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { cellsOfFeedback } from '../../counts/plans/feedback.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { type EgressModel, egressOf } from './egress.ts';
import { areEqual, type Counts, type Draw, drawsOf, type Pair, type PairVerdict, type Sequence } from './pairs.ts';
import { type CountedRun, type Product, REAL_PRODUCT } from './product.ts';
import type { Proof } from './proofs.ts';

/** Draws by what became of them. */
export type DrawCounts = Record<'pairs' | Extract<PairVerdict, string>, number>;

export interface ProofOptions {
  readonly pairCount: number;
  readonly seed: number;
  /** Another one only to show that the comparison catches it. */
  readonly product?: Product;
  /** Whether the counter's cells must be the reference's. */
  readonly isReferenceHeld?: boolean;
}

/** Cells in words, from the counter's pairs of index and count. */
function wordsOf(plan: Plan, pairs: Uint32Array): Counts {
  const words = new Map<string, number>();
  for (let at = 0; at < pairs.length; at += 2) {
    const cell = pairs[at] as number;
    const metric = plan.metrics.find(({ offset, cells }) => cell >= offset && cell < offset + cells.length);
    words.set(`${metric?.id}|${metric?.cells[cell - metric.offset]}`, pairs[at + 1] as number);
  }
  return words;
}

function differences(expected: Counts, actual: Counts): string[] {
  const cells = [...new Set([...expected.keys(), ...actual.keys()])];
  return cells
    .filter((cell) => expected.get(cell) !== actual.get(cell))
    .map((cell) => `${cell}: reference ${expected.get(cell) ?? 0}, kernel ${actual.get(cell) ?? 0}`);
}

/** Counts a sequence with a counter of its own, and holds every run against the reference. */
function countSequence(product: Product, model: EgressModel, { runs, counts }: Sequence, isHeldAgainst: boolean): CountedRun[] {
  const counter = product.counterOf(model.manifest, model.plan);
  return runs.map((run, index) => {
    if (run.failure !== undefined) return { run, cells: new Uint32Array(), feedbackCells: null };
    const cells = counter(run.feeds, run.outputs);
    const feedbackCells = run.feedback === undefined ? null : cellsOfFeedback(model.manifest, model.plan, run.outputs, run.feedback);
    const words = new Map([...wordsOf(model.plan, cells), ...wordsOf(model.plan, feedbackCells ?? new Uint32Array())]);
    const wanted = counts[index] as Counts;
    if (isHeldAgainst && !areEqual(words, wanted)) {
      throw new Error(`run ${index} is counted otherwise:\n${differences(wanted, words).join('\n')}`);
    }
    return { run, cells, feedbackCells };
  });
}

async function compareEgress(options: ProofOptions, model: EgressModel, { first, second }: Pair): Promise<void> {
  const { product = REAL_PRODUCT, isReferenceHeld = true } = options;
  const lines = await egressOf(product, model, countSequence(product, model, first, isReferenceHeld));
  const twinLines = await egressOf(product, model, countSequence(product, model, second, isReferenceHeld));
  const at = lines.findIndex((line, index) => line !== twinLines[index]);
  if (lines.length === twinLines.length && at === -1) return;
  throw new Error(`egress differs at line ${at}:\n${lines[at]}\n${twinLines[at]}`);
}

async function modelsOf(manifests: readonly Manifest[]): Promise<Map<Manifest, EgressModel>> {
  const models = new Map<Manifest, EgressModel>();
  for (const manifest of manifests) {
    const plan = dataPlanOf(manifest);
    models.set(manifest, { manifest, plan, planHash: await planHash(plan) });
  }
  return models;
}

/**
 * Proves one proof.
 *
 * @returns How many pairs were compared, and how many draws gave none, by reason.
 */
export async function prove(proof: Proof, options: ProofOptions): Promise<DrawCounts> {
  const manifests = proof.manifests();
  const models = await modelsOf(manifests);
  const draws: DrawCounts = { pairs: 0, 'near-edge': 0, 'same-bytes': 0, 'other-repeats': 0 };
  const property = fc.asyncProperty(drawsOf(manifests), async (draw: Draw) => {
    const pair = proof.pairOf(draw);
    draws[typeof pair === 'string' ? pair : 'pairs']++;
    fc.pre(typeof pair !== 'string');
    await compareEgress(options, models.get(draw.manifest) as EgressModel, pair as Pair);
  });
  await fc.assert(property, {
    numRuns: options.pairCount,
    seed: options.seed,
    includeErrorInReport: true,
    // What is meant to fail need not be made small.
    endOnFailure: options.product !== undefined,
  });
  return draws;
}

/** One line: pairs, acceptance, and why draws gave none. */
export function drawsText(proof: Proof, draws: DrawCounts): string {
  const { pairs, ...rest } = draws;
  const drawn = Object.values(draws).reduce((sum, count) => sum + count, 0);
  const reasons = Object.entries(rest).map(([reason, count]) => `${reason} ${count}`);
  return `${proof.name}: ${pairs} pairs of ${drawn} draws (${((100 * pairs) / drawn).toFixed(1)} %); ${reasons.join(', ')}\n`;
}
