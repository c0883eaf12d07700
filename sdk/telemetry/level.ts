/**
 * A privacy level as telemetry sees it: by interface only, so that each level is a file of its own.
 */
import type { Logger } from '../api/logger.ts';
import type { TelemetryStatus } from '../api/telemetry.ts';
import type { CountsModule } from '../counting/entry.ts';
import type { DeliveryModule } from '../delivery/delivery.ts';
import type { LocalDpModule } from '../local-dp/entry.ts';
import type { LifeListener, Platform } from './platform.ts';
import type { Recorder } from './recorder.ts';
import type { SentLog } from './sent-log.ts';

/** The parts that are files of their own, fetched when first needed. */
export interface TelemetryFiles {
  readonly delivery: () => Promise<DeliveryModule>;
  readonly counts: () => Promise<CountsModule>;
  readonly localDp: () => Promise<LocalDpModule>;
}

/** What a privacy level does with what was recorded, while telemetry is on: sdk/delivery/delivery.ts or sdk/local-dp/level.ts. */
export interface Level extends Omit<Recorder, 'isCounting' | 'answered'>, LifeListener {
  readonly status: LevelStatus;
  drain(): Promise<void>;
  flush(): Promise<void>;
  /** Sends what may leave, keeps the rest for a later visit. */
  close(): Promise<void>;
  /** Nothing more is counted, stored or sent from here. */
  end(): Promise<void>;
}

export type LevelStatus = Pick<
  TelemetryStatus,
  'openRuns' | 'outboxWindows' | 'outboxBytes' | 'sentWindows' | 'nextAttemptAtMs' | 'storage'
>;

export interface LevelHost {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly address: string;
  readonly log: SentLog;
  /** Consent, privacy signals and `pause()`, asked before each request. */
  readonly maySend: () => boolean;
  /** Consent and privacy signals, asked before what the browser tells by itself is counted. */
  readonly mayCount: () => boolean;
  /** The application's veto. */
  readonly mayLeave: (bytes: Uint8Array) => boolean;
  readonly onChange: () => void;
  /** The database was taken away: another tab withdrew consent, or the browser closed it. */
  readonly onLost: () => void;
  /** Ask the site's service worker to send what a closed page has left. */
  readonly hasBackgroundSync: boolean;
}
