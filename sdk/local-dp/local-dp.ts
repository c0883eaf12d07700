/**
 * The level `local-dp` in the page: runs in, one noised report per epoch out, nothing else.
 *
 * When a request is made: at `start`, and then every LOCAL_DP_TICK_MS, if a report has been closed. Neither a run nor hiding the page
 * makes one, so its time says that the site was open and no more. Between a run and its place in the answer, that run's cells
 * are in memory, and only if its key is the smallest so far.
 *
 * Invariants
 *  - What is posted was committed before, with its ε spent; it is posted again, byte for byte, until it is answered.
 *  - Number, length and time of requests do not depend on how much or what was run.
 *  - Fails closed: without storage, randomness or a sound ledger nothing is sent.
 *  - Nothing here throws into the caller.
 *
 * Not here: the record and its steps (sdk/local-dp/noised-state.ts), consent (sdk/telemetry/consent.ts).
 */
import { ByteChance } from '../../counts/noise/chance.ts';
import { firstLine } from '../../protocol/errors.ts';
import {
  LOCAL_DP_RETRY_MS_MAX,
  LOCAL_DP_RETRY_MS_MIN,
  LOCAL_DP_TICK_MS,
  OUTBOX_AGE_MS_MAX,
  STUCK_TIMEOUT_MS,
} from '../../protocol/limits.ts';
import type { Logger } from '../api/logger.ts';
import type { LevelDeps } from '../telemetry/level.ts';
import { atMost, type Platform } from '../telemetry/platform.ts';
import { ReportPost } from '../telemetry/report-post.ts';
import type { SentLog } from '../telemetry/sent-log.ts';
import { DAY_MS, epochStartMs } from './epsilon-ledger.ts';
import type { EpsilonStore } from './epsilon-store.ts';
import { type Candidate, drawKey, KEY_END, type NoisedModel, type NoisedOutgoing, type NoisedState, visit } from './noised-state.ts';

export interface LocalDpDeps {
  readonly platform: Pick<Platform, 'now' | 'random' | 'post' | 'after'>;
  readonly logger: Logger;
  readonly address: string;
  readonly log: SentLog;
  /** Consent, privacy signals and `pause()`, asked before each request. */
  readonly isSending: () => boolean;
  readonly onBeforeSend: LevelDeps['onBeforeSend'];
  /** The ledger was there and is gone: another tab withdrew consent. */
  readonly onLost: () => void;
}

/** The run of this page that may replace a model's answer. */
interface Reservoir {
  /** Null until its plan is known. */
  model: NoisedModel | null;
  /** A run needs a smaller key than this; nothing beats -1. */
  key: number;
  /** When `key` stops to say anything: the epoch's end. */
  untilMs: number;
  cells: Uint32Array | null;
}

export class LocalDp {
  private readonly deps: LocalDpDeps;
  private readonly reports: ReportPost;
  private readonly store: EpsilonStore;
  private readonly chance: ByteChance;
  private readonly reservoirs = new Map<string, Reservoir>();
  private tail: Promise<unknown> = Promise.resolve();
  private stopTimer: () => void = () => undefined;
  private isEnded = false;
  /** A ledger that was there and is gone was deleted by a person, in another tab. */
  private hasLedger = false;
  sentCount = 0;
  /** Closed reports that wait for an answer, as of the last step. */
  waitingCount = 0;

  constructor(deps: LocalDpDeps, store: EpsilonStore) {
    this.deps = deps;
    this.reports = new ReportPost(deps);
    this.store = store;
    this.chance = new ByteChance((count) => deps.platform.random(count));
  }

  get problem(): ReportPost['problem'] {
    return this.reports.problem;
  }

  /**
   * A model that the page has opened, whether it will run or not: from now on an epoch's report may be about it.
   *
   * @param model `noisedModelOf` of it; runs take part from now on. Of null nothing is ever sent.
   */
  async open(modelVersion: string, model: Promise<NoisedModel | null>): Promise<void> {
    if (this.isEnded || this.reservoirs.has(modelVersion)) return;
    const reservoir: Reservoir = { model: null, key: KEY_END, untilMs: Number.POSITIVE_INFINITY, cells: null };
    this.reservoirs.set(modelVersion, reservoir);
    try {
      reservoir.model = await model;
    } catch (error) {
      this.complain(error);
    }
    if (reservoir.model === null) this.reservoirs.delete(modelVersion);
    else await this.step();
  }

  /** @param cells Data cells that a run of an open model bumped, index and count alternating; kept only if the run is drawn. */
  ran(modelVersion: string, cells: Uint32Array): void {
    const reservoir = this.reservoirs.get(modelVersion);
    if (reservoir === undefined || this.isEnded) return;
    if (this.deps.platform.now() >= reservoir.untilMs) {
      reservoir.key = KEY_END;
      reservoir.untilMs = Number.POSITIVE_INFINITY;
    }
    try {
      const key = drawKey(this.chance);
      if (key >= reservoir.key) return;
      reservoir.key = key;
      reservoir.cells = cells;
    } catch (error) {
      this.complain(error);
      return;
    }
    void this.step();
  }

  /** Looks now and then at regular times. */
  start(): void {
    void this.tick();
    this.stopTimer = this.deps.platform.after(LOCAL_DP_TICK_MS, () => this.start());
  }

  /** Nothing more is stored or sent from here. */
  async end(): Promise<void> {
    this.isEnded = true;
    this.stopTimer();
    for (const reservoir of this.reservoirs.values()) reservoir.cells = null;
    await atMost(this.deps.platform, STUCK_TIMEOUT_MS, this.tail);
  }

