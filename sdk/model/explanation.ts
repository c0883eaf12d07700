/**
 * Explanation: why a model runs as it does, as facts and as one paragraph for people.
 *
 * Invariants
 *  - Every word follows from what the worker answered to the load and from the losses since; nothing is asked or measured here.
 *
 * Not here: the choice itself (worker/choice/).
 */
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Choice, LoadedModel } from '../../protocol/worker/loading.ts';
import type { Explanation } from '../api/load.ts';

const CHOSEN_BY: Readonly<Record<Choice['by'], string>> = {
  name: 'the load named it',
  rule: 'it comes first by the rules',
  measurement: 'it was timed against others',
};

/** @param losses What the model was rebuilt after, oldest first. */
export function explanationOf(loaded: LoadedModel, losses: readonly ErrorCode[]): Explanation {
  const { variant, provider, build, threadCount, isFromSnapshot, fromCache, choice, considered, timings, storageRefusal, batchRefusal } =
    loaded;
  const threads = provider === 'wasm' ? ` with ${threadCount === 1 ? 'one thread' : `${threadCount} threads`}` : '';
  const left = considered
    .filter(({ outcome }) => outcome !== 'chosen')
    .map((each) => `${each.variant} on ${each.provider} was left: ${each.reason}.`);
  const reason = considered.find(({ outcome }) => outcome === 'chosen')?.reason ?? '';
  const memory = choice.isRemembered ? ' An earlier visit found this out.' : '';
  const origin = fromCache ? 'The file came from the store of this browser' : 'The file came from outside and was verified';
  const refusal = storageRefusal === null ? '' : ` It could not be kept: ${storageRefusal.message}`;
  const alone = batchRefusal === null ? [] : [`Its runs are not batched: ${batchRefusal}.`];
  const rebuilt = losses.length === 0 ? [] : [`It was rebuilt after ${losses.join(', ')}.`];
  const why = `${CHOSEN_BY[choice.by]}; ${reason}.${memory}`;
  const text = [`Variant ${variant} runs on ${provider}${threads}: ${why} ${origin}.${refusal}`, ...alone, ...rebuilt, ...left].join(' ');
  return { variant, provider, build, threadCount, isFromSnapshot, fromCache, choice, considered, timings, losses, text };
}
