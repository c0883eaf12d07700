/**
 * Considerations: what became of each candidate of a load, in words that `explain()` shows.
 *
 * Invariants
 *  - Every candidate of the manifest has its entry when the load ends, in the order of the rules.
 *
 * Not here: the order in which candidates are tried (chooser.ts, candidates.ts).
 */
import { firstLine, isSdkError } from '../../protocol/errors.ts';
import type { Consideration } from '../../protocol/worker/loading.ts';
import { TOKENIZER_ASSET } from '../prepare/text.ts';
import { type Candidate, isSameCandidate } from '../trust/candidate.ts';
import { isLeftOpen, ruleOrder } from './candidates.ts';
import { isFileError, type LoadJob } from './load-job.ts';
import { fastest } from './measure.ts';
import { OtherWorkerSignal } from './runtime-slot.ts';
import type { Trial, TrialSource } from './trial.ts';
import { rejectionsIn } from './verdict.ts';

/** What a choice is made from. */
export interface ChoiceContext {
  readonly job: LoadJob;
  readonly trialSource: TrialSource;
  /** Those that the load leaves open, in the order of the rules. */
  readonly candidates: readonly Candidate[];
  /** Null where there is nothing to remember: one candidate, or a plain file. */
  readonly key: string | null;
}

/** What ends the load whatever candidates are left. */
export function isFatal(error: unknown): boolean {
  return error instanceof OtherWorkerSignal || isFileError(error) || isRefusal(error);
}

/** What no other candidate would cure. */
function isRefusal(error: unknown): boolean {
  const isTokenizer = isSdkError(error, 'asset-unreachable') && error.details.asset === TOKENIZER_ASSET;
  return isTokenizer || isSdkError(error, 'aborted') || isSdkError(error, 'load-stalled') || isSdkError(error, 'invalid-option');
}

export function recordFailure(job: LoadJob, trialSource: TrialSource, candidate: Candidate, error: unknown): void {
  const code = isSdkError(error) ? { error: error.code } : {};
  if (!isSdkError(error, 'asset-unreachable') && !isSdkError(error, 'runtime-mismatch')) {
    job.consider(candidate, isSdkError(error, 'model-outputs-wrong') ? 'wrong-outputs' : 'failed', firstLine(error), code);
    return;
  }
  // Without its runtime no candidate of this kind can run. wasm has one of its own, in another worker.
  const isWasm = job.build === 'wasm';
  for (const each of trialSource.candidates) {
    if ((each.provider === 'wasm') === isWasm && !job.hasConsidered(each)) job.consider(each, 'failed', firstLine(error), code);
  }
  if (!isWasm && candidate.provider === 'wasm') throw new OtherWorkerSignal('wasm');
}

/** What failed on an earlier visit is not tried again, unless nothing would be left. */
export function rememberRejections({ job, candidates }: ChoiceContext, considered: readonly Consideration[]): null {
  const rejections = rejectionsIn(considered).filter((entry) => !job.hasConsidered(entry));
  const isLeft = candidates.some((each) => !job.hasConsidered(each) && !rejections.some((entry) => isSameCandidate(each, entry)));
  if (isLeft) job.considered.push(...rejections);
  return null;
}

/** The fastest, noted as the chosen one; of each other one is noted that it is slower. */
export function chooseFastest(job: LoadJob, trials: readonly [Trial, ...Trial[]]): Trial {
  const chosen = fastest(trials);
  for (const trial of trials) {
    const measuredMs = trial.measuredMs ?? Number.NaN;
    const took = `a run took ${inWords(measuredMs)}`;
    if (trial === chosen) job.consider(trial.candidate, 'chosen', `${trustReason(trial)}; ${took}`, { measuredMs });
    else
      job.consider(trial.candidate, 'slower', `${took}, with the chosen one ${inWords(chosen.measuredMs ?? Number.NaN)}`, { measuredMs });
  }
  return chosen;
}

/** Every candidate of the manifest gets its entry, in the order of the rules. */
export function completeConsidered({ job, trialSource }: ChoiceContext): void {
  const order = ruleOrder(trialSource.candidates);
  for (const candidate of order) {
    const reason = isLeftOpen(candidate, job.request) ? 'an earlier one was chosen' : 'the load named another one';
    if (!job.hasConsidered(candidate)) job.consider(candidate, 'not-asked', reason);
  }
  const placeOf = (entry: Consideration) => order.findIndex((candidate) => isSameCandidate(candidate, entry));
  job.considered.sort((one, other) => placeOf(one) - placeOf(other));
}

export function trustReason({ manifest, isTrustedFromMemory, candidate }: Trial): string {
  if (manifest.golden.length === 0) return 'there are no golden outputs to compare';
  const { largestRatio = 0 } = candidate.variant.quality ?? {};
  const distance = largestRatio === 0 ? '' : `, ${largestRatio} of the largest output away from the reference when it was packed`;
  return (isTrustedFromMemory ? 'it reproduced the golden outputs on an earlier visit' : 'it reproduces the golden outputs') + distance;
}

function inWords(ms: number): string {
  return `${Number(ms.toPrecision(2))} ms`;
}
