/**
 * Rules and the minutes that they look back: the grammar, what is in a value and what is not, and when it is an alarm.
 */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { MinuteSums } from '../../../collector/incidents/minute-sums.ts';
import { problemOf, readRule } from '../../../collector/incidents/rules.ts';
import type { AcceptedWindow } from '../../../collector/store/store.ts';
import { cellsOfRun, SOFTWARE_PLAN_HASH } from '../../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { RULE_SUM_COUNT_MAX } from '../../../protocol/alarm-limits.ts';
import type { Rule, RuleTerms } from '../../../protocol/read/incidents.ts';
import { DATA_PLAN, DATA_PLAN_HASH, dataWindow, MODEL_VERSION, NOW_HOUR, NOW_MS, softwareWindow } from '../../fixtures/reports.ts';

const MINUTE_MS = 60_000;
const START_MS = NOW_MS;
const SLOW: Rule = {
  ...{ id: 'slow', model: 'fixture', metric: 'run.latency', statistic: 'p95', comparison: 'above', value: 200, minutes: 3 },
};
const NULLS: Rule = {
  ...{ id: 'nulls', model: MODEL_VERSION, metric: 'output.y.state', statistic: 'share', cells: ['nan', 'null-empty'] },
  ...{ comparison: 'above', value: 0.02, minutes: 2 },
};

/** A report of runs that each took so long. */
function runs(totalMs: number, count: number, changes: Partial<AcceptedWindow> = {}): AcceptedWindow {
  const cells = cellsOfRun({ queueMs: 0, runMs: totalMs, totalMs }, false);
  const pairs = Array.from({ length: cells.length / 2 }, (_, index) => [cells[2 * index] as number, count] as const).sort(
    ([one], [other]) => one - other,
  );
  const window = softwareWindow({
    cells: Uint32Array.from(pairs, ([cell]) => cell),
    counts: Uint32Array.from(pairs, ([, n]) => n),
    runs: count,
  });
  return { modelVersion: MODEL_VERSION, ...window, ...changes };
}

const STATE = DATA_PLAN.metrics.find(({ id }) => id === 'output.y.state');
if (STATE === undefined) throw new Error('the fixture has no output state');

/** A report of so many answers, of which so many were NaN. */
function answers(count: number, nanCount: number, changes: Partial<AcceptedWindow> = {}): AcceptedWindow {
  const { offset, cells } = STATE as NonNullable<typeof STATE>;
  const [ok, nan] = [offset + cells.indexOf('ok'), offset + cells.indexOf('nan')];
  const pairs = (
    [
      [ok, count - nanCount],
      [nan, nanCount],
    ] as const
  )
    .filter(([, n]) => n > 0)
    .sort(([one], [other]) => one - other);
  const window = dataWindow({
    cells: Uint32Array.from(pairs, ([cell]) => cell),
    counts: Uint32Array.from(pairs, ([, n]) => n),
    runs: count,
  });
  return { modelVersion: MODEL_VERSION, ...window, ...changes };
}

const known = {
  nameOf: (version: string) => (version === MODEL_VERSION ? 'fixture' : undefined),
  planOf: (_: string, hash: string) => (hash === SOFTWARE_PLAN_HASH ? SOFTWARE_PLAN : hash === DATA_PLAN_HASH ? DATA_PLAN : null),
};

let sums: MinuteSums;
function begin(rules: readonly Rule[], shownReportsMin = 1): void {
  sums = new MinuteSums({ known, shownReportsMin, heldOnset: () => null });
  sums.setRules(rules, START_MS);
}
/** Windows of one minute, and what is said when it is over. */
function minute(index: number, windows: readonly AcceptedWindow[]) {
  sums.add(windows, START_MS + index * MINUTE_MS);
  return sums.judge(START_MS + (index + 1) * MINUTE_MS);
}
const verdicts = (index: number, windows: readonly AcceptedWindow[]) => minute(index, windows).map(({ verdict }) => verdict);

