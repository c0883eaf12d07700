/**
 * Delivery: counts into open windows, windows into the outbox, the outbox to the collector. Exists only while telemetry is on;
 * a file of its own (dist/insitu.delivery.js), fetched on consent; a part of the service worker's file besides.
 *
 * Invariants
 *  - Being hidden is answered synchronously: bytes are at hand, no database is waited for.
 *  - One drain at a time in this page; orphans of dead pages by one page of the origin at a time.
 *  - What was lost is counted in the next software window of its model and arm.
 *  - Runs of another arm or segment never share a window.
 *  - What a page lost because its clock is off is sent at once, once per model and arm: by itself it would wait for a page that does not come.
 *
 * Not here: consent (sdk/telemetry/consent.ts), the four rules of delivery (sdk/delivery/outbox.ts), answers of the collector (sdk/delivery/exporter.ts).
 */
import {
  cellsOfIdleLoss,
  cellsOfLoad,
  cellsOfLoadFailure,
  cellsOfLoss,
  cellsOfMemory,
  cellsOfObservedRun,
  cellsOfPressure,
  cellsOfRun,
  cellsOfRunFailure,
  type LossReason,
  SOFTWARE_CELL_COUNT,
  SOFTWARE_PLAN_HASH,
} from '../../counts/plans/software-layout.ts';
import { type ErrorCode, firstLine } from '../../protocol/errors.ts';
import {
  DRAFT_INTERVAL_MS,
  RETRY_AFTER_MS_MAX,
  STORE_OPEN_TIMEOUT_MS,
  STUCK_TIMEOUT_MS,
  TELEMETRY_WAIT_MS_MAX,
} from '../../protocol/limits.ts';
import type { Arm } from '../../protocol/report/window.ts';
import type { LoadedModel, LoadFailure } from '../../protocol/worker/loading.ts';
import type { DeliveryModule, Level, LevelDeps, LevelStatus } from '../telemetry/level.ts';
import { atMost } from '../telemetry/platform.ts';
import type { CountedModel, RunOutcome } from '../telemetry/recorder.ts';
import { ReportPost } from '../telemetry/report-post.ts';
import { BackgroundSync } from './background-sync.ts';
import { Clock } from './clock.ts';
import { DeviceWatch } from './device-watch.ts';
import { Exporter } from './exporter.ts';
import { armOf, keyText, OpenWindow, type WindowKey } from './open-window.ts';
import { Outbox } from './outbox.ts';
import { memoryTable, type OpenTable, type OrderedWait, type OutboxTable, openOutboxTable } from './outbox-db.ts';
import type { Outgoing } from './outgoing.ts';
import { PageLife } from './page-life.ts';

/** @param openTable Another one only in tests that are several pages at once. */
export async function openDelivery(deps: LevelDeps, openTable: OpenTable = openOutboxTable): Promise<Delivery> {
  const life = new PageLife(deps.platform);
  await life.begin();
  const { table, waits } = await openAnswering(deps, openTable).catch((error) => {
    deps.logger('warn', 'outbox-in-memory', `The browser refuses to store counts (${firstLine(error)}). They are sent from memory.`);
    return { table: memoryTable(), waits: [] };
  });
  const delivery = new Delivery(deps, table, life);
  delivery.begin(waits);
  return delivery;
}

/** A database that opens and then does not answer would keep everything waiting: it counts as one that refuses. */
async function openAnswering({ platform, onLost }: LevelDeps, openTable: OpenTable) {
  const table = await openTable(onLost);
  const waits = await atMost(platform, STUCK_TIMEOUT_MS, table.waits());
  if (waits !== undefined) return { table, waits };
  table.close();
  throw new Error('it opens and does not answer');
}

void ({ openDelivery } satisfies DeliveryModule);

/** @param pairs Cell and count alternating. */
function countIn(pairs: Uint32Array | readonly number[]): number {
  let sum = 0;
  for (let at = 1; at < pairs.length; at += 2) sum += pairs[at] as number;
  return sum;
}

