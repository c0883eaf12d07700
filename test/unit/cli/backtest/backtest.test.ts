/**
 * `insitu backtest` of a table: each number of its report is computed once more from the monitor's own findings and from the rows.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BacktestReport } from '../../../../cli/backtest/report.ts';
import { runCommandLine } from '../../../../cli/command-line.ts';
import { HOUR_MS } from '../../../../protocol/report/window.ts';
import { csvOf, observedTable, TABLE_START_DAY, tableRows } from '../../../fixtures/backtest-table.ts';
import { saidBy, temporaryFolder } from '../../../fixtures/data-files.ts';
import {
  expectAlarms,
  expectBudgets,
  expectJudged,
  expectMissing,
  type FoundHours,
  findingsOf,
} from '../../../reference/backtest-numbers.ts';
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

let report: BacktestReport;
let found: FoundHours;
beforeAll(async () => {
  report = await reportOf(...VISITS, '--without-delays');
  found = await findingsOf({ folder: model, data: [csv], time: 'at', visit: 'who' });
}, 240_000);

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

  test('about what was judged, budgets and what is missing follows from what was found in each hour', () => {
    expectJudged(report, found);
    expectBudgets(report, found);
    expectMissing(report, found);
    expect(report.judged).toMatchObject({ days: DAYS - 28, fromMs: (TABLE_START_DAY + 28) * 24 * HOUR_MS });
    // Whether a row repeats another one is not told by a table.
    expect(report.streams.map(({ metric }) => metric).sort()).toEqual(['input.row.colour', 'input.row.light', 'input.row.state']);
  });

  test('about alarms is that of the hours with that verdict, and the change that is there is found', () => {
    expectAlarms(report, found);
    const [light] = report.alarms;
    expect(light).toMatchObject({ metric: 'input.row.light', incident: 1 });
    expect(light?.onset.fromMs).toBeLessThanOrEqual((TABLE_START_DAY + CHANGE_DAY) * 24 * HOUR_MS);
    expect(light?.onset.toMs).toBeGreaterThanOrEqual((TABLE_START_DAY + CHANGE_DAY) * 24 * HOUR_MS);
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
  [[...TABLE, '--from', '2001-01-01', '--to', '2026-01-02'], /^At most 7320 days are replayed at once/],
];
test.each(wrong)('%j is refused with a sentence', async (args, sentence) => {
  expect((await said(...args)).failure).toMatch(sentence);
});
