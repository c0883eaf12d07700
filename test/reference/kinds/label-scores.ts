/**
 * Cells of one row of label scores.
 *
 * Source: titles of the score metrics in the data dictionary; entropy is divided by its maximum, log(classes).
 */
import fc from 'fast-check';
import { EVEN, FINE_AT_ONE, FINE_AT_ZERO } from '../expected-counts.ts';
import { LABELS, onOutput } from '../manifests.ts';
import { floats, type Item, type ReferenceKind } from '../reference-kind.ts';
import { isAllNumbers } from '../tensor-spec.ts';

const scores = { name: 'y', kind: 'label-scores', type: 'float32', dims: ['batch', 4] };

function probabilitiesOf(logits: readonly number[]): number[] {
  const highest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - highest));
  let sum = 0;
  for (const weight of weights) sum += weight;
  return weights.map((weight) => weight / sum);
}

/** Never negative, though scores above 1 would make it so. */
function entropyOf(probabilities: readonly number[]): number {
  if (probabilities.length < 2) return 0;
  let entropy = 0;
  for (const p of probabilities) if (p > 0) entropy -= p * Math.log(p);
  return Math.max(0, entropy) / Math.log(probabilities.length);
}

function countItem({ counts, prefix, spec, row: elements, state }: Item): void {
  if (state !== 'ok') return;
  const row = elements as readonly number[];
  const areLogits = spec.normalisation === 'logits';
  const labelCount = spec.labels?.length;
  const probabilities = areLogits ? probabilitiesOf(row) : row;
  let top = 0;
  for (let index = 1; index < row.length; index++) if ((row[index] as number) > (row[top] as number)) top = index;
  const score = probabilities[top] as number;
  let second = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < row.length; index++) {
    if (index !== top && (probabilities[index] as number) > second) second = probabilities[index] as number;
  }
  if (labelCount !== undefined) counts.add(`${prefix}.class`, top < labelCount ? `class:${top}` : 'other');
  const margin = row.length < 2 ? score : score - second;
  counts.addRounded(`${prefix}.entropy`, FINE_AT_ZERO, entropyOf(probabilities));
  if (areLogits) {
    counts.addRounded(`${prefix}.score`, FINE_AT_ONE, score);
    counts.addRounded(`${prefix}.margin`, EVEN, margin);
  } else {
    counts.addExact(`${prefix}.score`, FINE_AT_ONE, score);
    counts.addExact(`${prefix}.margin`, EVEN, margin);
  }
}

export const reference: ReferenceKind = {
  kind: 'label-scores',
  manifests: {
    'label-scores': () =>
      onOutput(
        { ...scores, normalisation: 'probabilities', labels: LABELS },
        { ...scores, normalisation: 'logits', labels: LABELS.slice(0, 3) },
        { ...scores, normalisation: 'logits', type: 'float16' },
        { ...scores, normalisation: 'probabilities', dims: ['n'], labels: LABELS },
        { ...scores, normalisation: 'logits', dims: ['batch', 'n', 3], type: 'float64', labels: LABELS },
      ),
  },
  worked: [
    {
      what: 'a row of scores is counted by its top class, the score of that, entropy and margin; a constant row is no answer',
      side: 'output',
      declared: { normalisation: 'probabilities', labels: ['a', 'b'] },
      tensor: floats([2, 2], 0.25, 0.75, 0.5, 0.5),
      cells: { 'class|class:1': 1, 'score|0.75..0.78125': 1, 'entropy|0.78125..0.8125': 1, 'margin|0.5..0.53125': 1, 'state|constant': 1 },
    },
  ],
  fits: (_spec, axes, elements) => axes.length > 0 && isAllNumbers(elements),
  countItem,
  likely: ({ normalisation }) =>
    normalisation === 'logits'
      ? fc.oneof(fc.integer({ min: -4, max: 4 }), fc.double({ min: -30, max: 30, noNaN: true }))
      : fc.oneof(fc.constantFrom(0, 0.2, 0.55, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  itemCount: (dims) => dims.slice(0, -1).reduce((product, length) => product * length, 1),
};