export class Delivery implements Level {
  readonly outbox: Outbox;
  readonly exporter: Exporter;
  private readonly reports: ReportPost;
  private readonly clock: Clock;
  private readonly deps: LevelDeps;
  private readonly life: PageLife;
  private readonly device = new DeviceWatch();
  private readonly sync: BackgroundSync | null;
  /** Models whose first run is over. */
  private readonly started = new WeakSet<LoadedModel>();
  private stopTimer: () => void = () => undefined;
  private isTicking = false;
  private isEnded = false;
  private isFrozen = false;
  /** Counts that came after the page's name was given up, for its next one. */
  private late: (() => void)[] = [];
  private draining: Promise<void> | null = null;
  private isClockOff = false;
  /** Models, by arm, whose loss for that reason was made ready to leave alone. */
  private readonly skewTold = new Set<string>();
  private mustTellSkew = false;

  constructor(deps: LevelDeps, table: OutboxTable, life: PageLife) {
    const { platform, logger, isSending } = deps;
    this.deps = deps;
    this.clock = new Clock(platform.now);
    this.reports = new ReportPost(deps);
    this.life = life;
    this.sync = deps.hasBackgroundSync ? new BackgroundSync() : null;
    this.outbox = new Outbox(table, life, {
      now: platform.now,
      logger,
      lose: ({ modelVersion, key }, ...what) => this.lose(modelVersion, armOf(key), ...what),
    });
    this.exporter = new Exporter({
      platform,
      reports: this.reports,
      isSending,
      stored: (ids) => this.outbox.remove(ids),
      dropped: (window, reason) => this.drop(window, reason),
      ordered: (wait) => this.outbox.keepWait(wait),
      toldTime: (collectorMs) => this.correctClock(collectorMs),
    });
  }

  /** What earlier visits were told to wait for. */
  begin(waits: readonly OrderedWait[]): void {
    const nowMs = this.deps.platform.now();
    for (const wait of waits) if (!(wait.atMs > nowMs) && wait.untilMs <= nowMs + RETRY_AFTER_MS_MAX) this.exporter.remember(wait);
  }

  get status(): LevelStatus {
    const { outbox, exporter } = this;
    return {
      openRuns: [...outbox.openWindows].reduce((sum, { report, counts }) => sum + (report === 'data' ? counts.runs : 0), 0),
      outboxWindows: outbox.waitingCount,
      outboxBytes: outbox.waitingBytes,
      sentWindows: exporter.sentCount,
      nextAttemptAtMs: exporter.nextAttemptAtMs,
      storage: outbox.storage,
      problem: this.reports.problem,
    };
  }

  loaded(arm: Arm, model: LoadedModel, totalMs: number): void {
    const { modelVersion } = model;
    this.countSoftware(modelVersion, arm, cellsOfLoad(model, totalMs), 0);
    this.device.watchPressure((state) => {
      if (this.deps.isCounting()) this.countSoftware(modelVersion, arm, cellsOfPressure(state), 0);
    });
    void this.device.memoryBytes().then((bytes) => {
      if (bytes !== null && !this.isEnded && this.deps.isCounting()) this.countSoftware(modelVersion, arm, cellsOfMemory(bytes), 0);
    });
  }

  /** A page that fails to load its model may be closed at once. */
  loadFailed(arm: Arm, { modelVersion, error }: LoadFailure): void {
    this.countSoftware(modelVersion, arm, cellsOfLoadFailure(error.code), 0);
    this.sealAll();
    void this.drain();
  }

  ran(arm: Arm, model: LoadedModel, outcome: RunOutcome, cells: Uint32Array): void {
    this.countSoftware(model.modelVersion, arm, cellsOfRun(outcome, !this.started.has(model)), 1);
    this.started.add(model);
    this.countData(arm, model, cells, outcome.segment, 1);
  }

  runFailed(arm: Arm, { modelVersion }: CountedModel, code: ErrorCode): void {
    this.countSoftware(modelVersion, arm, cellsOfRunFailure(code), 1);
  }

  lost(arm: Arm, { modelVersion }: CountedModel, code: ErrorCode): void {
    this.countSoftware(modelVersion, arm, cellsOfIdleLoss(code), 0);
  }

  observed(arm: Arm, model: CountedModel, cells: Uint32Array, segment: number, durationMs: number | null): void {
    this.countSoftware(model.modelVersion, arm, cellsOfObservedRun(durationMs), 1);
    this.countData(arm, model, cells, segment, 1);
  }

