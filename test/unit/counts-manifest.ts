/**
 * Manifests for tests of counting: the smallest that a plan can follow from.
 */

import { dataPlanOf } from '../../counts/data-plan.ts';
import { createRunCounter } from '../../counts/run-counter.ts';
import type { Manifest, ManifestInput, ManifestOutput } from '../../protocol/manifest.ts';
import type { TensorWire } from '../../protocol/messages.ts';

export function manifestOf(inputs: ManifestInput[], outputs: ManifestOutput[] = []): Manifest {
  return { schema: 1, name: 'test', version: '1', licence: 'Apache-2.0', variants: [], inputs, outputs, golden: [] };
}

export function tensor(dims: readonly number[], values: readonly number[]): TensorWire {
  return { type: 'float32', dims, data: Float32Array.from(values) };
}

/** What a run counts, as "metric/cell" → count. */
export function countedBy(
  manifest: Manifest,
  feeds: Record<string, TensorWire>,
  outputs: Record<string, TensorWire> = {},
): Record<string, number> {
  const plan = dataPlanOf(manifest);
  const pairs = createRunCounter(manifest, plan)(feeds, outputs);
  const counted: Record<string, number> = {};
  for (let index = 0; index < pairs.length; index += 2) {
    const cell = pairs[index] as number;
    const metric = plan.metrics.findLast(({ offset }) => offset <= cell);
    counted[`${metric?.id}/${metric?.cells[cell - metric.offset]}`] = pairs[index + 1] as number;
  }
  return counted;
}
