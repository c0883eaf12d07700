/**
 * View model: from summed cells to the numbers on the page. Pure.
 *
 * Invariants
 *  - Cells of another plan than the model's are left out: different plans are never added up.
 *  - A fraction is taken over its metric's own total; with no count it is null, never 0.
 *  - What came since an earlier view is taken over the hours that both show: neither an hour that left the range nor
 *    another choice of range looks like reports.
 */

import { metricOf } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import {
  countOf,
  type DenseCounts,
  denseOf,
  fractionsOf,
  jensenShannonDivergence,
  meanOf,
  populationStabilityIndex,
  quantileOf,
  totalOf,
} from '../../counts/statistics/summary.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { CellSum, ModelDetail, Series } from './api.ts';
import { ms, percent, whole } from './charts/figures.ts';

export interface Distribution {
  readonly metric: PlacedMetric;
  readonly field: DenseCounts;
  readonly base: DenseCounts | null;
  readonly mean: number | null;
  readonly baseMean: number | null;
  readonly psi: number | null;
  readonly js: number | null;
}

export interface Tile {
  readonly id: string;
  readonly title: string;
  readonly value: string;
  readonly detail: string;
}

export interface HourPoint {
  readonly hour: number;
  readonly runs: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly usableRatio: number | null;
  readonly mean: number | null;
}

/** What came between two views. */
export interface Gain {
  readonly runs: number;
  readonly cells: readonly Pick<CellSum, 'cell' | 'count'>[];
}

/** The most frequent class of a gain, and its share there and in the baseline. */
export interface TopClass {
  readonly label: string;
  readonly ratio: number;
  readonly baseRatio: number | null;
}

export class View {
  readonly plan: Plan;
  private readonly detail: ModelDetail;
  private readonly series: Series;
  private readonly data: readonly CellSum[];
  private readonly firstHour: number;

  /** @param hourCount Hours that were asked of the collector, the running one among them. */
  constructor(detail: ModelDetail, series: Series, hourCount: number) {
    this.detail = detail;
    this.series = series;
    this.firstHour = Math.floor(series.nowMs / HOUR_MS) - hourCount + 1;
    this.plan = dataPlanOf(detail.manifest);
    this.data = series.data.filter(({ plan }) => plan === detail.plan);
  }

  get dataRuns(): number {
    return this.dataRunsFrom(this.firstHour);
  }

  get reports(): number {
    return sum(this.series.totals.map(({ reports }) => reports));
  }

  /** Metrics with an ordered range, that a histogram can show. */
  get rangeMetrics(): readonly PlacedMetric[] {
    return this.plan.metrics.filter(({ edges }) => edges !== null);
  }

  get classMetric(): PlacedMetric | null {
    return this.plan.metrics.find(({ id }) => id.endsWith('.class')) ?? null;
  }

  /** Labels of the class metric's cells, the last one for what lies beyond the public list. */
  get labels(): readonly string[] {
    const output = this.detail.manifest.outputs.find(({ name }) => this.classMetric?.id === `output.${name}.class`);
    return [...(output?.labels ?? []), 'other'];
  }

  distribution(id: string): Distribution {
    const metric = metricOf(this.plan, id);
    const field = denseOf(metric, this.data);
    const { baseline } = this.detail;
    const base =
      baseline === null
        ? null
        : denseOf(
            metric,
            baseline.cells.map((cell, index) => ({ cell, count: baseline.counts[index] as number })),
          );
    const psi = base === null ? null : populationStabilityIndex(base, field);
    const js = base === null ? null : jensenShannonDivergence(base, field);
    return { metric, field, base, mean: meanOf(metric, field), baseMean: base === null ? null : meanOf(metric, base), psi, js };
  }

  /** Errors and losses of pages that run this model. */
  get errorRows(): readonly { what: string; count: number }[] {
    return softwareRows(['error.load', 'error.run', 'loss'], this.series.software);
  }

  software(id: string): { metric: PlacedMetric; counts: DenseCounts } {
    const metric = metricOf(SOFTWARE_PLAN, id);
    return { metric, counts: denseOf(metric, this.series.software) };
  }

