/**
 * The collector: one process that takes reports in, sums them and shows what happened.
 *
 * Also the public entry `insitu/collector`, for those who start it from their own code.
 *
 * Invariants
 *  - `startCollector` resolves when the port is open, or rejects with a StartupError and leaves nothing running.
 *  - `close` answers what was accepted, commits what was answered, and only then closes the store.
 *  - DuckDB is loaded only when no store is given.
 *
 * Not here: options and signals of the command line (cli/commands/collector.ts).
 */
import { setMaxListeners } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ID_HORIZON_MS, ID_SWEEP_INTERVAL_MS, SHOWN_REPORT_COUNT_MIN, SHUTDOWN_MS_MAX, VOTE_HOURLY_DAY_COUNT } from '../protocol/limits.ts';
import { DAY_HOURS, HOUR_MS } from '../protocol/report/window.ts';
import { type Alarms, openAlarms } from './alarms.ts';
import { Exports } from './exports/exports.ts';
import { OtlpPush } from './exports/otlp-push.ts';
import { OwnLoad } from './exports/own-load.ts';
import { createServer, type HttpServer } from './http/server.ts';
import type { StaticFolders } from './http/static-files.ts';
import { GroupCommit } from './intake/group-commit.ts';
import { KeptTime } from './intake/kept-time.ts';
import { Refusals } from './intake/refusals.ts';
import { StoreFailures } from './intake/store-failures.ts';
import { registerFolder } from './models/model-folder.ts';
import { Registry } from './models/registry.ts';
import { loadAdminKey } from './operator/admin-key.ts';
import { diskOf } from './operator/data-folder.ts';
import { isDiskFailure } from './operator/disk-failure.ts';
import { type OtlpTarget, otlpTargetOf } from './operator/otlp-environment.ts';
import { isStartupError, StartupError, systemCode } from './operator/startup-error.ts';
import { readWriteKeys } from './operator/write-keys.ts';
import type { Store } from './store/store.ts';
import { LiveFeed } from './views/live-feed.ts';
import { ReadQueue } from './views/read-queue.ts';

declare const __RELEASE__: string;
declare const __DUCKDB__: string;

export interface CollectorOptions {
  /** Default 8788; 0 lets the system choose. */
  readonly port?: number;
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Folder of the database and the admin key; created when missing. Default `.insitu` in the working directory. */
  readonly dataFolder?: string;
  /** Where counts are kept; the collector closes it, also when it cannot start. Default: a DuckDB file in `dataFolder`. */
  readonly store?: Store;
  /** Folder with one folder per model (model.json, baseline.json, files): registered at start-up and served at `/models/`. */
  readonly modelsFolder?: string | null;
  /** Built demo and dashboard. Default: `site` beside insitu's own files. */
  readonly siteFolder?: string;
  /** insitu's own built files, served at `/insitu/`. Default: where this file was built to. */
  readonly libraryFolder?: string;
  /** Who may register models. Default: made once and kept in the data folder. */
  readonly adminKey?: string;
  /**
   * Keys in report addresses; public, as any key in a page. `key`, or `key=model+model` for one that may report about those models alone,
   * by name or version. Default `demo`.
   */
  readonly writeKeys?: readonly string[];
  /**
   * Sums of fewer reports (of one hour, plan, arm and segment) are shown to nobody. Default 1 where `host` is this machine alone,
   * SHOWN_REPORT_COUNT_MIN otherwise. Give it where a proxy lets others in.
   */
  readonly shownReportsMin?: number;
  /** Where what is exported is pushed by OpenTelemetry's protocol; `otlpTargetOf` makes one of an address. Default: nowhere. */
  readonly otlp?: OtlpTarget;
  /** JSON file with rules and notification targets; docs/incidents.md says what is in it. Default: neither. */
  readonly configFile?: string | null;
  /** Receives sentences for the operator; never an address, a header or a part of a report. Default: silent. */
  readonly log?: (sentence: string) => void;
  /** Milliseconds since 1970. Default the system's clock. */
  readonly now?: () => number;
}

export interface Collector {
  /** Origin without a slash at the end. */
  readonly url: string;
  readonly modelCount: number;
  close(): Promise<void>;
}

const DEFAULT_PORT = 8788;

const OPTIONS: Readonly<Record<keyof CollectorOptions, true>> = {
  ...{ port: true, host: true, dataFolder: true, store: true, modelsFolder: true, siteFolder: true, libraryFolder: true },
  ...{ adminKey: true, writeKeys: true, shownReportsMin: true, otlp: true, configFile: true, log: true, now: true },
};

