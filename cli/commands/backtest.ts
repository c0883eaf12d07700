/**
 * `insitu backtest`: what the monitor would have said of a history, before anybody trusts it with the present.
 *
 * Invariants
 *  - The monitor is the collector's own, and so are its incidents (cli/backtest/replay.ts).
 *  - `--html FILE` is there whole or not at all; with `--json` nothing but JSON is printed.
 *
 * Not here: the replay and its report (cli/backtest/).
 */
import { basename, dirname } from 'node:path';
import { CollectorError } from '../../collector/client/collector-client.ts';
import { Monitor, type MonitorOptions } from '../../counts/monitor/monitor.ts';
import { BACKTEST_DAY_COUNT_MAX, NEAR_STREAM_COUNT } from '../../protocol/read/backtest-limits.ts';
import { delaysOf } from '../backtest/delays.ts';
import { htmlReport } from '../backtest/html/html-report.ts';
import { type History, openCollectorHistory, openTableHistory } from '../backtest/open-history.ts';
import { replay } from '../backtest/replay.ts';
import { type BacktestReport, reportOf } from '../backtest/report.ts';
import { reportText } from '../backtest/report-text.ts';
import { dayText } from '../backtest/vote-history.ts';
import { DATA_OPTIONS, dataArguments } from '../data/data-arguments.ts';
import { writeAllWhole } from '../folder/whole-files.ts';
import { KEY_FILE_DEFAULT } from '../terminal/admin-key.ts';
import { countOf, dayOf, numberOf, readArguments, seeHelp } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { startSteps } from '../terminal/progress.ts';

const COMMAND = 'backtest';

export const usage = `insitu backtest FOLDER --data PATH... --time COLUMN [options], or --collector URL --model NAME [options]

Replays a history through the collector's own monitor: what would have alarmed and when, how many false incidents the
budget allows for, what would have been missed, and how long a change takes to be found at this traffic.

A table: rows are counted by FOLDER/model.json (or observe.json) as insitu baseline counts them.
  --data PATH       rows.csv, .tsv or .parquet, or a folder of them (needs @duckdb/node-api)
  --time COLUMN     when: ISO 8601, in UTC unless it says another offset; seconds or milliseconds since 1970; timestamps
  --visit COLUMN    whose: rows of one value are one browser's. Default: each row is a visit of its own
  --variant ID      the variant that answers; default: the first that runs on wasm
  --limit N         reads N rows at the most

A running collector: what it was given to judge. Its options for the model hold unless others are named.
  --collector URL   for example http://127.0.0.1:8788
  --model NAME      of that name, or of that model version (16 hex digits)
  --key-file ${KEY_FILE_DEFAULT}   its admin key; INSITU_ADMIN_KEY in the environment, where there is no file

  --from 2026-01-31, --to 2026-03-31   first and last day, in UTC
  --budget 1        false incidents that a model-year may have
  --tolerance PSI   distance from the baseline that is nobody's concern; default: what the burn-in proposes
  --burn-in 28      days of a first baseline, at the least
  --without-delays  plants no changes: the table of delays takes most of the time
  --html FILE       a report to look at and to pass on, one file that loads nothing
  --json            the report as JSON: docs/backtest.md tells its fields
`;