  fedBack(arm: Arm, model: CountedModel, cells: Uint32Array, segment: number): void {
    // Without cells the manifest does not ask for feedback; nothing was lost.
    if (cells.length > 0) this.countData(arm, model, cells, segment, 0);
  }

  /** Adds cells to the open window of that key. The first count of a window is stored at once, and so is the step from rest to draft. */
  private count(of: WindowKey, cells: Uint32Array | readonly number[], runs: 0 | 1, isLoss = false): void {
    if (this.isFrozen) {
      this.late.push(() => this.count(of, cells, runs, isLoss));
      return;
    }
    const window = this.windowOf(of);
    if (of.report === 'software' && runs === 0 && !window.takesEvents(countIn(cells))) return;
    const isFeedback = of.report === 'data' && runs === 0;
    if (isFeedback && !window.hasRoomFor({ runs, feedback: 1 })) {
      this.lose(of.modelVersion, of.arm, 'uncounted', 1);
      return;
    }
    window.counts.add(cells);
    if (isFeedback) window.feedback++;
    if (runs === 1) window.counts.addRun();
    if (!isLoss) window.isLossOnly = false;
    window.isDirty = true;
    if (window.stateNow !== window.committed) void this.outbox.persist(window);
    this.tickLater();
    this.deps.onChange();
  }

  private countSoftware(modelVersion: string, arm: Arm, cells: readonly number[], runs: 0 | 1, isLoss = false): void {
    if (cells.length === 0) return;
    const of = { report: 'software', modelVersion, plan: SOFTWARE_PLAN_HASH, arm, segment: 0, cellCount: SOFTWARE_CELL_COUNT } as const;
    this.count(of, cells, runs, isLoss);
  }

  private countData(arm: Arm, model: CountedModel, cells: Uint32Array, segment: number, runs: 0 | 1): void {
    const { modelVersion, dataPlan, dataCellCount } = model;
    // Every counted run bumps at least the states of its tensors; none at all means that counting failed.
    if (cells.length === 0) this.lose(modelVersion, arm, 'uncounted', 1);
    else this.count({ report: 'data', modelVersion, plan: dataPlan, arm, segment, cellCount: dataCellCount }, cells, runs);
  }

  private lose(modelVersion: string, arm: Arm, reason: LossReason, count: number): void {
    this.deps.logger('warn', 'counts-lost', `${count} of a report's counts were lost: ${reason}. The next report says so.`);
    const who = `${modelVersion} ${arm}`;
    const leavesAlone = reason === 'skewed' && this.isClockOff && !this.skewTold.has(who);
    if (leavesAlone) {
      this.skewTold.add(who);
      this.mustTellSkew = true;
    }
    this.countSoftware(modelVersion, arm, cellsOfLoss(reason, count), 0, !leavesAlone);
  }

  /** Windows that are open have left nobody's sight yet: they move to the right hour, and only what was closed is lost. */
  private correctClock(collectorMs: number): void {
    if (!this.clock.correct(collectorMs)) return;
    if (!this.isClockOff)
      this.deps.logger('warn', 'clock-off', "This device's clock is off. Windows open in the collector's hour from now on.");
    this.isClockOff = true;
    for (const window of this.outbox.openWindows) {
      window.moveTo(this.clock.hour());
      void this.outbox.persist(window);
    }
  }

  hidden(): void {
    // Browsers tell of `pagehide` before they tell that the page is invisible.
    if (this.isFrozen) return;
    this.exporter.postNow(this.outbox.takeForHide((version) => this.exporter.accepts(version)));
    // What could not be sent is written once more; should the browser not get to it, the last record stands.
    for (const window of this.outbox.openWindows) if (window.isDirty) void this.outbox.persist(window, true);
    if (this.deps.isSending()) this.sync?.ask(this.outbox.waitingCount > 0);
  }

  /** The name is given up once no transaction is under way: one that commits later would change a record that somebody else sends. */
  frozen(): void {
    this.isFrozen = true;
    this.exporter.sleep();
    this.outbox.abandonOpen();
    void this.outbox.idle().then(() => {
      if (this.isFrozen) this.outbox.giveUpName();
    });
  }

