/**
 * Incidents as they are kept: over a restart, over a store that fails, within their bounds, and on a database of an earlier release.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Incidents, type IncidentsOptions, type Told } from '../../../collector/incidents/incidents.ts';
import { openDuckDbStore } from '../../../collector/store/duckdb-store.ts';
import type { Finding } from '../../../counts/monitor/finding.ts';
import { AUDIT_COUNT_MAX, INCIDENT_COOL_DOWN_MS, INCIDENT_KEPT_COUNT_MAX } from '../../../protocol/alarm-limits.ts';
import type { AuditEntry, Incident, IncidentDetail, RebaseOrder } from '../../../protocol/read/incidents.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { EARLIER_HOUR, placeEarlierDatabase } from '../../fixtures/earlier-release.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { DATA_PLAN, DATA_PLAN_HASH, MODEL_VERSION, NOW_HOUR, NOW_MS } from '../../fixtures/reports.ts';
import { driftSignal, openIncident, ruleSignal } from '../../fixtures/signals.ts';

let nowMs: number;
let told: Told[];
let ordered: RebaseOrder[];
let folder: string;

beforeEach(async () => {
  nowMs = NOW_MS;
  told = [];
  ordered = [];
  folder = await mkdtemp(join(tmpdir(), 'insitu-incidents-'));
});
afterEach(() => rm(folder, { recursive: true }));

function openOn(store: IncidentsOptions['store']): Promise<Incidents> {
  return Incidents.open({
    store,
    known: { nameOf: () => 'fixture', planOf: (_, hash) => (hash === DATA_PLAN_HASH ? DATA_PLAN : null) },
    now: () => nowMs,
    outgoing: (news) => ({ records: [], audit: [], adopt: () => told.push(...news) }),
    ordered: (order) => ({ records: [{ kind: 'order', key: order.incident, value: order }], adopt: () => ordered.push(order) }),
    onChanged: () => undefined,
  });
}

const all = { modelVersion: null, state: null };
const [only] = [(incidents: Incidents): Incident => incidents.list(all)[0] as Incident];

test('what happened, and by whose key, is there after a restart, on a database of an earlier release too', async () => {
  placeEarlierDatabase(folder);
  let store = await openDuckDbStore(folder);
  let incidents = await openOn(store);
  await incidents.take([driftSignal('output.y.class')]);
  const { id } = only(incidents);
  nowMs += 1000;
  await incidents.act(id, { act: 'acknowledge' }, 'admin');
  await incidents.act(id, { act: 'note', text: "it's “new”; --" }, 'admin');
  const detail = incidents.detail(only(incidents));
  await store.close();

  store = await openDuckDbStore(folder);
  incidents = await openOn(store);
  expect(incidents.detail(only(incidents))).toEqual(detail);
  expect(detail.audit.map(({ what, by, text }) => [what, by, text])).toEqual([
    ['opened', 'collector', null],
    ['acknowledged', 'admin', null],
    ['noted', 'admin', "it's “new”; --"],
  ]);
  await incidents.act(id, { act: 'rebase' }, 'admin');
  expect(ordered).toMatchObject([{ incident: id, by: 'admin', streams: [{ segment: 0 }] }]);
  expect((await store.records('order')).map(({ value }) => value)).toEqual(ordered);
  const earlier = { fromHour: EARLIER_HOUR, toHour: EARLIER_HOUR, slotHours: 1, segment: null, reportCountMin: 1 };
  const [{ modelVersion } = { modelVersion: '' }] = await store.registrations();
  expect((await store.totals({ modelVersion, ...earlier })).totals.length).toBeGreaterThan(0);
  await store.close();
});

test('when the store fails nothing has happened, and the next evaluation finds the same', async () => {
  const store = new MemoryStore();
  let isFailing = true;
  const put = store.putRecords.bind(store);
  store.putRecords = (changes) => (isFailing ? Promise.reject(new Error('the disk is full')) : put(changes));
  const incidents = await openOn(store);
  await expect(incidents.take([driftSignal('a')])).rejects.toThrow('the disk is full');
  expect([incidents.list(all), told, incidents.audit.entries]).toEqual([[], [], []]);
  isFailing = false;
  await incidents.take([driftSignal('a')]);
  expect(incidents.list(all)).toHaveLength(1);
  expect(told.map(({ change }) => change)).toEqual(['opened']);
});

test('a muted incident tells nothing but its end', async () => {
  const incidents = await openOn(new MemoryStore());
  const signal = ruleSignal('slow');
  await incidents.take([signal]);
  const { id } = only(incidents);
  await incidents.act(id, { act: 'mute', untilMs: nowMs + 48 * HOUR_MS }, 'admin');
  nowMs += 2 * HOUR_MS;
  await incidents.take([{ ...signal, strength: 9 }]);
  expect(only(incidents).metrics[0]?.toldStrength).toBe(9);
  await incidents.take([{ ...signal, verdict: 'quiet', onset: null }]);
  nowMs += signal.recoverMs;
  await incidents.take([]);
  expect(told.map(({ change, sequence }) => [change, sequence])).toEqual([
    ['opened', 1],
    ['closed', 5],
  ]);
});

test('findings of a monitor open an incident with the onset, the stage and how sure it is', async () => {
  const incidents = await openOn(new MemoryStore());
  const finding: Finding = {
    ...{ plan: DATA_PLAN_HASH, arm: 'stable', segment: 0, verdict: 'alarm', evidence: 2.5, effect: 0.2, kind: 'sudden', missingWindows: 0 },
    ...{ metric: 'output.y.class', onset: { hour: NOW_HOUR - 10, fromHour: NOW_HOUR - 12, toHour: NOW_HOUR - 9 } },
    ...{ movement: { perDay: null, perWeek: null }, mix: null, missingDays: 0 },
  };
  const input = { ...finding, metric: 'input.x.brightness', effect: 0.03 };
  await incidents.takeFindings(MODEL_VERSION, [finding, input, { ...finding, plan: '9'.repeat(16) }, { ...finding, metric: 'gone' }]);
  expect(only(incidents).metrics).toMatchObject([
    { metric: 'input.x.brightness', stage: 'input', effect: 0.03 },
    { metric: 'output.y.class', stage: 'output', effect: 0.2, evidence: 2.5, kind: 'sudden' },
  ]);
  expect(only(incidents).onset).toEqual({
    ...{ atMs: (NOW_HOUR - 10) * HOUR_MS, fromMs: (NOW_HOUR - 12) * HOUR_MS, toMs: (NOW_HOUR - 8) * HOUR_MS },
  });
  await incidents.takeFindings(MODEL_VERSION, [
    { ...finding, verdict: 'quiet', onset: null },
    { ...input, verdict: 'quiet', onset: null },
  ]);
  expect(only(incidents).state).toBe('recovering');
});

test('closed incidents and audit entries are kept within their bounds, the oldest go, and what is open stays', async () => {
  const store = new MemoryStore();
  const padded = (index: number) => String(index).padStart(32, '0');
  const closed = (index: number): Incident =>
    openIncident({ id: padded(index), state: 'closed', closedAtMs: index, closedBecause: 'recovered' });
  await store.putRecords([
    ...Array.from({ length: INCIDENT_KEPT_COUNT_MAX }, (_, index) => ({ kind: 'incident', key: padded(index), value: closed(index) })),
    { kind: 'incident', key: padded(0), value: openIncident({ id: padded(0), openedAtMs: 0 }) },
    ...Array.from({ length: AUDIT_COUNT_MAX }, (_, index) => {
      const entry: AuditEntry = { atMs: index, what: 'noted', by: 'admin', subject: 'x', text: null };
      return { kind: 'audit', key: String(index).padStart(12, '0'), value: entry };
    }),
  ]);
  const incidents = await openOn(store);
  await incidents.take([driftSignal('b', { modelVersion: '9'.repeat(16) })]);
  const kept = (await store.records('incident')).map(({ key }) => key);
  expect([kept.length, kept.includes(padded(0)), kept.includes(padded(1)), kept.includes(padded(2))]).toEqual([
    ...[INCIDENT_KEPT_COUNT_MAX, true, false, true],
  ]);
  const audit = (await store.records('audit')).map(({ value }) => value as AuditEntry);
  expect([audit.length, audit[0]?.atMs, audit.at(-1)?.what]).toEqual([AUDIT_COUNT_MAX, 1, 'opened']);
  expect(await openOn(store).then((again) => again.audit.entries)).toEqual(audit);
});

test('acts at the same time happen one after the other, each with its entry', async () => {
  const incidents = await openOn(new MemoryStore());
  await incidents.take([driftSignal('a')]);
  const { id } = only(incidents);
  await Promise.all(Array.from({ length: 20 }, (_, index) => incidents.act(id, { act: 'note', text: String(index) }, 'admin')));
  const { incident, audit } = incidents.detail(only(incidents)) as IncidentDetail;
  expect([incident.sequence, audit.length]).toEqual([21, 21]);
  expect(audit.slice(1).map(({ text }) => Number(text))).toEqual(Array.from({ length: 20 }, (_, index) => index));
  expect(await incidents.act('0'.repeat(32), { act: 'acknowledge' }, 'admin')).toMatchObject({ code: 'incident-unknown' });
});

test('a list has the first metrics of each, an incident by itself has all', async () => {
  const incidents = await openOn(new MemoryStore());
  await incidents.take(Array.from({ length: 50 }, (_, index) => driftSignal(`m${index}`)));
  expect(only(incidents)).toMatchObject({ leftOutCount: 30, metrics: { length: 20 } });
  expect(incidents.find(only(incidents).id)).toMatchObject({ leftOutCount: 0, metrics: { length: 50 } });
});

test('an incident that closed long ago is not looked at again', async () => {
  const incidents = await openOn(new MemoryStore());
  const signal = ruleSignal('slow');
  await incidents.take([signal]);
  await incidents.take([{ ...signal, verdict: 'quiet', onset: null }]);
  nowMs += signal.recoverMs;
  await incidents.take([]);
  nowMs += INCIDENT_COOL_DOWN_MS + 1;
  await incidents.take([signal]);
  expect(incidents.list(all).map(({ state }) => state)).toEqual(['open', 'closed']);
  expect(incidents.list({ modelVersion: null, state: 'closed' })).toHaveLength(1);
  expect(incidents.list({ modelVersion: '9'.repeat(16), state: null })).toEqual([]);
});
