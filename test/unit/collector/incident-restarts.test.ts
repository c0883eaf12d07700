/**
 * Incidents and their delivery over restarts and failures of the store, in any order: what the audit tells of is what the receiver got.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Incidents } from '../../../collector/incidents/incidents.ts';
import { Notifier } from '../../../collector/notify/notifier.ts';
import type { Incident } from '../../../protocol/read/incidents.ts';
import { type Notification, TOLD_CHANGES } from '../../../protocol/read/notification.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { type Receiver, startReceiver } from '../../fixtures/receiver.ts';
import { MODEL_VERSION, NOW_MS } from '../../fixtures/reports.ts';
import { driftSignal, ruleSignal } from '../../fixtures/signals.ts';

const HOUR_MS = 3_600_000;

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

/** Refuses when it is told to. */
class FailingStore extends MemoryStore {
  isFailing = false;
  override async putRecords(changes: Parameters<MemoryStore['putRecords']>[0]): Promise<void> {
    if (this.isFailing) throw new Error('the disk is full');
    return super.putRecords(changes);
  }
}

/** One collector after the other, on one store. */
class Life {
  readonly store = new FailingStore();
  nowMs = NOW_MS;
  private running: { readonly incidents: Incidents; readonly notifier: Notifier } | null = null;

  async start(): Promise<void> {
    this.store.isFailing = false;
    const { store } = this;
    const now = () => this.nowMs;
    const owned: { notifier?: Notifier } = {};
    const incidents = await Incidents.open({
      ...{ store, now, known: { nameOf: () => 'fixture', planOf: () => null }, onChanged: () => undefined },
      ordered: () => ({ records: [], adopt: () => undefined }),
      outgoing: (told) => (owned.notifier as Notifier).outgoing(told),
    });
    const notifier = await Notifier.open({
      ...{ store, now, log: () => undefined, evidenceOf: async () => [], unclosed: () => incidents.unclosed },
      targets: [{ name: 'ops', type: 'webhook', url: receiver.url, secret: 'a-secret-of-some-length', models: null }],
      modelOf: (modelVersion) => ({ name: 'fixture', version: '1', modelVersion }),
      incidentOf: (id) => incidents.find(id),
      record: (changes, entry) => incidents.record(changes, entry),
    });
    owned.notifier = notifier;
    this.running = { incidents, notifier };
    notifier.start();
  }

  async stop(): Promise<void> {
    await this.running?.incidents.idle();
    await this.running?.notifier.close();
  }

  get incidents(): Incidents {
    return (this.running as NonNullable<typeof this.running>).incidents;
  }

  /** Resolves once nothing waits. */
  async delivered(): Promise<void> {
    while ((await this.store.records('delivery')).length > 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

type Step =
  | { readonly kind: 'signals'; readonly verdicts: readonly ('alarm' | 'quiet' | 'not-enough-data')[]; readonly hours: number }
  | { readonly kind: 'restart' | 'store-fails' | 'store-works' | 'acknowledge' | 'mute' | 'unmute' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('signals' as const),
      verdicts: fc.array(fc.constantFrom('alarm' as const, 'quiet' as const, 'not-enough-data' as const), { minLength: 3, maxLength: 3 }),
      hours: fc.integer({ min: 0, max: 40 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'store-fails', 'store-works', 'acknowledge', 'mute', 'unmute') }) },
);

async function take(life: Life, one: Step): Promise<void> {
  if (one.kind === 'signals') {
    life.nowMs += one.hours * HOUR_MS;
    const made = [driftSignal('a'), driftSignal('b', { stage: 'input' }), ruleSignal('slow')];
    const signals = made.map((signal, index) => {
      const verdict = one.verdicts[index] as (typeof one.verdicts)[number];
      const onset = verdict === 'alarm' ? { atMs: life.nowMs, fromMs: life.nowMs, toMs: life.nowMs } : null;
      return { ...signal, verdict, onset, modelVersion: MODEL_VERSION };
    });
    await life.incidents.take(signals).catch(() => undefined);
  } else if (one.kind === 'restart') {
    await life.stop();
    await life.start();
  } else if (one.kind === 'store-fails' || one.kind === 'store-works') life.store.isFailing = one.kind === 'store-fails';
  else {
    const untilMs = one.kind === 'mute' ? life.nowMs + 5 * HOUR_MS : null;
    const act = one.kind === 'acknowledge' ? ({ act: 'acknowledge' } as const) : ({ act: 'mute', untilMs } as const);
    for (const { id } of life.incidents.unclosed) await life.incidents.act(id, act, 'admin').catch(() => undefined);
  }
}

test('each change that is told is received, under one key and with one body, in the order of its incident, and nothing else is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const before = receiver.received.length;
      const life = new Life();
      await life.start();
      for (const one of steps) await take(life, one);
      await life.stop();
      await life.start();
      await life.delivered();
      await life.stop();
      const received = receiver.received.slice(before).map(({ headers, body }) => ({ key: String(headers['webhook-id']), body }));
      const byKey = new Map(received.map(({ key, body }) => [key, body]));
      // A repetition is the same, word for word.
      expect(received.filter(({ key, body }) => byKey.get(key) !== body)).toEqual([]);
      const firsts = [...byKey.values()].map((body) => JSON.parse(body) as Notification);
      const stored = (await life.store.records('incident')).map(({ value }) => value as Incident);
      for (const { id } of stored) {
        const audited = life.incidents.audit.entries.filter(({ subject }) => subject === id).map(({ what }) => what);
        const told = firsts.filter(({ incident }) => incident.id === id).map(({ type }) => type.slice('incident.'.length));
        // What is muted is in the audit and not told: what was told is a part of it, in order, from the opening on.
        let at = -1;
        for (const change of told) {
          at = audited.indexOf(change as (typeof audited)[number], at + 1);
          expect(at).toBeGreaterThanOrEqual(0);
        }
        expect(told[0]).toBe('opened');
        const isAlwaysTold = (what: string) => what === 'opened' || what === 'closed';
        expect(told.filter(isAlwaysTold)).toEqual(audited.filter(isAlwaysTold));
        if (!audited.includes('muted')) expect(told).toEqual(audited.filter((what) => TOLD_CHANGES.includes(what as never)));
      }
      expect(new Set(firsts.map(({ incident }) => incident.id)).size).toBe(stored.length);
    }),
    { seed: 21, numRuns: 60 },
  );
});
