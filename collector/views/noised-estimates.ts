/**
 * What the noised reports of a model say once the noise is taken off.
 *
 * Invariants
 *  - Only sums of one plan are added up: other noise would need another estimate. What other plans have is told beside it.
 *
 * Not here: the estimate itself (counts/noise/estimate.ts).
 */
import { estimateOf } from '../../counts/noise/estimate.ts';
import type { LocalDpPlan } from '../../counts/noise/local-dp-plan.ts';
import type { NoisedCell, NoisedEstimates, NoisedMetric, OtherPlan } from '../../protocol/read/read-api.ts';
import type { NoisedPlan } from '../models/registered-model.ts';
import type { Store } from '../store/store.ts';

interface NoisedAsked {
  readonly modelVersion: string;
  readonly fromHour: number;
  readonly toHour: number;
}

/** @param noised null when the model has no metric that can be asked. */
export async function noisedEstimates(store: Store, noised: NoisedPlan | null, asked: NoisedAsked): Promise<NoisedEstimates> {
  // One slot for all hours. A noised report stands behind its noise, however few there are.
  const range = { ...asked, slotHours: asked.toHour + 1, segment: null, reportCountMin: 1 };
  const totals = (await store.totals(range)).totals.filter(({ report, plan }) => report === 'noised' && plan !== noised?.hash);
  const reports = new Map<string, number>();
  for (const total of totals) reports.set(total.plan, (reports.get(total.plan) ?? 0) + total.reports);
  const otherPlans = [...reports].map(([plan, count]): OtherPlan => ({ plan, reports: count }));
  if (noised === null) return { plan: null, microEps: null, metrics: [], otherPlans };
  const { plan, hash } = noised;
  const sums = new Float64Array(plan.cellCount);
  const cells = await store.cellSums({ ...range, plans: [hash], arm: null });
  for (const { cell, count } of cells.get(hash) ?? []) sums[cell] = count;
  return { plan: hash, microEps: plan.microEps, metrics: metricsOf(plan, sums), otherPlans };
}

function metricsOf(plan: LocalDpPlan, sums: Float64Array): NoisedMetric[] {
  return estimateOf(plan, sums).map(({ metric, reportCount, cells }) => {
    const names = plan.metrics.find(({ id }) => id === metric)?.cells ?? [];
    const named = cells.map(({ count, variance }, cell): NoisedCell => {
      return { cell: names[cell] as string, count, deviation: Math.sqrt(variance) };
    });
    return { metric, reportCount, cells: named };
  });
}