  shown(): void {
    const wasFrozen = this.isFrozen;
    this.isFrozen = false;
    this.exporter.wakeUp();
    const isReady = wasFrozen ? this.outbox.rename() : Promise.resolve();
    for (const count of this.late.splice(0)) count();
    void isReady.then(() => this.drain());
  }

  online(): void {
    this.exporter.wake();
    void this.drain();
  }

  /** Seals what may be sealed and sends it. */
  async flush(): Promise<void> {
    this.exporter.wake();
    this.sealAll();
    await this.drainAgain();
  }

  /** Also what was sealed since the drain that is under way has looked. */
  private async drainAgain(): Promise<void> {
    await this.draining;
    await this.drain();
  }

  private sealAll(): void {
    for (const window of [...this.outbox.openWindows]) void this.outbox.seal(window);
  }

  /** Seals and sends what may leave, keeps the rest for a later visit. */
  async close(): Promise<void> {
    for (const window of [...this.outbox.openWindows]) {
      void (window.hasEnoughRuns ? this.outbox.seal(window) : this.outbox.persist(window));
    }
    await atMost(this.deps.platform, TELEMETRY_WAIT_MS_MAX - STORE_OPEN_TIMEOUT_MS, this.drainAgain());
    await this.end();
  }

  /** Nothing more is counted, stored or sent from here. */
  async end(): Promise<void> {
    this.isEnded = true;
    this.exporter.stop();
    this.stopTimer();
    this.device.stop();
    // The name is kept while a transaction may still commit.
    const ending = this.outbox.end().then(() => this.life.end());
    await atMost(this.deps.platform, STORE_OPEN_TIMEOUT_MS, ending);
  }

  drain(): Promise<void> {
    this.draining ??= this.drainOnce().finally(() => {
      this.draining = null;
      this.deps.onChange();
    });
    return this.draining;
  }

  private windowOf(of: WindowKey): OpenWindow {
    const { outbox } = this;
    const { clock } = this;
    const open = () => outbox.windowOf(keyText(of), () => new OpenWindow(of, clock, this.deps.platform.random));
    const window = open();
    if (window.isExpired(clock.now())) {
      outbox.expire(window);
      return open();
    }
    if (window.isDue(clock) && window.hasEnoughRuns) void outbox.seal(window);
    return window;
  }

  private tickLater(): void {
    if (this.isTicking || this.isEnded) return;
    this.isTicking = true;
    this.stopTimer = this.deps.platform.after(DRAFT_INTERVAL_MS, () => {
      this.isTicking = false;
      void this.tick();
    });
  }

  /** Every few seconds while there is something to do: rewrite what changed, seal what is old, send what is closed. */
  private async tick(): Promise<void> {
    const { outbox, exporter, life } = this;
    for (const window of [...outbox.openWindows]) {
      if (window.isDue(this.clock) && window.hasEnoughRuns) void outbox.seal(window);
      else if (window.isDirty || life.isLeased) void outbox.persist(window);
    }
    await this.drain();
    const mustWatch = (window: OpenWindow) => window.isDirty || window.hasEnoughRuns || life.isLeased;
    if ([...outbox.openWindows].some(mustWatch) || (outbox.ownCount > 0 && !exporter.isQuiet)) this.tickLater();
  }

  private async drainOnce(): Promise<void> {
    const { outbox, exporter, life } = this;
    if (this.isEnded || this.isFrozen || !this.deps.isSending()) return;
    try {
      await exporter.send(await outbox.outgoing(false));
      if (!exporter.isQuiet) await life.alone('insitu-drain', async () => exporter.send(await outbox.outgoing(true)));
      if (this.mustTellSkew) {
        this.mustTellSkew = false;
        this.sealAll();
        await exporter.send(await outbox.outgoing(false));
      }
    } catch (error) {
      this.deps.logger('warn', 'drain-failed', `Reports could not be sent (${firstLine(error)}). They are tried again.`);
    }
    await outbox.measure();
    if (exporter.nextAttemptAtMs !== null && outbox.waitingCount > 0) this.tickLater();
  }

  private async drop({ id, modelVersion, key }: Outgoing, reason: LossReason): Promise<void> {
    await this.outbox.remove([id]);
    this.lose(modelVersion, armOf(key), reason, 1);
  }
}
