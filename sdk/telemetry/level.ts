/**
 * A privacy level as telemetry sees it, and the files that hold levels and counting: by interface only.
 *
 * Why: each level is a file of its own, fetched when it is needed. What a page carries knows none of their code, and they are checked
 * against these interfaces where they are written.
 *
 * Invariants
 *  - Nothing here is of a document: one of the levels runs in a service worker too.
 *
 * Not here: when a level is opened and left (sdk/telemetry/level-life.ts).
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Arm } from '../../protocol/report/window.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import type { Logger } from '../api/logger.ts';
import type { Feedback, Observer } from '../api/observe.ts';
import type { DecodedWindow, TelemetryOptions, TelemetryStatus } from '../api/telemetry.ts';
import type { Platform } from './platform.ts';
import type { CountedModel, Recorder, RunOutcome } from './recorder.ts';
import type { SentLog } from './sent-log.ts';

export interface LifeListener {
  /** The page may never be seen again; only synchronous work counts. */
  hidden(): void;
  /** Into the back/forward cache: the page freezes and may come back. */
  frozen(): void;
  /** Seen again, or brought back from the back/forward cache. */
  shown(): void;
  online(): void;
}

/** What a recorder was told, with the arm that the recorder is of. */
export type Recorded = {
  readonly [Name in Exclude<keyof Recorder, 'isCounting' | 'answered'>]: (arm: Arm, ...told: Parameters<Recorder[Name]>) => void;
};

/** What a privacy level does with what was recorded, while telemetry is on: sdk/delivery/delivery.ts or sdk/local-dp/level.ts. */
export interface Level extends Recorded, LifeListener {
  readonly status: LevelStatus;
  /** A run that was answered; no cells at all mean that counting failed. */
  ran(arm: Arm, model: LoadedModel, outcome: RunOutcome, cells: Uint32Array): void;
  drain(): Promise<void>;
  flush(): Promise<void>;
  /** Sends what may leave, keeps the rest for a later visit. */
  close(): Promise<void>;
  /** Nothing more is counted, stored or sent from here. */
  end(): Promise<void>;
}

export type LevelStatus = Pick<
  TelemetryStatus,
  'openRuns' | 'outboxWindows' | 'outboxBytes' | 'sentWindows' | 'nextAttemptAtMs' | 'storage' | 'problem'
>;

/** What a level is handed. */
export interface LevelDeps {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly address: string;
  readonly log: SentLog;
  /** Consent and privacy signals, asked before what the browser tells by itself is counted. */
  readonly isCounting: () => boolean;
  /** The same and `pause()`, asked before each request. */
  readonly isSending: () => boolean;
  readonly onBeforeSend: TelemetryOptions['onBeforeSend'];
  readonly onChange: () => void;
  /** The database was taken away: another tab withdrew consent, or the browser closed it. */
  readonly onLost: () => void;
  /** Ask the site's service worker to send what a closed page has left. */
  readonly hasBackgroundSync: boolean;
}

export interface DeliveryModule {
  openDelivery(deps: LevelDeps): Promise<Level>;
}

export interface LocalDpModule {
  openLocalDpLevel(deps: LevelDeps): Level;
}

export interface CountsModule {
  /** @param models By data plan. */
  wordsOf(bytes: Uint8Array, models: ReadonlyMap<string, CountedModel>): readonly DecodedWindow[];
  /** Cells of the data plan, index and count alternating; none where the manifest does not ask for feedback. */
  cellsOfFeedback(manifest: Manifest, outputs: Feeds, feedback: Feedback): Uint32Array;
  createObserver(url: string, recorder: Recorder, logger: Logger): Promise<Observer>;
}

/** The parts that are files of their own, fetched when first needed. */
export interface TelemetryFiles {
  readonly delivery: () => Promise<DeliveryModule>;
  readonly counts: () => Promise<CountsModule>;
  readonly localDp: () => Promise<LocalDpModule>;
}
