/**
 * Opening a history: the votes of a table's rows or of a running collector, with all that a replay needs to know of them.
 *
 * Invariants
 *  - Rows are counted as `insitu baseline` counts them (cli/count/).
 *  - What a person has to know about how it was read is a note.
 */
import type { CollectorClient, ModelEntry } from '../../collector/client/collector-client.ts';
import type { VoteSource } from '../../collector/monitoring/vote-source.ts';
import { planHash } from '../../counts/layout/plan.ts';
import { MONITOR_DEFAULTS, type MonitorOptions } from '../../counts/monitor/monitor.ts';
import { modelVersionOf } from '../../protocol/manifest/served-manifest.ts';
import { BACKTEST_DAY_COUNT_DEFAULT, BACKTEST_DAY_COUNT_MAX } from '../../protocol/read/backtest-limits.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';
import { createExampleCounter } from '../count/example-counter.ts';
import { RowTally } from '../data/row-tally.ts';
import { chosenModels, clientOf } from '../export/asked-collector.ts';
import { untilFree } from '../export/until-free.ts';
import { openModelFolder, readVariant } from '../folder/model-folder.ts';
import { readAdminKey } from '../terminal/admin-key.ts';
import { CommandError } from '../terminal/command-error.ts';
import { readCollectorVotes } from './collector-votes.ts';
import type { BacktestReport } from './report.ts';
import { TableVotes } from './table-votes.ts';
import { openTimedRows, type TimedRow, type TimedSource } from './timed-rows.ts';
import { dayText, type HistoryPlan, type VoteHistory } from './vote-history.ts';

export interface History {
  readonly model: BacktestReport['model'];
  readonly source: BacktestReport['source'];
  readonly plans: readonly HistoryPlan[];
  readonly votes: VoteSource;
  /** Hours since 1970, both inclusive. */
  readonly range: { readonly fromHour: number; readonly toHour: number };
  /** Marked windows of all plans. */
  readonly windows: number;
  /** What holds unless somebody names others. */
  readonly options: MonitorOptions;
  readonly notes: readonly string[];
}

interface AskedDays {
  /** Days since 1970, both inclusive; null: from the first, up to the last. */
  readonly fromDay: number | null;
  readonly toDay: number | null;
  /** Told of long steps. */
  readonly say: (step: string) => void;
}

interface AskedTable extends AskedDays {
  readonly folder: string;
  readonly data: readonly string[];
  readonly limit: number | null;
  readonly time: string;
  readonly visit: string | null;
  readonly variant: string | undefined;
}

/** Rows between two words of progress. */
const STEP_ROW_COUNT = 2_000;

/** @throws {CommandError} when nothing of it can be replayed. */
export async function openTableHistory(asked: AskedTable): Promise<History> {
  const { folder, data, time, visit, variant } = asked;
  const model = await openModelFolder(folder);
  const { manifest, manifestJson } = model;
  const isObserved = manifest.variants.length === 0;
  const counter = await createExampleCounter(manifest, isObserved ? null : await readVariant(model, variant));
  const [modelVersion, hash] = [await modelVersionOf(manifestJson), await planHash(counter.plan)];
  // A table does not say in which browser a row was.
  const plan = { ...counter.plan, segments: [''] };
  const opened = await openTimedRows(manifest, data, { time, visit });
  const votes = new TableVotes({ modelVersion, hash, plan });
  const { rows, outside } = await takeRows(opened, asked, async (atMs, by, example) => votes.add(atMs, by, await counter.pairsOf(example)));
  if (rows.readCount === 0)
    throw new CommandError(
      [
        ...rows.lines(),
        ...outsideLines(outside),
        'No row was counted, so there is nothing to replay. The lines above say why rows were left out.',
      ].join('\n'),
    );
  const history = votes.history();
  const unreadable = rows.unreadableCount === 0 ? [] : rows.lines().map((line) => line.trim());
  return {
    ...{ model: { modelVersion, name: manifest.name, version: manifest.version }, plans: [{ hash, plan }], votes: history },
    source: {
      ...{ kind: 'table', files: data, timeColumn: time, visitColumn: visit },
      rows: { counted: rows.readCount, unreadable: rows.unreadableCount, outside },
    },
    ...{ range: wholeDays(history), windows: history.windowsOf(hash), options: MONITOR_DEFAULTS },
    notes: [
      ...(visit === null ? [NO_VISITS] : []),
      ...(isObserved ? ['The manifest has no model to run: outputs are not counted.'] : []),
      ...(counter.plan.segments.length > 1 ? ['A table does not say which segment a run was in: all are taken together.'] : []),
      ...opened.notes,
      ...unreadable,
    ],
  };
}

const NO_VISITS =
  'Each row is taken for a visit of its own. What one person does is alike: where rows of one person follow each other, name the column that tells them apart (--visit COLUMN), or alarms come too easily.';

const outsideLines = (count: number) => (count === 0 ? [] : [`${count} rows are not between --from and --to`]);

