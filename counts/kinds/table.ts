/**
 * The kinds: on which sides each stands, what is counted of it there, what counts it, and its examples.
 *
 * Invariants
 *  - A kind that a manifest may declare has its row in each table, and no other has: their types say so.
 */
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { KindMetric } from '../layout/plan.ts';
import { audioCounter, audioExamples, audioMetrics } from './audio.ts';
import { boxesCounter, boxesExamples, boxesMetrics } from './boxes.ts';
import { categoricalCounter, categoricalExamples, categoricalMetrics } from './categorical.ts';
import { embeddingCounter, embeddingExamples, embeddingMetrics } from './embedding.ts';
import { imageCounter, imageExamples, imageMetrics } from './image.ts';
import type { Counter, KindExamples, MetricsOf } from './kind.ts';
import { labelScoresCounter, labelScoresExamples, labelScoresMetrics } from './label-scores.ts';
import { numericCounter, numericExamples, numericMetrics } from './numeric.ts';
import { opaqueCounter, opaqueExamples, opaqueMetrics } from './opaque.ts';
import { tabularCounter, tabularExamples, tabularMetrics } from './tabular.ts';
import { textCounter, textExamples, textMetrics } from './text.ts';

type InputKind = ManifestInput['kind'];
type OutputKind = ManifestOutput['kind'];

/** Exactly the sides on which a manifest may declare it. */
type Sides<K, Input, Output> = (K extends InputKind ? { readonly input: Input } : { readonly input?: never }) &
  (K extends OutputKind ? { readonly output: Output } : { readonly output?: never });
type KindTable<Input, Output> = { readonly [K in InputKind | OutputKind]: Sides<K, Input, Output> };

const METRICS: KindTable<MetricsOf<ManifestInput>, MetricsOf<ManifestOutput>> = {
  image: { input: imageMetrics, output: numericMetrics },
  audio: { input: audioMetrics },
  text: { input: textMetrics },
  tabular: { input: tabularMetrics },
  'label-scores': { output: labelScoresMetrics },
  boxes: { output: boxesMetrics },
  embedding: { input: embeddingMetrics, output: embeddingMetrics },
  numeric: { input: numericMetrics, output: numericMetrics },
  categorical: { input: categoricalMetrics, output: categoricalMetrics },
  opaque: { input: opaqueMetrics, output: opaqueMetrics },
};

/** Apart from the metrics: a page that lays out plans and counts nothing does not load it. */
const COUNTERS: KindTable<Counter<ManifestInput>, Counter<ManifestOutput>> = {
  image: { input: imageCounter, output: numericCounter },
  audio: { input: audioCounter },
  text: { input: textCounter },
  tabular: { input: tabularCounter },
  'label-scores': { output: labelScoresCounter },
  boxes: { output: boxesCounter },
  embedding: { input: embeddingCounter, output: embeddingCounter },
  numeric: { input: numericCounter, output: numericCounter },
  categorical: { input: categoricalCounter, output: categoricalCounter },
  opaque: { input: opaqueCounter, output: opaqueCounter },
};

/** Apart from both, so that no page loads them. */
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

export function inputMetricsOf(input: ManifestInput): readonly KindMetric[] {
  return METRICS[input.kind].input(input);
}

export function outputMetricsOf(output: ManifestOutput): readonly KindMetric[] {
  return METRICS[output.kind].output(output);
}

export function inputCounterOf({ kind }: ManifestInput): Counter<ManifestInput> {
  return COUNTERS[kind].input;
}

export function outputCounterOf({ kind }: ManifestOutput): Counter<ManifestOutput> {
  return COUNTERS[kind].output;
}
