/**
 * Monitoring: every registered model judged four times a day, what was found kept and handed to incidents, and persons' orders obeyed.
 *
 * Invariants
 *  - An hour is taken in MONITOR_SETTLE_MS after its end, one model after the other; what fails is tried a minute later.
 *  - A state is kept once a day. What came since is taken in again after a restart, orders too, and comes out the same.
 *  - Of a model that is registered no more nothing is judged; should it come back, it is judged anew from the stored votes.
 *  - A monitor that is ahead of the clock by more than a day, because the clock was wrong, is made anew from the stored votes.
 *
 * Not here: driving one monitor (model-monitor.ts), HTTP (collector/http/owner-routes.ts).
 */
import { dayOf } from '../../counts/monitor/day-votes.ts';
import { type Finding, type StreamName, streamSegment } from '../../counts/monitor/finding.ts';
import { MINUTE_LOOK_MS } from '../../protocol/alarm-limits.ts';
import { MONITOR_SETTLE_MS } from '../../protocol/monitor-limits.ts';
import type { AuditEntry, RebaseOrder } from '../../protocol/read/incidents.ts';
import type { MonitoringAct, MonitoringDetail, MonitoringList } from '../../protocol/read/monitoring.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';
import { type OwnerError, ownerError } from '../incidents/owner-error.ts';
import type { RegisteredModel } from '../models/registered-model.ts';
import type { Registry } from '../models/registry.ts';
import type { RecordChange, Store } from '../store/store.ts';
import { BaselineOrders, type NewOrder, orderOf } from './baseline-orders.ts';
import { type JudgedSkew, type KeptMonitor, KeptMonitors } from './kept-monitors.ts';
import { ModelMonitor } from './model-monitor.ts';
import { type OwnersOptions, optionsFor } from './monitor-options.ts';
import { detailOf, entryOf, type Watched } from './monitoring-view.ts';
import { newOrder } from './orders.ts';
import { judgeSkews, skewKey } from './training-skew.ts';

interface MonitoringDeps {
  readonly store: Pick<Store, 'votes' | 'records' | 'putRecords'>;
  readonly registry: Registry;
  readonly options: OwnersOptions;
  readonly now: () => number;
  /** What was found of a model when its last hour was judged. */
  readonly found: (modelVersion: string, findings: readonly Finding[]) => Promise<void>;
  /** Stores records together with the audit entry that tells of them. */
  readonly record: (records: readonly RecordChange[], entry: AuditEntry) => Promise<void>;
  readonly log: (sentence: string) => void;
}

/** A model's monitor and what goes with it. */
interface Own {
  readonly monitor: ModelMonitor;
  skews: ReadonlyMap<string, JudgedSkew>;
  /** Of the state that is in the store. */
  keptDay: number | null;
}

const RETRY_MS = 60_000;

export class Monitoring {
  private readonly deps: MonitoringDeps;
  private readonly kept: KeptMonitors;
  /** Until the models that they are of are asked for. */
  private readonly stored: Map<string, KeptMonitor>;
  private readonly orders: BaselineOrders;
  private readonly own = new Map<string, Own>();
  private readonly stopping = new AbortController();
  private tail: Promise<unknown> = Promise.resolve();
  private judgedHour: number | null = null;
  private retryAtMs = 0;

  private constructor(deps: MonitoringDeps, kept: KeptMonitors, stored: ReadonlyMap<string, KeptMonitor>, orders: BaselineOrders) {
    this.deps = deps;
    this.kept = kept;
    this.stored = new Map(stored);
    this.orders = orders;
  }

  static async open(deps: MonitoringDeps): Promise<Monitoring> {
    const { kept, monitors } = await KeptMonitors.open(deps.store);
    return new Monitoring(deps, kept, monitors, await BaselineOrders.open(deps.store));
  }

  /** Goes by the clock from here on. @returns The way to stop; resolves when nothing is under way. */
  start(): () => Promise<void> {
    let looking: Promise<void> | null = null;
    const timer = setInterval(() => {
      looking ??= this.look().finally(() => {
        looking = null;
      });
    }, MINUTE_LOOK_MS);
    timer.unref();
    return async () => {
      clearInterval(timer);
      this.stopping.abort();
      await looking;
      await this.tail;
    };
  }

