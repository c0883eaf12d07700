/**
 * The store on one machine: a DuckDB file.
 *
 *     ids(id, received_ms)                            one row per window within the ids' horizon
 *     series(series, version … hour)                  numbers each (model version, plan, report, arm, segment, hour)
 *     totals(series, reports, runs)                   summed
 *     cells(series, cell, count)                      summed
 *     votes(stream, hour, …)                          summed, see duckdb-votes.ts
 *     models(version, …)                              registrations
 *     plans(version, hash, …)                         what the cells of each plan mean
 *     records(kind, key, value)                       what the owner keeps: incidents, rules, deliveries
 *
 * A group's windows are summed in memory first, so that one transaction writes their ids and a few hundred cells.
 * A commit is two calls of the engine, one more with a series that is new and with a stream that is (duckdb-text.ts says why).
 *
 * Invariants
 *  - One writing transaction at a time; a failed one is rolled back and the next starts clean.
 *  - A full disk is survived: commits fail until there is room. After a failed checkpoint DuckDB refuses all work, so the
 *    file is opened again. No indexed row is updated with RETURNING: DuckDB 1.5.6 runs that as delete and insert, and
 *    ends the process when such a commit cannot be written (test/unit/collector/duckdb-store.test.ts fills a disk).
 *  - An id is new or not by the primary key alone, within a group and against the table.
 *  - Reading has a connection of its own and sees committed rows only (duckdb-reads.ts).
 *  - The engine holds at most STORE_MEMORY_BYTES_MAX in memory, whatever was sent.
 *  - The engine loads no extension and reaches no network or other file: `enable_external_access` is off.
 *
 * Not here: validation. What arrives is trusted to be in its plan.
 */

