/**
 * View model: from summed cells to the numbers on the page. Pure.
 *
 * Invariants
 *  - Cells of another plan than the model's are left out: different plans are never added up.
 *  - A fraction is taken over its metric's own total; with no count it is null, never 0.
 */
import { dataPlanOf } from '../../counts/data-plan.ts';
import { metricOf, type PlacedMetric, type Plan } from '../../counts/plan.ts';
import { SOFTWARE_PLAN } from '../../counts/software-plan.ts';
import {
  countOf,
  type DenseCounts,
  denseOf,
  jensenShannonDivergence,
  meanOf,
  populationStabilityIndex,
  quantileOf,
  totalOf,
} from '../../counts/summary.ts';
import type { CellSum, ModelDetail, Series } from './api.ts';

export interface Distribution {
  readonly metric: PlacedMetric;
  readonly field: DenseCounts;
  readonly base: DenseCounts | null;
  readonly mean: number | null;
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

export class View {
  readonly plan: Plan;
  private readonly detail: ModelDetail;
  private readonly series: Series;
  private readonly data: readonly CellSum[];

  constructor(detail: ModelDetail, series: Series) {
    this.detail = detail;
    this.series = series;
    this.plan = dataPlanOf(detail.manifest);
    this.data = series.data.filter(({ plan }) => plan === detail.plan);
  }

  get dataRuns(): number {
    return sum(this.series.totals.filter(({ report }) => report === 'data').map(({ runs }) => runs));
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
    return { metric, field, base, mean: meanOf(metric, field), psi, js };
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
    const usable = this.stateRatio('output', 'ok');
    const missing = this.stateRatio('input', 'missing');
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

  /** Share of items of all inputs or outputs in that state. */
  stateRatio(side: 'input' | 'output', state: string, cells: readonly CellSum[] = this.data): number | null {
    const metrics = this.plan.metrics.filter(({ id }) => id.startsWith(`${side}.`) && id.endsWith('.state'));
    const all = metrics.map((metric) => ({ metric, counts: denseOf(metric, cells) }));
    const total = sum(all.map(({ counts }) => totalOf(counts)));
    return total === 0 ? null : sum(all.map(({ metric, counts }) => countOf(metric, counts, state))) / total;
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
      return { hour, runs, p50Ms, p95Ms, usableRatio: this.stateRatio('output', 'ok', data), mean: meanOf(mean, denseOf(mean, data)) };
    });
  }

  /** Runs and mean of what came since `earlier`; null when nothing did. */
  since(earlier: View, metricId: string): { runs: number; mean: number | null } | null {
    const runs = this.dataRuns - earlier.dataRuns;
    if (runs <= 0) return null;
    const metric = metricOf(this.plan, metricId);
    const before = denseOf(metric, earlier.data);
    const gained = denseOf(metric, this.data).map((count, cell) => Math.max(0, count - (before[cell] as number)));
    return { runs, mean: meanOf(metric, gained) };
  }
}

export function ms(value: number | null): string {
  if (value === null) return '–';
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function percent(ratio: number | null): string {
  return ratio === null ? '–' : `${(ratio * 100).toFixed(1)} %`;
}

export function whole(value: number): string {
  return value.toLocaleString('en');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
