/**
 * What the DuckDB store answers readers: sums added up by the engine, and put together by it.
 *
 * Invariants
 *  - The engine works on a thread of its own, and an answer is one call: a row for each slot and plan, with its cells as one text. What is
 *    left to this thread is bounded by what a reader may ask for (collector/views/series.ts).
 *  - One read at a time: a connection that is asked again drops what it was answering.
 *
 * Not here: writing (duckdb-store.ts).
 */
import { setImmediate } from 'node:timers/promises';
import type { DuckDBConnection, DuckDBMaterializedResult, DuckDBValue } from '@duckdb/node-api';
import type { CellSum, SlotTotal } from '../../protocol/read/read-api.ts';
import { ARMS, REPORT_KINDS } from '../../protocol/report/window.ts';
import { listOf, textOf } from './duckdb-text.ts';
import type { CellQuery, HourCells, LifetimeQuery, LifetimeSum, SeriesQuery, Totals } from './store.ts';

type Row = readonly DuckDBValue[];

/** Every row of an answer that is there as a whole. */
export function rowsOf(result: DuckDBMaterializedResult): Row[] {
  return Array.from({ length: result.chunkCount }, (_, index) => result.getChunk(index).getRows()).flat();
}

/** Series of a query with their hours' slots. */
function seriesOf({ modelVersion, fromHour, toHour, slotHours, segment }: SeriesQuery): string {
  const ofSegment = segment === null ? '' : `AND (report <> ${REPORT_KINDS.indexOf('data')} OR segment = ${textOf(segment)})`;
  return `
    SELECT series, hour - hour % ${textOf(slotHours)} AS slot, arm, plan, report, reports, runs FROM series JOIN totals USING (series)
    WHERE version = ${textOf(modelVersion)} AND hour BETWEEN ${textOf(fromHour)} AND ${textOf(toHour)} ${ofSegment}`;
}

function cellsOf({ plans, arm, ...query }: CellQuery): string {
  const ofArm = arm === null ? '' : `AND arm = ${ARMS.indexOf(arm)}`;
  const ofPlans = `plan IN (${['', ...plans].map(textOf).join(',')})`;
  return `cells JOIN (SELECT series, slot, plan FROM (${seriesOf(query)})
    WHERE reports >= ${textOf(query.reportCountMin)} AND ${ofPlans} ${ofArm}) USING (series)`;
}

export class DuckDbReads {
  private readonly connection: DuckDBConnection;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(connection: DuckDBConnection) {
    this.connection = connection;
  }

