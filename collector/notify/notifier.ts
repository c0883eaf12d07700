/**
 * The notifier: sends what waits, at least once, over restarts, and tells of every failure.
 *
 * Invariants
 *  - A delivery is in the store from the change that it tells of until its receiver took it, or it was given up.
 *  - To one target one attempt at a time, and of one incident in the order of its changes. What fails goes behind the other incidents.
 *  - At most DELIVERY_QUEUE_COUNT_MAX wait, none for longer than DELIVERY_AGE_MS_MAX. What is given up is in log, audit and answer.
 *  - Waiting goes by a clock that never steps; age by the collector's.
 *
 * Not here: what has to be told (deliveries.ts), how it is put (requests.ts, mail.ts).
 */
import {
  ALERTMANAGER_REPEAT_MS,
  DELIVERY_AGE_MS_MAX,
  DELIVERY_BACKOFF_MS_MAX,
  DELIVERY_BACKOFF_MS_MIN,
  DELIVERY_QUEUE_COUNT_MAX,
} from '../../protocol/alarm-limits.ts';
import type { AuditEntry, Incident, TargetEntry } from '../../protocol/read/incidents.ts';
import type { MetricEvidence, Notification, ToldChange } from '../../protocol/read/notification.ts';
import type { RecordChange, Store } from '../store/store.ts';
import { failed, type Outcome, post } from './attempt.ts';
import { DELIVERY_KIND, Deliveries, type Delivery, isFor } from './deliveries.ts';
import { sendMail } from './mail.ts';
import { alertsPost, signedPost, slackPost } from './requests.ts';
import type { Target } from './targets.ts';

export interface NotifierOptions {
  readonly store: Pick<Store, 'records' | 'putRecords'>;
  readonly targets: readonly Target[];
  readonly now: () => number;
  readonly modelOf: (modelVersion: string) => Notification['model'];
  readonly evidenceOf: (incident: Incident) => Promise<readonly MetricEvidence[]>;
  /** As they are now; for Alertmanager, which is told again and again. */
  readonly incidentOf: (id: string) => Incident | undefined;
  readonly unclosed: () => readonly Incident[];
  /** Stores an entry of the audit together with changes of records. */
  readonly record: (changes: readonly RecordChange[], entry: AuditEntry) => Promise<void>;
  readonly log: (sentence: string) => void;
}

interface Told {
  readonly incident: Incident;
  readonly change: ToldChange;
  readonly sequence: number;
  readonly atMs: number;
}

/** What waits for one target, and how it stands with it. */
interface Line {
  readonly target: Target;
  waiting: Delivery[];
  /** Failures in a row. */
  failureCount: number;
  running: Promise<void> | null;
  timer: NodeJS.Timeout | null;
  deliveredCount: number;
  givenUpCount: number;
  deliveredAtMs: number | null;
  failure: TargetEntry['failure'];
}

/** Alerts in one request. */
const ALERT_COUNT_MAX = 100;

export class Notifier {
  private readonly options: NotifierOptions;
  private readonly deliveries: Deliveries;
  private readonly lines: readonly Line[];
  private readonly closing = new AbortController();
  private repeater: NodeJS.Timeout | null = null;
  private repeating: Promise<void> = Promise.resolve();

  private constructor(options: NotifierOptions, deliveries: Deliveries, waiting: readonly Delivery[]) {
    this.options = options;
    this.deliveries = deliveries;
    this.lines = options.targets.map((target) => ({
      ...{ target, waiting: waiting.filter((delivery) => delivery.target === target.name), failureCount: 0, running: null, timer: null },
      ...{ deliveredCount: 0, givenUpCount: 0, deliveredAtMs: null, failure: null },
    }));
  }

  static async open(options: NotifierOptions): Promise<Notifier> {
    const { store, targets, log } = options;
    const stored = (await store.records(DELIVERY_KIND)).map(({ value }) => value as Delivery);
    const waiting = stored.sort((one, other) => one.content.atMs - other.content.atMs || one.sequence - other.sequence);
    const orphans = waiting.filter(({ target }) => !targets.some(({ name }) => name === target));
    await store.putRecords(orphans.map(({ id }) => ({ kind: DELIVERY_KIND, key: id, value: null })));
    for (const name of new Set(orphans.map(({ target }) => target))) log(`Target "${name}" is gone; what waited for it was given up.`);
    return new Notifier(options, await Deliveries.open(store, targets), waiting);
  }

