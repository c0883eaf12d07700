/**
 * The report as HTML: it loads nothing, tells its drawings in words and tables, and takes no name for a tag.
 */
import { expect, test } from 'vitest';
import { htmlReport } from '../../../../cli/backtest/html/html-report.ts';
import type { BacktestReport, NamedStream } from '../../../../cli/backtest/report.ts';
import { reportText } from '../../../../cli/backtest/report-text.ts';
import { HOUR_MS } from '../../../../protocol/report/window.ts';

const START_DAY = 20_454;
const dayMs = (day: number) => (START_DAY + day) * 24 * HOUR_MS;
const HOSTILE = '<img src=x onerror=alert(1)>"\u001b[2J';
const stream = (metric: string): NamedStream => ({ plan: 'a'.repeat(16), report: 'data', arm: 'stable', segment: null, metric });
const onset = { atMs: dayMs(40), fromMs: dayMs(39), toMs: dayMs(41) };

const REPORT: BacktestReport = {
  format: 1,
  model: { modelVersion: 'b'.repeat(16), name: HOSTILE, version: '1' },
  source: { kind: 'table', files: ['rows.csv'], timeColumn: 'at', visitColumn: 'who', rows: { counted: 1_234, unreadable: 5, outside: 6 } },
  options: { budget: 2, tolerance: null, burnInDays: 28 },
  tolerance: 0.0123,
  history: { fromMs: dayMs(0), toMs: dayMs(60), days: 60, windows: 987 },
  judged: { fromMs: dayMs(28), days: 32, hours: 400, streamDays: 64, streams: 3, watched: 2, leftOut: 0 },
  incidents: [
    {
      ...{ number: 1, state: 'open', openedAtMs: dayMs(42), closedAtMs: null, closedBecause: null, onset, leftOutCount: 2 },
      metrics: [{ ...stream(HOSTILE), stage: 'input', isMoved: true, kind: 'sudden', effect: 0.234 }],
      changes: [{ atMs: dayMs(42), what: 'opened', text: null }],
    },
    {
      ...{
        number: 2,
        state: 'closed',
        openedAtMs: dayMs(43),
        closedAtMs: dayMs(43) + HOUR_MS,
        closedBecause: 'recovered',
        onset,
        leftOutCount: 0,
      },
      ...{ metrics: [], changes: [] },
    },
  ],
  alarms: [
    {
      ...stream(HOSTILE),
      openedAtMs: dayMs(42),
      closedAtMs: null,
      onset,
      kind: 'sudden',
      effect: 0.234,
      evidence: 4.5,
      mix: 'alone',
      budgetMin: 0.022,
      incident: 1,
    },
  ],
  streams: [
    {
      ...{ ...stream(HOSTILE), verdict: 'alarm', watchedFromMs: dayMs(28), alarmCount: 1, evidence: 4.5, budgetMin: 0.022 },
      ...{
        missingWindows: 0,
        missingDays: 0,
        evidenceByDay: [28, 29, 42, 43].map((day) => ({ day: START_DAY + day, evidence: (day - 40) / 2 })),
      },
    },
    {
      ...{ ...stream('quiet'), verdict: 'quiet', watchedFromMs: dayMs(28), alarmCount: 0, evidence: -3, budgetMin: 40 },
      ...{ missingWindows: 0, missingDays: 0, evidenceByDay: [{ day: START_DAY + 28, evidence: -30 }] },
    },
    {
      ...{ ...stream('rare'), verdict: 'not-enough-data', watchedFromMs: null, alarmCount: 0, evidence: null, budgetMin: null },
      ...{ missingWindows: 1_500, missingDays: 1, evidenceByDay: null },
    },
  ],
  falseAlarms: {
    modelYears: 32 / 365,
    expected: 64 / 365,
    incidents: 2,
    incidentsPerYear: 22.8,
    budgets: [
      { budget: 2, streams: 1 },
      { budget: 50, streams: 2 },
    ],
  },
  delays: {
    ...{ plantedDays: [START_DAY + 29, START_DAY + 40], waitDays: 60 },
    rows: [
      { psi: 0.1, planted: 4, found: 4, medianDays: 1, ninetyPercentDays: 3.25 },
      { psi: 0.02, planted: 4, found: 1, medianDays: null, ninetyPercentDays: null },
    ],
  },
  notes: [`Columns that the manifest does not name were ignored: ${HOSTILE}.`],
};
const page = htmlReport(REPORT);

