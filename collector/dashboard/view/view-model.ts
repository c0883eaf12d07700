/**
 * View model: from summed cells to the numbers on the page. Pure.
 *
 * Invariants
 *  - Only sums of the chosen plans are read, data and software alike: different plans are never added up. What that leaves out is told.
 *  - What is shown is of the chosen arm and segment, which the collector has added up. Software reports have no segment, so they are those
 *    of all segments.
 *  - A fraction is taken over its metric's own total; with no count it is null, never 0.
 *  - What came since an earlier view is taken over the hours that both show: neither an hour that left the range nor
 *    another choice of range looks like reports.
 *  - What a metric is, is in its fields: no id is taken apart, and one that an earlier plan lacks has no counts.
 *
 * Not here: what can be chosen (selection.ts).
 */
import { metricOf } from '../../../counts/layout/plan.ts';
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
} from '../../../counts/statistics/summary.ts';
import type { CellSum, ModelDetail, PlanDocument, Series, SlotTotal } from '../../../protocol/read/read-api.ts';
import type { CountedOf, PlacedMetric, Plan } from '../../../protocol/report/plan.ts';
import { bytes, ms, nameText, percent, whole } from '../charts/figures.ts';
import { cellLabels } from './cell-labels.ts';
import type { Selection, ShownKind } from './selection.ts';

interface Distribution {
  readonly metric: PlacedMetric;
  readonly field: DenseCounts;
  readonly base: DenseCounts | null;
  readonly mean: number | null;
  readonly baseMean: number | null;
  readonly psi: number | null;
  readonly js: number | null;
}

interface Tile {
  readonly id: string;
  readonly title: string;
  readonly value: string;
  readonly detail: string;
}

interface HourPoint {
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
interface TopClass {
  readonly label: string;
  readonly ratio: number;
  readonly baseRatio: number | null;
}

/** Reports of the range that another plan has. */
interface HiddenReports {
  readonly report: ShownKind;
  readonly plan: string;
  readonly reports: number;
}

interface CountRow {
  readonly what: string;
  readonly count: number;
}

interface ViewOf {
  readonly detail: ModelDetail;
  readonly series: Series;
  /** Software reports of pages that could not read a manifest: they stand under every model. */
  readonly unattributed: Series;
  /** The plans that `selection` means. */
  readonly plans: { readonly data: PlanDocument; readonly software: PlanDocument };
  readonly selection: Selection;
}

/** Software metrics that count what went wrong. */
const FAULTS = ['error.load', 'error.run', 'loss'];

export class View {
  /** The chosen data plan. */
  readonly plan: Plan;
  readonly selection: Selection;
  private readonly of: ViewOf;
  private readonly totals: readonly SlotTotal[];
  private readonly data: readonly CellSum[];
  private readonly softwareCells: readonly CellSum[];
  private readonly firstHour: number;

  constructor(of: ViewOf) {
    const { series, plans, selection } = of;
    this.of = of;
    this.selection = selection;
    this.plan = plans.data.plan;
    this.firstHour = series.fromHour;
    this.totals = this.selectedTotals.filter((total) => total.plan === this.planHash(total.report));
    this.data = series.plans.data === plans.data.hash ? series.data : [];
    this.softwareCells = this.softwareOf(series);
  }

  get series(): Series {
    return this.of.series;
  }

  get dataRuns(): number {
    return this.dataRunsFrom(this.firstHour);
  }

  get reports(): number {
    return sum(this.totals.map(({ reports }) => reports));
  }

  /** Reports of these hours that another plan than the chosen one has, by kind and plan. */
  get hidden(): readonly HiddenReports[] {
    const byPlan = new Map<string, HiddenReports>();
    for (const { report, plan, reports } of this.selectedTotals) {
      if (report === 'noised' || plan === this.planHash(report)) continue;
      const before = byPlan.get(`${report} ${plan}`)?.reports ?? 0;
      byPlan.set(`${report} ${plan}`, { report, plan, reports: before + reports });
    }
    return [...byPlan.values()];
  }

  /** What is shown where nothing was chosen: the headline, else a range, else whatever says more than a state. */
  get headline(): PlacedMetric | undefined {
    const { metrics } = this.plan;
    const isRange = ({ edges }: PlacedMetric) => edges !== null;
    const isOfTensor = ({ of, role }: PlacedMetric) => of !== null && role !== 'state';
    return metrics.find(({ role }) => role === 'headline') ?? metrics.find(isRange) ?? metrics.find(isOfTensor) ?? metrics[0];
  }

