/**
 * Section: a question about one model, and what its sums answer over time. What sections are given, and what they read it by. Pure.
 *
 * Invariants
 *  - Only sums of the chosen plans are read: different plans are never added up.
 *  - Metrics are found by their fields, those of software by the ids that the software plan gives them: no id is taken apart.
 *  - A share is taken over its metric's own total in its slot; where nothing was counted it is null, never 0.
 *
 * Not here: where a section stands and whether it is there (model-sections.ts).
 */
import type { SoftwareMetric } from '../../../counts/plans/software-layout.ts';
import { type DenseCounts, denseOf, quantileOf, totalOf } from '../../../counts/statistics/summary.ts';
import type { CellSum, ModelDetail, NoisedEstimates, PlanDocument, Series } from '../../../protocol/read/read-api.ts';
import type { PlacedMetric } from '../../../protocol/report/plan.ts';
import type { Arm } from '../../../protocol/report/window.ts';
import { counted, nameText } from '../charts/figures.ts';
import type { TimeLine } from '../charts/time-chart.ts';
import { cellLabels } from '../view/cell-labels.ts';
import type { Selection } from '../view/selection.ts';
import { SlotSums, type Slots, slotStartMs, slotsOf, slotTimes } from './slot-sums.ts';

/** What somebody else says of a metric: the monitor. */
interface MetricFinding {
  /** Evidence, effect and what follows, in words. */
  readonly sentence: string;
  /** The stretch of the field that later days are held against; null: there is none yet. */
  readonly baseline: { readonly fromMs: number; readonly toMs: number } | null;
}

export interface SectionInput {
  readonly detail: ModelDetail;
  readonly series: Series;
  /** Software reports of pages that could not read a manifest: they stand under every model. */
  readonly unattributed: Series;
  /** The plans that `selection` means. */
  readonly plans: { readonly data: PlanDocument; readonly software: PlanDocument };
  readonly selection: Selection;
  /** null: not asked, or not answered. */
  readonly noised: NoisedEstimates | null;
  /** Sums of one arm or segment in the same hours. */
  readonly ask: (narrowed: { readonly arm: Arm | null; readonly segment: number | null }) => Promise<Series>;
  /** What the monitor says of a metric of the data plan; null: nothing, or nobody may read it. */
  readonly findingOf: (metricId: string) => MetricFinding | null;
  /** A link that shows a section as it is now. */
  readonly linkOf: (sectionId: string) => string;
}

export interface Section {
  /** Stays what it is: links name it. */
  readonly id: string;
  readonly title: string;
  /** What it answers. */
  readonly why: string;
  /** @returns Whether there is anything to show. */
  readonly draw: (place: HTMLElement, data: SectionData) => boolean;
}

/** Lines of one chart: as many as can be told apart by their dashes. */
const LINE_COUNT_MAX = 6;
/** Of a slot: what must be over for a rate, five minutes of an hour. */
const RATE_RATIO_MIN = 1 / 12;

export class SectionData {
  readonly input: SectionInput;
  readonly slots: Slots;
  /** Seconds since 1970, one for each slot. */
  readonly times: readonly number[];
  readonly data: SlotSums;
  readonly software: SlotSums;
  /** Of pages that could not name their model. */
  readonly unattributed: SlotSums;

  constructor(input: SectionInput) {
    const { series, plans, selection, unattributed } = input;
    this.input = input;
    this.slots = slotsOf(series, selection.hourCount);
    this.times = slotTimes(this.slots);
    this.data = new SlotSums(this.slots, series.plans.data === plans.data.hash ? series.data : []);
    this.software = new SlotSums(this.slots, ofPlan(series, plans.software));
    this.unattributed = new SlotSums(this.slots, ofPlan(unattributed, plans.software));
  }

  get dataMetrics(): readonly PlacedMetric[] {
    return this.input.plans.data.plan.metrics;
  }

