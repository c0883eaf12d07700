/**
 * A Parquet file of hourly sums: one row for each hour, model version, plan, arm and cell that was counted.
 *
 * Invariants
 *  - The columns are COLUMNS, whatever is in them; a file without rows has them too.
 *  - Rows are written in groups of PARQUET_GROUP_ROW_COUNT, and no more are held.
 *
 * Not here: where rows come from (hourly-sums.ts), the file's name until it is whole (cli/commands/export.ts).
 */
import { type ColumnSource, fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { PARQUET_GROUP_ROW_COUNT } from '../../protocol/read/export-limits.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { HourlySum } from './hourly-sums.ts';

type Column = Omit<ColumnSource, 'data'> & { readonly of: (sum: HourlySum) => unknown };

const text = (name: string, of: (sum: HourlySum) => string): Column => ({ name, type: 'STRING', nullable: false, of });
const number = (name: string, of: (sum: HourlySum) => number): Column => ({
  ...{ name, type: 'INT64', nullable: false },
  of: (sum) => BigInt(of(sum)),
});

/** In the order of the file. */
const COLUMNS: readonly Column[] = [
  { name: 'hour', type: 'TIMESTAMP', nullable: false, of: ({ hour }) => new Date(hour * HOUR_MS) },
  text('model', ({ model }) => model.name),
  text('version', ({ model }) => model.version),
  text('model_version', ({ model }) => model.modelVersion),
  text('arm', ({ arm }) => arm),
  text('report', ({ report }) => report),
  text('plan', ({ plan }) => plan),
  text('metric', ({ metric }) => metric),
  text('cell', ({ cell }) => cell),
  number('cell_index', ({ cellIndex }) => cellIndex),
  number('count', ({ count }) => count),
  number('reports', ({ reports }) => reports),
  number('runs', ({ runs }) => runs),
];

/** @returns How many rows were written. */
export async function writeParquet(file: string, sums: AsyncIterable<HourlySum>): Promise<number> {
  const columnsOf = (rows: readonly HourlySum[]): ColumnSource[] => COLUMNS.map(({ of, ...column }) => ({ ...column, data: rows.map(of) }));
  const schema = schemaFromColumnData({ columnData: columnsOf([]) });
  const writer = new ParquetWriter({ writer: fileWriter(file), schema, createdBy: 'insitu' });
  let rows: HourlySum[] = [];
  let rowCount = 0;
  const write = async () => {
    rowCount += rows.length;
    await writer.write({ columnData: columnsOf(rows), rowGroupSize: PARQUET_GROUP_ROW_COUNT });
    rows = [];
  };
  for await (const sum of sums) {
    rows.push(sum);
    if (rows.length >= PARQUET_GROUP_ROW_COUNT) await write();
  }
  if (rows.length > 0) await write();
  await writer.finish();
  return rowCount;
}