  get entries(): TargetEntry[] {
    return this.lines.map(({ target: { name, type }, waiting, deliveredCount, givenUpCount, deliveredAtMs, failure }) => {
      return { name, type, waitingCount: waiting.length, deliveredCount, givenUpCount, deliveredAtMs, failure };
    });
  }

  /** What has to be stored with news; it is sent once that is done. */
  outgoing(told: readonly Told[]): { records: readonly RecordChange[]; audit: readonly AuditEntry[]; adopt: () => void } {
    const planned = this.deliveries.plan(told.map((one) => ({ ...one, model: this.options.modelOf(one.incident.modelVersion) })));
    const over = this.surplus(planned.deliveries.length);
    return {
      records: [...planned.records, ...over.map(({ id }) => ({ kind: DELIVERY_KIND, key: id, value: null }))],
      audit: [...planned.audit, ...over.map((delivery) => this.givenUpEntry(delivery, 'too many wait'))],
      adopt: () => {
        planned.adopt();
        for (const delivery of over) this.giveUp(delivery, 'too many wait');
        for (const line of this.lines) line.waiting.push(...planned.deliveries.filter(({ target }) => target === line.target.name));
        this.start();
      },
    };
  }

  /** Begins, and goes on whenever something waits. */
  start(): void {
    for (const line of this.lines) this.run(line);
    if (this.repeater !== null || !this.lines.some(({ target }) => target.type === 'alertmanager')) return;
    const repeat = () => {
      this.repeating = this.repeating.then(() => this.repeatAlerts());
    };
    this.repeater = setInterval(repeat, ALERTMANAGER_REPEAT_MS);
    this.repeater.unref();
    repeat();
  }

  /** What is under way is broken off, and sent again at the next start. */
  async close(): Promise<void> {
    this.closing.abort();
    if (this.repeater !== null) clearInterval(this.repeater);
    for (const line of this.lines) if (line.timer !== null) clearTimeout(line.timer);
    await Promise.all([...this.lines.map(({ running }) => running), this.repeating]);
  }

  private run(line: Line): void {
    if (line.running !== null || line.timer !== null || line.waiting.length === 0 || this.closing.signal.aborted) return;
    line.running = this.sendAll(line).finally(() => {
      line.running = null;
    });
  }

  private async sendAll(line: Line): Promise<void> {
    while (!this.closing.signal.aborted) {
      const [delivery] = line.waiting;
      if (delivery === undefined) return;
      const outcome = await this.attempt(line.target, delivery).catch((error: unknown) =>
        failed(`It could not be made ready (${String(error)}).`),
      );
      if (this.closing.signal.aborted && !outcome.ok) return;
      if (outcome.ok) await this.settle(line, delivery);
      else if (await this.postpone(line, delivery, outcome)) return;
    }
  }

  private async settle(line: Line, delivery: Delivery): Promise<void> {
    const { store, now, log } = this.options;
    await store.putRecords([{ kind: DELIVERY_KIND, key: delivery.id, value: null }]).catch((error: unknown) => {
      log(`A delivery to "${line.target.name}" was made and could not be noted; it is made again at the next start: ${String(error)}`);
    });
    line.waiting = line.waiting.filter((other) => other !== delivery);
    line.failureCount = 0;
    line.deliveredCount++;
    line.deliveredAtMs = now();
    line.failure = null;
  }

  /** @returns Whether the line has to wait. */
  private async postpone(line: Line, delivery: Delivery, outcome: Extract<Outcome, { ok: false }>): Promise<boolean> {
    const { now, log } = this.options;
    const { name } = line.target;
    line.failure = { atMs: now(), sentence: outcome.sentence };
    if (now() - delivery.content.atMs > DELIVERY_AGE_MS_MAX) {
      const change = { kind: DELIVERY_KIND, key: delivery.id, value: null };
      const isNoted = await this.options.record([change], this.givenUpEntry(delivery, outcome.sentence)).then(
        () => true,
        () => false,
      );
      if (isNoted) {
        this.giveUp(delivery, outcome.sentence);
        return false;
      }
    }
    const isOfIncident = ({ content }: Delivery) => content.incident.id === delivery.content.incident.id;
    line.waiting = [...line.waiting.filter((other) => !isOfIncident(other)), ...line.waiting.filter(isOfIncident)];
    const growing = Math.min(DELIVERY_BACKOFF_MS_MAX, DELIVERY_BACKOFF_MS_MIN * 2 ** Math.min(line.failureCount, 20));
    line.failureCount++;
    const waitMs = Math.max(outcome.retryAfterMs, growing * (0.5 + Math.random() / 2));
    log(
      `Target "${name}" was not told of incident ${delivery.content.incident.id}: ${outcome.sentence} Again in ${Math.ceil(waitMs / 1000)} s.`,
    );
    line.timer = setTimeout(() => {
      line.timer = null;
      this.run(line);
    }, waitMs);
    return true;
  }

