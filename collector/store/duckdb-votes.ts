/**
 * Votes in DuckDB: what a commit adds, what is answered, and how hours become days.
 *
 *     vote_streams(stream, version, plan, arm, segment)     numbers each
 *     votes(stream, hour, hours, mark, entry, total)        summed; what an entry is says vote-sums.ts
 *
 * `hours` is 1, or 24 once a day was rolled up; `mark` tells windows that are the first of a week from those of a day alone.
 *
 * Why a stream is numbered without its hour: it is looked up once in a process's life, so no commit is a call longer for its votes.
 *
 * Invariants
 *  - An answer is one statement: windows, metrics and cells of one moment.
 *
 * Not here: transactions (duckdb-store.ts).
 */
import type { DuckDBConnection, DuckDBMaterializedResult } from '@duckdb/node-api';
import { PLAN_CELL_COUNT_MAX, VOTE_ROLL_UP_STREAM_COUNT } from '../../protocol/limits.ts';
import { ARMS, DAY_HOURS, VOTE_CADENCES } from '../../protocol/report/window.ts';
import { type DuckDbReads, numbersOf, rowsOf } from './duckdb-reads.ts';
import { listOf, textOf } from './duckdb-text.ts';
import type { AcceptedWindow, SlotVotes, VotesQuery } from './store.ts';
import { streamText, type VoteSum, votesIn, WINDOWS_ENTRY } from './vote-sums.ts';

export const VOTES_SCHEMA = `
  CREATE SEQUENCE IF NOT EXISTS vote_stream_numbers;
  CREATE TABLE IF NOT EXISTS vote_streams (
    stream INTEGER NOT NULL DEFAULT nextval('vote_stream_numbers'),
    version VARCHAR NOT NULL, plan VARCHAR NOT NULL, arm UTINYINT NOT NULL, segment UTINYINT NOT NULL,
    PRIMARY KEY (version, plan, arm, segment));
  CREATE TABLE IF NOT EXISTS votes (
    stream INTEGER NOT NULL, hour UINTEGER NOT NULL, hours UTINYINT NOT NULL, mark UTINYINT NOT NULL, entry UINTEGER NOT NULL,
    total BIGINT NOT NULL, PRIMARY KEY (stream, hour, hours, mark, entry));`;

/** To what is there. */
const ADDING = 'ON CONFLICT DO UPDATE SET total = total + excluded.total';

/** Looks up, or gives, the numbers that are not remembered. @param numbers By `streamText`. */
export async function numberStreams(writer: DuckDBConnection, numbers: Map<string, number>, sums: readonly VoteSum[]): Promise<void> {
  const unknown = new Map(sums.map(({ window }) => [streamText(window), window]));
  for (const stream of unknown.keys()) if (numbers.has(stream)) unknown.delete(stream);
  if (unknown.size === 0) return;
  const listed = (of: (window: AcceptedWindow) => string | number, type: Parameters<typeof listOf>[1]) =>
    listOf([...unknown.values()].map(of), type);
  const result = await writer.run(`
    CREATE OR REPLACE TEMP TABLE asked_streams AS SELECT
      ${listed(({ modelVersion }) => modelVersion, 'VARCHAR')} AS version, ${listed(({ plan }) => plan, 'VARCHAR')} AS plan,
      ${listed(({ arm }) => ARMS.indexOf(arm), 'UTINYINT')} AS arm, ${listed(({ segment }) => segment, 'UTINYINT')} AS segment;
    INSERT INTO vote_streams (version, plan, arm, segment) SELECT * FROM asked_streams ON CONFLICT DO NOTHING;
    SELECT version, plan, arm, segment, stream FROM vote_streams JOIN asked_streams USING (version, plan, arm, segment)`);
  for (const [modelVersion, plan, arm, segment, stream] of rowsOf(result as DuckDBMaterializedResult)) {
    const side = ARMS[Number(arm)] ?? ARMS[0];
    numbers.set(
      streamText({ modelVersion: String(modelVersion), plan: String(plan), arm: side, segment: Number(segment) }),
      Number(stream),
    );
  }
}

