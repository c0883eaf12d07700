/**
 * `insitu export`: writes a collector's sums by hour into a Parquet file, for notebooks and warehouses.
 *
 * Invariants
 *  - The file is there whole or not at all, whatever ends the command: Ctrl-C removes what was written.
 *  - What the collector shows to nobody is not in it.
 *
 * Not here: reading (cli/export/hourly-sums.ts), columns (cli/export/parquet-file.ts).
 */
import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { CollectorError, type ModelEntry } from '../../collector/client/collector-client.ts';
import { EXPORT_DAY_COUNT_MAX } from '../../protocol/read/export-limits.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import { chosenModels, clientOf } from '../export/asked-collector.ts';
import { hourlySums } from '../export/hourly-sums.ts';
import { writeParquet } from '../export/parquet-file.ts';
import { dayOf, readOptions, seeHelp } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { startSteps } from '../terminal/progress.ts';

const DAY_MS = 24 * HOUR_MS;

export const usage = `insitu export --parquet FILE [options]

Writes what a collector shows of its models into a Parquet file: one row for each hour, model version, plan, arm and cell
that was counted. Columns: hour, model, version, model_version, arm, report, plan, metric, cell, cell_index, count,
reports, runs; the last two are of the hour, plan and arm.

  --parquet FILE                     written whole or not at all
  --collector http://127.0.0.1:8788  with the path prefix that a proxy puts in front of it
  --model NAME                       of that name, or of that model version (16 hex digits); default: every one
  --from 2026-01-31                  first day, in UTC; default: 30 days ago
  --to 2026-03-31                    last day, in UTC; default: today

For example in DuckDB: SELECT hour, sum(count) FROM 'sums.parquet' WHERE metric = 'run.outcome' GROUP BY hour
`;

const DEFAULT_DAYS = 30;

export async function run(args: readonly string[]): Promise<void> {
  const { parquet, ...values } = readOptions('export', args, {
    parquet: { type: 'string' },
    collector: { type: 'string', default: 'http://127.0.0.1:8788' },
    model: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
  });
  if (parquet === undefined) throw new UsageError(`Name the file: --parquet FILE. ${seeHelp('export')}`);
  const toDay = values.to === undefined ? Math.floor(Date.now() / DAY_MS) : dayOf('to', values.to);
  const fromDay = values.from === undefined ? toDay - DEFAULT_DAYS : dayOf('from', values.from);
  if (fromDay > toDay) throw new UsageError('--from must not be after --to.');
  if (toDay - fromDay >= EXPORT_DAY_COUNT_MAX) throw new UsageError(`At most ${EXPORT_DAY_COUNT_MAX} days fit into one file.`);
  const client = clientOf(values.collector);
  const part = openPart(parquet);
  const steps = startSteps();
  try {
    const models = chosenModels(await client.models(), values.model);
    const onStep = (model: ModelEntry, hour: number) =>
      steps.say(`${models.indexOf(model) + 1} of ${models.length} models, ${new Date(hour * HOUR_MS).toISOString().slice(0, 10)}`);
    const rowCount = await writeParquet(part.name, hourlySums({ client, models, fromHour: fromDay * 24, toHour: toDay * 24 + 23, onStep }));
    renameSync(part.name, parquet);
    steps.end();
    process.stdout.write(`${parquet}: ${rowCount} rows\n`);
  } catch (error) {
    steps.end();
    throw error instanceof CollectorError ? new CommandError(error.message, { cause: error }) : error;
  } finally {
    part.close();
  }
}

/** A file beside the named one that holds the rows until all are there. */
function openPart(file: string): { readonly name: string; readonly close: () => void } {
  const name = `${file}.${process.pid}.part`;
  try {
    closeSync(openSync(name, 'w'));
  } catch {
    throw new CommandError(`${file} cannot be written. Name a file in a folder that is there and that this user may write.`);
  }
  const clear = () => rmSync(name, { force: true });
  const stop = (signal: NodeJS.Signals) => {
    clear();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  return {
    name,
    close: () => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      clear();
    },
  };
}
