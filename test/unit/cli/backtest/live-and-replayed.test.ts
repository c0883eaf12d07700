/**
 * What a collector found quarter by quarter of each day, and what a replay of its votes finds, are the same.
 *
 * Method: a real database gets votes by the hour and is judged when each is over; afterwards a real server answers for the same rows, and
 * what it answers is replayed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCollectorVotes } from '../../../../cli/backtest/collector-votes.ts';
import type { BacktestReport } from '../../../../cli/backtest/report.ts';
import type { VoteHistory } from '../../../../cli/backtest/vote-history.ts';
import { runCommandLine } from '../../../../cli/command-line.ts';
import { openAlarms } from '../../../../collector/alarms.ts';
import { createCollectorClient } from '../../../../collector/client/collector-client.ts';
import { type Collector, startCollector } from '../../../../collector/index.ts';
import { Registry } from '../../../../collector/models/registry.ts';
import { ModelMonitor } from '../../../../collector/monitoring/model-monitor.ts';
import { openDuckDbStore } from '../../../../collector/store/duckdb-store.ts';
import type { AcceptedWindow, Store } from '../../../../collector/store/store.ts';
import type { Finding } from '../../../../counts/monitor/finding.ts';
import { MONITOR_DEFAULTS } from '../../../../counts/monitor/monitor.ts';
import { drawVotes } from '../../../../counts/votes/draw-votes.ts';
import { MONITOR_SETTLE_MS } from '../../../../protocol/monitor-limits.ts';
import type { Incident } from '../../../../protocol/read/incidents.ts';
import { HOUR_MS, VOTE_CADENCES } from '../../../../protocol/report/window.ts';
import { saidBy } from '../../../fixtures/data-files.ts';
import { DATA_PLAN, DATA_PLAN_HASH, MODEL_VERSION, manifestText, nextId } from '../../../fixtures/reports.ts';
import { Chance } from '../../../storms/monitor-world.ts';

const START_DAY = 20_600;
/** Votes are kept by the hour for 35 days. */
const DAYS = 14;
const CHANGE_DAY = 10;
const BURN_IN_DAYS = 7;
const WINDOWS_PER_HOUR = 30;
const EMPTY_DAY = 5;
const OPTIONS = { ...MONITOR_DEFAULTS, burnInDays: BURN_IN_DAYS };
const DAY_TEXT = new Date(START_DAY * 24 * HOUR_MS).toISOString().slice(0, 10);
const VOTING_HOURS = [4, 9, 14];
/** After which the collector looks: those in which somebody voted, and the ends of quarters. */
const LOOKED_HOURS = [4, 5, 9, 11, 14, 17, 23];
const PLANS = [{ hash: DATA_PLAN_HASH, plan: DATA_PLAN }];
const brightness = DATA_PLAN.metrics.find(({ id }) => id === 'input.x.brightness');
const classes = DATA_PLAN.metrics.find(({ id }) => id === 'output.y.class');

let folder: string;
let store: Store;
let collector: Collector;
let nowMs = START_DAY * 24 * HOUR_MS;
const chance = new Chance(11);
/** What was found live, by the hour that was judged. */
const told = new Map<number, readonly Finding[]>();
let liveIncidents: readonly Incident[];
let history: VoteHistory;

/** Eight pictures of one visit. The first of a week on every second visit, else of the day alone. */
function visit(hour: number, darkShare: number, index: number): AcceptedWindow {
  const cells = new Map<number, number>();
  const add = (cell: number) => cells.set(cell, (cells.get(cell) ?? 0) + 1);
  const isDark = chance.uniform() < darkShare;
  for (let run = 0; run < 8; run++) {
    const bright = (isDark ? 0.2 : 0.5) + 0.4 * chance.uniform();
    add((brightness?.offset ?? 0) + Math.min((brightness?.cells.length ?? 1) - 1, Math.floor(bright * 16)));
    add((classes?.offset ?? 0) + chance.below(isDark ? 2 : 3));
  }
  const listed = [...cells].sort(([one], [other]) => one - other);
  const header = { id: nextId(), modelVersion: MODEL_VERSION, plan: DATA_PLAN_HASH, report: 'data', arm: 'stable', segment: 0 } as const;
  const counted = { cells: Uint32Array.from(listed, ([cell]) => cell), counts: Uint32Array.from(listed, ([, count]) => count) };
  const window = { ...header, ...counted, hour, runs: 8 };
  return { ...window, votes: { cadence: index % 4 === 0 ? 'day' : 'week', hour, metrics: drawVotes(DATA_PLAN, window) } };
}

