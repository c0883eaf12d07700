/**
 * `insitu backtest` of a table: each number of its report is computed once more from the monitor's own findings and from the rows.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, test } from 'vitest';
import { openTableHistory } from '../../../../cli/backtest/open-history.ts';
import type { BacktestReport } from '../../../../cli/backtest/report.ts';
import { runCommandLine } from '../../../../cli/command-line.ts';
import { ModelMonitor } from '../../../../collector/monitoring/model-monitor.ts';
import type { Finding } from '../../../../counts/monitor/finding.ts';
import { MONITOR_DEFAULTS } from '../../../../counts/monitor/monitor.ts';
import { HOUR_MS } from '../../../../protocol/report/window.ts';
import { csvOf, observedTable, TABLE_START_DAY, tableRows } from '../../../fixtures/backtest-table.ts';
import { saidBy, temporaryFolder } from '../../../fixtures/data-files.ts';
import { Chance } from '../../../storms/monitor-world.ts';

const folder = temporaryFolder();
const model = observedTable(join(folder, 'model'));
const DAYS = 70;
const CHANGE_DAY = 45;
const rows = tableRows({ days: DAYS, visitsPerDay: 60, changeDay: CHANGE_DAY });
const csv = join(folder, 'rows.csv');
writeFileSync(csv, csvOf(rows));

const TABLE = ['backtest', model, '--data', csv, '--time', 'at'];
const VISITS = [...TABLE, '--visit', 'who'];
const said = (...args: string[]) => saidBy(runCommandLine, ...args);

async function reportOf(...args: string[]): Promise<BacktestReport> {
  const { text, failure } = await said(...args, '--json');
  expect(failure).toBe('');
  return JSON.parse(text) as BacktestReport;
}

/** What the monitor says of the table, hour by hour, without anything that the command makes of it. */
async function findingsOf(): Promise<{ findings: [number, readonly Finding[]][]; monitor: ModelMonitor; toHour: number }> {
  const asked = { folder: model, data: [csv], limit: null, time: 'at', visit: 'who', variant: undefined };
  const { plans, votes, range, model: version } = await openTableHistory({ ...asked, fromDay: null, toDay: null, say: () => undefined });
  const findings: [number, readonly Finding[]][] = [];
  const monitor = new ModelMonitor({ modelVersion: version.modelVersion, plans, options: MONITOR_DEFAULTS, source: votes });
  await monitor.advance(range.toHour, (hour, found) => findings.push([hour, found]));
  return { findings, monitor, toHour: range.toHour };
}

const keyOf = ({ segment, metric }: { segment: number | string | null; metric: string }) => `${segment ?? 0} ${metric}`;

let report: BacktestReport;
let found: Awaited<ReturnType<typeof findingsOf>>;
beforeAll(async () => {
  report = await reportOf(...VISITS, '--without-delays');
  found = await findingsOf();
}, 60_000);

