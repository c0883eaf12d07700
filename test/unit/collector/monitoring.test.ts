/**
 * Monitoring on a real store: votes that come hour by hour are judged, kept, told, ordered about, and judged again the same.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Alarms, openAlarms } from '../../../collector/alarms.ts';
import { Registry } from '../../../collector/models/registry.ts';
import { ModelMonitor } from '../../../collector/monitoring/model-monitor.ts';
import type { VoteSource } from '../../../collector/monitoring/vote-source.ts';
import { slotOf, votesAnswer } from '../../../collector/monitoring/votes-answer.ts';
import { openDuckDbStore } from '../../../collector/store/duckdb-store.ts';
import type { AcceptedWindow, Store } from '../../../collector/store/store.ts';
import type { Finding } from '../../../counts/monitor/finding.ts';
import { MONITOR_DEFAULTS } from '../../../counts/monitor/monitor.ts';
import { drawVotes } from '../../../counts/votes/draw-votes.ts';
import { MONITOR_SETTLE_MS } from '../../../protocol/monitor-limits.ts';
import type { MonitoringDetail, Votes } from '../../../protocol/read/monitoring.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { DATA_PLAN, DATA_PLAN_HASH, MODEL_VERSION, manifestText, nextId } from '../../fixtures/reports.ts';
import { Chance } from '../../storms/monitor-world.ts';

const START_DAY = 20_600;
/** Each the last of a quarter of the day. */
const HOURS = [11, 17, 23];
const WINDOWS_PER_HOUR = 12;
const CHANGE_DAY = 34;
const brightness = metricOf('input.x.brightness');
const classes = metricOf('output.y.class');

let folder: string;
let store: Store;
let alarms: Alarms;
let nowMs: number;
let chance: Chance;
/** What incidents were told, by the hour that was judged last. */
let told: Map<number, readonly Finding[]>;
let said: string[];

function metricOf(id: string) {
  const metric = DATA_PLAN.metrics.find((one) => one.id === id);
  if (metric === undefined) throw new Error(`no metric ${id} among ${DATA_PLAN.metrics.map((one) => one.id).join(', ')}`);
  return metric;
}

async function open(): Promise<void> {
  store = await openDuckDbStore(folder);
  const registry = await Registry.open({ store, release: '1.0.0', now: () => nowMs, complain: (sentence) => said.push(sentence) });
  await registry.admit(manifestText(), { baseline: null });
  const quiet = { configFile: null, shownReportsMin: 1, onChanged: () => undefined, log: (sentence: string) => said.push(sentence) };
  alarms = await openAlarms({ store, registry, now: () => nowMs, ...quiet });
  const { takeFindings } = alarms.incidents;
  alarms.incidents.takeFindings = (modelVersion, findings) => {
    told.set((detail().judgedUntilMs ?? 0) / HOUR_MS - 1, structuredClone(findings));
    return takeFindings.call(alarms.incidents, modelVersion, findings);
  };
}

async function close(): Promise<void> {
  await alarms.close();
  await store.close();
}

beforeEach(async () => {
  nowMs = START_DAY * 24 * HOUR_MS;
  chance = new Chance(7);
  told = new Map();
  said = [];
  folder = await mkdtemp(join(tmpdir(), 'insitu-monitoring-'));
  await open();
});
afterEach(async () => {
  await close();
  await rm(folder, { recursive: true });
});

/** Eight pictures of one visit: from a dark or a bright place, of any class. */
function visit(hour: number, darkShare: number): AcceptedWindow {
  const cells = new Map<number, number>();
  const add = (cell: number, count = 1) => cells.set(cell, (cells.get(cell) ?? 0) + count);
  const isDark = chance.uniform() < darkShare;
  for (let run = 0; run < 8; run++) {
    const bright = (isDark ? 0.2 : 0.5) + 0.4 * chance.uniform();
    add(brightness.offset + Math.min(brightness.cells.length - 1, Math.floor(bright * 16)));
    add(classes.offset + chance.below(isDark ? 2 : 3));
  }
  const listed = [...cells].sort(([one], [other]) => one - other);
  const window = {
    ...({
      id: nextId(),
      modelVersion: MODEL_VERSION,
      plan: DATA_PLAN_HASH,
      report: 'data',
      hour,
      arm: 'stable',
      segment: 0,
      runs: 8,
    } as const),
    cells: Uint32Array.from(listed, ([cell]) => cell),
    counts: Uint32Array.from(listed, ([, count]) => count),
  };
  return { ...window, votes: { cadence: 'week', hour, metrics: drawVotes(DATA_PLAN, window) } };
}

/** @param isWatched Whether each hour is judged when it is over, or all of them at the end. */
async function live(fromDay: number, toDay: number, darkShareOn: (day: number) => number, isWatched = false): Promise<void> {
  for (let day = fromDay; day < toDay; day++) {
    const visits = HOURS.map((ofDay) => {
      const hour = (START_DAY + day) * 24 + ofDay;
      return Array.from({ length: WINDOWS_PER_HOUR }, () => visit(hour, darkShareOn(day)));
    });
    for (const group of isWatched ? visits : [visits.flat()]) {
      // Committed before any of its hours is over: the collector's own clock looks, too.
      nowMs = (group[0]?.hour ?? 0) * HOUR_MS + 1;
      await store.commit(group, nowMs);
      nowMs = ((group.at(-1)?.hour ?? 0) + 1) * HOUR_MS + MONITOR_SETTLE_MS;
      if (isWatched) await alarms.monitoring.look();
    }
    nowMs = (START_DAY + day + 1) * 24 * HOUR_MS + MONITOR_SETTLE_MS;
    if (isWatched || day === toDay - 1) await alarms.monitoring.look();
  }
}

