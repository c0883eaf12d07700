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
 * Not here: windows, storing, sending (sdk/delivery.ts, fetched on consent); words, kernels, noise (sdk/counts-entry.ts, fetched
 * when asked for).
 */
import { firstLine } from '../protocol/errors.ts';
import type { CountsModule } from './counts-entry.ts';
import type { Delivery, DeliveryModule } from './delivery.ts';
import type { ClientOptions, Consent, Logger, SentReport, Telemetry, TelemetryStatus } from './options.ts';
import type { OutboxStorage } from './outbox-db.ts';
import { browserPlatform, type Platform } from './platform.ts';
import type { CountedModel, Recorder } from './recorder.ts';
import { reportAddress } from './report-address.ts';
import { SentLog } from './sent-log.ts';
import { mayLeave } from './veto.ts';

export interface OwnedTelemetry extends Telemetry {
  readonly recorder: Recorder;
  close(): Promise<void>;
}

/** The parts that are files of their own, fetched when first needed. */
export interface TelemetryFiles {
  readonly delivery: () => Promise<DeliveryModule>;
  readonly counts: () => Promise<CountsModule>;
}

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
  private readonly log: SentLog;
  private readonly listeners = new Set<() => void>();
  /** Models that have run in this page, by their plan: what words are made of. */
  private readonly models = new Map<string, CountedModel>();
  private consent: Consent;
  private isPaused = false;
  private active: Delivery | null = null;
  private stopListening: () => void = () => undefined;
  private starting: Promise<void> | null = null;
  /** What was recorded while the database was being opened. */
  private early: (() => void)[] = [];
  private isNotifying = false;
  /** It could not start, or the client was closed: counting would only fill memory. */
  private isOut = false;

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
    this.mayLeave = (bytes) => mayLeave(onBeforeSend, bytes, this.logger);
    this.recorder = this.makeRecorder();
    if (this.consent === 'granted') void this.start();
  }

  async grant(): Promise<void> {
    this.consent = 'granted';
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

  async erase(): Promise<void> {
    await this.starting;
    await this.leave((delivery) => delivery.end());
    this.log.clear();
    try {
      const { deleteStored } = await this.files.delivery();
      await deleteStored(this.storage);
    } catch (error) {
      this.logger('warn', 'outbox-delete-failed', `Stored counts could not be deleted (${firstLine(error)}). Clear this site's data.`);
    }
    await this.start();
    this.notify();
  }

  async flush(): Promise<void> {
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
    const { active } = this;
    return {
      consent: this.consent,
      offReason: this.offReason(),
      privacy: 'counts',
      isPaused: this.isPaused,
      openRuns: active?.openRuns ?? 0,
      outboxWindows: active?.outbox.waitingCount ?? 0,
      outboxBytes: active?.outbox.waitingBytes ?? 0,
      sentWindows: active?.exporter.sentCount ?? 0,
      nextAttemptAtMs: active?.exporter.nextAttemptAtMs ?? null,
      storage: active?.outbox.storage ?? 'indexeddb',
    };
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

  async close(): Promise<void> {
    this.isOut = true;
    await this.starting;
    await this.leave((delivery) => delivery.close());
  }

  private readonly mayLeave: (bytes: Uint8Array) => boolean;

  private offReason(): TelemetryStatus['offReason'] {
    if (this.address === null) return 'no-collector';
    return this.platform.privacySignal() ?? (this.consent === 'granted' ? null : 'consent-required');
  }

  private start(): Promise<void> {
    if (this.isOut || this.offReason() !== null) return Promise.resolve();
    this.starting ??= this.open().catch((error) => {
      this.isOut = true;
      this.early = [];
      this.logger('error', 'telemetry-not-started', `Telemetry could not start (${firstLine(error)}). Models run as before.`);
    });
    return this.starting;
  }

  private async open(): Promise<void> {
    const { platform, logger, log, mayLeave, address } = this;
    const { openDelivery } = await this.files.delivery();
    const host = {
      platform,
      logger,
      address: address as string,
      log,
      maySend: () => !this.isPaused && this.offReason() === null,
      mayLeave,
      onChange: () => this.notify(),
      onLost: () => void this.lost(),
      hasBackgroundSync: this.hasBackgroundSync,
    };
    const delivery = await openDelivery(host, this.storage);
    this.stopListening = platform.onLife({
      hidden: () => this.guard(() => delivery.hidden()),
      frozen: () => this.guard(() => delivery.frozen()),
      shown: () => this.guard(() => delivery.shown()),
      online: () => this.guard(() => delivery.online()),
    });
    this.active = delivery;
    for (const run of this.early.splice(0)) this.guard(run);
    if (!platform.isPrerendering()) void delivery.drain();
  }

  /** Another tab of this site withdrew consent, or the browser closed the database: what is in memory is all there is. */
  private async lost(): Promise<void> {
    this.consent = 'required';
    await this.leave((delivery) => delivery.end());
    this.notify();
  }

  private async leave(end: (delivery: Delivery) => Promise<void>): Promise<void> {
    const { active } = this;
    this.active = null;
    this.starting = null;
    this.early = [];
    if (active === null) return;
    this.stopListening();
    await end(active);
  }

  private makeRecorder(): Recorder {
    const ofModel = (model: CountedModel, step: (delivery: Delivery) => void) => {
      this.models.set(model.dataPlan, model);
      this.record(step);
    };
    return {
      isCounting: () => !this.isOut && this.offReason() === null && !this.platform.isPrerendering(),
      loaded: (model, totalMs) => ofModel(model, (delivery) => delivery.loaded(model, totalMs)),
      loadFailed: (failure) => this.record((delivery) => delivery.loadFailed(failure)),
      ran: (model, outcome) => ofModel(model, (delivery) => delivery.ran(model, outcome)),
      runFailed: (model, code) => this.record((delivery) => delivery.runFailed(model, code)),
      observed: (model, ...rest) => ofModel(model, (delivery) => delivery.observed(model, ...rest)),
      fedBack: (model, cells, segment) => this.record((delivery) => delivery.fedBack(model, cells, segment)),
    };
  }

  /** Runs a recording step now, or when delivery is there; never lets it throw. */
  private record(step: (delivery: Delivery) => void): void {
    if (!this.recorder.isCounting()) return;
    const take = () => {
      if (this.active !== null) step(this.active);
    };
    if (this.active !== null) this.guard(take);
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