describe('each number of the report', () => {
  test('about the history is that of the rows', () => {
    const days = rows.map(({ atMs }) => Math.floor(atMs / HOUR_MS / 24));
    const first = rows.reduce((least, { atMs }) => Math.min(least, atMs), Infinity);
    // A visit votes once a day.
    const windows = new Set(rows.map(({ who }, index) => `${who} ${days[index]}`)).size;
    expect(report.source).toMatchObject({ kind: 'table', rows: { counted: rows.length, unreadable: 0, outside: 0 } });
    expect(report.history).toEqual({
      fromMs: Math.floor(first / HOUR_MS) * HOUR_MS,
      toMs: (TABLE_START_DAY + DAYS) * 24 * HOUR_MS,
      ...{ days: DAYS, windows },
    });
  });

  test('about what was judged follows from the findings', () => {
    const { findings, monitor } = found;
    const isJudged = ({ verdict }: Finding) => verdict !== 'not-enough-data';
    const watched = new Set(findings.flatMap(([hour, all]) => (all.some(isJudged) ? [Math.floor(hour / 24)] : [])));
    expect(report.judged).toMatchObject({ hours: findings.length, days: watched.size, fromMs: Math.min(...watched) * 24 * HOUR_MS });
    expect(report.judged).toMatchObject({ streams: monitor.counts.streamCount, watched: monitor.counts.watchedCount, leftOut: 0 });
    expect(report.tolerance).toBe(monitor.tolerance);
  });

  test('about alarms is that of the hours with that verdict', () => {
    const spans = new Map<string, { openedAtMs: number; closedAtMs: number | null; evidence: number; effect: number }[]>();
    for (const [hour, all] of found.findings) {
      for (const finding of all) {
        const own = spans.get(keyOf(finding)) ?? [];
        spans.set(keyOf(finding), own);
        const last = own.at(-1);
        const atMs = (hour + 1) * HOUR_MS;
        if (finding.verdict !== 'alarm') {
          if (last?.closedAtMs === null) last.closedAtMs = atMs;
        } else if (last === undefined || last.closedAtMs !== null)
          own.push({ openedAtMs: atMs, closedAtMs: null, evidence: finding.evidence, effect: finding.effect ?? 0 });
        else {
          last.evidence = Math.max(last.evidence, finding.evidence);
          last.effect = Math.max(last.effect, finding.effect ?? 0);
        }
      }
    }
    const expected = [...spans].flatMap(([key, own]) => own.map((span) => ({ key, ...span })));
    const reported = report.alarms.map((alarm) => {
      const { openedAtMs, closedAtMs, evidence, effect } = alarm;
      return { key: keyOf(alarm), openedAtMs, closedAtMs, evidence, effect };
    });
    const inOrder = (all: typeof expected) =>
      [...all].sort((one, other) => one.openedAtMs - other.openedAtMs || (one.key < other.key ? -1 : 1));
    expect(inOrder(reported as typeof expected)).toEqual(inOrder(expected));
    const [light] = report.alarms;
    expect(light).toMatchObject({ metric: 'input.row.light', incident: 1 });
    expect(light?.budgetMin).toBeCloseTo(Math.exp(-(light?.evidence ?? 0)), 12);
    expect(light?.onset.fromMs).toBeLessThanOrEqual((TABLE_START_DAY + CHANGE_DAY) * 24 * HOUR_MS);
    expect(light?.onset.toMs).toBeGreaterThanOrEqual((TABLE_START_DAY + CHANGE_DAY) * 24 * HOUR_MS);
  });

  test('about budgets counts streams by the evidence that they ever had', () => {
    const peaks = new Map<string, number>();
    for (const [, all] of found.findings) {
      for (const finding of all) {
        if (found.monitor.baselineOf(finding) === null || (finding.verdict === 'not-enough-data' && finding.missingDays > 0)) continue;
        peaks.set(keyOf(finding), Math.max(peaks.get(keyOf(finding)) ?? -Infinity, finding.evidence));
      }
    }
    const years = report.judged.days / 365;
    expect(report.falseAlarms).toMatchObject({ modelYears: years, expected: years, incidents: report.incidents.length });
    expect(report.falseAlarms.incidentsPerYear).toBeCloseTo(report.incidents.length / years, 12);
    // At the owner's budget evidence 0 alarms; e times the budget lowers that by 1.
    for (const { budget, streams } of report.falseAlarms.budgets)
      expect(streams).toBe([...peaks.values()].filter((peak) => peak + Math.log(budget) >= -1e-9).length);
    expect(report.streams.map((stream) => [keyOf(stream), stream.evidence])).toEqual(
      expect.arrayContaining([...peaks].map(([key, peak]) => [key, peak])),
    );
  });

  test('about what is missing is that of the last hour', () => {
    const [, last] = found.findings.at(-1) as [number, readonly Finding[]];
    for (const stream of report.streams) {
      const own = last.find((finding) => keyOf(finding) === keyOf(stream));
      expect(stream).toMatchObject({ verdict: own?.verdict, missingWindows: own?.missingWindows, missingDays: own?.missingDays });
    }
    expect(report.streams.map(({ metric }) => metric).sort()).toEqual(['input.row.colour', 'input.row.light', 'input.row.state']);
    expect(report.streams).toHaveLength(last.length);
  });
});