  rows(sql: string): Promise<readonly Row[]> {
    const turn = this.tail.then(async () => rowsOf((await this.connection.run(sql)) as DuckDBMaterializedResult));
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when nothing is being read: a connection must not be closed under a read. */
  async idle(): Promise<void> {
    await this.tail;
  }

  async cellSums(query: CellQuery): Promise<ReadonlyMap<string, readonly CellSum[]>> {
    const rows = await this.rows(`
      SELECT plan, slot, string_agg(cell, ',' ORDER BY cell), string_agg(count, ',' ORDER BY cell)
      FROM (SELECT plan, slot, cell, sum(count) AS count FROM ${cellsOf(query)} GROUP BY plan, slot, cell)
      GROUP BY plan, slot ORDER BY plan, slot`);
    const sums = new Map<string, CellSum[]>();
    for (const [plan, slot, cells, counts] of rows) {
      const hour = Number(slot);
      const listed = numbersOf(counts);
      const before = sums.get(String(plan)) ?? [];
      sums.set(String(plan), before);
      for (const [index, cell] of numbersOf(cells).entries()) before.push({ hour, cell, count: listed[index] as number });
    }
    return sums;
  }

  async hourCells(query: CellQuery): Promise<readonly HourCells[]> {
    const hourly = { ...query, slotHours: 1 };
    // Cells of each hour, and each plan's different cells as rows without an hour, from one look through the table.
    const rows = await this.rows(`
      SELECT plan, slot, sum(stored), count(*) FROM (
        SELECT plan, slot, cell, count(*) AS stored FROM ${cellsOf(hourly)} GROUP BY GROUPING SETS ((plan, slot), (plan, cell)))
      GROUP BY plan, slot ORDER BY plan, slot`);
    const metCounts = new Map(rows.filter(([, hour]) => hour === null).map(([plan, , , count]) => [String(plan), Number(count)]));
    return rows
      .filter(([, hour]) => hour !== null)
      .map(([plan, hour, cellCount]) => {
        const metCellCount = metCounts.get(String(plan)) ?? 0;
        return { plan: String(plan), hour: Number(hour), cellCount: Number(cellCount), metCellCount };
      });
  }

  /** Reports and runs in one call, cells in another: a commit in between is in the second alone. */
  async lifetimes(query: LifetimeQuery): Promise<readonly LifetimeSum[]> {
    const totals = await this.rows(`${lifetimesOf(query)}
      SELECT version, plan, arm, sum(reports), sum(runs) FROM shown GROUP BY version, plan, arm`);
    const cells = await this.rows(`${lifetimesOf(query)}
      SELECT version, plan, arm, string_agg(cell, ',' ORDER BY cell), string_agg(count, ',' ORDER BY cell)
      FROM (SELECT version, plan, arm, cell, sum(count) AS count FROM cells JOIN shown USING (series) JOIN wanted USING (plan)
        WHERE cell >= first_cell AND cell < end_cell GROUP BY version, plan, arm, cell)
      GROUP BY version, plan, arm`);
    const countsBy = new Map<string, ReadonlyMap<number, number>>();
    for (const [version, plan, arm, indices, counts] of cells) {
      const listed = numbersOf(counts);
      countsBy.set(`${version} ${plan} ${arm}`, new Map(numbersOf(indices).map((cell, at) => [cell, listed[at] as number])));
      // A row is a model; a thousand of them would hold up commits.
      await setImmediate();
    }
    return totals.map(([version, plan, arm, reports, runs]) => ({
      modelVersion: String(version),
      plan: String(plan),
      arm: ARMS[Number(arm)] ?? 'stable',
      reports: Number(reports),
      runs: Number(runs),
      counts: countsBy.get(`${version} ${plan} ${arm}`) ?? new Map(),
    }));
  }

  async totals(query: SeriesQuery): Promise<Totals> {
    const shown = `reports >= ${textOf(query.reportCountMin)}`;
    const rows = await this.rows(`
      SELECT slot, arm, plan, report, ${shown} AS shown, sum(reports), sum(runs) FROM (${seriesOf(query)})
      GROUP BY slot, arm, plan, report, shown ORDER BY slot, arm, report, plan`);
    const totals = rows
      .filter(([, , , , isShown]) => isShown)
      .map(
        ([hour, arm, plan, report, , reports, runs]): SlotTotal => ({
          hour: Number(hour),
          arm: ARMS[Number(arm)] ?? 'stable',
          plan: String(plan),
          report: REPORT_KINDS[Number(report)] ?? 'data',
          reports: Number(reports),
          runs: Number(runs),
        }),
      );
    const withheldReports = rows.reduce((sum, [, , , , isShown, reports]) => sum + (isShown ? 0 : Number(reports)), 0);
    return { totals, withheldReports };
  }
}

/** Series of all models within a query, those of plans without a wanted cell left out. */
function lifetimesOf({ fromHour, toHour, reportCountMin, cells }: LifetimeQuery): string {
  const columns = [
    `${listOf(
      cells.map(({ plan }) => plan),
      'VARCHAR',
    )} AS plan`,
    `${listOf(
      cells.map(({ firstCell }) => firstCell),
      'UINTEGER',
    )} AS first_cell`,
    `${listOf(
      cells.map(({ endCell }) => endCell),
      'UINTEGER',
    )} AS end_cell`,
  ];
  return `
    WITH wanted AS MATERIALIZED (SELECT ${columns.join(', ')}),
    shown AS (SELECT series, version, plan, arm, reports, runs FROM series JOIN totals USING (series)
      WHERE hour BETWEEN ${textOf(fromHour)} AND ${textOf(toHour)} AND reports >= ${textOf(reportCountMin)}
        AND plan IN (SELECT plan FROM wanted))`;
}

export function numbersOf(text: DuckDBValue | undefined): number[] {
  return JSON.parse(`[${String(text)}]`) as number[];
}
