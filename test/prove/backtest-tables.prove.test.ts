/**
 * `insitu backtest` on public tables of rows: each report is computed once more, and says something that a person can act on.
 *
 * The tables are files of two npm packages, which the npm client installs beside the repository's own (`.insitu/tables`), by version and
 * content: vega-datasets (BSD-3-Clause; its flights and bird strikes are of the U.S. government, in the public domain) and Observable's
 * sample datasets (ISC).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, expect, test } from 'vitest';
import type { BacktestReport } from '../../cli/backtest/report.ts';
import { reportText } from '../../cli/backtest/report-text.ts';
import { runCommandLine } from '../../cli/command-line.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import { saidBy, temporaryFolder } from '../fixtures/data-files.ts';
import { expectAlarms, expectBudgets, expectJudged, expectMissing, findingsOf } from '../reference/backtest-numbers.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGES = join(ROOT, '.insitu/tables');
const MANIFESTS = join(ROOT, 'test/fixtures/backtest-tables');
const VEGA = 'vega-datasets@3.2.1';
const OBSERVABLE = '@observablehq/sample-datasets@1.0.1';
const NEW_YEAR_MS = Date.UTC(2021, 0, 1);
const out = temporaryFolder();

interface PublicTable {
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
  readonly time: string;
  readonly rows: number;
  readonly days: number;
  /** What a person learns of it. */
  readonly says: (report: BacktestReport) => void;
}

const TABLES: readonly PublicTable[] = [
  {
    name: 'birdstrikes',
    file: 'vega-datasets/data/birdstrikes.csv',
    sha256: '45777edf69984b37599e73dbfb34dbc976055243547407214261a4fcb9466462',
    time: 'Flight Date',
    ...{ rows: 10_000, days: 4_582 },
    // Two rows a day: it takes half a year until there is a baseline, and what is watched is quiet.
    says: (report) => {
      expect(report.judged.watched).toBeGreaterThan(0);
      expect(report.judged.fromMs).toBeGreaterThan(report.history.fromMs + 90 * 24 * HOUR_MS);
    },
  },
  {
    name: 'pizza',
    file: '@observablehq/sample-datasets/pizza.csv',
    sha256: '50b49e7118acd32960ab3a97784c9507fb1b040fddffaa35603097acf98405f6',
    time: 'order_date',
    ...{ rows: 29_853, days: 1_096 },
    // Of all orders 20 % are of vegetarian pizza in December 2020 and 33 % in January 2021: the report says when that began.
    says: ({ alarms }) => {
      const category = alarms.filter(({ metric }) => metric === 'input.row.category').map(({ onset }) => onset);
      expect(category.some(({ fromMs, toMs }) => fromMs <= NEW_YEAR_MS && toMs >= NEW_YEAR_MS - 5 * 24 * HOUR_MS)).toBe(true);
      expect(alarms.some(({ metric }) => metric === 'input.row.orders')).toBe(true);
    },
  },
  {
    name: 'flights',
    file: 'vega-datasets/data/flights-3m.parquet',
    sha256: 'dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0',
    time: 'date',
    ...{ rows: 3_000_000, days: 182 },
    // 16,000 rows a day: late flights fell from 23 to 11 % in April, and the report says so.
    says: ({ alarms, delays }) => {
      expect(alarms.some(({ metric }) => metric === 'input.row.delay')).toBe(true);
      expect(delays?.rows.map(({ found }) => found).reduce((sum, found) => sum + found, 0)).toBeGreaterThan(0);
    },
  },
];

beforeAll(() => {
  if (TABLES.every(({ file }) => existsSync(join(PACKAGES, 'node_modules', file)))) return;
  mkdirSync(PACKAGES, { recursive: true });
  const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', '--prefix', PACKAGES, ...quiet, VEGA, OBSERVABLE], { stdio: ['ignore', 'ignore', 'inherit'] });
}, 600_000);

async function rowsIn(path: string, time: string): Promise<{ readonly rows: number; readonly days: number; readonly fromHour: number }> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const at = `CAST("${time}" AS TIMESTAMP)`;
  const result = await connection.runAndReadAll(
    `SELECT count(*)::DOUBLE, date_diff('day', min(${at}), max(${at}))::DOUBLE + 1, floor(epoch_ms(min(${at})) / 3600000)::DOUBLE FROM '${path}'`,
  );
  connection.closeSync();
  const [rows, days, fromHour] = (result.getRowsJS()[0] ?? []).map(Number);
  return { rows: rows ?? 0, days: days ?? 0, fromHour: fromHour ?? 0 };
}

test.each(TABLES)('$name: $rows rows of $days days are judged, each number is right, and the report says what moved', async (table) => {
  const path = join(PACKAGES, 'node_modules', table.file);
  expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(table.sha256);
  const folder = join(MANIFESTS, table.name);
  const html = join(out, `${table.name}.html`);
  const { text, failure } = await saidBy(
    runCommandLine,
    'backtest',
    folder,
    '--data',
    path,
    '--time',
    table.time,
    '--html',
    html,
    '--json',
  );
  expect(failure).toBe('');
  const report = JSON.parse(text) as BacktestReport;
  process.stdout.write(`\n${reportText(report)}`);
  const counted = await rowsIn(path, table.time);
  expect(counted).toMatchObject({ rows: table.rows, days: table.days });
  const { source, history } = report;
  const { counted: read, unreadable } = source.kind === 'table' ? source.rows : { counted: 0, unreadable: 0 };
  expect(read + unreadable).toBe(table.rows);
  expect(history.windows).toBe(read);
  if (unreadable === 0) expect(history.fromMs / HOUR_MS).toBe(counted.fromHour);
  const found = await findingsOf({ folder, data: [path], time: table.time, visit: null });
  expectJudged(report, found);
  expectAlarms(report, found);
  expectBudgets(report, found);
  expectMissing(report, found);
  expect(readFileSync(html, 'utf8')).toContain(`${report.incidents.length} incident`);
  table.says(report);
});