  /** null where an earlier plan did not count it yet, or under another name. */
  softwareMetric(id: SoftwareMetric): PlacedMetric | null {
    return this.input.plans.software.plan.metrics.find((metric) => metric.id === id) ?? null;
  }

  labelsOf(metric: PlacedMetric): readonly string[] {
    return cellLabels(metric, this.input.detail.manifest);
  }

  /** The training baseline of a data metric; beside sums of another plan there is none. */
  baseOf(metric: PlacedMetric): DenseCounts | null {
    const { baseline } = this.input.detail;
    if (baseline === null || baseline.plan !== this.input.plans.data.hash) return null;
    const base = denseOf(
      metric,
      baseline.cells.map((cell, index) => ({ cell, count: baseline.counts[index] as number })),
    );
    return totalOf(base) === 0 ? null : base;
  }

  /** Parts of a file's name. */
  file(what: string): readonly string[] {
    const { name, version } = this.input.detail.manifest;
    return [nameText(name), nameText(version), what, counted(this.input.selection.hourCount, 'hour')];
  }

  slotStartMs(slot: number): number {
    return slotStartMs(this.slots, slot);
  }

  /**
   * Seconds of a slot that are over: the last one goes on. null where so little of it is over that a rate would be chance, or where it has not
   * begun by the collector's clock.
   */
  secondsOf(slot: number): number | null {
    const [start, end] = [this.slotStartMs(slot), this.slotStartMs(slot + 1)];
    const overMs = Math.min(end, this.input.series.nowMs) - start;
    return overMs < (end - start) * RATE_RATIO_MIN ? null : overMs / 1000;
  }

  /** Counts of each slot as counts per hour, so that the slot that goes on looks like no drop. */
  perHour(counts: readonly number[]): readonly (number | null)[] {
    return counts.map((count, slot) => {
      const seconds = this.secondsOf(slot);
      return seconds === null ? null : (count * 3600) / seconds;
    });
  }
}

function ofPlan({ plans, software }: Series, { hash }: PlanDocument): readonly CellSum[] {
  return plans.software === hash ? software : [];
}

/** Quantiles of a metric over time, one line each. @param scale What a value is divided by. */
export function quantileLines(sums: SlotSums, metric: PlacedMetric, qs: readonly number[], scale = 1): readonly TimeLine[] {
  return qs.map((q) => ({
    label: `p${q * 100}`,
    values: sums.perSlot(metric, (counts) => quantileOf(metric, counts, q)).map((value) => (value === null ? null : value / scale)),
  }));
}

/**
 * Shares of a metric's cells over time, in percent: of the most frequent cells a line each, of all others one together.
 *
 * @param left Cells that need no line. They are in the total all the same.
 */
export function shareLines(
  sums: SlotSums,
  metric: PlacedMetric,
  labels: readonly string[],
  left: readonly string[] = [],
): readonly TimeLine[] {
  const total = sums.total(metric);
  const met = metric.cells.flatMap((id, cell) => ((total[cell] ?? 0) > 0 && !left.includes(id) ? [cell] : []));
  const byCount = [...met].sort((one, other) => (total[other] ?? 0) - (total[one] ?? 0));
  const own = byCount.slice(0, met.length > LINE_COUNT_MAX ? LINE_COUNT_MAX - 1 : LINE_COUNT_MAX);
  const rest = byCount.slice(own.length);
  const lineOf = (label: string, cells: readonly number[]): TimeLine => ({ label, values: sharesOfCells(sums, metric, cells) });
  const lines = own.map((cell) => lineOf(labels[cell] as string, [cell]));
  return rest.length === 0 ? lines : [...lines, lineOf(counted(rest.length, 'other'), rest)];
}

/** In percent, together. */
export function sharesOfCells(sums: SlotSums, metric: PlacedMetric, cells: readonly number[]): readonly (number | null)[] {
  return sums.perSlot(metric, (counts) => (100 * cells.reduce((sum, cell) => sum + (counts[cell] ?? 0), 0)) / totalOf(counts));
}
