/**
 * A collector that is killed between an incident and its delivery delivers once it is back, and the receiver's idempotency key shows one.
 *
 * Method: the built collector as a process of its own, with a real database and a clock sixty times as fast; reports over HTTP; a rule and
 * a target in its configuration; a receiver that is down, or takes the request and never answers, when the process is killed.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TargetEntry } from '../../protocol/read/incidents.ts';
import { type Notification, verifySignature } from '../../protocol/read/notification.ts';
import { type Receiver, startReceiver } from '../fixtures/receiver.ts';
import { softwareWindow } from '../fixtures/reports.ts';
import { MovedClockCollector } from './moved-clock-child.ts';

const SECRET = 'a-secret-of-some-length';

let receiver: Receiver;
let collector: MovedClockCollector;

beforeEach(async () => {
  receiver = await startReceiver();
  const loads = {
    model: 'fixture',
    metric: 'load.outcome',
    statistic: 'share',
    cells: ['failed'],
    comparison: 'above',
    value: 0.5,
    minutes: 1,
  };
  const target = { name: 'ops', type: 'webhook', url: receiver.url, secret: { env: 'OPS_SECRET' } };
  collector = await MovedClockCollector.create({ rules: { loads }, targets: [target] });
});
afterEach(async () => {
  await collector.dispose();
  await receiver.close();
});

const start = () => collector.start({ OPS_SECRET: SECRET });
/** Failed loads until an incident is open. */
const openIncident = () => collector.openIncident((header) => softwareWindow(header));

async function isDelivered(): Promise<void> {
  const count = async () => (await collector.get<TargetEntry[]>('/v1/targets'))[0]?.deliveredCount;
  while ((await count()) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
}

test('killed while the receiver was down: it is told once the collector is back', async () => {
  receiver.status = 503;
  await start();
  const { id } = await openIncident();
  await receiver.has(1);
  await collector.kill();
  const before = receiver.received.length;
  receiver.status = 204;
  await start();
  await receiver.has(before + 1);
  await isDelivered();
  const opened = receiver.received
    .map(({ headers, body }) => ({ key: headers['webhook-id'], ...(JSON.parse(body) as Notification) }))
    .filter(({ type }) => type === 'incident.opened');
  expect(new Set(opened.map(({ incident }) => incident.id))).toEqual(new Set([id]));
  expect(new Set(opened.map(({ key }) => key)).size).toBe(1);
});

test('killed after the receiver took it and before the answer: it comes twice, under one key, and each is believed', async () => {
  receiver.status = 0;
  await start();
  await openIncident();
  // The clock is fast: a few seconds of a busy machine would make each of them too old to be believed.
  const arrivedMs: number[] = [];
  const arrives = async (count: number) => {
    await receiver.has(count);
    arrivedMs.push(collector.nowMs);
  };
  await arrives(1);
  await collector.kill();
  receiver.status = 204;
  await start();
  await arrives(2);
  await isDelivered();
  const [first, second] = receiver.received;
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second?.body).toBe(first?.body);
  for (const [index, { headers, body }] of receiver.received.entries()) {
    expect(await verifySignature(SECRET, (name) => [headers[name]].flat()[0], body, arrivedMs[index] as number)).toEqual({ ok: true });
  }
  await collector.kill();
  await start();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(receiver.received).toHaveLength(2);
});