  /** Closes what is due and posts what is closed. Resolves when the answers are in; never rejects. */
  async tick(): Promise<void> {
    await this.step();
    if (this.isEnded || !this.deps.isSending()) return;
    await Promise.all((await this.take()).map((report) => this.send(report)));
  }

  /** One transaction: time passes, waiting runs take their places. Rejections are told, and the cells that were to be kept are gone. */
  private step(): Promise<unknown> {
    return this.transact(async () => {
      const models: NoisedModel[] = [];
      const candidates: Candidate[] = [];
      for (const reservoir of this.reservoirs.values()) {
        const { model, key, cells } = reservoir;
        if (model === null) continue;
        models.push(model);
        if (cells !== null) candidates.push({ modelVersion: model.modelVersion, key, cells });
        reservoir.cells = null;
      }
      const { random, now } = this.deps.platform;
      const state = await this.store.transact((stored) => {
        if (stored === undefined && this.hasLedger) return { next: null, result: null };
        const next = visit(stored, { nowMs: now(), chance: this.chance, random, models, candidates });
        return { next, result: next };
      });
      if (state === null) return this.lose();
      this.hasLedger = true;
      this.learn(state);
    });
  }

  /** Looking has made the database anew, empty: it goes again. */
  private async lose(): Promise<void> {
    this.isEnded = true;
    await this.store.delete();
    this.deps.onLost();
  }

  private learn({ ledger, answers, outgoing }: NoisedState): void {
    this.waitingCount = outgoing.length;
    const untilMs = epochStartMs(ledger, ledger.epochIndex + 1);
    for (const reservoir of this.reservoirs.values()) {
      const { model, cells } = reservoir;
      // A run that came while the transaction was under way keeps its own, smaller key.
      if (model === null || cells !== null) continue;
      const kept = answers.find(({ planHash, modelVersion }) => model.planHash === planHash && model.modelVersion === modelVersion);
      reservoir.key = kept?.runKey ?? -1;
      reservoir.untilMs = untilMs;
    }
  }

  /** Reports whose time has come, each for this tab alone until its next attempt. */
  private async take(): Promise<readonly NoisedOutgoing[]> {
    let taken: readonly NoisedOutgoing[] = [];
    await this.transact(async () => {
      const nowMs = this.deps.platform.now();
      const randomByte = this.deps.platform.random(1)[0] as number;
      taken = await this.rewrite((outgoing) => {
        const fresh = outgoing.filter(({ day }) => nowMs - day * DAY_MS < OUTBOX_AGE_MS_MAX);
        // Further ahead than any wait: written under another clock.
        const due = fresh.filter(({ nextAttemptMs }) => nextAttemptMs <= nowMs || nextAttemptMs > nowMs + LOCAL_DP_RETRY_MS_MAX);
        const later = due.map((report) => ({
          ...report,
          attempt: report.attempt + 1,
          nextAttemptMs: nowMs + retryMs(report.attempt, randomByte),
        }));
        return { kept: fresh.map((report) => later.find(({ id }) => id === report.id) ?? report), result: due };
      });
    });
    return taken;
  }

  private async send({ id, body }: NoisedOutgoing): Promise<void> {
    const { platform, isSending, logger } = this.deps;
    if (this.isEnded || !isSending()) return;
    if (this.reports.vetoes(body)) {
      await this.release(id);
      return;
    }
    const { meaning, status, retryAfterMs } = await this.reports.send(body);
    if (meaning === 'retry' || meaning === 'silent' || meaning === 'unproved' || meaning === 'unknown-key') {
      await this.postpone(id, platform.now() + (retryAfterMs ?? 0));
      return;
    }
    if (meaning === 'stored') this.sentCount++;
    else logger('warn', 'report-refused', `A noised report was refused (HTTP ${status}) and dropped.`);
    await this.release(id);
  }

  private release(id: string): Promise<void> {
    return this.transact(() => this.rewrite((outgoing) => ({ kept: outgoing.filter((report) => report.id !== id), result: undefined })));
  }

  private postpone(id: string, untilMs: number): Promise<void> {
    const later = (report: NoisedOutgoing) =>
      report.id === id ? { ...report, nextAttemptMs: Math.max(report.nextAttemptMs, untilMs) } : report;
    return this.transact(() => this.rewrite((outgoing) => ({ kept: outgoing.map(later), result: undefined })));
  }

  private rewrite<T>(change: (outgoing: readonly NoisedOutgoing[]) => { kept: readonly NoisedOutgoing[]; result: T }): Promise<T> {
    return this.store.transact((stored) => {
      const state = stored as NoisedState | undefined;
      const { kept, result } = change(state?.outgoing ?? []);
      this.waitingCount = kept.length;
      return { next: state === undefined ? null : { ...state, outgoing: kept }, result };
    });
  }

  /** One after the other; a failure is told and ends only itself. */
  private transact(work: () => Promise<void>): Promise<void> {
    const done = this.tail.then(async () => {
      try {
        if (!this.isEnded) await work();
      } catch (error) {
        this.complain(error);
      }
    });
    this.tail = done;
    return done;
  }

  private complain(error: unknown): void {
    this.deps.logger('warn', 'ledger-failed', `The privacy ledger cannot be kept (${firstLine(error)}). No noised report is sent.`);
  }
}

/** Twofold from LOCAL_DP_RETRY_MS_MIN up to half of LOCAL_DP_RETRY_MS_MAX, and up to twice that by chance. */
function retryMs(attempt: number, randomByte: number): number {
  return Math.round(Math.min(LOCAL_DP_RETRY_MS_MIN * 2 ** attempt, LOCAL_DP_RETRY_MS_MAX / 2) * (1 + randomByte / 255));
}