  /** Judges the hours that are over. */
  async look(): Promise<void> {
    const { registry, now, log } = this.deps;
    const toHour = Math.floor((now() - MONITOR_SETTLE_MS) / HOUR_MS) - 1;
    if (toHour === this.judgedHour || now() < this.retryAtMs) return;
    let hasFailed = false;
    for (const model of registry.models) {
      if (this.stopping.signal.aborted) return;
      await this.alone(() => this.judge(model, toHour)).catch((error: unknown) => {
        if (this.stopping.signal.aborted) return;
        hasFailed = true;
        const { name } = model.registration;
        log(
          `The last hours of ${name} could not be judged; it is tried again in a minute: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
    }
    for (const modelVersion of this.own.keys()) if (registry.find(modelVersion) === undefined) this.own.delete(modelVersion);
    this.retryAtMs = hasFailed ? now() + RETRY_MS : 0;
    if (!hasFailed) this.judgedHour = toHour;
  }

  list(): MonitoringList {
    const { registry, now } = this.deps;
    return { nowMs: now(), models: registry.models.map((model) => entryOf(this.watched(model))) };
  }

  /** undefined: there is no such model. */
  detail(modelVersion: string): MonitoringDetail | undefined {
    const model = this.deps.registry.find(modelVersion);
    return model && detailOf(this.watched(model), this.deps.now());
  }

  /** @param by Name of the key. */
  act(modelVersion: string, act: MonitoringAct, by: string): Promise<MonitoringDetail | OwnerError> {
    return this.alone(async () => {
      const { registry, now, record } = this.deps;
      const model = registry.find(modelVersion);
      if (model === undefined) return ownerError('model-unknown', 'This model version is not registered; GET /v1/models lists them.');
      const monitorOf = (version: string) => {
        const other = registry.find(version);
        return other && this.ownOf(other).monitor;
      };
      const fresh = newOrder({ watched: this.watched(model), monitorOf, act, by, nowMs: now() });
      if ('ok' in fresh) return fresh;
      const { order, records, adopt } = this.orders.write(fresh);
      const entry: AuditEntry = { atMs: order.atMs, what: `baseline-${order.what}`, by, subject: modelVersion, text: order.text };
      await record(records, entry);
      adopt();
      await this.obey(model, order.sequence);
      return detailOf(this.watched(model), now());
    });
  }

  /** An order that was given at an incident: what is to be stored with it, and what to do once it is. */
  ordered({ modelVersion, atMs, by, fromMs, streams }: RebaseOrder): {
    readonly records: readonly RecordChange[];
    readonly adopt: () => void;
  } {
    const fresh: NewOrder = {
      ...{ modelVersion, atMs, by, what: 'rebased', from: null, text: null, earlier: null },
      fromHour: Math.floor(fromMs / HOUR_MS),
      streams: streams.flatMap(({ segment, ...name }) => {
        const plan = this.deps.registry.planOf(modelVersion, name.plan);
        return plan ? [{ ...name, segment: streamSegment(plan, segment) }] : [];
      }),
    };
    const { order, records, adopt } = this.orders.write(fresh);
    return {
      records,
      adopt: () => {
        adopt();
        const model = this.deps.registry.find(modelVersion);
        // Its failure is no failure of the act, which is stored: it is obeyed after a restart at the latest.
        if (model !== undefined)
          void this.alone(() => this.obey(model, order.sequence)).catch((error: unknown) => this.deps.log(String(error)));
      },
    };
  }

  private async judge(model: RegisteredModel, toHour: number): Promise<void> {
    const { modelVersion, name } = model.registration;
    const isAhead = (this.ownOf(model).monitor.throughHour ?? 0) > toHour + DAY_HOURS;
    if (isAhead) {
      this.deps.log(`The clock was wrong: ${name} was judged for hours that lie ahead, and is judged anew from the stored votes.`);
      this.own.delete(modelVersion);
    }
    const own = this.ownOf(model);
    own.monitor.know(this.plansOf(model));
    const before = own.monitor.judgedHour;
    await own.monitor.advance(toHour, undefined, this.stopping.signal);
    own.skews = judgeSkews(model, own.monitor, own.skews, this.deps.now());
    if (own.monitor.judgedHour !== before) await this.deps.found(modelVersion, own.monitor.findings);
    await this.keep(modelVersion, own);
  }

  private async obey(model: RegisteredModel, sequence: number): Promise<void> {
    const { modelVersion } = model.registration;
    const order = this.orders.of(modelVersion).find((kept) => kept.sequence === sequence);
    const obeyed = order && orderOf(order);
    if (!obeyed) return;
    const own = this.ownOf(model);
    own.monitor.order(obeyed);
  }

  private async keep(modelVersion: string, own: Own): Promise<void> {
    const { state } = own.monitor;
    const day = state && dayOf(state.throughHour);
    if (state === null || day === own.keptDay) return;
    await this.kept.write(modelVersion, { state, skews: own.skews });
    own.keptDay = day;
  }

  private ownOf(model: RegisteredModel): Own {
    const { modelVersion } = model.registration;
    const known = this.own.get(modelVersion);
    if (known !== undefined) return known;
    const stored = this.stored.get(modelVersion);
    this.stored.delete(modelVersion);
    const own = (stored && this.restored(model, stored)) ?? {
      ...{ monitor: this.monitorOf(model, null), skews: new Map(), keptDay: null },
    };
    this.own.set(modelVersion, own);
    return own;
  }

  /** null where the state cannot be read: it is made anew from the votes. */
  private restored(model: RegisteredModel, { state, skews }: KeptMonitor): Own | null {
    try {
      return { monitor: this.monitorOf(model, state), skews, keptDay: dayOf(state.throughHour) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.deps.log(
        `What was kept of the monitor of ${model.registration.name} cannot be used (${why}); it is made anew from the stored votes.`,
      );
      return null;
    }
  }

  private monitorOf(model: RegisteredModel, state: KeptMonitor['state'] | null): ModelMonitor {
    const { modelVersion } = model.registration;
    const orders = this.orders.of(modelVersion).flatMap((kept) => orderOf(kept) ?? []);
    const options = optionsFor(this.deps.options, model.registration);
    return new ModelMonitor({ modelVersion, plans: this.plansOf(model), options, source: this.deps.store, state, orders });
  }

  /** Noised reports have no votes. */
  private plansOf(model: RegisteredModel) {
    return this.deps.registry.plansOf(model).filter(({ report }) => report !== 'noised');
  }

  private watched(model: RegisteredModel): Watched {
    const { registration } = model;
    const { monitor, skews } = this.ownOf(model);
    return {
      ...{ registration, monitor, orders: this.orders.of(registration.modelVersion) },
      planOf: (hash) => this.deps.registry.planOf(registration.modelVersion, hash),
      skewOf: (stream: StreamName) => skews.get(skewKey(stream))?.skew ?? null,
      options: optionsFor(this.deps.options, registration),
    };
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(work);
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}