  get classMetric(): PlacedMetric | null {
    return this.plan.metrics.find(({ role }) => role === 'class') ?? null;
  }

  /** What the metric's cells are called, one for each. */
  labelsOf(metric: PlacedMetric): readonly string[] {
    return cellLabels(metric, this.of.detail.manifest);
  }

  distribution(id: string): Distribution {
    const metric = metricOf(this.plan, id);
    const field = denseOf(metric, this.data);
    const base = this.baseOf(metric);
    const psi = base === null ? null : populationStabilityIndex(base, field);
    const js = base === null ? null : jensenShannonDivergence(base, field);
    return { metric, field, base, mean: meanOf(metric, field), baseMean: base === null ? null : meanOf(metric, base), psi, js };
  }

  /** Errors and losses of pages that run this model, and of pages that could not name theirs. */
  get errorRows(): readonly CountRow[] {
    const { plan } = this.of.plans.software;
    return [
      ...rowsOf(plan, this.softwareCells),
      ...rowsOf(plan, this.softwareOf(this.of.unattributed)).map(({ what, count }) => ({ what: `${what} (model unknown)`, count })),
    ];
  }

  /** What each phase of loading took, in words, those that no load went through left out. */
  get phases(): readonly { readonly what: string; readonly loads: number; readonly p50: string; readonly p95: string }[] {
    const measured = this.of.plans.software.plan.metrics.filter(({ id, edges }) => id.startsWith('load.') && edges !== null);
    return measured.flatMap((metric) => {
      const counts = denseOf(metric, this.softwareCells);
      const say = metric.unit === 'bytes' ? bytes : ms;
      const [p50, p95] = [0.5, 0.95].map((q) => say(quantileOf(metric, counts, q))) as [string, string];
      const what = metric.id.slice('load.'.length).replace('.', ' ');
      return totalOf(counts) === 0 ? [] : [{ what, loads: totalOf(counts), p50, p95 }];
    });
  }

  tiles(): readonly Tile[] {
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => ms(this.latency(q)));
    const [cold, warm, failed] = ['cold', 'warm', 'failed'].map((cell) => this.softwareCount('load.outcome', cell)) as [
      number,
      number,
      number,
    ];
    const usable = this.stateRatio('output', ['ok']);
    const missing = this.stateRatio('input', ['missing', 'empty']);
    const lost = this.softwareMetric('loss');
    const lostCount = lost === undefined ? 0 : totalOf(denseOf(lost, this.softwareCells));
    return [
      { id: 'reports', title: 'Reports', value: whole(this.reports), detail: 'data and software' },
      { id: 'runs', title: 'Runs counted', value: whole(this.dataRuns), detail: 'in data reports' },
      {
        id: 'loads',
        title: 'Loads',
        value: whole(cold + warm + failed),
        detail: `${whole(cold)} cold, ${whole(warm)} warm, ${whole(failed)} failed`,
      },
      { id: 'outputs', title: 'Usable outputs', value: percent(usable), detail: 'not null, NaN or constant' },
      { id: 'missing', title: 'Missing inputs', value: percent(missing), detail: 'empty or blank' },
      { id: 'latency', title: 'Latency p50', value: p50 as string, detail: `p95 ${p95}, p99 ${p99}` },
      { id: 'lost', title: 'Counts lost', value: whole(lostCount), detail: 'windows or runs, by their own word' },
    ];
  }

  /** Share of items of all inputs or outputs in one of those states. */
  stateRatio(side: CountedOf['side'], states: readonly string[], cells: readonly CellSum[] = this.data): number | null {
    const metrics = this.plan.metrics.filter(({ role, of }) => role === 'state' && of?.side === side);
    const all = metrics.map((metric) => ({ metric, counts: denseOf(metric, cells) }));
    const total = sum(all.map(({ counts }) => totalOf(counts)));
    return total === 0 ? null : sum(all.flatMap(({ metric, counts }) => states.map((state) => countOf(metric, counts, state)))) / total;
  }

