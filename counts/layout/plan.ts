/**
 * A plan: which metrics are counted, and which cells each has.
 *
 * A plan follows from the manifest alone (data) or is the same for every model (software), so that page, worker
 * and collector derive the same layout without telling each other. Its hash names the layout on the wire.
 *
 * Invariants
 *  - Cells of all metrics lie side by side: a metric owns `[offset, offset + cells.length)`.
 *  - The hash covers what SUM depends on (metric ids, cell ids and declared segments, in order) and nothing else: better prose is not a new plan.
 *  - Two plans with different hashes are never added up.
 *
 * Not here: how a value finds its cell (counts/*-kernel.ts), nor the metrics themselves (counts/plans/data-plan.ts, counts/plans/software-plan.ts).
 */
import { shortSha256Hex } from '../../protocol/digest.ts';
import { plainJson } from '../../protocol/foreign-prototypes.ts';
import type { ReportKind } from '../../protocol/report/window.ts';

export interface Metric {
  /** Unique in its plan, dot-separated, for example "image.brightness" or "run.latency". */
  readonly id: string;
  /** What one cell covers, in words, with the unit. For the data dictionary and the dashboard. */
  readonly title: string;
  readonly unit: string;
  /** Why it is counted: the question it answers. */
  readonly why: string;
  /** Cell ids in order, for example "nan", "under", "0.5..0.53125", "class:7". */
  readonly cells: readonly string[];
  /**
   * Lower edges of the cells that are value ranges, rising, and the index of the first such cell; null when cells are not
   * an ordered range. The last of these cells is open upward; the cell before the first is open downward.
   */
  readonly edges: { readonly firstCell: number; readonly values: readonly number[] } | null;
}

export interface PlacedMetric extends Metric {
  /** Index of its first cell in the plan. */
  readonly offset: number;
}

export interface Plan {
  readonly report: ReportKind;
  readonly metrics: readonly PlacedMetric[];
  readonly cellCount: number;
  /** What each segment's index means; one nameless segment where none is declared. */
  readonly segments: readonly string[];
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