describe('a quantile', () => {
  beforeEach(() => begin([SLOW]));

  test('alarms after its minutes, not before, and says since when', () => {
    expect([0, 1, 2].map((index) => verdicts(index, [runs(400, 50)]))).toEqual([['not-enough-data'], ['not-enough-data'], ['alarm']]);
    const [state] = minute(3, [runs(400, 50)]);
    expect(state).toMatchObject({
      verdict: 'alarm',
      reports: 3,
      signal: { onset: { atMs: START_MS }, limit: 200, stage: 'software', recoverMs: 600_000 },
    });
    expect(state?.value).toBeGreaterThan(400 * 0.875);
    expect(state?.value).toBeLessThan(400 * 1.126);
  });

  test('one bad minute alarms nobody, though it moves the quantile of all', () => {
    for (const index of [0, 1]) minute(index, [runs(100, 50)]);
    const [state] = minute(2, [runs(400, 50)]);
    expect(state).toMatchObject({ verdict: 'quiet' });
    expect(state?.value).toBeGreaterThan(200);
  });

  test('once it alarms it does so until the whole is back at clearValue', () => {
    begin([{ ...SLOW, clearValue: 150 }]);
    for (const index of [0, 1, 2]) minute(index, [runs(400, 50)]);
    for (const index of [3, 4]) minute(index, [runs(180, 50)]);
    expect(verdicts(5, [runs(180, 50)])).toEqual(['alarm']);
    for (const index of [6, 7]) minute(index, [runs(100, 50)]);
    expect(verdicts(8, [runs(100, 50)])).toEqual(['quiet']);
  });

  test('what alarmed before a restart does so until it is back at clearValue', () => {
    const onset = { atMs: START_MS - 5, fromMs: START_MS - 5, toMs: START_MS };
    const key = JSON.stringify(['rule', 'slow', SOFTWARE_PLAN_HASH]);
    const held = (version: string, asked: string) => (version === MODEL_VERSION && asked === key ? onset : null);
    sums = new MinuteSums({ known, shownReportsMin: 1, heldOnset: held });
    sums.setRules([{ ...SLOW, clearValue: 150 }], START_MS);
    for (const index of [0, 1]) expect(verdicts(index, [runs(180, 50)])).toEqual(['not-enough-data']);
    expect(minute(2, [runs(180, 50)])).toMatchObject([{ verdict: 'alarm', signal: { onset, key } }]);
    for (const index of [3, 4]) minute(index, [runs(100, 50)]);
    expect(verdicts(5, [runs(100, 50)])).toEqual(['quiet']);
  });

  test('reports about an hour that is over, of a strange model, or noised, are in no value', () => {
    const strange = [
      runs(400, 50, { hour: NOW_HOUR - 2 }),
      runs(400, 50, { modelVersion: '9'.repeat(16) }),
      runs(400, 50, { report: 'noised' }),
      runs(400, 50, { plan: '9'.repeat(16) }),
    ];
    for (const index of [0, 1, 2]) expect(minute(index, strange)).toEqual([]);
    expect(minute(3, [runs(400, 50, { hour: NOW_HOUR - 1 })])).toMatchObject([{ reports: 1 }]);
  });

  test('without reports nothing is said', () => {
    for (const index of [0, 1, 2]) minute(index, [runs(400, 50)]);
    for (const index of [3, 4]) minute(index, []);
    expect(minute(5, [])).toMatchObject([{ verdict: 'not-enough-data', value: null, reports: 0 }]);
  });
});

describe('a share', () => {
  test('is of the named cells among all of the metric', () => {
    begin([NULLS]);
    minute(0, [answers(96, 3)]);
    const [state] = minute(1, [answers(100, 3)]);
    expect(state).toMatchObject({ verdict: 'alarm', value: 6 / 196, signal: { stage: 'output' } });
    minute(2, [answers(100, 1)]);
    expect(minute(3, [answers(100, 1)])).toMatchObject([{ verdict: 'quiet', value: 0.01 }]);
  });

  test('arms and segments with fewer reports than are shown are in no value, alone or in a larger sum', () => {
    begin([NULLS], 3);
    const segments = (segment: number, count: number, nanCount: number) =>
      Array.from({ length: count }, () => answers(10, nanCount, { segment }));
    minute(0, [...segments(0, 2, 0), ...segments(1, 1, 10)]);
    expect(minute(1, [...segments(0, 1, 0), ...segments(1, 1, 10)])).toMatchObject([{ verdict: 'quiet', value: 0, reports: 3 }]);
    expect(minute(2, [...segments(0, 1, 0), ...segments(1, 1, 10)])).toMatchObject([{ verdict: 'not-enough-data', value: null }]);
  });

  test('of fewer reports than the rule asks for nothing is said', () => {
    begin([{ ...NULLS, reportCountMin: 5 }]);
    minute(0, [answers(10, 10), answers(10, 10)]);
    expect(verdicts(1, [answers(10, 10), answers(10, 10)])).toEqual(['not-enough-data']);
    expect(verdicts(2, [answers(10, 10), answers(10, 10), answers(10, 10)])).toEqual(['alarm']);
  });
});