  private async attempt(target: Target, delivery: Delivery): Promise<Outcome> {
    const { signal } = this.closing;
    if (target.type === 'retrain') {
      const complete = delivery.isComplete ? delivery : await this.withEvidence(delivery);
      return post(await signedPost(target, complete.id, complete.content, this.options.now()), signal);
    }
    const content = delivery.content as Notification;
    if (target.type === 'webhook') return post(await signedPost(target, delivery.id, content, this.options.now()), signal);
    if (target.type === 'slack') return post(slackPost(target, delivery.id, content), signal);
    if (target.type === 'smtp') return sendMail(target, delivery.id, content, signal);
    const incident = this.options.incidentOf(content.incident.id) ?? content.incident;
    return post(alertsPost(target, [{ incident, model: content.model }], this.options.now()), signal);
  }

  /** Read once: every attempt sends the same. */
  private async withEvidence(delivery: Delivery): Promise<Delivery> {
    const { evidenceOf, incidentOf, store } = this.options;
    const { incident } = delivery.content;
    const evidence = await evidenceOf(incidentOf(incident.id) ?? incident);
    const complete = { ...delivery, content: { ...delivery.content, evidence } as Delivery['content'], isComplete: true };
    await store.putRecords([{ kind: DELIVERY_KIND, key: delivery.id, value: complete }]);
    Object.assign(delivery, complete);
    return complete;
  }

  /** What is muted is not said again, and so resolved there. Alertmanager forgets what it does not hear of; nothing is stored of it, because the next minute says it once more. */
  private async repeatAlerts(): Promise<void> {
    const { unclosed, modelOf, now, log } = this.options;
    const told = unclosed().filter(({ mutedUntilMs }) => mutedUntilMs === null);
    for (const line of this.lines) {
      const { target } = line;
      if (target.type !== 'alertmanager' || line.waiting.length > 0 || this.closing.signal.aborted) continue;
      const alerts = told
        .map((incident) => ({ incident, model: modelOf(incident.modelVersion) }))
        .filter(({ model }) => isFor(target, model));
      for (let first = 0; first < alerts.length; first += ALERT_COUNT_MAX) {
        const outcome = await post(alertsPost(target, alerts.slice(first, first + ALERT_COUNT_MAX), now()), this.closing.signal);
        if (outcome.ok) line.failure = null;
        if (outcome.ok || this.closing.signal.aborted) continue;
        if (line.failure === null) log(`Target "${target.name}" was not told again of what is open: ${outcome.sentence}`);
        line.failure = { atMs: now(), sentence: outcome.sentence };
      }
    }
  }

  /** The oldest, as many as there are too many. */
  private surplus(freshCount: number): Delivery[] {
    const all = this.lines.flatMap(({ waiting }) => waiting).sort((one, other) => one.content.atMs - other.content.atMs);
    return all.slice(0, Math.max(0, all.length + freshCount - DELIVERY_QUEUE_COUNT_MAX));
  }

  private givenUpEntry({ target, content }: Delivery, reason: string): AuditEntry {
    const text = `${target}: ${reason}`;
    return { atMs: this.options.now(), what: 'delivery-given-up', by: 'collector', subject: content.incident.id, text };
  }

  private giveUp(delivery: Delivery, reason: string): void {
    const line = this.lines.find(({ target }) => target.name === delivery.target);
    if (line?.waiting.includes(delivery) !== true) return;
    line.waiting = line.waiting.filter((other) => other !== delivery);
    line.givenUpCount++;
    this.options.log(`Target "${delivery.target}" was never told of incident ${delivery.content.incident.id}; it was given up: ${reason}`);
  }
}
