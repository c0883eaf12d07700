/**
 * A plan as it is told: which metrics are counted, which cells each has, and what bounds their counts.
 *
 * Why here: page and worker derive their own plans, but the collector stores a plan's metrics and hands them to the dashboard, so both
 * sides read the same words.
 *
 * Invariants
 *  - Cells of all metrics lie side by side: a metric owns `[offset, offset + cells.length)`.
 *  - What a metric is, is in its fields. Its id holds names that a manifest chose freely, with dots in them: nobody takes an id apart.
 *
 * Not here: making a plan and its hash (counts/layout/plan.ts), the metrics themselves (counts/kinds, counts/plans).
 */
import type { ReportKind } from './window.ts';

/**
 * What one count is of, and so what a metric's total cannot pass.
 *
 *  - `run`: a run has one. At most the window's runs.
 *  - `item`: an item of its tensor has one at the most. At most the items whose state was counted.
 *  - `part`: an element, a box, a text. An item may have many of them.
 *  - `event`: nothing of a run: a load, a loss, a person's feedback, a noised report.
 *
 * The numbers are in counts/layout/bounds.ts.
 */
type CountedPer = 'run' | 'item' | 'part' | 'event';

/** The tensor that a metric is counted of. */
export interface CountedOf {
  readonly side: 'input' | 'output';
  readonly tensor: string;
  /** Items of an output that one run counts at the most. Plans of earlier releases do not say it. */
  readonly itemCountMax?: number;
}

/**
 * What a metric is for whoever reads it, whatever the kind.
 *
 *  - `state`: in which state each item of a tensor was; the cells are those of counts/layout/states.ts.
 *  - `class`: which label of the tensor's public list was answered, in the order of the list, and last whatever is not in it.
 *  - `headline`: the range that is shown first, where a reader has to choose one.
 */
export type MetricRole = 'state' | 'class' | 'headline';

export interface Metric {
  /** Unique in its plan, dot-separated, for example "input.photo.brightness" or "run.latency". */
  readonly id: string;
  /** What one cell covers, in words. For the data dictionary and the dashboard. */
  readonly title: string;
  /** Unit of the value that finds the cell, or what is counted, in words. For people: nothing is decided by it. */
  readonly unit: string;
  /** Why it is counted: the question it answers. */
  readonly why: string;
  readonly per: CountedPer;
  /** null when it is counted of no tensor. */
  readonly of: CountedOf | null;
  /** null for most. */
  readonly role: MetricRole | null;
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