import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBMaterializedResult } from '@duckdb/node-api';
import { STORE_MEMORY_BYTES_MAX } from '../../protocol/limits.ts';
import type { Baseline, CellSum } from '../../protocol/read/read-api.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { ARMS, REPORT_KINDS } from '../../protocol/report/window.ts';
import { createDataFolder } from '../operator/data-folder.ts';
import { DuckDbReads, rowsOf } from './duckdb-reads.ts';
import { listOf, textOf } from './duckdb-text.ts';
import { addedVotes, numberStreams, readVotes, rollUpDay, VOTES_SCHEMA } from './duckdb-votes.ts';
import { explainOpenFailure } from './open-failure.ts';
import { type SeriesSum, sumBySeries } from './series-sums.ts';
import type {
  AcceptedWindow,
  CellQuery,
  HourCells,
  KeptPlan,
  LifetimeQuery,
  LifetimeSum,
  OwnerRecord,
  RecordChange,
  Registration,
  SeriesQuery,
  SlotVotes,
  Store,
  Totals,
  VotesQuery,
} from './store.ts';
import { sumVotes, type VoteSum } from './vote-sums.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ids (id UUID PRIMARY KEY, received_ms BIGINT NOT NULL);
  CREATE SEQUENCE IF NOT EXISTS series_numbers;
  CREATE TABLE IF NOT EXISTS series (
    series INTEGER NOT NULL DEFAULT nextval('series_numbers'),
    version VARCHAR NOT NULL, plan VARCHAR NOT NULL, report UTINYINT NOT NULL, arm UTINYINT NOT NULL,
    segment UTINYINT NOT NULL, hour UINTEGER NOT NULL,
    PRIMARY KEY (version, plan, report, arm, segment, hour));
  CREATE TABLE IF NOT EXISTS totals (series INTEGER PRIMARY KEY, reports BIGINT NOT NULL, runs BIGINT NOT NULL);
  CREATE TABLE IF NOT EXISTS cells (
    series INTEGER NOT NULL, cell UINTEGER NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (series, cell));
  CREATE TABLE IF NOT EXISTS models (
    version VARCHAR PRIMARY KEY, plan VARCHAR NOT NULL, name VARCHAR NOT NULL, release VARCHAR NOT NULL,
    manifest VARCHAR NOT NULL, baseline VARCHAR, registered_ms BIGINT NOT NULL);
  CREATE TABLE IF NOT EXISTS plans (
    version VARCHAR NOT NULL, hash VARCHAR NOT NULL, release VARCHAR NOT NULL, plan VARCHAR NOT NULL,
    kept_ms BIGINT NOT NULL, PRIMARY KEY (version, hash));
  CREATE TABLE IF NOT EXISTS records (
    kind VARCHAR NOT NULL, key VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (kind, key));
  ${VOTES_SCHEMA}`;

/** Series whose numbers are remembered: a few models' arms and segments in the hours that reports are about. */
const SERIES_CACHED_COUNT_MAX = 10_000;

/** One opening of the file: a connection that writes and one that reads. */
interface Session {
  readonly instance: DuckDBInstance;
  readonly reader: DuckDBConnection;
  readonly reads: DuckDbReads;
  readonly writer: DuckDBConnection;
  /** Numbers of committed series, and of those in the running transaction; emptied when one fails. */
  readonly seriesNumbers: Map<string, number>;
  /** The same of the streams of votes. */
  readonly streamNumbers: Map<string, number>;
}

class DuckDbStore implements Store {
  private readonly file: string;
  /** Rejected while the file cannot be opened again; the next call tries anew. */
  private session: Promise<Session>;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(file: string, session: Session) {
    this.file = file;
    this.session = Promise.resolve(session);
  }

  commit(group: readonly AcceptedWindow[], receivedMs: number): Promise<readonly ('stored' | 'duplicate')[]> {
    if (group.length === 0) return Promise.resolve([]);
    return this.alone(async (session) => {
      const fresh = await beginWithIds(session, group, receivedMs);
      const results: ('stored' | 'duplicate')[] = [];
      const counted: AcceptedWindow[] = [];
      for (const window of group) {
        const isFresh = fresh.delete(window.id);
        results.push(isFresh ? 'stored' : 'duplicate');
        if (isFresh) counted.push(window);
      }
      await addAndCommit(session, [...sumBySeries(counted)], sumVotes(counted));
      return results;
    });
  }

  register(registration: Registration): Promise<void> {
    const { modelVersion, plan, name, version, manifestJson, baseline, registeredAtMs } = registration;
    const values = [modelVersion, plan, name, version, manifestJson, baseline === null ? null : JSON.stringify(baseline)];
    return this.transaction(async ({ writer }) => {
      await writer.run('INSERT OR REPLACE INTO models VALUES ($1, $2, $3, $4, $5, $6, $7)', [...values, BigInt(registeredAtMs)]);
    });
  }

  async registrations(): Promise<readonly Registration[]> {
    const rows = await (await this.session).reads.rows(
      'SELECT version, plan, name, release, manifest, baseline, registered_ms FROM models ORDER BY registered_ms, version',
    );
    return rows.map(([modelVersion, plan, name, version, manifestJson, baseline, registeredMs]) => ({
      modelVersion: String(modelVersion),
      plan: String(plan),
      name: String(name),
      version: String(version),
      manifestJson: String(manifestJson),
      baseline: baseline === null ? null : (JSON.parse(String(baseline)) as Baseline),
      registeredAtMs: Number(registeredMs),
    }));
  }

  unregister(modelVersion: string): Promise<void> {
    return this.transaction(async ({ writer }) => {
      await writer.run('DELETE FROM models WHERE version = $1', [modelVersion]);
    });
  }

  keepPlans(plans: readonly KeptPlan[]): Promise<void> {
    if (plans.length === 0) return Promise.resolve();
    return this.transaction(async ({ writer }) => {
      for (const { modelVersion, hash, release, plan, keptAtMs } of plans) {
        const values = [modelVersion, hash, release, JSON.stringify(plan), BigInt(keptAtMs)];
        await writer.run('INSERT INTO plans VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING', values);
      }
    });
  }

  async plans(modelVersion?: string): Promise<readonly KeptPlan[]> {
    const wanted = modelVersion === undefined ? '' : `WHERE version = ${textOf(modelVersion)}`;
    const rows = await (await this.session).reads.rows(
      `SELECT version, hash, release, plan, kept_ms FROM plans ${wanted} ORDER BY kept_ms, version, hash`,
    );
    return rows.map(([modelVersion, hash, release, plan, keptMs]) => ({
      modelVersion: String(modelVersion),
      hash: String(hash),
      release: String(release),
      plan: JSON.parse(String(plan)) as Plan,
      keptAtMs: Number(keptMs),
    }));
  }

  dropPlan(modelVersion: string, hash: string): Promise<void> {
    return this.transaction(async ({ writer }) => {
      await writer.run('DELETE FROM plans WHERE version = $1 AND hash = $2', [modelVersion, hash]);
    });
  }

  async cellSums(query: CellQuery): Promise<ReadonlyMap<string, readonly CellSum[]>> {
    return (await this.session).reads.cellSums(query);
  }

  async hourCells(query: CellQuery): Promise<readonly HourCells[]> {
    return (await this.session).reads.hourCells(query);
  }

  async totals(query: SeriesQuery): Promise<Totals> {
    return (await this.session).reads.totals(query);
  }

  async lifetimes(query: LifetimeQuery): Promise<readonly LifetimeSum[]> {
    return (await this.session).reads.lifetimes(query);
  }

  async votes(query: VotesQuery): Promise<readonly SlotVotes[]> {
    return readVotes((await this.session).reads, query);
  }

  rollUpVotes(beforeHour: number): Promise<boolean> {
    return this.transaction(({ writer }) => rollUpDay(writer, beforeHour));
  }

  async lastReceivedMs(): Promise<number | null> {
    const [[last] = []] = await (await this.session).reads.rows('SELECT max(received_ms) FROM ids');
    return last === null || last === undefined ? null : Number(last);
  }

  async records(kind: string): Promise<readonly OwnerRecord[]> {
    const { reads } = await this.session;
    const rows = await reads.rows(`SELECT key, value FROM records WHERE kind = ${textOf(kind)} ORDER BY key`);
    return rows.map(([key, value]) => ({ kind, key: String(key), value: JSON.parse(String(value)) as object }));
  }

  putRecords(changes: readonly RecordChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    const last = new Map(changes.map((change) => [JSON.stringify([change.kind, change.key]), change]));
    return this.transaction(async ({ writer }) => {
      for (const { kind, key, value } of last.values()) {
        if (value === null) await writer.run('DELETE FROM records WHERE kind = $1 AND key = $2', [kind, key]);
        else await writer.run('INSERT OR REPLACE INTO records VALUES ($1, $2, $3)', [kind, key, JSON.stringify(value)]);
      }
    });
  }

  forgetIds(beforeMs: number): Promise<number> {
    return this.transaction(async ({ writer }) => {
      const result = await writer.run('DELETE FROM ids WHERE received_ms < $1', [BigInt(beforeMs)]);
      return result.rowsChanged;
    });
  }

  async close(): Promise<void> {
    await this.tail;
    const session = await this.session;
    await session.reads.idle();
    closeSession(session);
  }

  private transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.alone(async (session) => {
      await session.writer.run('BEGIN');
      const value = await work(session);
      await session.writer.run('COMMIT');
      return value;
    });
  }

  /** Runs `work`, which is one transaction from BEGIN to COMMIT, alone on the writing connection. */
  private alone<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const turn = this.tail.then(async () => {
      const session = await this.session.catch(() => this.reopen());
      try {
        return await work(session);
      } catch (error) {
        // A failed COMMIT has ended the transaction already; then there is nothing to roll back, and that is fine.
        await session.writer.run('ROLLBACK').catch(() => undefined);
        session.seriesNumbers.clear();
        session.streamNumbers.clear();
        if (isFatal(error)) {
          await session.reads.idle();
          closeSession(session);
          await this.reopen().catch(() => undefined);
        }
        throw error;
      }
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  private reopen(): Promise<Session> {
    this.session = openSession(this.file);
    return this.session;
  }
}

/** Begins the transaction. Resolves to the ids that were not known, as hex. */
async function beginWithIds({ writer }: Session, group: readonly AcceptedWindow[], receivedMs: number): Promise<Set<string>> {
  const ids = listOf(
    group.map(({ id }) => id),
    'UUID',
  );
  const result = await writer.run(`BEGIN; INSERT INTO ids SELECT ${ids}, ${textOf(receivedMs)} ON CONFLICT DO NOTHING RETURNING id`);
  return new Set(rowsOf(result as DuckDBMaterializedResult).map(([id]) => String(id).replaceAll('-', '')));
}

/** Ends the transaction. */
async function addAndCommit(session: Session, sums: readonly SeriesSum[], votes: readonly VoteSum[]): Promise<void> {
  await numberSeries(session, sums);
  if (session.streamNumbers.size + votes.length > SERIES_CACHED_COUNT_MAX) session.streamNumbers.clear();
  await numberStreams(session.writer, session.streamNumbers, votes);
  const totals: Columns = [[], [], []];
  const cellSums: Columns = [[], [], []];
  for (const { key, reports, runs, cells } of sums) {
    const series = session.seriesNumbers.get(key) as number;
    push(totals, series, reports, runs);
    for (const [cell, count] of cells) push(cellSums, series, cell, count);
  }
  const [ofTotals, reports, runs] = totals;
  const [ofCells, cells, counts] = cellSums;
  await session.writer.run(`
    INSERT INTO totals SELECT ${listOf(ofTotals, 'INTEGER')}, ${listOf(reports, 'BIGINT')}, ${listOf(runs, 'BIGINT')}
    ON CONFLICT DO UPDATE SET reports = reports + excluded.reports, runs = runs + excluded.runs;
    INSERT INTO cells SELECT ${listOf(ofCells, 'INTEGER')}, ${listOf(cells, 'UINTEGER')}, ${listOf(counts, 'BIGINT')}
    ON CONFLICT DO UPDATE SET count = count + excluded.count;
    ${addedVotes(session.streamNumbers, votes)}
    COMMIT`);
}

/** Looks up, or gives, the numbers that are not remembered. */
async function numberSeries({ writer, seriesNumbers }: Session, sums: readonly SeriesSum[]): Promise<void> {
  if (seriesNumbers.size + sums.length > SERIES_CACHED_COUNT_MAX) seriesNumbers.clear();
  const unknown = sums.filter(({ key }) => !seriesNumbers.has(key));
  if (unknown.length === 0) return;
  const listed = (of: (window: AcceptedWindow) => string | number, type: Parameters<typeof listOf>[1]) =>
    listOf(
      unknown.map(({ window }) => of(window)),
      type,
    );
  const result = await writer.run(`
    CREATE OR REPLACE TEMP TABLE asked AS SELECT
      ${listed(({ modelVersion }) => modelVersion, 'VARCHAR')} AS version, ${listed(({ plan }) => plan, 'VARCHAR')} AS plan,
      ${listed(({ report }) => REPORT_KINDS.indexOf(report), 'UTINYINT')} AS report, ${listed(({ arm }) => ARMS.indexOf(arm), 'UTINYINT')} AS arm,
      ${listed(({ segment }) => segment, 'UTINYINT')} AS segment, ${listed(({ hour }) => hour, 'UINTEGER')} AS hour;
    INSERT INTO series (version, plan, report, arm, segment, hour) SELECT * FROM asked ON CONFLICT DO NOTHING;
    SELECT version, plan, report, arm, segment, hour, series FROM series JOIN asked USING (version, plan, report, arm, segment, hour)`);
  for (const [modelVersion, plan, report, arm, segment, hour, series] of rowsOf(result as DuckDBMaterializedResult)) {
    const [kind, side] = [REPORT_KINDS[Number(report)], ARMS[Number(arm)]];
    seriesNumbers.set(`${modelVersion} ${plan} ${kind} ${side} ${segment} ${hour}`, Number(series));
  }
}

type Columns = [number[], number[], number[]];

function push([first, second, third]: Columns, one: number, two: number, three: number): void {
  first.push(one);
  second.push(two);
  third.push(three);
}

/**
 * Opens or creates `insitu.duckdb` in `folder`.
 *
 * @throws {StartupError} when the folder cannot be written, the file is damaged, or another process has it open.
 */
export async function openDuckDbStore(folder: string): Promise<Store> {
  await createDataFolder(folder);
  const file = join(folder, 'insitu.duckdb');
  try {
    const session = await openSession(file);
    const store = new DuckDbStore(file, session);
    try {
      // What a start needs: a file that is cut opens, and fails at the first row.
      await Promise.all([store.registrations(), store.plans(), store.lastReceivedMs()]);
    } catch (error) {
      await session.reads.idle();
      closeSession(session);
      throw error;
    }
    return store;
  } catch (error) {
    throw explainOpenFailure(error, file);
  }
}

async function openSession(file: string): Promise<Session> {
  const instance = await DuckDBInstance.create(file, {
    // Queries are small; a second thread would only compete with the intake.
    threads: '1',
    memory_limit: `${STORE_MEMORY_BYTES_MAX / 2 ** 20}MiB`,
    enable_external_access: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const writer = await instance.connect();
  await writer.run(SCHEMA);
  const reader = await instance.connect();
  return {
    ...{ instance, writer, reader, reads: new DuckDbReads(reader), seriesNumbers: new Map(), streamNumbers: new Map() },
  };
}

function closeSession({ instance, reader, writer }: Session): void {
  reader.closeSync();
  writer.closeSync();
  instance.closeSync();
}

/** After such an error the open database answers nothing else. */
function isFatal(error: unknown): boolean {
  return /FATAL Error|has been invalidated/.test(error instanceof Error ? error.message : '');
}
