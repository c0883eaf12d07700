/**
 * Hourly sums: what a collector shows of its models, cell by cell and hour by hour, read through its API.
 *
 * Why through the API: a collector that runs has its database for itself, and what is shown to nobody must not leave by another door.
 *
 * Invariants
 *  - Rows of one model come in the order of their hours. At most one answer of the collector is held.
 *  - Sums of different plans stay apart. Noised reports are in none: their sums mean nothing without the estimate.
 *
 * Not here: the file (parquet-file.ts).
 */
import {
  type CollectorClient,
  CollectorError,
  type ModelEntry,
  type PlanDocument,
  type Series,
} from '../../collector/client/collector-client.ts';
import { EXPORT_STEP_HOURS } from '../../protocol/read/export-limits.ts';
import type { Arm } from '../../protocol/report/window.ts';
import { untilFree } from './until-free.ts';

/** How often one cell was counted in one hour, in all segments. */
export interface HourlySum {
  /** Hours since 1970. */
  readonly hour: number;
  readonly model: ModelEntry;
  readonly report: string;
  readonly plan: string;
  readonly arm: Arm;
  readonly metric: string;
  readonly cell: string;
  /** Index in the plan. */
  readonly cellIndex: number;
  readonly count: number;
  /** Of the hour, plan and arm. */
  readonly reports: number;
  readonly runs: number;
}

interface Asked {
  readonly client: CollectorClient;
  readonly models: readonly ModelEntry[];
  /** Both inclusive. */
  readonly fromHour: number;
  readonly toHour: number;
  /** Told before each step. */
  readonly onStep: (model: ModelEntry, hour: number) => void;
}

export async function* hourlySums({ client, models, fromHour, toHour, onStep }: Asked): AsyncGenerator<HourlySum> {
  for (const model of models) {
    const plans = new PlanCells(client, model.modelVersion);
    for (let first = fromHour; first <= toHour; first += EXPORT_STEP_HOURS) {
      onStep(model, first);
      yield* sumsOf({ client, model, plans }, first, Math.min(toHour, first + EXPORT_STEP_HOURS - 1));
    }
  }
}

interface Source {
  readonly client: CollectorClient;
  readonly model: ModelEntry;
  readonly plans: PlanCells;
}

async function* sumsOf(source: Source, fromHour: number, toHour: number): AsyncGenerator<HourlySum> {
  const { client, model } = source;
  const range = { model: model.modelVersion, hours: toHour - fromHour + 1, until: toHour };
  const { totals } = await untilFree(() => client.series(range));
  const arms = new Set(totals.map(({ arm }) => arm));
  const rows: HourlySum[] = [];
  for (const arm of arms) {
    const plansOf = (kind: string) => [
      ...new Set(totals.filter((total) => total.report === kind && total.arm === arm).map(({ plan }) => plan)),
    ];
    const [data, software] = [plansOf('data'), plansOf('software')];
    for (let index = 0; index < Math.max(data.length, software.length); index++) {
      const [ofData, ofSoftware] = [data[index], software[index]];
      const chosen = { arm, ...(ofData !== undefined && { data: ofData }), ...(ofSoftware !== undefined && { software: ofSoftware }) };
      const series = await untilFree(() => client.series({ ...range, ...chosen }));
      if (series.slotHours > 1) {
        // Too much for one answer by hours: half the hours are less. One hour is never too much.
        const middle = fromHour + Math.floor((toHour - fromHour) / 2);
        yield* sumsOf(source, fromHour, middle);
        yield* sumsOf(source, middle + 1, toHour);
        return;
      }
      if (ofData !== undefined) rows.push(...(await rowsOf(source, series, ofData, arm)));
      if (ofSoftware !== undefined) rows.push(...(await rowsOf(source, series, ofSoftware, arm)));
    }
  }
  yield* rows.sort((one, other) => one.hour - other.hour);
}

/** Nothing of a plan that the collector cannot name the cells of any more. */
async function rowsOf({ model, plans }: Source, series: Series, plan: string, arm: Arm): Promise<HourlySum[]> {
  const named = await plans.of(plan);
  if (named === null) return [];
  const totals = new Map(series.totals.filter((total) => total.plan === plan && total.arm === arm).map((total) => [total.hour, total]));
  return (named.report === 'data' ? series.data : series.software).flatMap(({ hour, cell, count }) => {
    const at = named.cells[cell];
    if (at === undefined) return [];
    const { reports = 0, runs = 0 } = totals.get(hour) ?? {};
    return [{ ...{ hour, model, report: named.report, plan, arm, ...at, cellIndex: cell, count, reports, runs } }];
  });
}

interface NamedCells {
  readonly report: string;
  /** By index in the plan. */
  readonly cells: readonly { readonly metric: string; readonly cell: string }[];
}

/** Names of cells by plan, each asked for once. */
class PlanCells {
  private readonly client: CollectorClient;
  private readonly version: string;
  private readonly known = new Map<string, NamedCells | null>();

  constructor(client: CollectorClient, version: string) {
    this.client = client;
    this.version = version;
  }

  async of(hash: string): Promise<NamedCells | null> {
    const known = this.known.get(hash);
    if (known !== undefined) return known;
    const document = await untilFree(() => this.client.plan({ version: this.version, hash })).catch((error: unknown) => {
      if (error instanceof CollectorError && error.status === 404) return null;
      throw error;
    });
    const named = document === null ? null : namedCells(document);
    this.known.set(hash, named);
    return named;
  }
}

function namedCells({ report, plan }: PlanDocument): NamedCells {
  return { report, cells: plan.metrics.flatMap(({ id, cells }) => cells.map((cell) => ({ metric: id, cell }))) };
}
