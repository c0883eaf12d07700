/**
 * A storm over delivery: several pages in one process, every step in any order, any of them dying at any time.
 *
 * Method: the real telemetry, windows, outbox, exporter and the collector's real intake; Platform (clock, locks, timers,
 * network, lifecycle) and the storage underneath are simulated so that a script of numbers decides what happens next: a
 * transaction commits, aborts or vanishes with its page, a request is delivered, lost, refused, or delivered with its answer
 * lost. Each run counts a data cell of its own, so what arrived and what is stored can be told apart run by run.
 *
 * Not here: what must hold (outbox.test.ts), and the same in real browsers (test/browser/deliver/exactly-once.test.ts).
 */
import { judgeBody } from '../../collector/intake/intake.ts';
import { NEW_CELL, placeMetrics, REPEAT_CELL, REPEAT_CELLS, REPEAT_ID } from '../../counts/layout/plan.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { DRAFT_INTERVAL_MS } from '../../protocol/limits.ts';
import { decodeBody, decodeWindow } from '../../protocol/report/report.ts';
import { ARMS } from '../../protocol/report/window.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import * as deliverySource from '../../sdk/delivery/delivery.ts';
import { claimMark, type MarkedDays } from '../../sdk/delivery/marks.ts';
import { isAsRead, type OrderedWait, type OutboxTable, type WindowRecord } from '../../sdk/delivery/outbox-db.ts';
import type { LevelDeps, LifeListener } from '../../sdk/telemetry/level.ts';
import type { PagePlatform } from '../../sdk/telemetry/page-platform.ts';
import { type Answer, NO_ANSWER } from '../../sdk/telemetry/platform.ts';
import { createTelemetry, type OwnedTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../fixtures/collector-answer.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

/** The delivery part as it is, or with a rule switched off. */
export type DeliverySource = Pick<typeof deliverySource, 'openDelivery'>;

/** Runs that one storm has cells for. */
export const RUN_COUNT_MAX = 2_048;
const DATA_PLAN_HASH = 'fedcba9876543210';
const MODEL_VERSION = '0123456789abcdef';
const cells = Array.from({ length: RUN_COUNT_MAX }, (_, run) => `run:${run}`);
/** One run in three repeats the one before it. */
export const isRepeat = (run: number) => run % 3 === 0;
const RUN_CELLS_AT = REPEAT_CELLS.length;
const of = { side: 'input', tensor: 'x' } as const;
const DATA_PLAN = placeMetrics('data', [
  { id: REPEAT_ID, title: '', unit: 'runs', why: '', per: 'run', of: null, role: null, cells: REPEAT_CELLS, edges: null },
  { id: 'input.x.values', title: '', unit: 'elements', why: '', per: 'part', of, role: null, cells, edges: null },
]);
const PLANS = new Map([
  [DATA_PLAN_HASH, DATA_PLAN],
  [SOFTWARE_PLAN_HASH, SOFTWARE_PLAN],
]);
const model = { modelVersion: MODEL_VERSION, dataPlan: DATA_PLAN_HASH, dataCellCount: DATA_PLAN.cellCount } as LoadedModel;

/** One transaction or request on its way. */
interface Pending {
  readonly page: SimulatedPage;
  readonly isRequest: boolean;
  /** Takes effect; the page does not know yet. */
  apply(): void;
  tell(outcome: 'done' | 'failed' | 'busy'): void;
  isApplied: boolean;
}

interface Held {
  readonly name: string;
  readonly page: SimulatedPage;
}

export class SimulatedPage {
  readonly telemetry: OwnedTelemetry;
  readonly world: World;
  isAlive = true;
  /** Told that it will be frozen; what was on its way to it still arrives. */
  isFreezing = false;
  isFrozen = false;
  freezeCount = 0;
  private listener: LifeListener | null = null;
  private timers = new Map<number, { readonly ms: number; readonly dueMs: number; readonly run: () => void }>();
  private nextTimer = 0;

  constructor(world: World) {
    this.world = world;
    const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' } as const;
    const openTable = async () => world.tableOf(this);
    const delivery = { openDelivery: (deps: LevelDeps) => world.delivery.openDelivery(deps, openTable) };
    this.telemetry = createTelemetry(options, {
      platform: this.platform(),
      files: { ...telemetryFiles, delivery: async () => delivery },
      deleteData: async () => world.records.clear(),
    });
  }

  run(count: number): void {
    for (let index = 0; index < count && this.world.runs < RUN_COUNT_MAX; index++) {
      const run = this.world.runs++;
      const cells = Promise.resolve(Uint32Array.of(isRepeat(run) ? REPEAT_CELL : NEW_CELL, 1, RUN_CELLS_AT + run, 1));
      void this.telemetry.recorderOf('stable').answered(model, { segment: 0, queueMs: 0, runMs: 1, totalMs: 1 }, cells);
    }
  }

  tick(): void {
    // Intervals may pass at any time; a deadline only once its time has come.
    const due = [...this.timers].filter(([, { ms, dueMs }]) => ms <= DRAFT_INTERVAL_MS || dueMs <= this.world.nowMs);
    for (const [id] of due) this.timers.delete(id);
    for (const [, { run }] of due) run();
  }

  hide(): void {
    this.listener?.hidden();
  }

  freeze(): void {
    this.listener?.frozen();
    this.isFreezing = true;
    this.freezeCount++;
    // Browsers tell that a page is invisible after they have told that it is left.
    this.listener?.hidden();
  }

  sleep(): void {
    this.isFrozen = true;
  }

  show(): void {
    this.isFreezing = false;
    this.isFrozen = false;
    this.listener?.shown();
    this.listener?.online();
  }

  private platform(): PagePlatform {
    const { world } = this;
    return {
      now: () => world.nowMs,
      random: (count) => Uint8Array.from({ length: count }, () => world.randomByte()),
      post: (_url, body) => world.request(this, body),
      privacySignal: () => null,
      rememberOptOut: () => undefined,
      isPrerendering: () => false,
      locks: () => (world.hasLocks ? (world.locksOf(this) as LockManager) : null),
      after: (ms, run) => {
        const id = this.nextTimer++;
        this.timers.set(id, { ms, dueMs: world.nowMs + ms, run });
        return () => this.timers.delete(id);
      },
      onLife: (listener) => {
        this.listener = listener;
        return () => {
          this.listener = null;
        };
      },
    };
  }
}

/** What a page that is gone waits for. */
const never = <T>() => new Promise<T>(() => undefined);

export class World {
  readonly hasLocks: boolean;
  readonly delivery: DeliverySource;
  nowMs = Date.UTC(2026, 10, 23, 12);
  runs = 0;
  readonly records = new Map<string, WindowRecord>();
  readonly waits = new Map<string, OrderedWait>();
  private marked: readonly MarkedDays[] = [];
  readonly pages: SimulatedPage[] = [];
  readonly pending: Pending[] = [];
  readonly requests: Pending[] = [];
  /** What the collector holds, by window id: the first to come stays. */
  readonly accepted = new Map<string, readonly number[]>();
  /** Kind of report and day of marked windows that the collector holds, by id; not of pages without storage, whose memory is their own. */
  readonly marks = new Map<string, string>();
  /** What the intake would not have; a client of ours never gives it cause to. */
  readonly refusals: string[] = [];
  /** Runs that were in a committed record at some time, or in a report whose ack their page has read. */
  readonly sealed = new Set<number>();
  private held: Held[] = [];
  private seed = 1;

  /** @param delivery Another one only where a rule is switched off to see that the storm notices. */
  constructor(hasLocks: boolean, delivery: DeliverySource = deliverySource) {
    this.hasLocks = hasLocks;
    this.delivery = delivery;
  }

  get living(): SimulatedPage[] {
    return this.pages.filter(({ isAlive }) => isAlive);
  }

  randomByte(): number {
    this.seed = (this.seed * 48_271) % 2_147_483_647;
    return (this.seed >> 8) & 0xff;
  }

  wait(ms: number): void {
    this.nowMs += ms;
  }

  open(): void {
    this.pages.push(new SimulatedPage(this));
  }

  /** What it had under way takes effect or not, as `fate` says; nobody learns of it. */
  kill(page: SimulatedPage, fate: number): void {
    page.isAlive = false;
    this.held = this.held.filter((lock) => lock.page !== page);
    for (const [index, item] of this.pending.filter((own) => own.page === page).entries()) {
      this.end(this.pending, item, ((fate >> index) & 1) === 1);
    }
    for (const item of this.requests.filter((request) => request.page === page)) if ((fate & 1) === 1) this.end(this.requests, item, true);
  }

  /** All that can happen to what is under way, oldest transaction of each page first; the usual is listed more often. */
  outcomes(): (() => void)[] {
    const heads = this.pending.filter((item, index) => this.pending.findIndex(({ page }) => page === item.page) === index);
    // A frozen page learns nothing.
    const hears = ({ page }: Pending) => !page.isFrozen;
    return [...heads, ...this.requests].flatMap((item) => {
      const list = this.pending.includes(item) ? this.pending : this.requests;
      const done = () => this.settle(list, item, 'done');
      const failed = () => this.settle(list, item, 'failed');
      const busy = () => this.settle(list, item, 'busy');
      const effect = () => this.takeEffect(item);
      if (!hears(item)) return item.isApplied ? [] : [effect];
      // A transaction that has committed is told so; an answer can be lost on its way back.
      if (item.isApplied) return list === this.pending ? [done, done] : [done, failed];
      return item.isRequest ? [done, done, done, effect, effect, failed, busy] : [done, done, done, effect, effect, failed];
    });
  }

  /** Everything under way succeeds. */
  heal(): void {
    for (const list of [this.pending, this.requests]) for (const item of [...list]) this.settle(list, item, 'done');
  }

  request(page: SimulatedPage, body: Uint8Array): Promise<Answer> {
    return new Promise((resolve) => {
      let answer = NO_ANSWER;
      const { freezeCount } = page;
      this.requests.push({
        page,
        isRequest: true,
        isApplied: false,
        apply: () => {
          answer = collectorAnswer({ status: this.collect(page, body), collectorMs: this.nowMs }, body);
        },
        tell: (outcome) => {
          if (!page.isAlive) return;
          // What comes after a freeze is not read as an ack.
          const isRead = outcome === 'done' && freezeCount === page.freezeCount;
          if (isRead && answer.status === 204) for (const run of runsIn(body)) this.sealed.add(run);
          resolve(
            outcome === 'done' ? answer : outcome === 'busy' ? collectorAnswer({ status: 503, retryAfterMs: 1_000 }, body) : NO_ANSWER,
          );
        },
      });
    });
  }

  /** The collector: the intake's verdict, then one transaction for the body. @returns the status of its answer. */
  private collect(page: SimulatedPage, body: Uint8Array): number {
    const planOf = (version: string, hash: string) => (version === MODEL_VERSION ? (PLANS.get(hash) ?? null) : undefined);
    const known = { planOf, armsOf: () => ARMS };
    const verdict = judgeBody(body, known, this.nowMs);
    if (!verdict.ok) {
      this.refusals.push(verdict.reason);
      return verdict.status;
    }
    for (const { id, report, hour, votes, cells: bumped } of verdict.windows) {
      const isStored = page.telemetry.status().storage === 'indexeddb';
      if (votes !== undefined && isStored) this.marks.set(id, `${report} ${Math.floor(hour / 24)}`);
      if (report === 'data' && !this.accepted.has(id)) this.accepted.set(id, runsAmong(bumped));
    }
    return 204;
  }

  tableOf(page: SimulatedPage): OutboxTable {
    const { records } = this;
    const transact = <T>(work: () => T) => this.transact(page, work);
    const put = (record: WindowRecord) => {
      records.set(record.id, record);
      if (record.report === 'data') for (const run of runsOf(record)) this.sealed.add(run);
    };
    return {
      storage: 'indexeddb',
      all: () => transact(() => [...records.values()]),
      put: (record) => transact(() => put(record)),
      rewrite: (record) =>
        transact(() => {
          const isOurs = records.get(record.id)?.page === record.page;
          if (isOurs) put(record);
          return isOurs;
        }),
      exchange: (rest, own) =>
        transact(() => {
          const isThere = isAsRead(records.get(rest.id), rest);
          if (isThere) {
            records.delete(rest.id);
            put(own);
          }
          return isThere;
        }),
      remove: (ids) => transact(() => ids.filter((id) => records.delete(id))),
      claim: (key, day) =>
        transact(() => {
          const claim = claimMark(this.marked, key, day);
          this.marked = claim.marked;
          return claim.mark;
        }),
      waits: () => transact(() => [...this.waits.values()]),
      putWait: (wait) => transact(() => void this.waits.set(wait.modelVersion, wait)),
      close: () => undefined,
    };
  }

  locksOf(page: SimulatedPage): Pick<LockManager, 'query' | 'request'> {
    const request = async (
      name: string,
      optionsOrWork: LockOptions | LockGrantedCallback<unknown>,
      maybeWork?: LockGrantedCallback<unknown>,
    ) => {
      const work = typeof optionsOrWork === 'function' ? optionsOrWork : (maybeWork as LockGrantedCallback<unknown>);
      await Promise.resolve();
      if (!page.isAlive) return never();
      // Names of pages are random and never contended; the drain is asked for `ifAvailable`.
      if (this.held.some((lock) => lock.name === name)) return work(null);
      const lock = { name, page };
      this.held.push(lock);
      try {
        return await work({ name, mode: 'exclusive' });
      } finally {
        this.held = this.held.filter((other) => other !== lock);
      }
    };
    return {
      request: request as LockManager['request'],
      query: () => this.transact(page, () => ({ held: [...this.held] }) as LockManagerSnapshot),
    };
  }

  private transact<T>(page: SimulatedPage, work: () => T): Promise<T> {
    if (!page.isAlive) return never();
    return new Promise((resolve, reject) => {
      let result: T | undefined;
      this.pending.push({
        page,
        isRequest: false,
        isApplied: false,
        apply: () => {
          result = work();
        },
        tell: (outcome) => {
          if (!page.isAlive) return;
          if (outcome === 'done') resolve(result as T);
          else reject(new Error('the transaction was aborted'));
        },
      });
    });
  }

  private takeEffect(item: Pending): void {
    if (!item.isApplied) item.apply();
    item.isApplied = true;
  }

  private settle(list: Pending[], item: Pending, outcome: 'done' | 'failed' | 'busy'): void {
    if (outcome === 'done') this.takeEffect(item);
    list.splice(list.indexOf(item), 1);
    item.tell(outcome);
  }

  private end(list: Pending[], item: Pending, takesEffect: boolean): void {
    if (takesEffect) this.takeEffect(item);
    list.splice(list.indexOf(item), 1);
  }
}

function runsAmong(cells: Iterable<number>): number[] {
  return [...cells].filter((cell) => cell >= RUN_CELLS_AT).map((cell) => cell - RUN_CELLS_AT);
}

function runsIn(body: Uint8Array): number[] {
  const verdict = decodeBody(body);
  return verdict.ok ? verdict.body.windows.flatMap(({ report, cells: bumped }) => (report === 'data' ? runsAmong(bumped) : [])) : [];
}

export function runsOf(record: WindowRecord): number[] {
  return runsAmong(decodeWindow(record.bytes)?.cells ?? []);
}
