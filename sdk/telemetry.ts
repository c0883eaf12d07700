/**
 * Telemetry: consent, recording, sealing, sending. Where the delivery parts are put together.
 *
 * Invariants
 *  - Before consent nothing is counted, stored, locked or sent. Global Privacy Control and Do Not Track outrank consent.
 *  - Nothing here throws into the caller: a fault is told to the logger, and what it cost is counted as a loss.
 *  - Being hidden is answered synchronously: bytes are at hand, no database is waited for.
 *
 * Not here: the four rules of delivery (sdk/outbox.ts), answers of the collector (sdk/exporter.ts).
 */
import { dataPlanOf } from '../counts/data-plan.ts';
import { type Plan, planHash } from '../counts/plan.ts';
import {
  cellsOfLoad,
  cellsOfLoadFailure,
  cellsOfLoss,
  cellsOfRun,
  cellsOfRunFailure,
  type LossReason,
  SOFTWARE_PLAN,
} from '../counts/software-plan.ts';
import { firstLine } from '../protocol/errors.ts';
import { DRAFT_INTERVAL_MS } from '../protocol/limits.ts';
import type { LoadedModel } from '../protocol/messages.ts';
import { Exporter } from './exporter.ts';
import { keyText, OpenWindow, type WindowKey } from './open-window.ts';
import type { ClientOptions, Consent, Logger, SentReport, Telemetry, TelemetryStatus } from './options.ts';
import { Outbox, type Outgoing } from './outbox.ts';
import { deleteOutboxTable, memoryTable, openOutboxTable } from './outbox-db.ts';
import { PageLife } from './page-life.ts';
import { browserPlatform, type Platform } from './platform.ts';
import type { Recorder } from './recorder.ts';
import { SentLog } from './sent-log.ts';

export interface OwnedTelemetry extends Telemetry {
  readonly recorder: Recorder;
  close(): Promise<void>;
}

/** @param platform Another one only in tests that fix the clock and the random source. */
export function createTelemetry(options: ClientOptions, platform: Platform = browserPlatform()): OwnedTelemetry {
  return new PageTelemetry(options, platform);
}

/** What exists only while telemetry is on. */
interface Active {
  readonly outbox: Outbox;
  readonly exporter: Exporter;
  readonly life: PageLife;
  readonly softwarePlan: string;
  readonly stopListening: () => void;
  stopTimer: () => void;
  isTicking: boolean;
}

class PageTelemetry implements OwnedTelemetry {
  readonly recorder: Recorder;
  private readonly platform: Platform;
  private readonly logger: Logger;
  private readonly address: string | null;
  private readonly log: SentLog;
  private readonly listeners = new Set<() => void>();
  /** Data plan of each model that has run; being absent marks a model's first run. */
  private readonly plans = new WeakMap<LoadedModel, Plan>();
  private consent: Consent;
  private active: Active | null = null;
  private starting: Promise<void> | null = null;
  /** What was recorded while the database was being opened. */
  private early: (() => void)[] = [];
  private draining: Promise<void> | null = null;
  private isNotifying = false;

  constructor(options: ClientOptions, platform: Platform) {
    this.platform = platform;
    this.logger = options.logger ?? (() => undefined);
    const { collector } = options;
    this.address = collector === undefined ? null : `${collector.url.replace(/\/+$/, '')}/v1/report/${encodeURIComponent(collector.key)}`;
    this.log = new SentLog(platform.now, () => this.notify());
    this.consent = options.consent ?? 'required';
    this.recorder = {
      isCounting: () => this.offReason() === null && !platform.isPrerendering(),
      loaded: (model, totalMs) => this.record(() => this.addSoftware(model.modelVersion, cellsOfLoad(model, totalMs), 0)),
      loadFailed: ({ modelVersion, error }) => this.record(() => this.recordLoadFailure(modelVersion, cellsOfLoadFailure(error.code))),
      ran: (model, outcome) => this.record(() => this.recordRun(model, outcome)),
      runFailed: (model, code) => this.record(() => this.addSoftware(model.modelVersion, cellsOfRunFailure(code), 1)),
    };
    if (this.consent === 'granted') void this.start();
  }

  async grant(): Promise<void> {
    this.consent = 'granted';
    await this.start();
    this.notify();
  }

  async withdraw(): Promise<void> {
    this.consent = 'required';
    this.early = [];
    await this.starting;
    const { active } = this;
    this.active = null;
    this.starting = null;
    if (active !== null) await this.stop(active);
    this.log.clear();
    try {
      await deleteOutboxTable();
    } catch (error) {
      this.logger('warn', 'outbox-delete-failed', `Stored counts could not be deleted (${firstLine(error)}). Clear this site's data.`);
    }
    this.notify();
  }

