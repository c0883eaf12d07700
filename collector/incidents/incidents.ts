/**
 * Incidents as they are kept: what the machine says is stored, audited and handed on, one change after the other.
 *
 * Invariants
 *  - An incident, its audit entries and the deliveries that follow from it are one transaction: a collector that ends between a change and
 *    its delivery finds both when it is back, or neither.
 *  - What is known here is what is stored. When the store fails nothing changes, and the next evaluation finds the same.
 *  - Numbers that move without a change are stored once an hour, and with the next change.
 *  - At most INCIDENT_KEPT_COUNT_MAX incidents; those that closed first go, and none that is not closed.
 *
 * Not here: what follows from signals (machine.ts) and from persons (acts.ts), rules (rule-book.ts), deliveries (collector/notify/).
 */
import { randomBytes } from 'node:crypto';
import type { Finding } from '../../counts/monitor/finding.ts';
import { INCIDENT_COOL_DOWN_MS, INCIDENT_KEPT_COUNT_MAX, INCIDENT_LIST_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import {
  type AuditEntry,
  type Incident,
  type IncidentAct,
  type IncidentDetail,
  type IncidentState,
  type RebaseOrder,
  shortIncident,
} from '../../protocol/read/incidents.ts';
import { TOLD_CHANGES, type ToldChange } from '../../protocol/read/notification.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { RecordChange, Store } from '../store/store.ts';
import { perform } from './acts.ts';
import { Audit } from './audit.ts';
import { advance, type Change, type Changed, closedAs } from './machine.ts';
import type { KnownModels } from './minute-sums.ts';
import { type OwnerError, ownerError } from './owner-error.ts';
import { type Signal, signalsOfFindings } from './signal.ts';

const KIND = 'incident';
const COLLECTOR = 'collector';

/** What is told outside of one change. */
export interface Told {
  readonly incident: Incident;
  readonly change: ToldChange;
  /** Of the change, in its incident. */
  readonly sequence: number;
  readonly atMs: number;
}

/** What has to be stored with a change, and what to do once it is. */
interface Outgoing {
  readonly records: readonly RecordChange[];
  readonly audit: readonly AuditEntry[];
  readonly adopt: () => void;
}

export interface IncidentsOptions {
  readonly store: Pick<Store, 'records' | 'putRecords'>;
  readonly known: KnownModels;
  readonly now: () => number;
  /** Deliveries of what is told. */
  readonly outgoing: (told: readonly Told[]) => Outgoing;
  /** What has to be stored with an order about baselines, and what to do once it is. */
  readonly ordered: (order: RebaseOrder) => Pick<Outgoing, 'records' | 'adopt'>;
  /** Told after each commit which models have news. */
  readonly onChanged: (modelVersions: readonly string[]) => void;
}

interface Query {
  readonly modelVersion: string | null;
  readonly state: IncidentState | null;
}

export class Incidents {
  readonly audit: Audit;
  private readonly options: IncidentsOptions;
  private readonly byId: Map<string, Incident>;
  /** By id: the hour in which it was stored last. */
  private readonly storedHour = new Map<string, number>();
  private tail: Promise<unknown> = Promise.resolve();

  private constructor(options: IncidentsOptions, audit: Audit, incidents: readonly Incident[]) {
    this.options = options;
    this.audit = audit;
    this.byId = new Map(incidents.map((incident) => [incident.id, incident]));
  }

  static async open(options: IncidentsOptions): Promise<Incidents> {
    const incidents = (await options.store.records(KIND)).map(({ value }) => value as Incident);
    return new Incidents(options, await Audit.open(options.store), incidents);
  }

  /** The latest first, each with its first metrics. */
  list({ modelVersion, state }: Query): readonly Incident[] {
    const found = [...this.byId.values()].filter(
      (incident) => (modelVersion === null || incident.modelVersion === modelVersion) && (state === null || incident.state === state),
    );
    return found
      .sort((one, other) => other.openedAtMs - one.openedAtMs)
      .slice(0, INCIDENT_LIST_COUNT_MAX)
      .map(shortIncident);
  }

  get unclosed(): readonly Incident[] {
    return [...this.byId.values()].filter(({ state }) => state !== 'closed');
  }

  find(id: string): Incident | undefined {
    return this.byId.get(id);
  }

  detail(incident: Incident): IncidentDetail {
    const audit = this.audit.entries.filter(({ subject }) => subject === incident.id).slice(-INCIDENT_LIST_COUNT_MAX);
    return { nowMs: this.options.now(), incident, audit };
  }

  /** What a monitor found of one model version, each stream once. */
  takeFindings(modelVersion: string, findings: readonly Finding[]): Promise<void> {
    const { planOf } = this.options.known;
    const signals = [...new Set(findings.map(({ plan }) => plan))].flatMap((hash) => {
      const plan = planOf(modelVersion, hash);
      return plan
        ? signalsOfFindings(
            modelVersion,
            plan,
            findings.filter((finding) => finding.plan === hash),
          )
        : [];
    });
    return this.take(signals);
  }

  /** Signals of any models; incidents without a signal go on by the clock. Rejects only when the store fails. */
  take(signals: readonly Signal[]): Promise<void> {
    return this.alone(async () => {
      const nowMs = this.options.now();
      const models = new Set([...signals, ...this.unclosed].map(({ modelVersion }) => modelVersion));
      const changed = [...models].flatMap((modelVersion) =>
        advance(
          this.recentOf(modelVersion, nowMs),
          signals.filter((signal) => signal.modelVersion === modelVersion),
          nowMs,
          () => randomBytes(16).toString('hex'),
        ),
      );
      await this.keep(changed, COLLECTOR, nowMs, []);
    });
  }

  /** @param by Name of the key. */
  act(id: string, act: IncidentAct, by: string): Promise<IncidentDetail | OwnerError> {
    return this.alone(async () => {
      const incident = this.byId.get(id);
      if (incident === undefined) return ownerError('incident-unknown', 'There is no such incident; GET /v1/incidents lists them.');
      const nowMs = this.options.now();
      const acted = perform(incident, act, { by, nowMs });
      if (!acted.ok) return acted;
      const order = acted.order && this.options.ordered(acted.order);
      await this.keep([acted], by, nowMs, order?.records ?? []);
      order?.adopt();
      return this.detail(acted.incident);
    });
  }

  /** Closes what is not closed of a model version that is registered no more. @param text About the version. @returns Ids of what was closed. */
  endOf(modelVersion: string, by: string, text: string): Promise<readonly string[]> {
    return this.alone(async () => {
      const nowMs = this.options.now();
      const ended = this.unclosed
        .filter((incident) => incident.modelVersion === modelVersion)
        .map((incident) => closedAs(incident, 'unregistered', nowMs));
      await this.put([], [{ atMs: nowMs, what: 'model-removed', by, subject: modelVersion, text }]);
      await this.keep(ended, by, nowMs, []);
      return ended.map(({ incident }) => incident.id);
    });
  }

  /** Stores records together with the entry that tells of them. */
  record(records: readonly RecordChange[], entry: AuditEntry): Promise<void> {
    return this.alone(() => this.put(records, [entry]));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.tail;
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(work);
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  /** Those that may still change. */
  private recentOf(modelVersion: string, nowMs: number): Incident[] {
    return [...this.byId.values()].filter(
      (incident) =>
        incident.modelVersion === modelVersion && (incident.closedAtMs === null || nowMs - incident.closedAtMs <= INCIDENT_COOL_DOWN_MS),
    );
  }

  private async keep(changed: readonly Changed[], by: string, nowMs: number, further: readonly RecordChange[]): Promise<void> {
    const hour = Math.floor(nowMs / HOUR_MS);
    const due = changed.filter(({ incident, changes }) => changes.length > 0 || this.storedHour.get(incident.id) !== hour);
    const entries = changed.flatMap(({ incident, changes }) => changes.map((change) => entryOf(incident, change, by, nowMs)));
    const outgoing = this.options.outgoing(changed.flatMap((one) => toldOf(one, nowMs)));
    const dropped = this.spare(changed);
    const records = [
      ...due.map(({ incident }) => ({ kind: KIND, key: incident.id, value: incident })),
      ...dropped.map((id) => ({ kind: KIND, key: id, value: null })),
      ...further,
      ...outgoing.records,
    ];
    if (records.length > 0) await this.put(records, [...entries, ...outgoing.audit]);
    for (const { incident } of changed) this.byId.set(incident.id, incident);
    for (const { incident } of due) this.storedHour.set(incident.id, hour);
    for (const id of dropped) {
      this.byId.delete(id);
      this.storedHour.delete(id);
    }
    outgoing.adopt();
    const news = changed.filter(({ changes }) => changes.length > 0).map(({ incident }) => incident.modelVersion);
    if (news.length > 0) this.options.onChanged([...new Set(news)]);
  }

  private async put(records: readonly RecordChange[], entries: readonly AuditEntry[]): Promise<void> {
    const written = this.audit.write(entries);
    await this.options.store.putRecords([...records, ...written.records]);
    written.adopt();
  }

  /** Ids that have no place any more. */
  private spare(changed: readonly Changed[]): string[] {
    const all = new Map([...this.byId, ...changed.map(({ incident }) => [incident.id, incident] as const)]);
    const closed = [...all.values()].filter(({ state }) => state === 'closed');
    const count = Math.max(0, all.size - INCIDENT_KEPT_COUNT_MAX);
    return closed
      .sort((one, other) => (one.closedAtMs ?? 0) - (other.closedAtMs ?? 0))
      .slice(0, count)
      .map(({ id }) => id);
  }
}

function entryOf(incident: Incident, { what, text }: Change, by: string, atMs: number): AuditEntry {
  return { atMs, what, by, subject: incident.id, text };
}

/** A muted incident tells nothing but its end. */
function toldOf({ incident, changes }: Changed, nowMs: number): Told[] {
  const isMuted = incident.mutedUntilMs !== null && incident.mutedUntilMs > nowMs;
  const first = incident.sequence - changes.length + 1;
  return changes.flatMap(({ what }, index) => {
    const change = TOLD_CHANGES.find((told) => told === what);
    if (change === undefined || (isMuted && change !== 'closed')) return [];
    if (change === 'unmuted' && incident.state === 'closed') return [];
    return [{ incident, change, sequence: first + index, atMs: nowMs }];
  });
}
