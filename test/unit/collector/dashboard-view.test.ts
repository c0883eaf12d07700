/**
 * What the dashboard's pages say and link to: addresses, rows of the overview, incidents, rules and the collector's load in words.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Address, modelAddress, OVERVIEW_ORDERS, readAddress, writeAddress } from '../../../collector/dashboard/view/address.ts';
import { auditText, evidenceText, movedText, titleOf } from '../../../collector/dashboard/view/incident-words.ts';
import { streamSentence } from '../../../collector/dashboard/view/monitor-words.ts';
import { ordered, overviewRows, overviewSentence } from '../../../collector/dashboard/view/overview-rows.ts';
import { loadFigures, routeRows, samplesOf } from '../../../collector/dashboard/view/own-load.ts';
import { fieldsOf, readTerms, ruleText, standingOf } from '../../../collector/dashboard/view/rule-terms.ts';
import { timelineOf } from '../../../collector/dashboard/view/timeline.ts';
import { agoText, isoText, spanText, utcDayText, zoneText } from '../../../collector/dashboard/view/when.ts';
import { SEGMENT_COUNT_MAX, SERIES_HOUR_COUNT_MAX } from '../../../protocol/limits.ts';
import { INCIDENT_STATES, type Incident, type MovedMetric, RULE_STATISTICS, type RuleTerms } from '../../../protocol/read/incidents.ts';
import type { MonitoredStream, MonitoringEntry, MonitoringList } from '../../../protocol/read/monitoring.ts';
import type { ModelEntry, Overview } from '../../../protocol/read/read-api.ts';
import { ARMS, HOUR_MS } from '../../../protocol/report/window.ts';

const NOW_HOUR = 490_008;
const NOW_MS = NOW_HOUR * HOUR_MS;
const hex16 = fc.stringMatching(/^[0-9a-f]{16}$/);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

const addresses: fc.Arbitrary<Address> = fc.oneof(
  fc.record({
    page: fc.constant('overview' as const),
    find: fc.string({ maxLength: 60, unit: 'binary' }),
    order: fc.constantFrom(...OVERVIEW_ORDERS),
  }),
  fc.record({
    page: fc.constant('model' as const),
    modelVersion: maybe(hex16),
    hourCount: fc.integer({ min: 1, max: SERIES_HOUR_COUNT_MAX }),
    untilHour: maybe(fc.integer({ min: 0, max: 0xffff_ffff })),
    arm: maybe(fc.constantFrom(...ARMS)),
    segment: maybe(fc.integer({ min: 0, max: SEGMENT_COUNT_MAX - 1 })),
    dataPlan: maybe(hex16),
    softwarePlan: maybe(hex16),
    metric: maybe(fc.string({ minLength: 1, maxLength: 60, unit: 'binary' })),
    part: maybe(fc.stringMatching(/^[a-z][a-z-]{0,20}$/)),
  }),
  fc.record({
    page: fc.constant('incidents' as const),
    state: fc.constantFrom(...INCIDENT_STATES, 'unclosed' as const, 'all' as const),
    modelVersion: maybe(hex16),
  }),
  fc.record({ page: fc.constant('incident' as const), id: fc.stringMatching(/^[0-9a-f]{32}$/) }),
  fc.constantFrom({ page: 'alarms' as const }, { page: 'collector' as const }),
);

test('what an address says is read from its link as it was', () => {
  fc.assert(
    fc.property(addresses, (address) => {
      expect(readAddress(writeAddress(address))).toEqual(address);
    }),
  );
});

test('whatever a link says, it is some page, and its own link is read as the same', () => {
  const odd = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.string().map((text) => `#/models/${text}?hours=${text}&segment=${text}`),
  );
  fc.assert(
    fc.property(odd, (hash) => {
      const address = readAddress(hash);
      expect(readAddress(writeAddress(address))).toEqual(address);
    }),
  );
  expect(readAddress('#/models/0123456789abcdef?hours=99999999&arm=both&segment=-1&until=x')).toEqual(modelAddress('0123456789abcdef'));
  expect(readAddress('#/incidents/not-hex')).toMatchObject({ page: 'incidents' });
});

const model = (index: number, changes: Partial<ModelEntry> = {}): ModelEntry => ({
  ...{ modelVersion: String(index).padStart(16, '0'), plan: 'a'.repeat(16), name: `model ${index}`, version: '1.0.0' },
  ...{ registeredAtMs: NOW_MS - index * 24 * HOUR_MS, baselineRuns: 0, ...changes },
});

const overviewOf = (...runs: readonly (readonly [index: number, runs: readonly number[]])[]): Overview => ({
  ...{ nowMs: NOW_MS, fromHour: NOW_HOUR - 156, slotHours: 12, slotCount: 14, shownReportsMin: 1 },
  models: runs.map(([index, numbers]) => {
    const { modelVersion } = model(index);
    return { modelVersion, reports: numbers, runs: numbers, outputs: numbers, usableOutputs: numbers.map((count) => count / 2) };
  }),
});

const entry = (index: number, changes: Partial<MonitoringEntry>): MonitoringEntry => ({
  ...{ modelVersion: model(index).modelVersion, name: 'n', version: 'v', verdict: 'quiet', judgedUntilMs: NOW_MS },
  ...{ streamCount: 3, watchedCount: 3, alarmCount: 0, leftOutCount: 0, missingWindows: 0, missingDays: 0, ...changes },
});

const moved = (changes: Partial<MovedMetric> = {}): MovedMetric => ({
  ...{
    key: 'k',
    rule: null,
    plan: 'a'.repeat(16),
    arm: 'stable',
    segment: null,
    metric: 'input.x.brightness',
    stage: 'input',
    isMoved: true,
  },
  ...{
    onset: { atMs: NOW_MS - HOUR_MS, fromMs: NOW_MS - 2 * HOUR_MS, toMs: NOW_MS },
    kind: 'sudden',
    mix: null,
    effect: 0.31,
    evidence: 2,
  },
  ...{ value: null, limit: null, strength: 0.31, toldStrength: null, seenAtMs: NOW_MS, quietSinceMs: null, recoverMs: 0, ...changes },
});

const incident = (index: number, changes: Partial<Incident> = {}): Incident => ({
  ...{ id: 'f'.repeat(32), modelVersion: model(index).modelVersion, state: 'open', openedAtMs: NOW_MS - HOUR_MS, onset: moved().onset },
  ...{ metrics: [moved()], leftOutCount: 0, closedAtMs: null, closedBecause: null, acknowledged: null, mutedUntilMs: null },
  ...{ sequence: 1, toldAtMs: NOW_MS, ...changes },
});

const full = Array.from({ length: 14 }, () => 10);
const stopped = full.map((count, slot) => (slot < 10 ? count : 0));
const models = [0, 1, 2, 3, 4, 5].map((index) => model(index));
const overview = overviewOf([0, full], [1, full], [2, full], [3, stopped], [4, full]);
const monitoring: MonitoringList = {
  nowMs: NOW_MS,
  models: [
    entry(0, {}),
    entry(1, { verdict: 'not-enough-data', missingWindows: 240, missingDays: 1 }),
    entry(2, {}),
    entry(3, {}),
    entry(4, {}),
  ],
};

test('rows are in order of what needs a look, and say why', () => {
  const incidents = [incident(2), incident(4, { acknowledged: { atMs: NOW_MS, by: 'admin' } })];
  const rows = ordered(overviewRows({ models, overview, monitoring, incidents }, NOW_MS), 'look', '');
  expect(rows.map(({ name, verdict }) => [name, verdict.text, verdict.detail])).toEqual([
    ['model 2', 'Incident open', 'input.x.brightness moved, PSI 0.310'],
    ['model 3', 'Silent', 'The last report came 36 hours ago'],
    ['model 4', 'Incident, acknowledged', 'input.x.brightness moved, PSI 0.310'],
    ['model 1', 'Not enough data', '240 visits and 1 day missing'],
    ['model 5', 'No report', 'in seven days'],
    ['model 0', 'Healthy', 'Nothing moved in 3 streams'],
  ]);
  expect(overviewSentence(rows, true)).toBe('6 models: 2 need a look, 1 healthy, 1 without enough data.');
});

test('without the admin key a row says whether reports come, and nothing of health', () => {
  const rows = overviewRows({ models, overview, monitoring: null, incidents: null }, NOW_MS);
  expect(rows.map(({ verdict }) => verdict.text)).toEqual(['Reporting', 'Reporting', 'Reporting', 'Silent', 'Reporting', 'No report']);
  expect(overviewSentence(rows, false)).toBe('6 models.');
});

test('a row has its trend in the slots of the answer, and every model one', () => {
  const rows = overviewRows({ models, overview, monitoring: null, incidents: null }, NOW_MS);
  expect(rows[0]).toMatchObject({ runCount: 140, usableRatio: 0.5, runs: full });
  expect(rows[0]?.times[0]).toBe((NOW_HOUR - 156) * 3_600);
  expect(rows[5]).toMatchObject({ runCount: 0, usableRatio: null, usable: full.map(() => null) });
  const of = overviewRows({ models, overview: null, monitoring: null, incidents: null }, NOW_MS);
  expect(of.map(({ verdict, times }) => [verdict.text, times.length])).toEqual(models.map(() => ['No report seen', 0]));
});

test('rows are found by a part of name or version, and put in order by name as a person counts', () => {
  const named = ['b 10', 'b 9', 'a'].map((name, index) => model(index, { name }));
  const rows = overviewRows({ models: named, overview: null, monitoring: null, incidents: [] }, NOW_MS);
  expect(ordered(rows, 'name', '').map(({ name }) => name)).toEqual(['a', 'b 9', 'b 10']);
  expect(ordered(rows, 'name', ' B ').map(({ name }) => name)).toEqual(['b 9', 'b 10']);
});

test('evidence is told against what an alarm needs, whatever the number', () => {
  expect([3.2, 0, -1.2, -20, 1e308, Number.NaN, null].map((of) => evidenceText(of))).toEqual([
    ...['25 ×', '1.0 ×', '30 %', '< 0.1 %', '> 1,000,000 ×', '–', '–'],
  ]);
  fc.assert(
    fc.property(fc.double(), (evidence) => {
      expect(evidenceText(evidence).length).toBeLessThanOrEqual(13);
    }),
  );
});

test('an incident is named by the first of its metrics', () => {
  expect(titleOf(incident(0, { metrics: [moved(), moved({ key: 'l' })], leftOutCount: 3 }))).toBe(
    'input.x.brightness moved, PSI 0.310, and 4 more',
  );
  expect(movedText(moved({ rule: 'slow', metric: 'run.latency', value: 251, limit: 200, effect: null }))).toBe(
    'run.latency at 251, limit 200',
  );
  expect(movedText(moved({ metric: 'mix.segments', effect: null }))).toBe('Shares of the segments moved');
  expect(titleOf(incident(0, { metrics: [] }))).toMatch(/without a metric/);
});

test('the audit says who, and a mute until when', () => {
  const of = { atMs: NOW_MS, by: 'admin', subject: 'x', text: null };
  expect(auditText({ ...of, what: 'acknowledged' })).toBe('Acknowledged by admin');
  expect(auditText({ ...of, what: 'opened', by: 'collector' })).toBe('Opened');
  expect(auditText({ ...of, what: 'muted', text: new Date(NOW_MS).toISOString() })).toMatch(/^Muted by admin: until .*2025/);
});

test('a stream is told in one sentence, or what it lacks', () => {
  const stream: MonitoredStream = {
    ...{
      plan: 'a'.repeat(16),
      report: 'data',
      arm: 'stable',
      segment: null,
      metric: 'input.x.brightness',
      verdict: 'alarm',
      evidence: 3.2,
    },
    ...{ effect: 0.31, onset: moved().onset, kind: 'sudden', movement: { perDay: null, perWeek: null }, mix: 'steady' },
    ...{ missingWindows: 0, missingDays: 0, baseline: null, skew: null },
  };
  expect(streamSentence(stream)).toMatch(
    /^Moved, sudden, since .*: PSI 0\.310; evidence 25 × what an alarm needs\. The shares of the segments are/,
  );
  expect(streamSentence({ ...stream, verdict: 'quiet', evidence: -1.2 })).toBe(
    'As it was: PSI 0.310, evidence 30 % of what an alarm needs.',
  );
  expect(streamSentence({ ...stream, verdict: 'not-enough-data', missingWindows: 1 })).toBe(
    'Not enough data for a verdict: 1 visit missing.',
  );
});

test('the timeline has releases of the same name, orders and acknowledgements, as far back as there is something', () => {
  const siblings = [model(0, { name: 'same' }), model(10, { name: 'same', version: '0.9' }), model(3, { name: 'other' })];
  const acknowledged = { atMs: NOW_MS - HOUR_MS, by: 'admin' };
  const orders = [{ atMs: NOW_MS - 5 * 24 * HOUR_MS, what: 'accepted' as const, by: 'admin', from: null, text: null }];
  const of = timelineOf({
    nowMs: NOW_MS,
    modelVersion: model(0).modelVersion,
    models: siblings,
    incidents: [incident(0, { acknowledged })],
    orders,
  });
  expect(of.marks.map(({ kind, label }) => [kind, label])).toEqual([
    ['release', 'Version 0.9 registered'],
    ['rebase', 'Baselines accepted by admin'],
    ['acknowledged', 'Incident ffffffff acknowledged by admin'],
    ['release', 'Version 1.0.0 registered'],
  ]);
  expect([of.fromMs, of.toMs]).toEqual([NOW_MS - 10 * 24 * HOUR_MS, NOW_MS]);
  expect(of.incidents).toMatchObject([{ toMs: null, state: 'open', href: `#/incidents/${'f'.repeat(32)}` }]);
});

test('terms of a rule are read from its form as they were, and a number that is none is said', () => {
  // Nobody types a negative zero.
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
  const word = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/);
  const terms = fc.record(
    {
      ...{
        model: word,
        metric: word,
        statistic: fc.constantFrom(...RULE_STATISTICS),
        comparison: fc.constantFrom('above' as const, 'below' as const),
      },
      ...{ value: number, minutes: fc.integer({ min: 1, max: 60 }), cells: fc.array(word, { minLength: 1, maxLength: 5 }) },
      ...{ clearValue: number, reportCountMin: fc.integer({ min: 1 }) },
    },
    { requiredKeys: ['model', 'metric', 'statistic', 'comparison', 'value', 'minutes'] },
  );
  fc.assert(
    fc.property(terms, (given) => {
      expect(readTerms(fieldsOf(given as RuleTerms))).toEqual({ ok: true, terms: given });
    }),
  );
  const slow = fieldsOf({ model: 'digits', metric: 'run.latency', statistic: 'p95', comparison: 'above', value: 200, minutes: 10 });
  expect(readTerms({ ...slow, value: '0,5' })).toMatchObject({ terms: { value: 0.5 } });
  for (const wrong of [{ value: '' }, { value: '2 %' }, { minutes: 'x' }, { model: ' ' }, { metric: '' }, { clearValue: '1e999' }]) {
    expect(readTerms({ ...slow, ...wrong })).toMatchObject({ ok: false, sentence: expect.stringMatching(/\.$/) });
  }
});

test('a rule is one sentence, and stands as the worst of its models does', () => {
  const rule = {
    id: 'no-answer',
    model: 'digits',
    metric: 'output.y.state',
    statistic: 'share',
    cells: ['nan'],
    comparison: 'above',
    value: 0.02,
    minutes: 30,
  } as const;
  expect(ruleText(rule)).toBe('Share of nan in output.y.state above 2.0 %, for 30 minutes');
  const state = (verdict: 'quiet' | 'alarm') => ({ modelVersion: 'a'.repeat(16), plan: 'b'.repeat(16), verdict, value: 0.5, reports: 9 });
  const of = { rule, origin: 'api', problem: null } as const;
  expect(standingOf({ ...of, states: [state('quiet'), state('alarm')] }).text).toBe('Passed');
  expect(standingOf({ ...of, states: [state('quiet')] }).text).toBe('Within');
  expect(standingOf({ ...of, states: [state('alarm')], problem: 'No model.' }).text).toBe('Cannot alarm');
});

test('the collector’s load is read from its exposition, and what is not understood is passed over', () => {
  const samples = samplesOf(
    [
      '# HELP insitu_collector_requests Requests.',
      'insitu_collector_requests_total{method="GET",route="/v1/\\"x",status="200"} 7',
      'insitu_collector_commit_seconds_bucket{le="0.001"} 1',
      'insitu_collector_commit_seconds_bucket{le="0.016"} 19',
      'insitu_collector_commit_seconds_bucket{le="+Inf"} 20',
      `process_start_time_seconds ${(NOW_MS - 3 * HOUR_MS) / 1_000}`,
      'insitu_page_runs_total{model="x"} 5',
      'nonsense',
    ].join('\n'),
  );
  expect(routeRows(samples)).toEqual([{ route: 'GET /v1/"x', status: '200', count: 7 }]);
  const figures = new Map(loadFigures(samples, NOW_MS).map(({ title, value }) => [title, value]));
  expect([figures.get('Running for'), figures.get('Commit, p95'), figures.get('Memory')]).toEqual(['3 hours', '16 ms', '–']);
});

test('spans are whole and told in one unit, and what is no time is a dash', () => {
  expect([0, 61_000, 47 * HOUR_MS, 49 * HOUR_MS].map(spanText)).toEqual(['under a minute', '1 minute', '47 hours', '2 days']);
  expect([agoText(NOW_MS - HOUR_MS, NOW_MS), agoText(NOW_MS + HOUR_MS, NOW_MS), agoText(1e300, NOW_MS)]).toEqual([
    '1 hour ago',
    'in 1 hour',
    '–',
  ]);
  expect([utcDayText(Date.UTC(2026, 9, 25, 23, 59)), utcDayText(null), isoText(Number.NaN)]).toEqual(['25 Oct 2026', '–', '']);
  const berlin = (atMs: number) => zoneText(atMs, 'Europe/Berlin');
  expect([berlin(Date.UTC(2026, 9, 25, 0, 30)), berlin(Date.UTC(2026, 9, 25, 1, 30))]).toEqual([
    'Europe/Berlin (GMT+2)',
    'Europe/Berlin (GMT+1)',
  ]);
});