  async flush(): Promise<void> {
    await this.starting;
    const { active } = this;
    if (active === null) return;
    active.exporter.wake();
    for (const window of [...active.outbox.openWindows]) void active.outbox.seal(window);
    await this.draining;
    await this.drain();
  }

  status(): TelemetryStatus {
    const { active } = this;
    const openRuns = [...(active?.outbox.openWindows ?? [])].reduce(
      (sum, { report, counts }) => (report === 'data' ? sum + counts.runs : sum),
      0,
    );
    return {
      consent: this.consent,
      offReason: this.offReason(),
      openRuns,
      outboxWindows: active?.outbox.waitingCount ?? 0,
      outboxBytes: active?.outbox.waitingBytes ?? 0,
      sentWindows: active?.exporter.sentCount ?? 0,
      nextAttemptAtMs: active?.exporter.nextAttemptAtMs ?? null,
      storage: active?.outbox.storage ?? 'indexeddb',
    };
  }

  inspect(): readonly SentReport[] {
    return this.log.reports();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    await this.starting;
    const { active } = this;
    if (active === null) return;
    for (const window of [...active.outbox.openWindows]) {
      if (window.maySend) void active.outbox.seal(window);
      else void active.outbox.persist(window);
    }
    await this.draining;
    await this.drain();
    this.active = null;
    await this.stop(active);
  }

  private offReason(): TelemetryStatus['offReason'] {
    if (this.address === null) return 'no-collector';
    return this.platform.privacySignal() ?? (this.consent === 'granted' ? null : 'consent-required');
  }

  private start(): Promise<void> {
    if (this.offReason() !== null) return Promise.resolve();
    this.starting ??= this.open().catch((error) => {
      this.starting = null;
      this.logger('error', 'telemetry-not-started', `Telemetry could not start (${firstLine(error)}). Models run as before.`);
    });
    return this.starting;
  }

  private async open(): Promise<void> {
    const { platform, logger } = this;
    const life = new PageLife(platform);
    const softwarePlan = await planHash(SOFTWARE_PLAN, platform.sha256);
    await life.begin();
    const table = await openOutboxTable(() => void this.withdrawn()).catch((error) => {
      logger('warn', 'outbox-in-memory', `The browser refuses to store counts (${firstLine(error)}). They are sent from memory.`);
      return memoryTable();
    });
    const lose = (modelVersion: string, reason: LossReason, count: number) => this.recordLoss(modelVersion, reason, count);
    const outbox = new Outbox(table, life, { now: platform.now, logger, lose });
    const exporter = new Exporter({
      platform,
      address: this.address as string,
      log: this.log,
      stored: (ids) => outbox.remove(ids),
      dropped: (window, reason) => this.drop(outbox, window, reason),
    });
    this.log.learn(softwarePlan, SOFTWARE_PLAN);
    const stopListening = platform.onLife({
      hidden: () => this.guard(() => this.hide(outbox, exporter)),
      frozen: () => this.guard(() => this.freeze(outbox, life)),
      shown: () => this.guard(() => void this.thaw(life)),
      online: () => this.guard(() => this.wake()),
    });
    this.active = { outbox, exporter, life, softwarePlan, stopListening, stopTimer: () => undefined, isTicking: false };
    for (const run of this.early.splice(0)) this.guard(run);
    if (!platform.isPrerendering()) void this.drain();
  }

  private async stop(active: Active): Promise<void> {
    active.stopTimer();
    active.stopListening();
    await active.outbox.end();
    active.life.end();
  }

  /** Another tab of this site withdrew consent, or the browser closed the database: what is in memory is all there is. */
  private async withdrawn(): Promise<void> {
    const { active } = this;
    this.active = null;
    this.starting = null;
    this.consent = 'required';
    if (active !== null) await this.stop(active);
    this.notify();
  }

  /** What could not be sent is written once more; should the browser not get to it, the last record stands. */
  private hide(outbox: Outbox, exporter: Exporter): void {
    if (this.offReason() === null) exporter.postNow(outbox.takeForHide());
    for (const window of outbox.openWindows) if (window.isDirty) void outbox.persist(window);
  }

  private freeze(outbox: Outbox, life: PageLife): void {
    outbox.abandonOpen();
    life.end();
  }

  private async thaw(life: PageLife): Promise<void> {
    if (life.isEnded) await life.begin();
    await this.drain();
  }

  private wake(): void {
    this.active?.exporter.wake();
    void this.drain();
  }

  /** Runs a recording step now, or when the database is open; never lets it throw. */
  private record(step: () => void): void {
    if (!this.recorder.isCounting()) return;
    if (this.active !== null) this.guard(step);
    else if (this.starting !== null) this.early.push(step);
    else void this.start().then(() => this.guard(step));
  }