/** Judged when each hour is over, as a running collector does. */
async function live(): Promise<void> {
  const registry = await Registry.open({ store, release: '1.0.0', now: () => nowMs, complain: () => undefined });
  await registry.admit(manifestText(), { baseline: null });
  const alarms = await openAlarms({
    ...{
      store,
      registry,
      configFile: join(folder, 'insitu.json'),
      shownReportsMin: 1,
      onChanged: () => undefined,
      log: (sentence) => expect.fail(sentence),
    },
    now: () => nowMs,
  });
  const { takeFindings } = alarms.incidents;
  alarms.incidents.takeFindings = (modelVersion, findings) => {
    told.set(Math.floor((nowMs - MONITOR_SETTLE_MS) / HOUR_MS) - 1, structuredClone(findings));
    return takeFindings.call(alarms.incidents, modelVersion, findings);
  };
  for (let day = 0; day < DAYS; day++) {
    for (const ofDay of LOOKED_HOURS) {
      const hour = (START_DAY + day) * 24 + ofDay;
      const darkShare = day >= CHANGE_DAY ? 0.8 : 0.3;
      // The last quarter of a day is judged without a vote, and one day has none at all.
      const isVoted = VOTING_HOURS.includes(ofDay) && day !== EMPTY_DAY;
      if (isVoted)
        await store.commit(
          Array.from({ length: WINDOWS_PER_HOUR }, (_, index) => visit(hour, darkShare, index)),
          hour * HOUR_MS,
        );
      nowMs = (hour + 1) * HOUR_MS + MONITOR_SETTLE_MS;
      await alarms.monitoring.look();
    }
  }
  liveIncidents = alarms.incidents.list({ modelVersion: MODEL_VERSION, state: null });
  await alarms.close();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-backtest-live-'));
  await writeFile(join(folder, 'insitu.json'), JSON.stringify({ monitor: { models: { fixture: { burnInDays: BURN_IN_DAYS } } } }));
  store = await openDuckDbStore(folder);
  await live();
  await writeFile(join(folder, 'key'), 'the-key\n');
  collector = await startCollector({
    port: 0,
    dataFolder: folder,
    store,
    adminKey: 'the-key',
    configFile: join(folder, 'insitu.json'),
    now: () => nowMs,
  });
  const client = createCollectorClient({ url: collector.url, adminKey: 'the-key' });
  const days = { fromDay: START_DAY - 3, toDay: START_DAY + DAYS };
  history = await readCollectorVotes({ client, modelVersion: MODEL_VERSION, plans: PLANS, ...days, onDay: () => undefined });
}, 240_000);
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

test('what the server answers a day at a time are the votes of the store, hour by hour', async () => {
  for (const cadence of VOTE_CADENCES) {
    for (const slotHours of [1, 24] as const) {
      const range = { fromHour: START_DAY * 24, toHour: (START_DAY + DAYS) * 24 };
      const query = { modelVersion: MODEL_VERSION, plan: DATA_PLAN_HASH, cadence, ...range, slotHours, arm: null, segment: null };
      const asked = { ...query, metrics: DATA_PLAN.metrics };
      expect(await history.votes(asked)).toEqual(await store.votes(asked));
      expect((await history.votes({ ...query, metrics: [] })).length).toBeGreaterThan(DAYS - 2);
    }
  }
});

