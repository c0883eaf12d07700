/**
 * Cells of a person's answer to an answer: what was done, and which class was given for which.
 *
 * Invariants
 *  - A label that is not in the public list, and an output that has no top class, give no joint cell.
 */
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import type { ExpectedCounts } from './expected-counts.ts';
import { elementsOf, isAllNumbers, type TensorSpec } from './tensor-spec.ts';

export type Feedback = 'accepted' | 'redone' | 'abandoned' | { readonly corrected: string };

/** Labels of an output whose confusions are counted, at the most. */
const LABEL_COUNT_MAX = 62;

export function countFeedback(counts: ExpectedCounts, specs: readonly TensorSpec[], outputs: Feeds, feedback: Feedback): void {
  counts.add('feedback.outcome', typeof feedback === 'string' ? feedback : 'corrected');
  if (typeof feedback === 'string') return;
  for (const { name, kind, labels } of specs) {
    if (kind !== 'label-scores' || labels === undefined || labels.length > LABEL_COUNT_MAX) continue;
    const given = topClassOf(outputs, name);
    const right = labels.indexOf(feedback.corrected);
    if (given !== null && given < labels.length && right >= 0) counts.add(`feedback.${name}.corrected`, `${given}>${right}`);
  }
}

/** Of the first row; null when that row is no answer. */
function topClassOf(outputs: Feeds, name: string): number | null {
  const tensor = outputs[name];
  const elements = tensor === undefined ? null : elementsOf(tensor);
  const classCount = tensor?.dims.at(-1);
  if (elements === null || !isAllNumbers(elements) || classCount === undefined || elements.length === 0) return null;
  const row = elements.slice(0, classCount);
  if (row.some((score) => !Number.isFinite(score))) return null;
  if (row.length > 1 && row.every((score) => score === row[0])) return null;
  return row.indexOf(Math.max(...row));
}