  private guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.logger('error', 'telemetry-fault', `Counting failed (${firstLine(error)}). The run is not affected.`);
    }
  }

  private recordRun(model: LoadedModel, outcome: Parameters<Recorder['ran']>[1]): void {
    const known = this.plans.get(model);
    const plan = known ?? dataPlanOf(model.manifest);
    if (known === undefined) {
      this.plans.set(model, plan);
      this.log.learn(model.dataPlan, plan);
    }
    this.addSoftware(model.modelVersion, cellsOfRun(outcome, known === undefined), 1);
    const { active } = this;
    if (active === null) return;
    // Every counted run bumps at least the states of its tensors; none at all means that counting failed in the worker.
    if (outcome.cells.length === 0) {
      this.recordLoss(model.modelVersion, 'uncounted', 1);
      return;
    }
    const window = this.windowOf(active, {
      report: 'data',
      modelVersion: model.modelVersion,
      plan: model.dataPlan,
      cellCount: plan.cellCount,
    });
    window.counts.add(outcome.cells);
    window.counts.addRun();
    this.counted(active, window);
  }

  private addSoftware(modelVersion: string, cells: readonly number[], runs: 0 | 1): void {
    const { active } = this;
    if (active === null || cells.length === 0) return;
    const window = this.windowOf(active, {
      report: 'software',
      modelVersion,
      plan: active.softwarePlan,
      cellCount: SOFTWARE_PLAN.cellCount,
    });
    window.counts.add(cells);
    if (runs === 1) window.counts.addRun();
    window.isLossOnly = false;
    this.counted(active, window);
  }

  private recordLoss(modelVersion: string, reason: LossReason, count: number): void {
    const { active } = this;
    if (active === null) return;
    const window = this.windowOf(active, {
      report: 'software',
      modelVersion,
      plan: active.softwarePlan,
      cellCount: SOFTWARE_PLAN.cellCount,
    });
    window.counts.add(cellsOfLoss(reason, count));
    this.logger('warn', 'counts-lost', `${count} of a report's counts were lost: ${reason}. The next report says so.`);
    this.counted(active, window);
  }

  /** A page that fails to load its model may be closed at once. */
  private recordLoadFailure(modelVersion: string, cells: readonly number[]): void {
    this.addSoftware(modelVersion, cells, 0);
    void this.flush();
  }

  private windowOf(active: Active, of: WindowKey): OpenWindow {
    const window = active.outbox.windowOf(keyText(of), () => new OpenWindow(of, this.platform));
    if (!window.isDue(this.platform.now()) || !window.maySend) return window;
    void active.outbox.seal(window);
    return window;
  }

  /** The first count of a window is stored at once, and so is the step from rest to draft; the rest at the next tick. */
  private counted(active: Active, window: OpenWindow): void {
    window.isDirty = true;
    if (window.stateNow !== window.committed) void active.outbox.persist(window);
    this.tickLater(active);
    this.notify();
  }

  private tickLater(active: Active, ms = DRAFT_INTERVAL_MS): void {
    if (active.isTicking) return;
    active.isTicking = true;
    active.stopTimer = this.platform.after(ms, () => {
      active.isTicking = false;
      if (this.active === active) void this.tick(active);
    });
  }

  /** Every few seconds while there is something to do: rewrite what changed, seal what is old, send what is closed. */
  private async tick(active: Active): Promise<void> {
    const { outbox, exporter } = active;
    const nowMs = this.platform.now();
    for (const window of [...outbox.openWindows]) {
      if (window.isDue(nowMs) && window.maySend) void outbox.seal(window);
      else if (window.isDirty) void outbox.persist(window);
    }
    await this.drain();
    const hasWork = [...outbox.openWindows].some((window) => window.isDirty || window.maySend) || outbox.ownCount > 0;
    if (this.active === active && (hasWork || exporter.nextAttemptAtMs !== null)) this.tickLater(active);
  }

  /** One at a time; orphans of dead pages by one page at a time. */
  private drain(): Promise<void> {
    this.draining ??= this.drainOnce().finally(() => {
      this.draining = null;
      this.notify();
    });
    return this.draining;
  }

  private async drainOnce(): Promise<void> {
    const { active } = this;
    if (active === null || this.offReason() !== null || active.exporter.isQuiet) return;
    const { outbox, exporter, life } = active;
    try {
      await exporter.send(await outbox.outgoing(false));
      await life.alone('insitu-drain', async () => exporter.send(await outbox.outgoing(true)));
    } catch (error) {
      this.logger('warn', 'drain-failed', `Reports could not be sent (${firstLine(error)}). They are tried again.`);
    }
    await outbox.measure();
    if (this.active === active && exporter.nextAttemptAtMs !== null) this.tickLater(active);
  }

  private async drop(outbox: Outbox, window: Outgoing, reason: LossReason): Promise<void> {
    await outbox.remove([window.id]);
    this.recordLoss(window.modelVersion, reason, 1);
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