  tiles(): readonly Tile[] {
    const latency = this.software('run.latency');
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantileOf(latency.metric, latency.counts, q));
    const outcome = this.software('load.outcome');
    const [cold, warm, failed] = ['cold', 'warm', 'failed'].map((cell) => countOf(outcome.metric, outcome.counts, cell)) as [
      number,
      number,
      number,
    ];
    const usable = this.stateRatio('output', ['ok']);
    const missing = this.stateRatio('input', ['missing', 'empty']);
    const lost = this.software('loss');
    return [
      { id: 'reports', title: 'Reports', value: whole(this.reports), detail: 'data and software' },
      { id: 'runs', title: 'Runs counted', value: whole(this.dataRuns), detail: 'in data reports' },
      { id: 'loads', title: 'Loads', value: whole(cold + warm + failed), detail: `${cold} cold, ${warm} warm, ${failed} failed` },
      { id: 'outputs', title: 'Usable outputs', value: percent(usable), detail: 'not null, NaN or constant' },
      { id: 'missing', title: 'Missing inputs', value: percent(missing), detail: 'empty or blank' },
      { id: 'latency', title: 'Latency p50', value: ms(p50 ?? null), detail: `p95 ${ms(p95 ?? null)}, p99 ${ms(p99 ?? null)}` },
      { id: 'lost', title: 'Counts lost', value: whole(totalOf(lost.counts)), detail: 'windows or runs, by their own word' },
    ];
  }

  /** Share of items of all inputs or outputs in one of those states. */
  stateRatio(side: 'input' | 'output', states: readonly string[], cells: readonly CellSum[] = this.data): number | null {
    const metrics = this.plan.metrics.filter(({ id }) => id.startsWith(`${side}.`) && id.endsWith('.state'));
    const all = metrics.map((metric) => ({ metric, counts: denseOf(metric, cells) }));
    const total = sum(all.map(({ counts }) => totalOf(counts)));
    return total === 0 ? null : sum(all.flatMap(({ metric, counts }) => states.map((state) => countOf(metric, counts, state)))) / total;
  }

  /** One point for each hour that has runs, oldest first. */
  hours(meanOfMetric: string): readonly HourPoint[] {
    const latency = metricOf(SOFTWARE_PLAN, 'run.latency');
    const mean = metricOf(this.plan, meanOfMetric);
    const hours = [...new Set(this.series.totals.map(({ hour }) => hour))].sort((a, b) => a - b);
    return hours.map((hour) => {
      const data = this.data.filter((cell) => cell.hour === hour);
      const counts = denseOf(
        latency,
        this.series.software.filter((cell) => cell.hour === hour),
      );
      const runs = sum(this.series.totals.filter((total) => total.hour === hour && total.report === 'data').map((total) => total.runs));
      const [p50Ms, p95Ms] = [quantileOf(latency, counts, 0.5), quantileOf(latency, counts, 0.95)];
      return { hour, runs, p50Ms, p95Ms, usableRatio: this.stateRatio('output', ['ok'], data), mean: meanOf(mean, denseOf(mean, data)) };
    });
  }

  /** What came since `earlier`, over the hours that both views show; null when no run did. */
  since(earlier: View): Gain | null {
    const firstHour = Math.max(this.firstHour, earlier.firstHour);
    const runs = this.dataRunsFrom(firstHour) - earlier.dataRunsFrom(firstHour);
    if (runs <= 0) return null;
    const now = this.sumsFrom(firstHour);
    const before = earlier.sumsFrom(firstHour);
    const cells = [...now].map(([cell, count]) => ({ cell, count: count - (before.get(cell) ?? 0) }));
    return { runs, cells: cells.filter(({ count }) => count > 0) };
  }

  meanOfGain(metricId: string, { cells }: Gain): number | null {
    const metric = metricOf(this.plan, metricId);
    return meanOf(metric, denseOf(metric, cells));
  }

  /** null when the model has no class list or the gain no answer. */
  topClassOfGain({ cells }: Gain): TopClass | null {
    const metric = this.classMetric;
    if (metric === null) return null;
    const shares = fractionsOf(denseOf(metric, cells));
    const top = shares.indexOf(Math.max(...shares));
    const ratio = shares[top] as number;
    if (ratio === 0) return null;
    const { base } = this.distribution(metric.id);
    return { label: this.labels[top] as string, ratio, baseRatio: base === null ? null : (fractionsOf(base)[top] as number) };
  }

  private dataRunsFrom(firstHour: number): number {
    return sum(this.series.totals.filter(({ report, hour }) => report === 'data' && hour >= firstHour).map(({ runs }) => runs));
  }

  private sumsFrom(firstHour: number): Map<number, number> {
    const sums = new Map<number, number>();
    for (const { hour, cell, count } of this.data) if (hour >= firstHour) sums.set(cell, (sums.get(cell) ?? 0) + count);
    return sums;
  }
}

/** Non-zero cells of a software metric, as rows of words and count. */
export function softwareRows(ids: readonly string[], cells: readonly CellSum[]): readonly { what: string; count: number }[] {
  return ids.flatMap((id) => {
    const metric = metricOf(SOFTWARE_PLAN, id);
    const counts = denseOf(metric, cells);
    return metric.cells.map((cell, index) => ({ what: `${id}: ${cell}`, count: counts[index] as number })).filter(({ count }) => count > 0);
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