test('each hour that was judged live is judged in the replay, and found the same', async () => {
  const replayed = new Map<number, readonly Finding[]>();
  const monitor = new ModelMonitor({ modelVersion: MODEL_VERSION, plans: PLANS, options: OPTIONS, source: history });
  await monitor.advance((START_DAY + DAYS) * 24 - 1, (hour, findings) => replayed.set(hour, structuredClone(findings)));
  expect([...replayed.keys()]).toEqual([...told.keys()]);
  expect(told.size).toBe(DAYS * 4);
  for (const [hour, findings] of told) expect(replayed.get(hour)).toEqual(findings);
  expect([...told.values()].at(-1)).toContainEqual(expect.objectContaining({ metric: 'input.x.brightness', verdict: 'alarm' }));
});

test('the command reports the incidents that the collector opened, and the alarms behind them', async () => {
  const args = [
    '--collector',
    collector.url,
    '--model',
    'fixture',
    '--key-file',
    join(folder, 'key'),
    '--from',
    DAY_TEXT,
    '--without-delays',
    '--json',
  ];
  const { text, failure } = await saidBy(runCommandLine, 'backtest', ...args);
  expect(failure).toBe('');
  const report = JSON.parse(text) as BacktestReport;
  expect(report.options).toEqual(OPTIONS);
  expect(liveIncidents.length).toBeGreaterThan(0);
  expect(
    report.incidents.map(({ state, onset, metrics }) => ({
      state,
      onset,
      metrics: metrics.map(({ metric, effect }) => ({ metric, effect })),
    })),
  ).toEqual(
    [...liveIncidents]
      .reverse()
      .map(({ state, onset, metrics }) => ({ state, onset, metrics: metrics.map(({ metric, effect }) => ({ metric, effect })) })),
  );
  // A collector judges an hour a few minutes after it is over.
  expect(report.incidents.map(({ openedAtMs }) => openedAtMs + MONITOR_SETTLE_MS)).toEqual(
    [...liveIncidents].reverse().map(({ openedAtMs }) => openedAtMs),
  );
  const firstAlarm = [...told].find(([, findings]) => findings.some(({ verdict }) => verdict === 'alarm'))?.[0] as number;
  expect(report.alarms[0]).toMatchObject({ openedAtMs: (firstAlarm + 1) * HOUR_MS, incident: 1 });
  expect(report.history).toMatchObject({
    fromMs: (START_DAY * 24 + (VOTING_HOURS[0] ?? 0)) * HOUR_MS,
    windows: (DAYS - 1) * VOTING_HOURS.length * WINDOWS_PER_HOUR,
  });
});

const wrong: readonly [readonly string[], RegExp][] = [
  [['--model', 'nobody'], /^The collector has no model "nobody"/],
  [[], /^Name the model: --model NAME/],
  [
    ['--model', 'fixture', '--from', '2020-01-01', '--to', '2020-01-02'],
    /^The collector has no votes of "fixture" from 2020-01-01 to 2020-01-02/,
  ],
  [['--model', 'fixture', '--time', 'at'], /^With --collector, --time is not read/],
  [['folder', '--model', 'fixture'], /^With --collector, no folder is read/],
  [['--model', 'fixture', '--budget', '0'], /^budget is 0: say how many false incidents/],
  [['--model', 'fixture', '--tolerance', 'some'], /^--tolerance must be a number/],
  [['--model', 'fixture', '--burn-in', '3'], /^burn-in is 3: say whole days from 7/],
  [['--model', 'fixture', '--from', '2026-02-02', '--to', '2026-02-01'], /^--from must not be after --to/],
  [['--model', 'fixture', '--key-file', 'nowhere'], /^The admin key nowhere cannot be read/],
];
test.each(wrong)('%j is refused with a sentence', async (args, sentence) => {
  const keyed = args.includes('--key-file') ? args : [...args, '--key-file', join(folder, 'key')];
  expect((await saidBy(runCommandLine, 'backtest', '--collector', collector.url, ...keyed)).failure).toMatch(sentence);
});
