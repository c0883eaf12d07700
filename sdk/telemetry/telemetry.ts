/**
 * Telemetry: consent and the person's other choices, and what is recorded under them. The part that every page carries.
 *
 * Why the rest is fetched: a page whose visitor has not agreed needs neither windows nor a database, and should not pay for them.
 *
 * Invariants
 *  - Before consent nothing is counted, stored, locked or sent. An opt-out, Global Privacy Control and Do Not Track outrank consent.
 *  - Nothing here throws into the caller: a fault is told to the logger, and what it cost is counted as a loss.
 *  - At level `local-dp` no window exists: runs go to the noised report and to nothing else.
 *
 * Not here: windows, storing, sending (sdk/delivery/delivery.ts, fetched on consent); words, kernels, noise (sdk/counting/entry.ts, fetched
 * when asked for).
 */
import { firstLine } from '../../protocol/errors.ts';
import { CELLS_TIMEOUT_MS, EARLY_STEP_COUNT_MAX, RECORD_DELAY_MS, STORE_OPEN_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import type { ClientOptions } from '../api/client.ts';
import type { Logger } from '../api/logger.ts';
import type { Consent, PrivacyLevel, SentReport, Telemetry, TelemetryStatus } from '../api/telemetry.ts';
import type { OutboxStorage } from '../delivery/outbox-db.ts';
import type { Level, LevelHost, LevelStatus, TelemetryFiles } from './level.ts';
import { browserPlatform, type Platform } from './platform.ts';
import type { CountedModel, Recorder, RunOutcome } from './recorder.ts';
import { reportAddress } from './report-address.ts';
import { SentLog } from './sent-log.ts';
import { deleteStoredData } from './stored-data.ts';
import { mayLeave } from './veto.ts';

export interface OwnedTelemetry extends Telemetry {
  readonly recorder: Recorder;
  close(): Promise<void>;
}

const OFF: LevelStatus = { openRuns: 0, outboxWindows: 0, outboxBytes: 0, sentWindows: 0, nextAttemptAtMs: null, storage: 'indexeddb' };

/** @param platform Another one only in tests that fix the clock and the random source; `storage` in those that are several pages. */
export function createTelemetry(
  options: ClientOptions,
  platform: Platform | undefined,
  storage: OutboxStorage | undefined,
  files: TelemetryFiles,
): OwnedTelemetry {
  return new PageTelemetry(options, platform ?? browserPlatform(), storage, files);
}

class PageTelemetry implements OwnedTelemetry {
  readonly recorder: Recorder;
  private readonly platform: Platform;
  private readonly storage: OutboxStorage | undefined;
  private readonly files: TelemetryFiles;
  private readonly logger: Logger;
  private readonly address: string | null;
  private readonly hasBackgroundSync: boolean;
  private readonly privacy: PrivacyLevel;
  private readonly log: SentLog;
  private readonly listeners = new Set<() => void>();
  /** Models that have run in this page, by their plan: what words are made of. */
  private readonly models = new Map<string, CountedModel>();
  private consent: Consent;
  private isPaused = false;
  private active: Level | null = null;
  private stopListening: () => void = () => undefined;
  private starting: Promise<void> | null = null;
  /** What was recorded while the level was being fetched and opened. */
  private early: (() => void)[] = [];
  /** Runs that are answered, and whose cells are on their way. */
  private readonly due = new Set<Promise<void>>();
  /** Runs that are answered and counted, and not recorded yet. */
  private answered: (() => void)[] = [];
  private isNotifying = false;
  private isHidden = false;
  /** It could not start, or the client was closed: counting would only fill memory. */
  private isOut = false;
  private erasing: Promise<void> | null = null;
  /** Raised by each leaving: a level that opens after it is nobody's. */
  private departures = 0;

  constructor(options: ClientOptions, platform: Platform, storage: OutboxStorage | undefined, files: TelemetryFiles) {
    const { collector, onBeforeSend } = options;
    this.platform = platform;
    this.storage = storage;
    this.files = files;
    this.logger = options.logger ?? (() => undefined);
    this.address = collector === undefined ? null : reportAddress(collector);
    this.log = new SentLog(platform.now, () => this.notify());
    this.consent = options.consent ?? 'required';
    this.hasBackgroundSync = options.backgroundSync ?? false;
    this.privacy = options.privacy ?? 'counts';
    this.mayLeave = (bytes) => mayLeave(onBeforeSend, bytes, this.logger);
    this.recorder = this.makeRecorder();
    if (this.consent === 'granted') void this.start();
  }

  async grant(): Promise<void> {
    this.consent = 'granted';
    await this.erasing;
    await this.start();
    this.notify();
  }

  async withdraw(): Promise<void> {
    this.consent = 'required';
    await this.erase();
  }

  async optOut(): Promise<void> {
    this.platform.rememberOptOut(true);
    await this.withdraw();
  }

  optIn(): void {
    this.platform.rememberOptOut(false);
    this.notify();
  }

  /** One at a time; runs meanwhile are not counted. */
  async erase(): Promise<void> {
    this.erasing ??= this.eraseOnce().finally(() => {
      this.erasing = null;
    });
    await this.erasing;
    await this.start();
    this.notify();
  }

  private async eraseOnce(): Promise<void> {
    await this.started();
    await this.leave((level) => level.end());
    this.log.clear();
    try {
      await Promise.all([deleteStoredData(), this.storage?.delete?.()]);
    } catch (error) {
      this.logger('warn', 'outbox-delete-failed', `Stored counts could not be deleted (${firstLine(error)}). Clear this site's data.`);
    }
  }

  async flush(): Promise<void> {
    await this.allCounted();
    this.settle();
    await this.starting;
    await this.active?.flush();
  }

  pause(): void {
    this.isPaused = true;
    this.notify();
  }

  resume(): void {
    this.isPaused = false;
    void this.active?.drain();
    this.notify();
  }

  status(): TelemetryStatus {
    this.settle();
    const { consent, privacy, isPaused } = this;
    const level = this.active?.status ?? OFF;
    // A level of noised reports has no windows, and shows no runs.
    const openRuns = level.openRuns + (this.active === null || privacy === 'local-dp' ? 0 : this.due.size);
    return { consent, offReason: this.offReason(), privacy, isPaused, ...level, openRuns };
  }

  async inspect(): Promise<readonly SentReport[]> {
    const entries = this.log.reports();
    if (entries.length === 0) return [];
    const { wordsOf } = await this.files.counts();
    return entries.map((entry) => ({ ...entry, windows: wordsOf(entry.bytes, this.models) }));
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The cells that were on their way are there, or take too long to wait for. */
  private async allCounted(): Promise<void> {
    if (this.due.size > 0) await this.atMost(CELLS_TIMEOUT_MS, Promise.all(this.due));
  }

  async close(): Promise<void> {
    await this.allCounted();
    this.settle();
    this.isOut = true;
    await this.started();
    await this.leave((level) => level.close());
  }

  /** The level is there, has failed, or takes too long to wait for. */
  private async started(): Promise<void> {
    if (this.starting !== null && this.active === null) await this.atMost(STORE_OPEN_TIMEOUT_MS, this.starting);
  }

  private async atMost(ms: number, work: Promise<unknown>): Promise<void> {
    let stopTimer: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      stopTimer = this.platform.after(ms, resolve);
    });
    await Promise.race([work, late]);
    stopTimer();
  }

  private readonly mayLeave: (bytes: Uint8Array) => boolean;

  private offReason(): TelemetryStatus['offReason'] {
    if (this.address === null) return 'no-collector';
    return this.platform.privacySignal() ?? (this.consent === 'granted' ? null : 'consent-required');
  }

  private start(): Promise<void> {
    if (this.isOut || this.erasing !== null || this.offReason() !== null) return Promise.resolve();
    this.starting ??= this.open().catch((error) => {
      this.isOut = true;
      this.early = [];
      this.logger('error', 'telemetry-not-started', `Telemetry could not start (${firstLine(error)}). Models run as before.`);
    });
    return this.starting;
  }

  private async open(): Promise<void> {
    const { platform, logger, log, mayLeave, address, hasBackgroundSync, departures } = this;
    const level = await this.openLevel({
      platform,
      logger,
      address: address as string,
      log,
      maySend: () => !this.isPaused && this.offReason() === null && !platform.isPrerendering(),
      mayCount: () => this.recorder.isCounting(),
      mayLeave,
      onChange: () => this.notify(),
      onLost: () => void this.lost(),
      hasBackgroundSync,
    });
    if (departures !== this.departures || this.isOut) return level.end();
    this.stopListening = platform.onLife({
      hidden: () => {
        this.isHidden = true;
        this.settle();
        this.guard(() => level.hidden());
      },
      frozen: () => {
        this.settle();
        this.guard(() => level.frozen());
      },
      shown: () => {
        this.isHidden = false;
        this.guard(() => level.shown());
      },
      online: () => this.guard(() => level.online()),
    });
    this.active = level;
    for (const run of this.early.splice(0)) this.guard(run);
    if (!platform.isPrerendering()) void level.drain();
  }

  private async openLevel(host: LevelHost): Promise<Level> {
    if (this.privacy === 'local-dp') return (await this.files.localDp()).openLocalDpLevel(host);
    return (await this.files.delivery()).openDelivery(host, this.storage);
  }

  /** Another tab of this site withdrew consent, or the browser closed the database: what is in memory is all there is. */
  private async lost(): Promise<void> {
    this.consent = 'required';
    await this.leave((level) => level.end());
    this.notify();
  }

  private async leave(end: (level: Level) => Promise<void>): Promise<void> {
    this.settle();
    const { active } = this;
    this.active = null;
    this.starting = null;
    this.departures++;
    this.early = [];
    if (active === null) return;
    this.stopListening();
    await end(active);
  }

  private makeRecorder(): Recorder {
    const record = (step: (level: Level) => void) => {
      this.settle();
      this.record(step);
    };
    const ofModel = (model: CountedModel, step: (level: Level) => void) => {
      this.models.set(model.dataPlan, model);
      record(step);
    };
    return {
      isCounting: () => !this.isOut && this.erasing === null && this.offReason() === null && !this.platform.isPrerendering(),
      loaded: (model, totalMs) => ofModel(model, (level) => level.loaded(model, totalMs)),
      loadFailed: (failure) => record((level) => level.loadFailed(failure)),
      ran: (model, outcome) => this.shortly(() => ofModel(model, (level) => level.ran(model, outcome))),
      answered: (model, outcome, cells) => this.answeredRun(model, outcome, cells),
      runFailed: (model, code) => record((level) => level.runFailed(model, code)),
      lost: (model, code) => record((level) => level.lost(model, code)),
      observed: (model, ...rest) => ofModel(model, (level) => level.observed(model, ...rest)),
      fedBack: (model, cells, segment) => record((level) => level.fedBack(model, cells, segment)),
    };
  }

  /** What was answered before telemetry was left, or its data erased, is not counted after it. */
  private answeredRun(model: LoadedModel, outcome: Omit<RunOutcome, 'cells'>, cells: Promise<Uint32Array>): Promise<void> {
    const { departures } = this;
    const told = cells.then((counted) => {
      this.due.delete(told);
      if (departures === this.departures) this.recorder.ran(model, { ...outcome, cells: counted });
    });
    this.due.add(told);
    return told;
  }

  /**
   * Runs are recorded together, a moment later: recording each, or setting a timer for each, made the next run of a caller in a loop wait.
   * Whatever looks at the counts, adds to them or ends them settles what waits.
   */
  private shortly(step: () => void): void {
    if (!this.recorder.isCounting()) return;
    this.answered.push(step);
    // A hidden page may be gone before a timer is.
    if (this.isHidden) this.settle();
    else if (this.answered.length === 1) this.platform.after(RECORD_DELAY_MS, () => this.settle());
    else if (this.answered.length >= EARLY_STEP_COUNT_MAX) this.settle();
  }

  private settle(): void {
    if (this.answered.length > 0) for (const step of this.answered.splice(0)) step();
  }

  /** Runs a recording step now, or when the level is there; never lets it throw. */
  private record(step: (level: Level) => void): void {
    if (!this.recorder.isCounting()) return;
    const take = () => {
      if (this.active !== null) step(this.active);
    };
    if (this.active !== null) this.guard(take);
    else if (this.early.length >= EARLY_STEP_COUNT_MAX) return;
    else if (this.starting !== null) this.early.push(take);
    else void this.start().then(() => this.guard(take));
  }

  private guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.logger('error', 'telemetry-fault', `Counting failed (${firstLine(error)}). The run is not affected.`);
    }
  }

  private notify(): void {
    if (this.isNotifying || this.listeners.size === 0) return;
    this.isNotifying = true;
    queueMicrotask(() => {
      this.isNotifying = false;
      for (const listener of this.listeners) this.guard(listener);
    });
  }
}
