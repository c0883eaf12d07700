/**
 * What is proven: for each kind a few manifests that show all that it can declare, then feedback, repetition, refused runs and long
 * tensors.
 *
 * Not here: the kinds (test/reference/kinds).
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { REFERENCE_KINDS } from './kind-table.ts';
import { LABELS, manifestOf, onInput, onOutput, PLAIN_INPUT, PLAIN_OUTPUT } from './manifests.ts';
import { type Draw, type PairVerdict, pairOf } from './pairs.ts';
import { refusedPairOf } from './refused-pairs.ts';
import { repeatPairOf } from './repeat-pairs.ts';

export interface Proof {
  readonly name: string;
  /** Made when asked for. */
  readonly manifests: () => readonly Manifest[];
  readonly pairOf: (draw: Draw) => PairVerdict;
}

const numeric = { name: 'x', kind: 'numeric', dims: ['batch', 'n'] };
const scores = { name: 'y', kind: 'label-scores', type: 'float32', dims: ['batch', 4], labels: LABELS };
const audio = { name: 'a', kind: 'audio', type: 'float32', dims: ['n'], sampleRate: 8000 };

const feedback = (): Manifest[] =>
  [scores, { ...scores, type: 'float64', dims: ['batch', 'n'], normalisation: 'logits' }].map((declared) =>
    manifestOf([PLAIN_INPUT], [declared, PLAIN_OUTPUT], { feedback: true }),
  );

const repeats = (): Manifest[] => [
  ...onInput({ ...numeric, type: 'float32' }, { ...numeric, type: 'float64', dims: ['batch', 3] }),
  manifestOf([
    { ...numeric, type: 'int16' },
    { ...PLAIN_INPUT, type: 'string' },
  ]),
];

const refused = (): Manifest[] => onInput({ ...numeric, type: 'float32' });

/** Every kind that can be declared, feedback, repetition, and runs that fail. */
export const PROOFS: readonly Proof[] = [
  ...[...REFERENCE_KINDS.values()].flatMap((kind) =>
    Object.entries(kind.manifests).map(([name, manifests]) => ({ name, manifests, pairOf })),
  ),
  { name: 'feedback', manifests: feedback, pairOf },
  { name: 'repeats', manifests: repeats, pairOf: repeatPairOf },
  { name: 'refused runs', manifests: refused, pairOf: refusedPairOf },
];

/** Tensors of which a part is read. Too slow for the full number of pairs. */
export const SAMPLED: Proof = {
  name: 'tensors beyond the element cap',
  manifests: () => [
    ...onInput(
      { ...numeric, type: 'float32', dims: ['batch', 30_000] },
      { ...numeric, type: 'int8', dims: [140_000] },
      { ...audio, dims: [90_000] },
    ),
    ...onOutput({ ...numeric, type: 'float16', dims: ['batch', 70_000] }),
  ],
  pairOf,
};

export function proofOf(name: string): Proof {
  const proof = PROOFS.find((candidate) => candidate.name === name);
  if (proof === undefined) throw new Error(`there is no proof "${name}"`);
  return proof;
}