test('it loads nothing and runs nothing', () => {
  expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
  expect(page).not.toMatch(/<script|<img|<link rel="stylesheet"|@import|url\(|https?:/i);
  expect(page.match(/(?:src|href)="[^"]*"/g)).toEqual(['href="data:,"']);
});

test('a name cannot become a tag, on the page or on a terminal', () => {
  expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;');
  expect(`${page}${reportText(REPORT)}`).not.toContain('\u001b');
});

test('every tag that is opened is closed', () => {
  const open: string[] = [];
  for (const [, slash, name, rest] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)\b([^>]*)>/g)) {
    if (/^(meta|link|br)$/.test(name as string) || rest?.endsWith('/')) continue;
    if (slash === '') open.push(name as string);
    else expect(open.pop()).toBe(name);
  }
  expect(open).toEqual([]);
});

test('each drawing has a title and a text, each table a caption and named rows and columns', () => {
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const drawings = [...page.matchAll(/<svg [^>]*role="img" aria-labelledby="([^"]+)"/g)];
  expect(drawings).toHaveLength(3);
  for (const [, labelled] of drawings) expect(labelled?.split(' ').every((id) => ids.includes(id))).toBe(true);
  expect(page.match(/<table>/g)).toHaveLength(page.match(/<table><caption>/g)?.length ?? -1);
  for (const [row] of page.matchAll(/<tbody>.*?<\/tbody>/gs))
    expect(row.match(/<tr>/g)).toHaveLength(row.match(/<tr><th scope="row"/g)?.length ?? -1);
  expect([...page.matchAll(/<h([1-6])>/g)].map(([, level]) => level)).toEqual(['1', '2', '2', '2', '2', '2', '2']);
});

test('page and terminal say the same numbers', () => {
  const text = reportText(REPORT);
  const said = [
    '1,234 rows',
    '5 unreadable',
    '987 marked windows',
    '0.012, which the burn-in proposes',
    '2026-02-12 00:00',
    '0.23',
    '+4.5',
    'the mix alone',
    '1,500 windows and 1 day for a baseline',
    '3.3 days',
    'longer than was waited for',
    '0.18',
  ];
  for (const each of said) for (const made of [text, page]) expect(made).toContain(each);
});

test('no line and no bar leaves its drawing', () => {
  for (const [, width] of page.matchAll(/viewBox="0 0 (\d+) /g)) expect(Number(width)).toBe(960);
  for (const [, x] of page.matchAll(/ (?:x|x1|x2|cx)="([^"]+)"/g)) expect(Number(x)).toBeLessThanOrEqual(960);
  for (const [, points] of page.matchAll(/points="([^"]*)"/g)) {
    for (const [x, y] of (points ?? '').split(' ').map((point) => point.split(',').map(Number) as [number, number])) {
      expect(x >= 0 && x <= 960 && y >= 0 && y <= 110).toBe(true);
    }
  }
});

test('a history in which nothing was judged is told without a number that means nothing', () => {
  const { incidents: _, alarms: __, ...rest } = REPORT;
  const empty: BacktestReport = {
    ...{ ...rest, incidents: [], alarms: [], delays: null, notes: [] },
    judged: { fromMs: null, days: 0, hours: 10, streamDays: 0, streams: 1, watched: 0, leftOut: 0 },
    falseAlarms: { modelYears: 0, expected: 0, incidents: 0, incidentsPerYear: null, budgets: [{ budget: 1, streams: 0 }] },
    streams: REPORT.streams.slice(2),
  };
  for (const made of [htmlReport(empty), reportText(empty)]) {
    expect(made).toContain('None of 1 stream ever had a baseline');
    expect(made).not.toMatch(/NaN|Infinity|undefined|null/);
  }
});