/** @throws {StartupError} in a sentence that says what to do. */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  requireKnown(options);
  const { host = '127.0.0.1', port = DEFAULT_PORT, dataFolder = '.insitu', log = () => undefined, now = Date.now } = options;
  const folders = foldersOf(options);
  const store = options.store ?? (await openDefaultStore(dataFolder));
  const closing = new AbortController();
  // One listener per dashboard; they are bounded by LIVE_LISTENER_COUNT_MAX, and each goes with its connection.
  setMaxListeners(0, closing.signal);
  const [live, reads] = [new LiveFeed(), new ReadQueue()];
  const shownReportsMin = options.shownReportsMin ?? (isThisMachine(host) ? 1 : SHOWN_REPORT_COUNT_MIN);
  let alarms: Alarms | null = null;
  try {
    const adminKey = options.adminKey ?? (await loadAdminKey(dataFolder));
    const registry = await Registry.open({ store, release: __RELEASE__, now, complain: log });
    if (folders.models !== null) await registerFolder(folders.models, registry, log);
    const told = { log, onChanged: () => live.publishIncident() };
    alarms = await openAlarms({ store, registry, configFile: options.configFile ?? null, shownReportsMin, now, ...told });
    const { incidents, rules, monitoring, notifier } = alarms;
    const kept = await KeptTime.open(store, elapsedMs, now());
    const load = new OwnLoad(__RELEASE__, now());
    const [refusals, failures] = [new Refusals({ log, elapsedMs }), new StoreFailures({ log, elapsedMs })];
    const group = new GroupCommit({
      store,
      ...{ keptMs: () => kept.nowMs, elapsedMs },
      onStored: (windows) => {
        failures.worked();
        rules.add(windows);
        live.publish(windows);
        exports.counted();
      },
      onFailed: (error) => failures.failed(error),
      onCommitted: (told) => load.committed(told),
    });
    const disk = options.store === undefined ? () => diskOf(dataFolder) : null;
    const exports = new Exports({ store, registry, load, refusals, shownReportsMin, now, elapsedMs, disk, group, live });
    const server = createServer({
      ...{ store, registry, group, live, adminKey, now, exports, load, refusals, shownReportsMin, reads },
      ...{ incidents, rules, monitoring, targets: () => notifier.entries },
      ...{ folders, release: __RELEASE__, log, closing: closing.signal },
      writeKeys: readWriteKeys(options.writeKeys ?? ['demo']),
    });
    const url = await listen(server, host, port);
    const stop = startBehind({ store, kept, now, log, load, exports, reads, otlp: options.otlp });
    let closed: Promise<void> | null = null;
    const close = async () => {
      const stopped = stop();
      closing.abort();
      live.close();
      await stopServer(server);
      await group.close();
      await alarms?.close();
      await stopped;
      await store.close();
    };
    return {
      url,
      get modelCount() {
        return registry.models.length;
      },
      close: () => (closed ??= close()),
    };
  } catch (error) {
    await alarms?.close();
    await store.close();
    throw startFailure(error, dataFolder);
  }
}

function foldersOf({ siteFolder, libraryFolder, modelsFolder = null }: CollectorOptions): StaticFolders {
  return {
    site: siteFolder ?? fileURLToPath(new URL('../site', import.meta.url)),
    library: libraryFolder ?? fileURLToPath(new URL('..', import.meta.url)),
    models: modelsFolder,
  };
}

/** A disk that is full is said to be so, wherever the start met it. */
function startFailure(error: unknown, dataFolder: string): unknown {
  if (isStartupError(error) || !isDiskFailure(error)) return error;
  const [reason] = (error as Error).message.split('\n', 1);
  const what = `The disk of the data folder ${dataFolder} takes nothing more (${reason}). Make room there, or name another folder with --data.`;
  return new StartupError(what, { cause: error });
}

/** @throws {StartupError} for an option that is written otherwise: a key or a folder that was meant would be another one. */
function requireKnown(options: CollectorOptions): void {
  if (Object.keys(options).every((name) => Object.hasOwn(OPTIONS, name))) return;
  throw new StartupError(`One of the options of startCollector is unknown; known are ${Object.keys(OPTIONS).join(', ')}.`);
}