/** Hands on the rows of the asked days, one after the other. */
async function takeRows(
  source: TimedSource,
  { fromDay, toDay, limit, say }: AskedTable,
  take: (atMs: number, visit: string | null, row: TimedRow) => Promise<void>,
): Promise<{ readonly rows: RowTally; readonly outside: number }> {
  const rows = new RowTally();
  const [fromMs, endMs] = [(fromDay ?? 0) * DAY_HOURS * HOUR_MS, toDay === null ? Infinity : (toDay + 1) * DAY_HOURS * HOUR_MS];
  let [seen, outside] = [0, 0];
  for await (const row of source.rows()) {
    if (seen++ % STEP_ROW_COUNT === 0) say(`counting row ${seen}${source.count === null ? '' : ` of ${source.count}`}`);
    if (!('unreadable' in row) && (row.atMs < fromMs || row.atMs >= endMs)) outside++;
    else if (rows.take(row)) await take(row.atMs, row.visit, row);
    if (seen === limit) break;
  }
  return { rows, outside };
}

/** Up to the end of the last day: of a table nothing more will come. */
function wholeDays(history: VoteHistory): History['range'] {
  const { fromHour, toHour } = history.range ?? { fromHour: 0, toHour: 0 };
  return bounded({ fromHour, toHour: toHour - (toHour % DAY_HOURS) + DAY_HOURS - 1 });
}

/** @throws {CommandError} when it is more than one replay takes. */
function bounded({ fromHour, toHour }: History['range']): History['range'] {
  if ((toHour - fromHour) / DAY_HOURS <= BACKTEST_DAY_COUNT_MAX) return { fromHour, toHour };
  throw new CommandError(
    `The history reaches from ${dayText(fromHour)} to ${dayText(toHour)}, and at most ${BACKTEST_DAY_COUNT_MAX} days are replayed at once. Name a part of it: --from DAY --to DAY.`,
  );
}

interface AskedCollector extends AskedDays {
  readonly url: string;
  readonly model: string;
  readonly keyFile: string;
}

/** @throws {CommandError} when there is nothing to replay. @throws {CollectorError} when the collector does not answer. */
export async function openCollectorHistory({ url, model: wanted, keyFile, fromDay, toDay, say }: AskedCollector): Promise<History> {
  const client = clientOf(url, readAdminKey(keyFile));
  const { modelVersion, name, version } = onlyModel(chosenModels(await untilFree(() => client.models()), wanted), wanted);
  const detail = await untilFree(() => client.monitoredModel({ version: modelVersion }));
  const plans = await plansOf(client, modelVersion);
  const lastHour = Math.floor(detail.nowMs / HOUR_MS) - 1;
  const until = Math.min(toDay ?? Infinity, Math.floor(lastHour / DAY_HOURS));
  const from = fromDay ?? Math.max(0, until - BACKTEST_DAY_COUNT_DEFAULT + 1);
  const onDay = (day: number) => say(`reading ${dayText(day * DAY_HOURS)}`);
  const history = await readCollectorVotes({ client, modelVersion, plans, fromDay: from, toDay: until, onDay });
  const { range } = history;
  if (range === null)
    throw new CommandError(
      `The collector has no votes of "${name}" from ${dayText(from * DAY_HOURS)} to ${dayText(until * DAY_HOURS)}. Pages of 0.2.0 and later mark the windows that vote; name other days with --from and --to.`,
    );
  return {
    ...{ model: { modelVersion, name, version }, source: { kind: 'collector', url }, plans, votes: history },
    range: bounded({ fromHour: range.fromHour, toHour: Math.min(lastHour, until * DAY_HOURS + DAY_HOURS - 1) }),
    windows: plans.reduce((sum, { hash }) => sum + history.windowsOf(hash), 0),
    options: detail.options,
    notes: detail.orders.length === 0 ? [] : [ORDERS],
  };
}

const ORDERS =
  'What persons said of this model (accepted, re-based, inherited) is not replayed: the collector may have judged differently since.';

function onlyModel(models: readonly ModelEntry[], wanted: string): ModelEntry {
  const [model, ...others] = models as [ModelEntry, ...ModelEntry[]];
  if (others.length === 0) return model;
  const versions = models.map(({ modelVersion, version }) => `${modelVersion} (${version})`).join(', ');
  throw new CommandError(`"${wanted}" has ${models.length} model versions: ${versions}. Name one: --model VERSION.`);
}

/** Those that votes can be of. */
async function plansOf(client: CollectorClient, modelVersion: string): Promise<HistoryPlan[]> {
  const { plans } = await untilFree(() => client.model({ version: modelVersion }));
  const voting = plans.filter(({ report }) => report !== 'noised');
  return Promise.all(
    voting.map(async ({ hash }) => ({ hash, plan: (await untilFree(() => client.plan({ version: modelVersion, hash }))).plan })),
  );
}
