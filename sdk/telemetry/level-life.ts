/**
 * Level life: when the level is fetched and opened, told of the page's life, left, and its data deleted.
 *
 * Why the level is fetched: a page whose visitor has not agreed needs neither windows nor a database, and should not pay for them.
 *
 * Invariants
 *  - One level at a time, opened only while telemetry is on; one that opens after it was left is ended at once.
 *  - While data are being deleted nothing is counted, and no level opens.
 *  - A level that could not start is not tried again in this page, and counting stops: it would only fill memory.
 *
 * Not here: what waits for the level (recording-queue.ts), which level it is (telemetry.ts).
 */
import { firstLine, isSdkError } from '../../protocol/errors.ts';
import { STORE_OPEN_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { Logger } from '../api/logger.ts';
import type { Permission } from './consent.ts';
import type { Level } from './level.ts';
import type { PagePlatform } from './page-platform.ts';
import { atMost } from './platform.ts';
import { createRecordingQueue, type Guard, type RecordingQueue } from './recording-queue.ts';

interface LevelLifeDeps {
  readonly platform: PagePlatform;
  readonly logger: Logger;
  readonly permission: Permission;
  /** Fetches and opens the level. */
  readonly open: () => Promise<Level>;
  /** Everything that telemetry has stored or holds here. */
  readonly deleteData: () => Promise<void>;
  readonly guard: Guard;
}

export interface LevelLife {
  readonly queue: RecordingQueue;
  isCounting(): boolean;
  /** Opens the level where that is allowed, behind a deletion that is under way. Never rejects. */
  start(): Promise<void>;
  /** One deletion at a time. Afterwards counting goes on from zero, where consent stands. */
  erase(): Promise<void>;
  /** Sends what may leave, keeps the rest for a later visit, and ends. */
  close(): Promise<void>;
  /** Another tab of this site withdrew consent, or the browser closed the database: what is in memory is all there is. */
  lost(): Promise<void>;
  /** The level could not start. */
  hasFailed(): boolean;
}

export function createLevelLife({ platform, logger, permission, open, deleteData, guard }: LevelLifeDeps): LevelLife {
  let starting: Promise<void> | null = null;
  let erasing: Promise<void> | null = null;
  let hasEnded = false;
  let hasFailed = false;
  let leaveCount = 0;
  let stopListening: () => void = () => undefined;

  const isCounting = () => !hasEnded && erasing === null && permission.isCounting();
  const queue = createRecordingQueue(platform, isCounting, () => void start(), guard);

  const enter = async (): Promise<void> => {
    const countBefore = leaveCount;
    const level = await open();
    if (countBefore !== leaveCount || hasEnded) return level.end();
    stopListening = listen(platform, queue, guard);
    queue.enter(level);
    if (!platform.isPrerendering()) void level.drain();
  };
  const start = (): Promise<void> => {
    if (erasing !== null) return erasing.then(start);
    if (hasEnded || !permission.isOn()) return Promise.resolve();
    starting ??= enter().catch((error) => {
      hasEnded = hasFailed = true;
      queue.leave();
      logger('error', 'telemetry-not-started', `Nothing is counted, models run as before. ${adviceOf(error)}`);
    });
    return starting;
  };
  /** Behind a level that is on its way, unless that takes too long to wait for. */
  const leave = async (end: (level: Level) => Promise<void>): Promise<void> => {
    if (starting !== null) await atMost(platform, STORE_OPEN_TIMEOUT_MS, starting);
    const level = queue.leave();
    starting = null;
    leaveCount++;
    stopListening();
    if (level !== null) await end(level);
  };
  const end = () => leave((level) => level.end());
  const deleteAll = async (): Promise<void> => {
    await end();
    try {
      await deleteData();
    } catch (error) {
      logger('warn', 'outbox-delete-failed', `Stored counts could not be deleted (${firstLine(error)}). Clear this site's data.`);
    }
  };
  return {
    queue,
    isCounting,
    start,
    erase: () => {
      erasing ??= deleteAll().finally(() => {
        erasing = null;
      });
      return start();
    },
    close: async () => {
      await queue.allRecorded();
      hasEnded = true;
      await leave((level) => level.close());
    },
    lost: () => {
      permission.consent = 'required';
      return end();
    },
    hasFailed: () => hasFailed,
  };
}

/** A file that came and is not ours was rewritten on its way. */
function adviceOf(error: unknown): string {
  return isSdkError(error)
    ? `${error.message} A Content-Security-Policy must allow them in script-src.`
    : `What was served as the file that counts is another (${firstLine(error)}). Have bundlers copy insitu's files unchanged.`;
}

function listen(platform: PagePlatform, queue: RecordingQueue, guard: Guard): () => void {
  const hear = (event: 'hidden' | 'frozen' | 'shown' | 'online') => () => {
    if (event !== 'online') queue.setHidden(event !== 'shown');
    guard(() => queue.level?.[event]());
  };
  return platform.onLife({ hidden: hear('hidden'), frozen: hear('frozen'), shown: hear('shown'), online: hear('online') });
}