interface BehindDeps extends SweepDeps {
  readonly load: OwnLoad;
  readonly exports: Exports;
  readonly reads: ReadQueue;
  readonly otlp: OtlpTarget | undefined;
}

/** What goes on behind the requests. @returns The way to stop; resolves when nothing of it is under way. */
function startBehind({ load, exports, reads, otlp, ...deps }: BehindDeps): () => Promise<void> {
  const { now, log } = deps;
  const stopSweeping = startSweeping(deps);
  const stopWatching = load.watchLoop(elapsedMs);
  const read = () => reads.ask('otlp', null, () => exports.read());
  const push = otlp && new OtlpPush({ target: otlp, read, release: __RELEASE__, elapsedMs, now, chance: Math.random, log });
  return async () => {
    stopWatching();
    await Promise.all([stopSweeping(), push?.close()]);
  };
}

/** DuckDB is loaded only here: whoever brings a store of their own needs no database. */
async function openDefaultStore(folder: string): Promise<Store> {
  const { openDuckDbStore } = await import('./store/duckdb-store.ts').catch((error: unknown) => {
    // A missing file of our own is a damaged installation, and keeps its stack.
    if (!(error instanceof Error && /^Cannot find package/.test(error.message))) throw error;
    throw new StartupError(
      `Counts are kept in DuckDB, which is not installed. Run npm install @duckdb/node-api@${__DUCKDB__}, or give the collector another store.`,
      { cause: error },
    );
  });
  return openDuckDbStore(folder);
}

const elapsedMs = () => performance.now();

interface SweepDeps {
  readonly store: Store;
  readonly kept: KeptTime;
  readonly now: () => number;
  readonly log: (sentence: string) => void;
}

/**
 * Ids go an hour later than the horizon, so that none can be forgotten between a window's acceptance and its commit. Votes become days in
 * small steps, between which commits have their turn.
 *
 * @returns The way to stop; resolves when nothing is under way.
 */
function startSweeping({ store, kept, now, log }: SweepDeps): () => Promise<void> {
  let isStopped = false;
  const sweepOnce = async () => {
    try {
      await kept.catchUp(store);
      await store.forgetIds(kept.nowMs - ID_HORIZON_MS - ID_SWEEP_INTERVAL_MS);
      const day = Math.floor(now() / HOUR_MS / DAY_HOURS);
      while (!isStopped && (await store.rollUpVotes((day - VOTE_HOURLY_DAY_COUNT) * DAY_HOURS)));
    } catch (error) {
      log(
        `Old window ids and hours of votes are still there; they are tried again: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };
  let sweeping = sweepOnce();
  const timer = setInterval(() => {
    sweeping = sweeping.then(sweepOnce);
  }, ID_SWEEP_INTERVAL_MS);
  timer.unref();
  return () => {
    isStopped = true;
    clearInterval(timer);
    return sweeping;
  };
}

/** Whether nobody else can reach what listens there. */
function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function listen(server: HttpServer, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(explainListenFailure(error, host, port)));
    server.listen(port, host, () => {
      const { port: chosen } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${chosen}`);
    });
  });
}

function explainListenFailure(error: Error, host: string, port: number): StartupError {
  const code = systemCode(error);
  if (code === 'EADDRINUSE') {
    return new StartupError(`Port ${port} is in use. Stop what listens there, or choose another one with --port.`, { cause: error });
  }
  if (code === 'EACCES') {
    return new StartupError(`Port ${port} needs more rights than this user has. Choose one above 1023 with --port.`, { cause: error });
  }
  return new StartupError(`The collector cannot listen on ${host}:${port} (${code}). Check --host and --port.`, { cause: error });
}

/** Takes no new connection, lets running requests finish, and cuts what is still open after SHUTDOWN_MS_MAX. */
async function stopServer(server: HttpServer): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), SHUTDOWN_MS_MAX);
  await ended;
  clearInterval(idle);
  clearTimeout(cut);
}

export type { MetricDraw } from '../counts/votes/draw-votes.ts';
export type { MetricVotes } from '../counts/votes/metric-votes.ts';
export type { Baseline, CellSum, SlotTotal } from '../protocol/read/read-api.ts';
export type { OtlpTarget } from './operator/otlp-environment.ts';
export type {
  AcceptedWindow,
  CellQuery,
  CellRange,
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
  VotedMetric,
  VotesQuery,
  WindowVotes,
} from './store/store.ts';
export { otlpTargetOf, StartupError };
