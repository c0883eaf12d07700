/**
 * Considerations: what became of each candidate of a load, in words that `explain()` shows.
 *
 * Invariants
 *  - Every pair of the manifest has its entry when the load ends, in the order of the rules.
 *
 * Not here: the order in which candidates are tried (chooser.ts, candidates.ts).
 */
import { firstLine, isSdkError } from '../../protocol/errors.ts';
import type { Consideration } from '../../protocol/worker/loading.ts';
import { TOKENIZER_ASSET } from '../prepare/text.ts';
import { type Candidate, isSamePair } from '../trust/candidate.ts';
import { isAsked, ruleOrder } from './candidates.ts';
import { isFileError, type LoadJob } from './load-job.ts';
import { fastest } from './measure.ts';
import { ElsewhereSignal } from './runtime-slot.ts';
import type { Origin, Trial } from './trial.ts';
import { rejectionsIn } from './verdict.ts';

export interface Field {
  readonly job: LoadJob;
  readonly origin: Origin;
  /** The pairs that the load leaves open, in the order of the rules. */
  readonly asked: readonly Candidate[];
  /** Null where there is nothing to remember: one candidate, or a plain file. */
  readonly key: string | null;
}

/** What ends the load whatever candidates are left. */
export function isFatal(error: unknown): boolean {
  return error instanceof ElsewhereSignal || isFileError(error) || isRefusal(error);
}

/** What no other candidate would cure. */
function isRefusal(error: unknown): boolean {
  const isTokenizer = isSdkError(error, 'asset-unreachable') && error.details.asset === TOKENIZER_ASSET;
  return isTokenizer || isSdkError(error, 'aborted') || isSdkError(error, 'load-stalled') || isSdkError(error, 'invalid-option');
}

export function recordFailure(job: LoadJob, origin: Origin, candidate: Candidate, error: unknown): void {
  const code = isSdkError(error) ? { error: error.code } : {};
  if (!isSdkError(error, 'asset-unreachable') && !isSdkError(error, 'runtime-mismatch')) {
    job.consider(candidate, isSdkError(error, 'model-outputs-wrong') ? 'wrong-outputs' : 'failed', firstLine(error), code);
    return;
  }
  // Without its runtime no pair of this kind can run. wasm has one of its own, in another worker.
  const isWasm = job.build === 'wasm';
  for (const pair of origin.pairs) {
    if ((pair.provider === 'wasm') === isWasm && !job.hasConsidered(pair)) job.consider(pair, 'failed', firstLine(error), code);
  }
  if (!isWasm && candidate.provider === 'wasm') throw new ElsewhereSignal('wasm');
}

/** What failed on an earlier visit is not tried again, unless nothing would be left. */
export function rememberRejections({ job, asked }: Field, considered: readonly Consideration[]): null {
  const rejections = rejectionsIn(considered).filter((entry) => !job.hasConsidered(entry));
  const isLeft = asked.some((pair) => !job.hasConsidered(pair) && !rejections.some((entry) => isSamePair(pair, entry)));
  if (isLeft) job.considered.push(...rejections);
  return null;
}

/** Names the winner and says of each other one that it is slower. */
export function judge(job: LoadJob, trials: readonly [Trial, ...Trial[]]): Trial {
  const winner = fastest(trials);
  for (const trial of trials) {
    const measuredMs = trial.measuredMs ?? Number.NaN;
    const took = `a run took ${inWords(measuredMs)}`;
    if (trial === winner) job.consider(trial.candidate, 'chosen', `${trustReason(trial)}; ${took}`, { measuredMs });
    else
      job.consider(trial.candidate, 'slower', `${took}, with the chosen one ${inWords(winner.measuredMs ?? Number.NaN)}`, { measuredMs });
  }
  return winner;
}

/** Every pair of the manifest gets its entry, in the order of the rules. */
export function completeConsidered({ job, origin }: Field): void {
  const order = ruleOrder(origin.pairs);
  for (const pair of order) {
    const reason = isAsked(pair, job.request) ? 'an earlier one was chosen' : 'the load named another one';
    if (!job.hasConsidered(pair)) job.consider(pair, 'not-asked', reason);
  }
  const placeOf = (entry: Consideration) => order.findIndex((pair) => isSamePair(pair, entry));
  job.considered.sort((one, other) => placeOf(one) - placeOf(other));
}

export function trustReason({ manifest, isTrustedFromMemory }: Trial): string {
  if (manifest.golden.length === 0) return 'there are no golden outputs to compare';
  return isTrustedFromMemory ? 'it reproduced the golden outputs on an earlier visit' : 'it reproduces the golden outputs';
}

function inWords(ms: number): string {
  return `${Number(ms.toPrecision(2))} ms`;
}
