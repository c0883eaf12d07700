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
import type { DuckDBConnection, DuckDBMaterializedResult, DuckDBValue } from '@duckdb/node-api';
import type { CellSum, SlotTotal } from '../../protocol/read/read-api.ts';
import { ARMS, REPORT_KINDS } from '../../protocol/report/window.ts';
import { textOf } from './duckdb-text.ts';
import type { CellQuery, HourCells, SeriesQuery, Totals } from './store.ts';

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
    const rows = await this.rows(`SELECT plan, slot, count(*) FROM ${cellsOf(hourly)} GROUP BY plan, slot ORDER BY plan, slot`);
    return rows.map(([plan, hour, cellCount]) => ({ plan: String(plan), hour: Number(hour), cellCount: Number(cellCount) }));
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

export function numbersOf(text: DuckDBValue | undefined): number[] {
  return JSON.parse(`[${String(text)}]`) as number[];
}