describe('what is read', () => {
  test('rows that cannot be read change no verdict: they are named and counted', async () => {
    const chance = new Chance(5);
    const junk = [
      'soon,x,0.5,red',
      ',x,0.5,red',
      '2026-02-30,x,0.5,red',
      '2026-01-20T10:00Z,,0.5,red',
      '2026-01-20T10:00Z,x,much,red',
      '2026-01-20,x,0.5',
      '2026-01-20T10:00Z,x,0.5,pink',
    ];
    const [names, ...lines] = csvOf(rows).trimEnd().split('\n');
    for (const line of junk) lines.splice(chance.below(lines.length), 0, line);
    const path = join(folder, 'junk.csv');
    writeFileSync(path, [names, ...lines, ''].join('\n'));
    const read = await reportOf('backtest', model, '--data', path, '--time', 'at', '--visit', 'who', '--without-delays');
    expect(read.source).toMatchObject({ rows: { counted: rows.length, unreadable: junk.length } });
    expect(read.notes).toContainEqual(
      expect.stringMatching(new RegExp(`^rows: ${rows.length + junk.length} seen, .* ${junk.length} unreadable$`)),
    );
    expect({ ...read, source: null, notes: [] }).toEqual({ ...report, source: null, notes: [] });
  });

  test('the order of rows, and whether they come as Parquet, changes nothing', async () => {
    const path = join(folder, 'rows.parquet');
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      `COPY (SELECT "at"::TIMESTAMP AS "at", who, light, colour FROM '${csv}' ORDER BY hash(who, light)) TO '${path}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const read = await reportOf('backtest', model, '--data', path, '--time', 'at', '--visit', 'who', '--without-delays');
    expect({ ...read, source: null }).toEqual({ ...report, source: null });
  });

  test('--from and --to leave out what is not between them; --limit ends early', async () => {
    const dayText = (day: number) => new Date((TABLE_START_DAY + day) * 24 * HOUR_MS).toISOString().slice(0, 10);
    const { source, history } = await reportOf(...VISITS, '--from', dayText(10), '--to', dayText(19), '--without-delays');
    const inside = rows.filter(
      ({ atMs }) => Math.floor(atMs / HOUR_MS / 24) >= TABLE_START_DAY + 10 && Math.floor(atMs / HOUR_MS / 24) < TABLE_START_DAY + 20,
    );
    expect(source).toMatchObject({ rows: { counted: inside.length, outside: rows.length - inside.length } });
    expect(history.days).toBe(10);
    expect((await reportOf(...VISITS, '--limit', '12', '--without-delays')).source).toMatchObject({ rows: { counted: 12 } });
  });

  test('without a visit column each row is a visit of its own, and the report says so', async () => {
    const { history, notes } = await reportOf(...TABLE, '--without-delays');
    expect(history.windows).toBe(rows.length);
    expect(notes[0]).toMatch(/^Each row is taken for a visit of its own/);
  });
});

describe('what is told', () => {
  test('too short a history has no verdict, and says what each stream lacks', async () => {
    const { text } = await said(...VISITS, '--limit', '300');
    expect(text).toMatch(/None of \d+ streams ever had a baseline, so nothing was judged within \d+ days\./);
    expect(text).toMatch(/input\.row\.light +all +[\d,]+ windows and \d+ days for a baseline/);
    expect(text).not.toMatch(/^Delay/m);
  });

  test('a person reads incidents, alarms, budgets and delays; the page has them too, whole or not at all', async () => {
    const html = join(folder, 'report.html');
    const { text, failure } = await said(...VISITS, '--html', html);
    expect(failure).toBe('');
    expect(text).toMatch(
      /^table 1 \(model version [0-9a-f]{16}\)\n2026-01-04 to 2026-03-14: 70 days, [\d,]+ marked windows, of [\d,]+ rows\.\n/,
    );
    expect(text).toMatch(/\n {2}1 {2}2026-02-\d\d \d\d:00 {2}going on +2026-02-\d\d .*input\.row\.light \(input\)/);
    expect(text).toMatch(/\nDelay: how long a planted change takes to alarm at this traffic\n/);
    const page = readFileSync(html, 'utf8');
    expect(page).toContain('input.row.light');
    const nowhere = join(folder, 'rows.csv', 'report.html');
    expect((await said(...VISITS, '--without-delays', '--html', nowhere)).failure).toBe(
      `${nowhere} cannot be written. Name a file in a folder that this user may write.`,
    );
    expect(existsSync(nowhere)).toBe(false);
  }, 60_000);
});

const wrong: readonly [readonly string[], RegExp][] = [
  [['backtest', '--data', csv], /^Name one model folder\./],
  [['backtest', model, '--time', 'at'], /^Name the rows: --data PATH/],
  [['backtest', model, '--data', csv], /^Name the column that says when a row was: --time COLUMN/],
  [[...TABLE, '--model', 'x'], /^--model is a collector's/],
  [[...TABLE, '--visit', 'whose'], /has no column "whose": it has at, who, light, colour/],
  [['backtest', model, '--data', csv, '--time', 'colour'], /rows: \d+ seen, 0 counted.*column "colour" holds no time.*No row was counted/s],
  [[...TABLE, '--from', '2001-01-01', '--to', '2001-01-02'], /rows are not between --from and --to\nNo row was counted/],
  [[...TABLE, '--from', '2001-01-01', '--to', '2026-01-02'], /^At most 3660 days are replayed at once/],
];
test.each(wrong)('%j is refused with a sentence', async (args, sentence) => {
  expect((await said(...args)).failure).toMatch(sentence);
});
