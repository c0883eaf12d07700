/**
 * What the DuckDB store answers readers: sums added up by the engine, taken from it a piece at a time.
 *
 * Invariants
 *  - Between two pieces other work of this process has its turn; the engine works on a thread of its own meanwhile.
 *  - One read at a time: a connection that is asked again drops what it was answering.
 *
 * Not here: how many rows a reader may ask for (collector/views/series.ts), writing (duckdb-store.ts).
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { CellSum, SlotTotal } from '../../protocol/read/read-api.ts';
import { ARMS, REPORT_KINDS } from '../../protocol/report/window.ts';
import type { CellQuery, HourCells, SeriesQuery } from './store.ts';

type Row = readonly DuckDBValue[];

/** Series of a query with their hours' slots; the parameters are those of `seriesValues`. */
const SERIES_OF_QUERY = `
  SELECT series, hour - hour % $4 AS slot, arm, plan, report, reports, runs FROM series JOIN totals USING (series)
  WHERE version = $1 AND hour BETWEEN $2 AND $3 AND (report <> 0 OR $5 IS NULL OR segment = $5)`;

const CELLS_OF_QUERY = `
  cells JOIN (SELECT series, slot FROM (${SERIES_OF_QUERY})
    WHERE reports >= $6 AND report = $7 AND plan = $8 AND ($9 IS NULL OR arm = $9)) USING (series)`;

const CELL_SUMS = `SELECT slot, cell, sum(count)::BIGINT FROM ${CELLS_OF_QUERY} GROUP BY slot, cell ORDER BY slot, cell`;

const HOUR_CELLS = `SELECT slot, count(*) FROM ${CELLS_OF_QUERY} GROUP BY slot ORDER BY slot`;

const TOTALS = `
  SELECT slot, arm, plan, report, sum(reports)::BIGINT, sum(runs)::BIGINT FROM (${SERIES_OF_QUERY})
  WHERE reports >= $6 GROUP BY slot, arm, plan, report ORDER BY slot, arm, report, plan`;

const WITHHELD = `SELECT coalesce(sum(reports), 0)::BIGINT FROM (${SERIES_OF_QUERY}) WHERE reports < $6`;

export class DuckDbReads {
  private readonly connection: DuckDBConnection;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(connection: DuckDBConnection) {
    this.connection = connection;
  }

  /** Every row, taken piece by piece. For what is bounded by itself. */
  rows(sql: string, values: DuckDBValue[] = []): Promise<readonly Row[]> {
    const turn = this.tail.then(async () => {
      const result = await this.connection.stream(sql, values);
      const rows: Row[] = [];
      for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
        rows.push(...chunk.getRows());
        await new Promise((resolve) => setImmediate(resolve));
      }
      return rows;
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when nothing is being read: a connection must not be closed under a read. */
  async idle(): Promise<void> {
    await this.tail;
  }

  async cellSums(query: CellQuery): Promise<readonly CellSum[]> {
    const rows = await this.rows(CELL_SUMS, cellValues(query));
    return rows.map(([hour, cell, count]) => ({ hour: Number(hour), cell: Number(cell), count: Number(count) }));
  }

  async hourCells(query: CellQuery): Promise<readonly HourCells[]> {
    const rows = await this.rows(HOUR_CELLS, cellValues({ ...query, slotHours: 1 }));
    return rows.map(([hour, cellCount]) => ({ hour: Number(hour), cellCount: Number(cellCount) }));
  }

  async totals(query: SeriesQuery): Promise<readonly SlotTotal[]> {
    const rows = await this.rows(TOTALS, seriesValues(query));
    return rows.map(([hour, arm, plan, report, reports, runs]) => ({
      hour: Number(hour),
      arm: ARMS[Number(arm)] ?? 'stable',
      plan: String(plan),
      report: REPORT_KINDS[Number(report)] ?? 'data',
      reports: Number(reports),
      runs: Number(runs),
    }));
  }

  async withheldReports(query: SeriesQuery): Promise<number> {
    return Number((await this.rows(WITHHELD, seriesValues(query)))[0]?.[0]);
  }
}

function seriesValues({ modelVersion, fromHour, toHour, slotHours, segment, reportCountMin }: SeriesQuery): DuckDBValue[] {
  return [modelVersion, fromHour, toHour, slotHours, segment, reportCountMin];
}

function cellValues(query: CellQuery): DuckDBValue[] {
  const arm = query.arm === null ? null : ARMS.indexOf(query.arm);
  return [...seriesValues(query), REPORT_KINDS.indexOf(query.report), query.plan, arm];
}