describe('a count', () => {
  const few: Rule = { ...SLOW, id: 'few', metric: 'run.outcome', statistic: 'count-per-minute', comparison: 'below', value: 5, minutes: 2 };

  test('is an average over its minutes, of all cells or the named ones', () => {
    begin([few, { ...few, id: 'failed', cells: ['failed'] }]);
    minute(0, [runs(10, 4)]);
    expect(minute(1, [runs(10, 8)]).map(({ value, verdict }) => [value, verdict])).toEqual([
      [6, 'quiet'],
      [0, 'alarm'],
    ]);
  });

  test('below a value it alarms when nothing comes any more', () => {
    begin([few]);
    for (const index of [0, 1]) minute(index, [runs(10, 8)]);
    minute(2, []);
    expect(minute(3, [])).toMatchObject([{ verdict: 'alarm', value: 0, reports: 0 }]);
  });

  test('of a few reports that readers are not shown it does not say that there were none', () => {
    begin([few], 3);
    minute(0, [runs(10, 8)]);
    expect(minute(1, [])).toMatchObject([{ verdict: 'not-enough-data', value: null }]);
  });
});

test('of a plan that has none of the named cells nothing is said', () => {
  begin([{ ...NULLS, cells: ['of-another-release'], comparison: 'below' }]);
  for (const index of [0, 1]) expect(minute(index, [answers(10, 1)])).toEqual([]);
});

test('another rule under the same id begins anew, and a clock that was set back does not silence it', () => {
  begin([SLOW]);
  for (const index of [0, 1, 2]) minute(index, [runs(400, 50)]);
  sums.setRules([{ ...SLOW, value: 300 }], START_MS + 3 * MINUTE_MS);
  expect([3, 4, 5].flatMap((index) => verdicts(index, [runs(400, 50)]))).toEqual(['not-enough-data', 'not-enough-data', 'alarm']);
  begin([SLOW]);
  for (const index of [-60, -59, -58, -57]) minute(index, [runs(400, 50)]);
  expect(verdicts(-56, [runs(400, 50)])).toEqual(['alarm']);
});

test('rules together keep a bounded number of sums; what has no room says nothing', () => {
  const cells = Array.from({ length: 4_000 }, (_, index) => String(index));
  const edges = { firstCell: 1, values: cells.slice(1).map(Number) };
  const metric = { ...DATA_PLAN.metrics[0], id: 'run.latency', cells, edges, offset: 0 } as (typeof DATA_PLAN.metrics)[number];
  const long = { ...DATA_PLAN, metrics: [metric], cellCount: cells.length };
  sums = new MinuteSums({ known: { ...known, planOf: () => long }, shownReportsMin: 1, heldOnset: () => null });
  const rules = Array.from({ length: 64 }, (_, index) => ({ ...SLOW, id: `r${index}`, minutes: 60 }));
  sums.setRules(rules, START_MS);
  const window = answers(10, 1, { cells: Uint32Array.of(1), counts: Uint32Array.of(1) });
  const perMinute = rules.length * cells.length;
  const fullAt = Math.floor(RULE_SUM_COUNT_MAX / perMinute);
  for (let index = 0; index < fullAt; index++) sums.add([window], START_MS + index * MINUTE_MS);
  expect(sums.judge(START_MS + fullAt * MINUTE_MS).some(({ isWithoutRoom }) => isWithoutRoom)).toBe(false);
  sums.add([window], START_MS + fullAt * MINUTE_MS);
  const [...states] = sums.judge(START_MS + (fullAt + 1) * MINUTE_MS);
  expect(states.some(({ isWithoutRoom }) => isWithoutRoom)).toBe(true);
  expect(states.filter(({ isWithoutRoom }) => isWithoutRoom).every(({ verdict }) => verdict === 'not-enough-data')).toBe(true);
  sums.judge(START_MS + (fullAt + 70) * MINUTE_MS);
  sums.add([window], START_MS + (fullAt + 70) * MINUTE_MS);
  expect(sums.judge(START_MS + (fullAt + 71) * MINUTE_MS).some(({ isWithoutRoom }) => isWithoutRoom)).toBe(false);
});

