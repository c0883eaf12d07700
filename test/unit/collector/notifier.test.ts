/**
 * The notifier, against receivers that are real servers: at least once, in order, within its bounds, and nothing fails without a word.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Told } from '../../../collector/incidents/incidents.ts';
import { Notifier, type NotifierOptions } from '../../../collector/notify/notifier.ts';
import type { Target } from '../../../collector/notify/targets.ts';
import { DELIVERY_AGE_MS_MAX, DELIVERY_ANSWER_BYTES_MAX, DELIVERY_QUEUE_COUNT_MAX } from '../../../protocol/alarm-limits.ts';
import type { AuditEntry, Incident } from '../../../protocol/read/incidents.ts';
import { type MetricEvidence, type Notification, type RetrainRequest, verifySignature } from '../../../protocol/read/notification.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { type Receiver, startReceiver } from '../../fixtures/receiver.ts';
import { NOW_MS } from '../../fixtures/reports.ts';
import { openIncident } from '../../fixtures/signals.ts';

const SECRET = 'a-secret-of-some-length';
const EVIDENCE: MetricEvidence = {
  ...{ metric: 'output.y.class', title: '', unit: '', stage: 'output', rule: null, fromHour: 1, toHour: 2, evidence: 1, effect: 0.1 },
  ...{
    value: null,
    limit: null,
    observedCount: 3,
    expectedCount: 4,
    expectedOf: 'baseline',
    cells: [{ cell: 'a', observed: 3, expected: 4 }],
  },
};

let receiver: Receiver;
let store: MemoryStore;
let nowMs: number;
let sentences: string[];
let audit: AuditEntry[];
let notifier: Notifier;
let evidenceCount: number;

beforeEach(async () => {
  [store, nowMs, sentences, audit, evidenceCount] = [new MemoryStore(), NOW_MS, [], [], 0];
  receiver = await startReceiver();
});
afterEach(async () => {
  await notifier.close();
  await receiver.close();
});

const hook = (changes: Partial<Target> = {}): Target =>
  ({ name: 'ops', type: 'webhook', url: `${receiver.url}/hook`, secret: SECRET, models: null, ...changes }) as Target;

async function open(targets: readonly Target[], changes: Partial<NotifierOptions> = {}): Promise<void> {
  notifier = await Notifier.open({
    ...{ store, targets, now: () => nowMs, incidentOf: () => undefined, unclosed: () => [], log: (sentence) => sentences.push(sentence) },
    modelOf: (modelVersion) => ({ name: 'digits', version: '1.0.0', modelVersion }),
    evidenceOf: async () => {
      evidenceCount++;
      return [EVIDENCE];
    },
    record: async (records, entry) => {
      await store.putRecords(records);
      audit.push(entry);
    },
    ...changes,
  });
  notifier.start();
}

/** As Incidents does: stored first, then adopted. */
async function tell(...told: readonly Told[]): Promise<void> {
  const { records, adopt, audit: entries } = notifier.outgoing(told);
  await store.putRecords(records);
  audit.push(...entries);
  adopt();
}

const news = (change: Told['change'] = 'opened', sequence = 1, incident: Incident = openIncident()): Told => ({
  ...{ incident, change, sequence, atMs: nowMs },
});
const other = (digit: string) => openIncident({ id: digit.repeat(32) });
const waitingIds = async () => (await store.records('delivery')).map(({ key }) => key);
const until = async (isSo: () => boolean | Promise<boolean>) => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
};
const bodies = <T = Notification>() => receiver.received.map(({ body }) => JSON.parse(body) as T);

