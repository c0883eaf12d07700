/**
 * Making a plan: its metrics get their places, and its layout a hash, which names it on the wire.
 *
 * A data plan follows from the manifest and the release, the software plan from the release alone, so that page, worker and collector
 * of one release derive the same layout without telling each other.
 *
 * Invariants
 *  - The hash covers what SUM depends on (metric ids, cell ids and declared segments, in order) and nothing else: better prose, or
 *    another role, is not a new plan.
 *  - Two plans with different hashes are never added up.
 *
 * Not here: what a plan is (protocol/report/plan.ts), how a value finds its cell (counts/kinds), the metrics themselves (counts/kinds,
 * counts/plans).
 */
import { shortSha256Hex } from '../../protocol/digest.ts';
import { plainJson } from '../../protocol/foreign-prototypes.ts';
import type { CountedOf, Metric, MetricRole, PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import type { ReportKind } from '../../protocol/report/window.ts';

/** A metric as a kind declares it. Its tensor, and that tensor's name in front of the id, are added when a plan is made. */
export type KindMetric = Omit<Metric, 'of' | 'role'> & { readonly role?: MetricRole };

/** Repetition is first in every data plan, so that a page that knows nothing else of a plan finds it. */
export const REPEAT_ID = 'run.repeat';
export const REPEAT_CELLS = ['new', 'repeat'] as const;
export const NEW_CELL = 0;
export const REPEAT_CELL = 1;

/** Id of a tensor's metric in a data plan. @param name As its kind calls it. */
export function metricId({ side, tensor }: CountedOf, name: string): string {
  return `${side}.${tensor}.${name}`;
}

export function placeMetrics(report: ReportKind, metrics: readonly Metric[]): Plan {
  let offset = 0;
  const placed = metrics.map((metric) => {
    const at = { ...metric, offset };
    offset += metric.cells.length;
    return at;
  });
  return { report, metrics: placed, cellCount: offset, segments: [''] };
}

/** The plan's metric of that id. @throws {RangeError} when there is none: metric ids are written in our own code. */
export function metricOf(plan: Plan, id: string): PlacedMetric {
  const metric = plan.metrics.find((candidate) => candidate.id === id);
  if (metric === undefined) throw new RangeError(`the ${plan.report} plan has no metric "${id}"`);
  return metric;
}

/** First 8 bytes of the SHA-256 over the layout, 16 hex digits. */
export function planHash(plan: Plan): Promise<string> {
  const metrics = plan.metrics.map((metric) => [metric.id, metric.cells]);
  const layout = plainJson(plan.segments.length === 1 ? [plan.report, metrics] : [plan.report, metrics, plan.segments]);
  return shortSha256Hex(layout);
}
