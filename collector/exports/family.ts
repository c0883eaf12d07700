/**
 * A family: one metric as other systems take it, with a number or a histogram for each set of labels. What the text for Prometheus and the
 * messages of OTLP are both made of.
 *
 * Invariants
 *  - A name is that of the OpenMetrics text without `_total`: lower-case words, the unit last.
 *  - Units are base units: seconds and bytes.
 *  - A histogram's counts are of cells between bounds, each exact. There is no sum of values: a page counts cells and adds no duration up.
 *
 * Not here: bytes of either format (exposition.ts, otlp-message.ts), what is exported (page-families.ts, own-load.ts).
 */

export type Labels = Readonly<Record<string, string>>;

interface Family<K extends string, P> {
  readonly name: string;
  readonly help: string;
  readonly unit: 'seconds' | 'bytes' | null;
  readonly kind: K;
  readonly points: readonly P[];
}

/** `counter`: never goes down but for a new start, `gauge`: is what it is now. */
export interface NumberPoint {
  /** What all points of one stream share: model, version, arm … One object for all of them. */
  readonly shared: Labels;
  readonly labels: Labels;
  readonly value: number;
  /** Since when it is counted, milliseconds since 1970; 0 when nobody knows. */
  readonly startMs: number;
}

export interface HistogramPoint {
  readonly shared: Labels;
  readonly labels: Labels;
  /** Rising. */
  readonly bounds: readonly number[];
  /** One more than bounds: of what lies below the first, between two, and from the last on. */
  readonly counts: readonly number[];
  readonly startMs: number;
}

export type NumberFamily = Family<'counter' | 'gauge', NumberPoint>;
type HistogramFamily = Family<'histogram', HistogramPoint>;
export type MetricFamily = NumberFamily | HistogramFamily;

/** For points that share nothing. */
export const NO_LABELS: Labels = {};

/** Numbers that a point stands for in an export. */
export function numberCountOf(point: NumberPoint | HistogramPoint): number {
  return 'counts' in point ? point.counts.length + 1 : 1;
}