describe('a webhook', () => {
  test('is signed, says what happened, and is gone from the store once it was taken', async () => {
    await open([hook()]);
    await tell(news());
    await receiver.has(1);
    const [{ headers, body, path } = { headers: {}, body: '', path: '' }] = receiver.received;
    const header = (name: string) => [headers[name]].flat()[0];
    expect(await verifySignature(SECRET, header, body, nowMs)).toEqual({ ok: true });
    expect([path, headers['idempotency-key'], headers['content-type']]).toEqual(['/hook', headers['webhook-id'], 'application/json']);
    expect(JSON.parse(body)).toMatchObject({
      ...{ type: 'incident.opened', atMs: nowMs, model: { name: 'digits' }, incident: { metrics: [{ metric: 'output.y.class' }] } },
      sentence: 'New incident: digits 1.0.0: output.y.class moved since 2026-03-10 12:30 UTC (PSI 0.1, sudden).',
    });
    await until(async () => (await waitingIds()).length === 0);
    expect(notifier.entries).toEqual([
      { name: 'ops', type: 'webhook', waitingCount: 0, deliveredCount: 1, givenUpCount: 0, deliveredAtMs: nowMs, failure: null },
    ]);
  });

  test('is only told of its models', async () => {
    await open([hook({ models: ['faces'] }), hook({ name: 'digits', models: ['digits'] })]);
    await tell(news());
    await receiver.has(1);
    expect(notifier.entries.map(({ waitingCount, deliveredCount }) => waitingCount + deliveredCount)).toEqual([0, 1]);
  });

  test('that fails is told again after a restart, with the same key and body and a new signature', async () => {
    receiver.status = 503;
    await open([hook()]);
    await tell(news());
    await until(() => notifier.entries[0]?.failure != null);
    await notifier.close();
    expect(await waitingIds()).toHaveLength(1);
    expect(sentences[0]).toMatch(/^Target "ops" was not told of incident 1{32}: It answered 503\. Again in \d s\.$/);
    receiver.status = 204;
    nowMs += 600_000;
    await open([hook()]);
    await receiver.has(2);
    const [first, second] = receiver.received;
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['webhook-signature']).not.toBe(first?.headers['webhook-signature']);
    await until(async () => (await waitingIds()).length === 0);
  });

  test('that never answers is broken off when the collector stops, and is told at the next start', async () => {
    receiver.status = 0;
    await open([hook()]);
    await tell(news());
    await receiver.has(1);
    await notifier.close();
    expect([await waitingIds(), sentences]).toEqual([[expect.any(String)], []]);
    receiver.status = 204;
    await open([hook()]);
    await receiver.has(2);
  });

  test('a redirect is not followed, and its target sees no signature', async () => {
    const elsewhere = await startReceiver();
    receiver.status = 307;
    receiver.headers = { Location: `${elsewhere.url}/stolen` };
    await open([hook()]);
    await tell(news());
    await until(() => notifier.entries[0]?.failure != null);
    expect(notifier.entries[0]?.failure?.sentence).toMatch(/^It answered 307, and redirects are not followed\./);
    expect(elsewhere.received).toEqual([]);
    await elsewhere.close();
  });

  test('of a long answer little is read, and its first line is told without controls', async () => {
    receiver.status = 400;
    receiver.text = `no\u0007 such\tchannel\n${'x'.repeat(50 * DELIVERY_ANSWER_BYTES_MAX)}`;
    await open([hook()]);
    await tell(news());
    await until(() => notifier.entries[0]?.failure != null);
    expect(notifier.entries[0]?.failure?.sentence).toBe('It answered 400: no such channel.');
  });

  test('nobody there: the sentence says so, without the address', async () => {
    const gone = await startReceiver();
    await gone.close();
    await open([hook({ url: gone.url })]);
    await tell(news());
    await until(() => notifier.entries[0]?.failure != null);
    expect(notifier.entries[0]?.failure?.sentence).toBe('It cannot be reached (ECONNREFUSED).');
  });
});