  /** One point for each hour, or slot of hours, that has reports, oldest first. @param meanOfMetric null: no mean is asked for. */
  hours(meanOfMetric: string | null): readonly HourPoint[] {
    const mean = meanOfMetric === null ? null : metricOf(this.plan, meanOfMetric);
    const [totals, dataCells, softwareCells] = [byHour(this.totals), byHour(this.data), byHour(this.softwareCells)];
    const hours = [...totals.keys()].sort((a, b) => a - b);
    return hours.map((hour) => {
      const [data, software] = [dataCells.get(hour) ?? [], softwareCells.get(hour) ?? []];
      return {
        hour,
        runs: sum((totals.get(hour) ?? []).filter(({ report }) => report === 'data').map(({ runs }) => runs)),
        p50Ms: this.latency(0.5, software),
        p95Ms: this.latency(0.95, software),
        usableRatio: this.stateRatio('output', ['ok'], data),
        mean: mean === null ? null : meanOf(mean, denseOf(mean, data)),
      };
    });
  }

  /** What came since `earlier`, over the hours that both views show; null when no run did. Both have the same selection but for hours. */
  since(earlier: View): Gain | null {
    // Other slots have other borders: hours of the one cannot be told from those of the other.
    if (this.series.slotHours !== earlier.series.slotHours) return null;
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
    const top = shares.reduce((best, share, index) => (share > (shares[best] as number) ? index : best), 0);
    const ratio = shares[top] as number;
    if (ratio === 0) return null;
    const base = this.baseOf(metric);
    return { label: this.labelsOf(metric)[top] as string, ratio, baseRatio: base === null ? null : (fractionsOf(base)[top] as number) };
  }

  /** A baseline is of one plan: beside sums of another one there is none. */
  private baseOf(metric: PlacedMetric): DenseCounts | null {
    const { baseline } = this.of.detail;
    if (baseline === null || baseline.plan !== this.of.plans.data.hash) return null;
    const cells = baseline.cells.map((cell, index) => ({ cell, count: baseline.counts[index] as number }));
    return denseOf(metric, cells);
  }

  private softwareOf({ plans, software }: Series): readonly CellSum[] {
    return plans.software === this.of.plans.software.hash ? software : [];
  }

  private get selectedTotals(): readonly SlotTotal[] {
    const { arm } = this.selection;
    return this.of.series.totals.filter((total) => arm === null || total.arm === arm);
  }

  private planHash(report: SlotTotal['report']): string | null {
    return report === 'noised' ? null : this.of.plans[report].hash;
  }

  /** None where an earlier plan did not count it yet, or under another name. */
  private softwareMetric(id: string): PlacedMetric | undefined {
    return this.of.plans.software.plan.metrics.find((metric) => metric.id === id);
  }

  private softwareCount(id: string, cell: string): number {
    const metric = this.softwareMetric(id);
    return metric === undefined ? 0 : countOf(metric, denseOf(metric, this.softwareCells), cell);
  }

  private latency(q: number, cells: readonly CellSum[] = this.softwareCells): number | null {
    const metric = this.softwareMetric('run.latency');
    return metric === undefined ? null : quantileOf(metric, denseOf(metric, cells), q);
  }

  private dataRunsFrom(firstHour: number): number {
    return sum(this.totals.filter(({ report, hour }) => report === 'data' && hour >= firstHour).map(({ runs }) => runs));
  }

  private sumsFrom(firstHour: number): Map<number, number> {
    const sums = new Map<number, number>();
    for (const { hour, cell, count } of this.data) if (hour >= firstHour) sums.set(cell, (sums.get(cell) ?? 0) + count);
    return sums;
  }
}

/** What a metric is called beside its model: without the side that its id begins with. */
export function metricLabel({ id, of }: PlacedMetric): string {
  return nameText(of === null ? id : id.slice(of.side.length + 1));
}

/** Cells of what went wrong that were counted, as rows of words and count. */
function rowsOf({ metrics }: Plan, cells: readonly CellSum[]): readonly CountRow[] {
  return metrics.flatMap((metric) => {
    if (!FAULTS.includes(metric.id)) return [];
    const counts = denseOf(metric, cells);
    const rows = metric.cells.map((cell, index) => ({ what: `${metric.id}: ${cell}`, count: counts[index] as number }));
    return rows.filter(({ count }) => count > 0);
  });
}

/** Looked through once: a quarter of a year has 2,208 hours, and each of them every cell. */
function byHour<Of extends { readonly hour: number }>(all: readonly Of[]): ReadonlyMap<number, readonly Of[]> {
  const hours = new Map<number, Of[]>();
  for (const each of all) {
    const ofHour = hours.get(each.hour);
    if (ofHour === undefined) hours.set(each.hour, [each]);
    else ofHour.push(each);
  }
  return hours;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
