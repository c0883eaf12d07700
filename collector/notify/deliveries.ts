/**
 * Deliveries: which target has to be told of what, as records that are stored with the change itself.
 *
 * Invariants
 *  - The id of a delivery follows from target, incident and change: it is the idempotency key, and the same after a restart.
 *  - Retraining is asked for once per incident and target, for distributions alone, and of one model not within the cool-down.
 *
 * Not here: sending (notifier.ts).
 */
import { createHash } from 'node:crypto';
import { INCIDENT_KEPT_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import { type AuditEntry, type Incident, shortIncident } from '../../protocol/read/incidents.ts';
import type { Notification, RetrainRequest, ToldChange } from '../../protocol/read/notification.ts';
import type { RecordChange, Store } from '../store/store.ts';
import { sentenceOf } from './sentences.ts';
import type { RetrainTarget, Target } from './targets.ts';

export const DELIVERY_KIND = 'delivery';
const RETRAIN_KIND = 'retrain';
const HOUR_MS = 3_600_000;

/** One thing that one target has to be told. */
export interface Delivery {
  /** 32 hex digits: the idempotency key. */
  readonly id: string;
  readonly target: string;
  /** Rises with the changes of an incident. */
  readonly sequence: number;
  readonly content: Notification | RetrainRequest;
  /** Of a retrain request: its evidence is there. It is read when it is first sent, and stays what it is. */
  readonly isComplete: boolean;
}

/** A change that is told, with the model it is about. */
interface News {
  readonly incident: Incident;
  readonly change: ToldChange;
  readonly sequence: number;
  readonly atMs: number;
  readonly model: Notification['model'];
}

interface Planned {
  readonly deliveries: readonly Delivery[];
  readonly records: readonly RecordChange[];
  readonly audit: readonly AuditEntry[];
  readonly adopt: () => void;
}

interface Asked {
  readonly target: string;
  readonly incident: string;
  readonly modelVersion: string;
  readonly atMs: number;
}

export class Deliveries {
  private readonly targets: readonly Target[];
  /** What was asked to be trained again, by target and incident. */
  private readonly asked: Map<string, Asked>;

  private constructor(targets: readonly Target[], asked: Map<string, Asked>) {
    this.targets = targets;
    this.asked = asked;
  }

  static async open(store: Pick<Store, 'records'>, targets: readonly Target[]): Promise<Deliveries> {
    const records = await store.records(RETRAIN_KIND);
    return new Deliveries(targets, new Map(records.map(({ key, value }) => [key, value as Asked])));
  }

  /** What follows from news, in their order. Nothing is known of it before `adopt`. */
  plan(news: readonly News[]): Planned {
    const deliveries: Delivery[] = [];
    const audit: AuditEntry[] = [];
    const asked = new Map<string, Asked>();
    for (const one of news) {
      for (const target of this.targets.filter((candidate) => isFor(candidate, one.model))) {
        if (target.type !== 'retrain') deliveries.push(ordinary(target, one));
        else this.planRetrain(target, one, { deliveries, audit, asked });
      }
    }
    const spare = [...this.asked.keys()].slice(0, Math.max(0, this.asked.size + asked.size - INCIDENT_KEPT_COUNT_MAX));
    const records = [
      ...deliveries.map((delivery) => ({ kind: DELIVERY_KIND, key: delivery.id, value: delivery })),
      ...[...asked].map(([key, value]) => ({ kind: RETRAIN_KIND, key, value })),
      ...spare.map((key) => ({ kind: RETRAIN_KIND, key, value: null })),
    ];
    const adopt = () => {
      for (const key of spare) this.asked.delete(key);
      for (const [key, value] of asked) this.asked.set(key, value);
    };
    return { deliveries, records, audit, adopt };
  }

  private planRetrain(
    target: RetrainTarget,
    { incident, change, sequence, atMs, model }: News,
    { deliveries, audit, asked }: { deliveries: Delivery[]; audit: AuditEntry[]; asked: Map<string, Asked> },
  ): void {
    const key = JSON.stringify([target.name, incident.id]);
    const isOfData = incident.metrics.some(({ stage, isMoved }) => isMoved && stage !== 'software');
    const before = [...this.asked, ...asked];
    if (change === 'closed' || !isOfData || before.some(([known]) => known === key)) return;
    const { modelVersion } = incident;
    const recent = before.find(
      ([, one]) => one.target === target.name && one.modelVersion === modelVersion && atMs - one.atMs < target.coolDownHours * HOUR_MS,
    );
    const entry = { atMs, by: 'collector', subject: incident.id };
    if (recent !== undefined) {
      const text = `${target.name}: asked less than ${target.coolDownHours} hours ago, for incident ${recent[1].incident}`;
      audit.push({ ...entry, what: 'retrain-left-out', text });
      return;
    }
    asked.set(key, { target: target.name, incident: incident.id, modelVersion, atMs });
    audit.push({ ...entry, what: 'retrain-asked', text: target.name });
    const sentence = sentenceOf(change, model, incident);
    const content: RetrainRequest = { type: 'retrain', atMs, model, incident: shortIncident(incident), sentence, evidence: [] };
    deliveries.push({ id: deliveryId(target.name, incident.id, 'retrain'), target: target.name, sequence, content, isComplete: false });
  }
}

/** Whether a target is told of that model. */
export function isFor({ models }: Target, { name, modelVersion }: Notification['model']): boolean {
  return models === null || models.includes(name) || models.includes(modelVersion);
}

function ordinary({ name }: Target, { incident, change, sequence, atMs, model }: News): Delivery {
  const sentence = sentenceOf(change, model, incident);
  const content: Notification = { type: `incident.${change}`, atMs, model, incident: shortIncident(incident), sentence };
  return { id: deliveryId(name, incident.id, sequence), target: name, sequence, content, isComplete: true };
}

function deliveryId(target: string, incident: string, sequence: number | 'retrain'): string {
  const text = JSON.stringify([target, incident, sequence]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