describe('order and bounds', () => {
  test('changes of one incident come in order; one that fails goes behind the other incidents', async () => {
    receiver.status = 500;
    await open([hook()]);
    await tell(news('opened', 1), news('worsened', 2), news('opened', 1, other('2')), news('closed', 3));
    await until(() => notifier.entries[0]?.failure != null);
    await notifier.close();
    receiver.status = 204;
    await open([hook()]);
    await receiver.has(5);
    const told = bodies()
      .slice(1)
      .map(({ incident, type }) => `${incident.id[0]} ${type}`);
    expect(told.filter((text) => text.startsWith('1'))).toEqual(['1 incident.opened', '1 incident.worsened', '1 incident.closed']);
    expect(told).toContain('2 incident.opened');
  });

  test('what failed for three days is given up, in log, audit and answer', async () => {
    receiver.status = 500;
    await open([hook()]);
    await tell(news());
    await until(() => notifier.entries[0]?.failure != null);
    await notifier.close();
    nowMs += DELIVERY_AGE_MS_MAX + 1;
    await open([hook()]);
    await until(() => notifier.entries[0]?.givenUpCount === 1);
    expect(await waitingIds()).toEqual([]);
    expect(audit).toEqual([
      { atMs: nowMs, what: 'delivery-given-up', by: 'collector', subject: '1'.repeat(32), text: 'ops: It answered 500.' },
    ]);
    expect(sentences.at(-1)).toMatch(/was never told of incident 1{32}; it was given up/);
  });

  test('more than can wait: the oldest is given up, in log, audit and answer', async () => {
    receiver.status = 0;
    await open([hook()]);
    await tell(...Array.from({ length: DELIVERY_QUEUE_COUNT_MAX }, (_, index) => news('worsened', index + 1)));
    nowMs++;
    await tell(news('closed', DELIVERY_QUEUE_COUNT_MAX + 1));
    expect(notifier.entries).toMatchObject([{ waitingCount: DELIVERY_QUEUE_COUNT_MAX, givenUpCount: 1 }]);
    expect(await waitingIds()).toHaveLength(DELIVERY_QUEUE_COUNT_MAX);
    expect(audit).toMatchObject([{ what: 'delivery-given-up', text: 'ops: too many wait' }]);
  });

  test('what waited for a target that is gone is given up with a sentence', async () => {
    receiver.status = 0;
    await open([hook()]);
    await tell(news());
    await notifier.close();
    await open([hook({ name: 'new' })]);
    expect([await waitingIds(), sentences]).toEqual([[], ['Target "ops" is gone; what waited for it was given up.']]);
  });

  test('a delivery that was made and could not be noted is made again at the next start, not before', async () => {
    await open([hook()]);
    const put = store.putRecords.bind(store);
    await tell(news());
    store.putRecords = () => Promise.reject(new Error('the disk is full'));
    await until(() => notifier.entries[0]?.deliveredCount === 1 && sentences.length === 1);
    store.putRecords = put;
    await notifier.close();
    await open([hook()]);
    await receiver.has(2);
    expect(new Set(receiver.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });
});

describe('slack', () => {
  test("gets one text, in which a stranger's name is no mention, link or markup", async () => {
    await open([hook({ name: 'chat', type: 'slack' })]);
    await tell(news('opened', 1, openIncident({}, { metric: 'a<!channel>&\n<http://x|y>' })));
    await receiver.has(1);
    const [{ text } = { text: '' }] = bodies<{ text: string }>();
    expect(text.split('\n')).toHaveLength(2);
    expect(text).toContain('a&lt;!channel&gt;&amp; &lt;http://x|y&gt; moved since');
    expect(receiver.received[0]?.headers['webhook-signature']).toBeUndefined();
  });
});

describe('retraining', () => {
  const train = (changes: Partial<Target> = {}) =>
    hook({ name: 'train', type: 'retrain', coolDownHours: 24, ...changes } as Partial<Target>);

  test('is asked for once per incident, with evidence that stays the same over attempts and restarts', async () => {
    receiver.status = 500;
    await open([train()]);
    await tell(news('opened', 1), news('worsened', 2));
    await until(() => notifier.entries[0]?.failure != null);
    await notifier.close();
    receiver.status = 202;
    await open([train()]);
    await tell(news('reopened', 3), news('closed', 4));
    await receiver.has(2);
    await until(() => notifier.entries[0]?.waitingCount === 0);
    expect(receiver.received).toHaveLength(2);
    const [first, second] = receiver.received;
    expect([second?.body, second?.headers['webhook-id']]).toEqual([first?.body, first?.headers['webhook-id']]);
    expect(bodies<RetrainRequest>()[1]).toMatchObject({ type: 'retrain', evidence: [EVIDENCE], incident: { id: '1'.repeat(32) } });
    expect([evidenceCount, audit.map(({ what }) => what)]).toEqual([1, ['retrain-asked']]);
  });

  test('is not asked for within the cool-down of the model, which is in the audit, also after a restart', async () => {
    await open([train()]);
    await tell(news());
    await receiver.has(1);
    await notifier.close();
    await open([train()]);
    nowMs += 24 * 3_600_000 - 1;
    await tell(news('opened', 1, other('2')));
    expect(audit.at(-1)).toMatchObject({ what: 'retrain-left-out', subject: '2'.repeat(32) });
    nowMs += 1;
    await tell(news('worsened', 2, other('2')));
    await receiver.has(2);
    expect(audit.at(-1)).toMatchObject({ what: 'retrain-asked', subject: '2'.repeat(32) });
  });

  test('is not asked for where only software moved', async () => {
    await open([train()]);
    await tell(news('opened', 1, openIncident({}, { stage: 'software', rule: 'slow' })));
    expect([notifier.entries[0]?.waitingCount, audit]).toEqual([0, []]);
  });
});
