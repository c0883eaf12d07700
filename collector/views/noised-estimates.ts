/**
 * What the noised reports of a model say once the noise is taken off.
 *
 * Invariants
 *  - Only sums of the plan that this release derives are added up: other noise would need another estimate.
 *
 * Not here: the estimate itself (counts/noise/estimate.ts).
 */
import { estimateOf } from '../../counts/noise/estimate.ts';
import type { RegisteredModel } from '../models/registry.ts';
import type { Store } from '../store/store.ts';

export interface NoisedMetric {
  readonly metric: string;
  readonly reportCount: number;
  /** `count` without bias, so it may be negative; `deviation` is its standard deviation through noise alone. */
  readonly cells: readonly { readonly cell: string; readonly count: number; readonly deviation: number }[];
}

export interface NoisedEstimates {
  /** ε of one report, in millionths; null when the model has no metric that can be asked. */
  readonly microEps: number | null;
  readonly metrics: readonly NoisedMetric[];
}

export async function noisedEstimates(
  store: Store,
  { registration, noised }: RegisteredModel,
  range: { readonly fromHour: number; readonly toHour: number },
): Promise<NoisedEstimates> {
  if (noised === null) return { microEps: null, metrics: [] };
  const { plan, hash } = noised;
  const sums = new Float64Array(plan.cellCount);
  const rows = await store.cellSums({ ...range, modelVersion: registration.modelVersion, report: 'noised' });
  for (const { plan: of, cell, count } of rows) if (of === hash) sums[cell] = (sums[cell] ?? 0) + count;
  const metrics = estimateOf(plan, sums).map(({ metric, reportCount, cells }) => {
    const names = plan.metrics.find(({ id }) => id === metric)?.cells ?? [];
    const named = cells.map(({ count, variance }, cell) => ({ cell: names[cell] as string, count, deviation: Math.sqrt(variance) }));
    return { metric, reportCount, cells: named };
  });
  return { microEps: plan.microEps, metrics };
}