const changed = (day: number) => (day >= CHANGE_DAY ? 0.8 : 0.3);
const detail = () => alarms.monitoring.detail(MODEL_VERSION) as MonitoringDetail;

/** As votes come over HTTP. */
function overJson(votes: VoteSource): VoteSource {
  return {
    votes: async (query) => {
      if (query.slotHours !== 1) return votes.votes(query);
      const answer = JSON.parse(JSON.stringify(await votesAnswer(votes, query))) as Votes;
      return answer.slots.map((slot) => slotOf(slot, query.metrics));
    },
  };
}

async function replayed(source: VoteSource): Promise<ReadonlyMap<number, readonly Finding[]>> {
  const found = new Map<number, readonly Finding[]>();
  const plans = [{ hash: DATA_PLAN_HASH, plan: DATA_PLAN }];
  const replay = new ModelMonitor({ modelVersion: MODEL_VERSION, plans, options: MONITOR_DEFAULTS, source });
  await replay.advance(Math.floor(nowMs / HOUR_MS), (hour, findings) => found.set(hour, structuredClone(findings)));
  return found;
}

test('a change is told with its metric, hour and kind, over restarts, and a replay of the stored votes finds the same', async () => {
  await live(0, 20, changed, true);
  expect(detail()).toMatchObject({ verdict: 'not-enough-data', missingDays: 8, watchedCount: 0 });
  await close();
  await open();
  await live(20, 36, changed, true);
  await close();
  await open();
  await live(36, 40, changed, true);
  expect(said).toEqual([]);

  const [incident, ...others] = alarms.incidents.list({ modelVersion: MODEL_VERSION, state: null });
  expect(others).toEqual([]);
  expect(incident).toMatchObject({
    state: 'open',
    metrics: [{ metric: brightness.id, kind: 'sudden', segment: null }, { metric: classes.id }],
  });
  const changeMs = (START_DAY + CHANGE_DAY) * 24 * HOUR_MS;
  expect(Math.abs((incident?.onset.atMs ?? 0) - changeMs)).toBeLessThanOrEqual(24 * HOUR_MS);
  expect(detail()).toMatchObject({
    verdict: 'alarm',
    watchedCount: 2,
    streams: [{ verdict: 'alarm', baseline: { origin: 'burn-in' } }, {}],
  });

  expect(told.size).toBeGreaterThan(100);
  for (const source of [store, overJson(store)]) {
    const found = await replayed(source);
    for (const [hour, findings] of told) expect(found.get(hour), `hour ${hour}`).toEqual(findings);
  }
}, 120_000);

test('"this is the new normal" makes a baseline of what came since, closes the incident, and holds after a restart', async () => {
  await live(0, 37, changed);
  const [incident] = alarms.incidents.list({ modelVersion: MODEL_VERSION, state: 'open' });
  await alarms.incidents.act(incident?.id ?? '', { act: 'rebase', text: 'the lamps are new' }, 'admin');
  await live(37, 38, changed);
  expect(detail()).toMatchObject({ verdict: 'not-enough-data', orders: [{ what: 'rebased', by: 'admin' }] });
  await close();
  await open();
  await live(38, 43, changed);
  expect(detail()).toMatchObject({ verdict: 'quiet' });
  expect(detail().streams.map(({ baseline }) => baseline)).toMatchObject([{ version: 2, origin: 'rebased' }, { version: 2 }]);
  expect(alarms.incidents.list({ modelVersion: MODEL_VERSION, state: null })).toMatchObject([{ closedBecause: 'rebased' }]);
}, 120_000);

test('a later version of the model inherits baselines of the plan that they share, once and for all', async () => {
  await live(0, 30, () => 0.3);
  const registry = await Registry.open({ store, release: '1.0.0', now: () => nowMs, complain: () => undefined });
  await registry.admit(manifestText().replace('"1.0.0"', '"1.0.1"'), { baseline: null });
  const later = registry.models.map(({ registration }) => registration.modelVersion).find((version) => version !== MODEL_VERSION) ?? '';
  await close();
  await open();
  nowMs += HOUR_MS;
  await alarms.monitoring.look();
  expect(await alarms.monitoring.act(MODEL_VERSION, { act: 'inherit', from: later }, 'admin')).toMatchObject({
    code: 'nothing-to-inherit',
  });
  expect(await alarms.monitoring.act(later, { act: 'inherit', from: 'f'.repeat(16) }, 'admin')).toMatchObject({ code: 'model-unknown' });
  const inherited = await alarms.monitoring.act(later, { act: 'inherit', from: MODEL_VERSION, text: 'same lens' }, 'admin');
  expect(inherited).toMatchObject({ watchedCount: 2, orders: [{ what: 'inherited', from: MODEL_VERSION, text: 'same lens' }] });
  await close();
  await open();
  await alarms.monitoring.look();
  nowMs += 6 * HOUR_MS;
  await alarms.monitoring.look();
  const kept = alarms.monitoring.detail(later);
  expect(kept?.streams.map(({ baseline }) => baseline?.origin)).toEqual(['inherited', 'inherited']);
}, 120_000);

test('after a clock that was months ahead hours are judged as they are, from the stored votes', async () => {
  await live(0, 30, () => 0.3);
  const before = detail();
  const rightMs = nowMs;
  nowMs += 90 * 24 * HOUR_MS;
  await alarms.monitoring.look();
  expect(detail().judgedUntilMs).toBeGreaterThan(rightMs + 89 * 24 * HOUR_MS);
  nowMs = rightMs;
  await alarms.monitoring.look();
  expect(detail()).toEqual(before);
  expect(said.join('\n')).toContain('The clock was wrong');
}, 120_000);