test('a share over any minutes is what plain addition says', () => {
  const step = fc.array(fc.record({ count: fc.integer({ min: 1, max: 50 }), nan: fc.double({ min: 0, max: 1, noNaN: true }) }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 8 }), (steps) => {
      begin([NULLS]);
      steps.forEach((windows, index) => {
        const made = windows.map(({ count, nan }) => ({ count, nan: Math.floor(nan * count) }));
        const [state] = minute(
          index,
          made.map(({ count, nan }) => answers(count, nan)),
        );
        const last = [steps[index - 1] ?? [], windows].flat().map(({ count, nan }) => [count, Math.floor(nan * count)] as const);
        const [all, nans] = [0, 1].map((at) => last.reduce((sum, pair) => sum + (pair[at] as number), 0)) as [number, number];
        if (state !== undefined) expect(state.value).toBe(all === 0 ? null : nans / all);
      });
    }),
    { seed: 21, numRuns: 100 },
  );
});

describe('the grammar', () => {
  const terms: RuleTerms = { model: 'digits', metric: 'run.latency', statistic: 'p95', comparison: 'above', value: 200, minutes: 10 };

  test('what follows it is taken as it is', () => {
    expect(readRule('slow', terms)).toEqual({ ok: true, rule: { id: 'slow', ...terms } });
    const full = { ...terms, statistic: 'share', cells: ['nan'], value: 0.1, clearValue: 0.05, reportCountMin: 100 };
    expect(readRule('a-1', full)).toEqual({ ok: true, rule: { id: 'a-1', ...full } });
  });

  const wrong: readonly [string, unknown, RegExp][] = [
    ['Slow', terms, /lower-case/],
    ['x'.repeat(65), terms, /1 to 64/],
    ['slow', null, /must be an object/],
    ['slow', [terms], /must be an object/],
    ['slow', { ...terms, minuts: 3 }, /did you mean "minutes"/],
    ['slow', { ...terms, model: '' }, /"model"/],
    ['slow', { ...terms, metric: 3 }, /"metric"/],
    ['slow', { ...terms, statistic: 'p42' }, /"statistic" must be one of "p50"/],
    ['slow', { ...terms, comparison: '>' }, /"comparison"/],
    ['slow', { ...terms, value: '200' }, /"value"/],
    ['slow', { ...terms, minutes: 0 }, /from 1 to 60/],
    ['slow', { ...terms, minutes: 61 }, /from 1 to 60/],
    ['slow', { ...terms, minutes: 1.5 }, /from 1 to 60/],
    ['slow', { ...terms, reportCountMin: 0 }, /"reportCountMin"/],
    ['slow', { ...terms, cells: ['nan'] }, /takes no "cells"/],
    ['slow', { ...terms, statistic: 'share' }, /needs "cells"/],
    ['slow', { ...terms, statistic: 'share', cells: ['nan'], value: 2 }, /0\.02/],
    ['slow', { ...terms, statistic: 'share', cells: [], value: 0 }, /"cells"/],
    ['slow', { ...terms, statistic: 'share', cells: Array.from({ length: 65 }, () => 'nan'), value: 0 }, /1 to 64/],
    ['slow', { ...terms, statistic: 'count-per-minute', value: -1 }, /not negative/],
    ['slow', { ...terms, clearValue: 300 }, /on the side/],
    ['slow', { ...terms, comparison: 'below', clearValue: 100 }, /on the side/],
  ];
  test.each(wrong)('%s: %j is refused with a sentence', (id, json, sentence) => {
    expect(readRule(id, json)).toMatchObject({ ok: false, code: 'rule-invalid', sentence: expect.stringMatching(sentence) });
  });

  test('any JSON is a rule or a sentence', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (id, json) => {
        const read = readRule(id, json);
        expect(read.ok || read.sentence.endsWith('.')).toBe(true);
      }),
      { seed: 21 },
    );
  });

  test('a metric or cell that the plans do not have is told, with what was meant', () => {
    const plans = [DATA_PLAN, SOFTWARE_PLAN];
    const rule = (changes: Partial<Rule>): Rule => ({ id: 'slow', ...terms, ...changes });
    expect(problemOf(rule({}), plans)).toBeNull();
    expect(problemOf(rule({ metric: 'run.latncy' }), plans)).toMatchObject({
      code: 'rule-metric-unknown',
      sentence: expect.stringContaining('"run.latency"'),
    });
    expect(problemOf(rule({ metric: 'run.outcome' }), plans)?.sentence).toMatch(/no number line/);
    const share = { metric: 'output.y.state', statistic: 'share', cells: ['nul-empty'] } as const;
    expect(problemOf(rule(share), plans)).toMatchObject({ code: 'rule-cell-unknown', sentence: expect.stringContaining('"null-empty"') });
  });
});
