/**
 * Telemetry: what an application can say to it and ask of it, and what the inference half tells it. The part that every page carries.
 *
 * Invariants
 *  - Before consent nothing is counted, stored, locked or sent.
 *  - Nothing here throws into the caller: a fault is told to the logger, and what it cost is counted as a loss.
 *  - At level `local-dp` no window exists: runs go to the noised report and to nothing else.
 *
 * Not here: what is allowed (consent.ts), what waits to be recorded (recording-queue.ts), when a level opens and ends (level-life.ts);
 * windows, storing, sending (sdk/delivery/delivery.ts, fetched on consent); words, kernels, noise (sdk/counting/entry.ts, fetched when
 * asked for).
 */
import { firstLine } from '../../protocol/errors.ts';
import { TELEMETRY_WAIT_MS_MAX } from '../../protocol/limits.ts';
import type { Arm } from '../../protocol/report/window.ts';
import type { Logger, LogOptions } from '../api/logger.ts';
import type { Telemetry, TelemetryOptions, TelemetryStatus } from '../api/telemetry.ts';
import { type Permission, permissionOf } from './consent.ts';
import type { Level, LevelDeps, LevelStatus, Recorded, TelemetryFiles } from './level.ts';
import { createLevelLife, type LevelLife } from './level-life.ts';
import { type PagePlatform, pagePlatform } from './page-platform.ts';
import { atMost } from './platform.ts';
import type { CountedModel, Recorder } from './recorder.ts';
import type { Guard } from './recording-queue.ts';
import { reportAddress } from './report-post.ts';
import { createSentLog } from './sent-log.ts';
import { deleteStoredData } from './stored-data.ts';

export interface OwnedTelemetry extends Telemetry {
  /** Of everything that is loaded, run and observed in that arm. */
  recorderOf(arm: Arm): Recorder;
  close(): Promise<void>;
}

/** What a page has is the default; tests fix the clock, and are several pages in one process. */
interface TelemetryDeps {
  readonly files: TelemetryFiles;
  readonly platform?: PagePlatform;
  /** Deletes what every level has stored on this device. */
  readonly deleteData?: () => Promise<void>;
}

type Options = TelemetryOptions & Pick<LogOptions, 'logger'>;

const OFF: LevelStatus = {
  openRuns: 0,
  outboxWindows: 0,
  outboxBytes: 0,
  sentWindows: 0,
  nextAttemptAtMs: null,
  storage: 'indexeddb',
  problem: null,
};

export function createTelemetry(
  options: Options,
  { files, platform = pagePlatform(), deleteData = deleteStoredData }: TelemetryDeps,
): OwnedTelemetry {
  const { collector, consent = 'required', privacy = 'counts', logger = () => undefined } = options;
  /** Models that have run in this page, by their plan: what words are made of. */
  const models = new Map<string, CountedModel>();
  const guard = guardOf(logger);
  const { notify, subscribe } = createNotices(guard);
  const log = createSentLog(platform.now, notify);
  const permission = permissionOf(platform, collector !== undefined, consent);
  const open = async (): Promise<Level> => {
    const deps: LevelDeps = {
      platform,
      logger,
      log,
      address: reportAddress(collector as NonNullable<typeof collector>),
      isCounting: life.isCounting,
      isSending: permission.isSending,
      onBeforeSend: options.onBeforeSend,
      onChange: notify,
      onLost: () => void life.lost().then(notify),
      hasBackgroundSync: options.backgroundSync === true,
    };
    return privacy === 'local-dp' ? (await files.localDp()).openLocalDpLevel(deps) : (await files.delivery()).openDelivery(deps);
  };
  const deleteAll = (): Promise<void> => {
    log.clear();
    return deleteData();
  };
  const life = createLevelLife({ platform, logger, permission, open, deleteData: deleteAll, guard });
  void life.start().then(notify);
  return {
    recorderOf: (arm) => createRecorder(life, models, arm),
    ...controlsOf(platform, permission, life, notify),
    subscribe,
    status: () => statusOf(permission, life, privacy),
    inspect: async () => {
      const entries = log.reports();
      if (entries.length === 0) return [];
      const { wordsOf } = await files.counts();
      return entries.map((entry) => ({ ...entry, windows: wordsOf(entry.bytes, models) }));
    },
  };
}

type Controls = Omit<OwnedTelemetry, 'recorderOf' | 'subscribe' | 'status' | 'inspect'>;

/** What a person and an application say. */
function controlsOf(platform: PagePlatform, permission: Permission, life: LevelLife, notify: () => void): Controls {
  /** Whatever in the browser never answers, the caller goes on. */
  const soon = (work: Promise<void>) => atMost(platform, TELEMETRY_WAIT_MS_MAX, work).then(notify);
  const erase = () => soon(life.erase());
  const withdraw = () => {
    permission.consent = 'required';
    return erase();
  };
  return {
    grant: () => {
      permission.consent = 'granted';
      return soon(life.start());
    },
    withdraw,
    optOut: () => {
      platform.rememberOptOut(true);
      return withdraw();
    },
    optIn: () => {
      platform.rememberOptOut(false);
      notify();
    },
    erase,
    flush: () =>
      soon(
        life.queue
          .allRecorded()
          .then(life.start)
          .then(() => life.queue.level?.flush()),
      ),
    pause: () => {
      permission.isPaused = true;
      notify();
    },
    resume: () => {
      permission.isPaused = false;
      void life.queue.level?.drain();
      notify();
    },
    close: () => soon(life.close()),
  };
}

function statusOf(
  { consent, isPaused, offReason }: Permission,
  { queue, hasFailed }: LevelLife,
  privacy: TelemetryStatus['privacy'],
): TelemetryStatus {
  const { level } = queue;
  const status = level?.status ?? OFF;
  // A level of noised reports has no windows, and shows no runs.
  const openRuns = status.openRuns + (level === null || privacy === 'local-dp' ? 0 : queue.dueCount);
  const problem = hasFailed() ? 'not-started' : status.problem;
  return { consent, offReason: offReason(), privacy, isPaused, ...status, openRuns, problem };
}

function createRecorder({ queue, isCounting }: LevelLife, models: Map<string, CountedModel>, arm: Arm): Recorder {
  const tell =
    <N extends keyof Recorded>(name: N) =>
    (...told: Parameters<Recorder[N]>): void => {
      const [of] = told;
      if ('dataPlan' in of) models.set(of.dataPlan, of);
      queue.record((level: Recorded) => level[name](arm, ...told));
    };
  return {
    isCounting,
    answered: (model, outcome, cells) => queue.recordCells(cells, (level, counted) => level.ran(arm, model, outcome, counted)),
    loaded: tell('loaded'),
    loadFailed: tell('loadFailed'),
    runFailed: tell('runFailed'),
    lost: tell('lost'),
    observed: tell('observed'),
    fedBack: tell('fedBack'),
  };
}

function guardOf(logger: Logger): Guard {
  return (step) => {
    try {
      step();
    } catch (error) {
      logger('error', 'telemetry-fault', `Counting failed (${firstLine(error)}). The run is not affected.`);
    }
  };
}

/** Calls subscribers back once for all changes of a task. */
function createNotices(guard: Guard): Pick<Telemetry, 'subscribe'> & { notify: () => void } {
  const listeners = new Set<() => void>();
  let isNotifying = false;
  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    notify: () => {
      if (isNotifying || listeners.size === 0) return;
      isNotifying = true;
      queueMicrotask(() => {
        isNotifying = false;
        for (const listener of listeners) guard(listener);
      });
    },
  };
}