const OPTIONS = {
  ...DATA_OPTIONS,
  time: { type: 'string' },
  visit: { type: 'string' },
  variant: { type: 'string' },
  collector: { type: 'string' },
  model: { type: 'string' },
  'key-file': { type: 'string', default: KEY_FILE_DEFAULT },
  from: { type: 'string' },
  to: { type: 'string' },
  budget: { type: 'string' },
  tolerance: { type: 'string' },
  'burn-in': { type: 'string' },
  'without-delays': { type: 'boolean', default: false },
  html: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

type Given = ReturnType<typeof readArguments<typeof OPTIONS>>;

export async function run(args: readonly string[]): Promise<void> {
  const given = readArguments(COMMAND, args, OPTIONS);
  const own = monitorOptions(given);
  const steps = startSteps();
  try {
    const history = await openHistory(given, steps.say);
    const report = await backtest(history, { ...history.options, ...own }, !given.values['without-delays'], steps.say);
    steps.end();
    if (given.values.html !== undefined) await writeHtml(given.values.html, report);
    process.stdout.write(given.values.json ? `${JSON.stringify(report)}\n` : reportText(report));
  } catch (error) {
    throw error instanceof CollectorError ? new CommandError(error.message, { cause: error }) : error;
  } finally {
    steps.end();
  }
}

async function backtest(
  history: History,
  options: MonitorOptions,
  hasDelays: boolean,
  say: (step: string) => void,
): Promise<BacktestReport> {
  const { model, source, plans, votes, range, windows, notes } = history;
  const asked = {
    ...{ modelVersion: model.modelVersion, plans, options, source: votes, ...range },
    onDay: (day: number) => say(`judging ${dayText(day * 24)}`),
  };
  const replayed = await replay(asked);
  const onStep = (step: number, stepCount: number) => say(`planting change ${step} of ${stepCount}`);
  const delays = hasDelays ? await delaysOf(asked, replayed, onStep) : null;
  return reportOf({ ...{ model, source, options, plans, range, windows, replayed, delays, notes }, nearStreamCount: NEAR_STREAM_COUNT });
}

function openHistory(given: Given, say: (step: string) => void): Promise<History> {
  const { values } = given;
  const days = daysOf(given);
  if (values.collector !== undefined) {
    const stranger = (['data', 'time', 'visit', 'variant', 'limit'] as const).find((name) => values[name] !== undefined);
    if (stranger !== undefined || given.positionals.length > 0)
      throw new UsageError(
        `With --collector, ${stranger === undefined ? 'no folder is' : `--${stranger} is not`} read. ${seeHelp(COMMAND)}`,
      );
    if (values.model === undefined) throw new UsageError(`Name the model: --model NAME. ${seeHelp(COMMAND)}`);
    return openCollectorHistory({ url: values.collector, model: values.model, keyFile: values['key-file'], ...days, say });
  }
  const { folder, data, limit } = dataArguments(COMMAND, given);
  if (data.length === 0) throw new UsageError(`Name the rows: --data PATH. ${seeHelp(COMMAND)}`);
  if (values.time === undefined) throw new UsageError(`Name the column that says when a row was: --time COLUMN. ${seeHelp(COMMAND)}`);
  if (values.model !== undefined) throw new UsageError(`--model is a collector's: name it too, --collector URL. ${seeHelp(COMMAND)}`);
  return openTableHistory({ folder, data, limit, time: values.time, visit: values.visit ?? null, variant: values.variant, ...days, say });
}

function daysOf({ values: { from, to } }: Given): { readonly fromDay: number | null; readonly toDay: number | null } {
  const [fromDay, toDay] = [from === undefined ? null : dayOf('from', from), to === undefined ? null : dayOf('to', to)];
  if (fromDay !== null && toDay !== null && fromDay > toDay) throw new UsageError('--from must not be after --to.');
  if (fromDay !== null && toDay !== null && toDay - fromDay >= BACKTEST_DAY_COUNT_MAX)
    throw new UsageError(`At most ${BACKTEST_DAY_COUNT_MAX} days are replayed at once. Name fewer: --from DAY --to DAY.`);
  return { fromDay, toDay };
}

/** @throws {UsageError} for numbers that mean nothing to a monitor. */
function monitorOptions({ values: { budget, tolerance, 'burn-in': burnIn } }: Given): Partial<MonitorOptions> {
  const named = {
    ...(budget !== undefined && { budget: numberOf('budget', budget) }),
    ...(tolerance !== undefined && { tolerance: numberOf('tolerance', tolerance) }),
    ...(burnIn !== undefined && { burnInDays: countOf('burn-in', burnIn) }),
  };
  try {
    new Monitor({ budget: 1, tolerance: null, burnInDays: 28, ...named });
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`${error.message.replace(/^burnInDays/, 'burn-in')}.`) : error;
  }
  return named;
}

async function writeHtml(file: string, report: BacktestReport): Promise<void> {
  await writeAllWhole(dirname(file), new Map([[basename(file), htmlReport(report)]])).catch(() => {
    throw new CommandError(`${file} cannot be written. Name a file in a folder that this user may write.`);
  });
}