/** The statement that adds votes; nothing without any. @param numbers Of their streams. */
export function addedVotes(numbers: ReadonlyMap<string, number>, sums: readonly VoteSum[]): string {
  const columns: [number[], number[], number[], number[], number[]] = [[], [], [], [], []];
  for (const { window, votes, entries } of sums) {
    const [stream, mark] = [numbers.get(streamText(window)) as number, VOTE_CADENCES.indexOf(votes.cadence)];
    for (const [entry, sum] of entries) {
      for (const [column, value] of [stream, votes.hour, mark, entry, sum].entries()) columns[column]?.push(value);
    }
  }
  if (columns[0].length === 0) return '';
  const [streams, hours, marks, entries, added] = columns;
  return `INSERT INTO votes SELECT ${listOf(streams, 'INTEGER')}, ${listOf(hours, 'UINTEGER')}, 1, ${listOf(marks, 'UTINYINT')},
    ${listOf(entries, 'UINTEGER')}, ${listOf(added, 'BIGINT')} ${ADDING};`;
}

/** Entries of the asked metrics, neighbours taken together, and of the windows. */
function isAsked(metrics: VotesQuery['metrics']): string {
  const ranges: [number, number][] = [];
  for (const { offset, cells } of [...metrics].sort((one, other) => one.offset - other.offset)) {
    const last = ranges.at(-1);
    if (last?.[1] === offset - 1) last[1] = offset + cells.length - 1;
    else ranges.push([offset, offset + cells.length - 1]);
  }
  const inRanges = ranges.map(([from, to]) => `entry % ${PLAN_CELL_COUNT_MAX} BETWEEN ${textOf(from)} AND ${textOf(to)}`);
  return [`entry = ${WINDOWS_ENTRY}`, ...inRanges].join(' OR ');
}

export async function readVotes(reads: DuckDbReads, query: VotesQuery): Promise<readonly SlotVotes[]> {
  const { modelVersion, plan, cadence, fromHour, toHour, slotHours, arm, segment, metrics } = query;
  const [slot, hours] = slotHours === 1 ? ['hour', 'hours'] : [`hour - hour % ${DAY_HOURS}`, String(DAY_HOURS)];
  const rows = await reads.rows(`
    SELECT slot, span, arm, segment, string_agg(entry, ',' ORDER BY entry), string_agg(added, ',' ORDER BY entry) FROM (
      SELECT ${slot} AS slot, ${hours} AS span, arm, segment, entry, sum(total) AS added
      FROM votes JOIN vote_streams USING (stream)
      WHERE version = ${textOf(modelVersion)} AND plan = ${textOf(plan)}
        ${arm === null ? '' : `AND arm = ${ARMS.indexOf(arm)}`} ${segment === null ? '' : `AND segment = ${textOf(segment)}`}
        AND hour BETWEEN ${textOf(fromHour)} AND ${textOf(toHour)} AND mark >= ${VOTE_CADENCES.indexOf(cadence)} AND (${isAsked(metrics)})
      GROUP BY ALL)
    GROUP BY slot, span, arm, segment ORDER BY slot, span, arm, segment`);
  return rows.map(([hour, span, side, of, listed, added]) => {
    const sums = numbersOf(added);
    const entries = new Map(numbersOf(listed).map((entry, index) => [entry, sums[index] as number]));
    const key = {
      arm: ARMS[Number(side)] ?? ARMS[0],
      segment: Number(of),
      hour: Number(hour),
      slotHours: Number(span) === 1 ? 1 : DAY_HOURS,
    } as const;
    return { ...key, ...votesIn(entries, metrics) };
  });
}

/** Within a transaction: the oldest day that has hours before that one, of a few streams. Resolves to whether there was one. */
export async function rollUpDay(writer: DuckDBConnection, beforeHour: number): Promise<boolean> {
  const isHourly = `hours = 1 AND hour < ${textOf(beforeHour)}`;
  const found = await writer.run(`SELECT min(hour) FROM votes WHERE ${isHourly}`);
  const [[oldest] = []] = rowsOf(found as DuckDBMaterializedResult);
  if (oldest === null || oldest === undefined) return false;
  const day = Number(oldest) - (Number(oldest) % DAY_HOURS);
  const isOfDay = `hours = 1 AND hour BETWEEN ${textOf(day)} AND ${textOf(day + DAY_HOURS - 1)}`;
  await writer.run(`
    CREATE OR REPLACE TEMP TABLE rolled_streams AS
      SELECT DISTINCT stream FROM votes WHERE ${isOfDay} ORDER BY stream LIMIT ${VOTE_ROLL_UP_STREAM_COUNT};
    INSERT INTO votes SELECT stream, ${day}, ${DAY_HOURS}, mark, entry, sum(total) FROM votes
      WHERE ${isOfDay} AND stream IN (FROM rolled_streams) GROUP BY stream, mark, entry ${ADDING};
    DELETE FROM votes WHERE ${isOfDay} AND stream IN (FROM rolled_streams)`);
  return true;
}
