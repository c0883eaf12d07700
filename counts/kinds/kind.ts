/**
 * A kind: what is counted of a tensor that a manifest declares to be one, and how.
 *
 * Why metrics and counter in one file: how often the counter may bump a metric is what the metric declares (`per`), and the collector
 * turns away what passes that. Why two exports: level `local-dp` lays out plans in a page that counts elsewhere.
 *
 * Not here: which kinds there are (counts/kinds/table.ts), what a manifest declares of them (protocol/manifest/manifest.ts).
 */
import type { ManifestInput, ManifestOutput } from '../../protocol/manifest/manifest.ts';
import type { KindMetric } from '../layout/plan.ts';
import type { CountTensor } from '../tally/rows.ts';
import type { TensorCounts } from '../tally/tensor-counts.ts';

/** What is counted beside the state of each item. Ids are unique in the tensor, and none is "state". */
export type MetricsOf<Declared> = (declared: Declared) => readonly KindMetric[];

export interface Counter<Declared> {
  /** Called once per model. What it returns counts each item's state, and the metrics of those items that can be read. */
  readonly counterOf: (declared: Declared, counts: TensorCounts) => CountTensor;
  /** Elements that are read, from the start on. Without it, every n-th of a long tensor: repetition looks at no others. */
  readonly readCountMax?: number;
}

/** Tensors that show every metric of a kind in the data dictionary. Names are in capitals, which stand for the model's own. */
export interface KindExamples {
  readonly inputs?: readonly ManifestInput[];
  readonly outputs?: readonly ManifestOutput[];
}

/** A public list, in an example. */
export const EXAMPLE_LABELS = ['first', 'second', 'third'];
