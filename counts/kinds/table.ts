/**
 * The kinds: one row each, on which sides it stands and what counts it there.
 *
 * Invariants
 *  - A kind that a manifest may declare has a row, and no other has: the types of both tables say so.
 */
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import { audio, audioExamples } from './audio.ts';
import { boxes, boxesExamples } from './boxes.ts';
import { categorical, categoricalExamples } from './categorical.ts';
import { embedding, embeddingExamples } from './embedding.ts';
import { image, imageExamples } from './image.ts';
import type { Kind, KindExamples } from './kind.ts';
import { labelScores, labelScoresExamples } from './label-scores.ts';
import { numeric, numericExamples } from './numeric.ts';
import { opaque, opaqueExamples } from './opaque.ts';
import { tabular, tabularExamples } from './tabular.ts';
import { text, textExamples } from './text.ts';

type InputKind = ManifestInput['kind'];
type OutputKind = ManifestOutput['kind'];

/** Exactly the sides on which a manifest may declare it. */
type Sides<K> = (K extends InputKind ? { readonly input: Kind<ManifestInput> } : { readonly input?: never }) &
  (K extends OutputKind ? { readonly output: Kind<ManifestOutput> } : { readonly output?: never });

const KINDS: { readonly [K in InputKind | OutputKind]: Sides<K> } = {
  image: { input: image, output: numeric },
  audio: { input: audio },
  text: { input: text },
  tabular: { input: tabular },
  'label-scores': { output: labelScores },
  boxes: { output: boxes },
  embedding: { input: embedding, output: embedding },
  numeric: { input: numeric, output: numeric },
  categorical: { input: categorical, output: categorical },
  opaque: { input: opaque, output: opaque },
};

/** Apart from the rows, so that no page loads them. */
export const KIND_EXAMPLES: { readonly [K in InputKind | OutputKind]: KindExamples } = {
  image: imageExamples,
  audio: audioExamples,
  text: textExamples,
  tabular: tabularExamples,
  'label-scores': labelScoresExamples,
  boxes: boxesExamples,
  embedding: embeddingExamples,
  numeric: numericExamples,
  categorical: categoricalExamples,
  opaque: opaqueExamples,
};

export function inputKindOf({ kind }: ManifestInput): Kind<ManifestInput> {
  return KINDS[kind].input;
}

export function outputKindOf({ kind }: ManifestOutput): Kind<ManifestOutput> {
  return KINDS[kind].output;
}
