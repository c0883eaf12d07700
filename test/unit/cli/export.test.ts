/**
 * `insitu export`: the file holds what a real collector shows, hour by hour, as another reader of Parquet finds it; and it is there whole or not
 * at all.
 */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../cli/command-line.ts';
import { type HourlySum, hourlySums } from '../../../cli/export/hourly-sums.ts';
import { type CollectorClient, createCollectorClient } from '../../../collector/client/collector-client.ts';
import { type Collector, startCollector } from '../../../collector/index.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { saidBy } from '../../fixtures/data-files.ts';
import { DATA_COUNTED, dataReport, SOFTWARE_COUNTED, softwareReport } from '../../fixtures/field-reports.ts';
import { bodyOf, DATA_PLAN_HASH, MODEL_VERSION, manifestText, NOW_HOUR, NOW_MS, SOFTWARE_PLAN_HASH } from '../../fixtures/reports.ts';

let folder: string;
let collector: Collector;
let client: CollectorClient;
let file: string;
const HOURS = [NOW_HOUR - 30, NOW_HOUR - 1, NOW_HOUR];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-export-'));
  for (const name of ['fixture', 'other']) {
    await mkdir(join(folder, 'models', name), { recursive: true });
    await writeFile(join(folder, 'models', name, 'model.json'), manifestText(name));
  }
  collector = await startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: 'key', now: () => NOW_MS },
    ...{ siteFolder: join(folder, 'site'), libraryFolder: join(folder, 'library') },
  });
  client = createCollectorClient({ url: collector.url });
  file = join(folder, 'sums.parquet');
  for (const hour of HOURS) {
    const body = bodyOf([softwareReport(11, SOFTWARE_COUNTED, { hour }), dataReport(10, DATA_COUNTED, { hour })]);
    expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status).toBe(204);
  }
});
afterEach(() => rm(file, { force: true }));
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

const said = (...args: string[]) => saidBy(runCommandLine, 'export', '--parquet', file, '--collector', collector.url, ...args);
const DAYS = ['--from', '2026-03-01', '--to', '2026-03-11'];

async function rowsOf(sql: string): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

describe('the file', () => {
  test('it holds each counted cell of each hour, as DuckDB reads it', async () => {
    expect(await said(...DAYS)).toMatchObject({ failure: '', text: expect.stringMatching(/sums\.parquet: \d+ rows\n$/) });
    const counted = HOURS.length * (new Set(SOFTWARE_COUNTED.map(([metric, at]) => `${metric} ${at}`)).size + DATA_COUNTED.length);
    expect(await rowsOf(`SELECT count(*)::INT AS n FROM '${file}'`)).toEqual([{ n: counted }]);
    const missing = await rowsOf(`SELECT * FROM '${file}' WHERE metric = 'input.x.state' AND cell = 'missing' ORDER BY hour`);
    expect(missing).toMatchObject(
      HOURS.map((hour) => ({
        hour: new Date(hour * HOUR_MS).toISOString().slice(0, 19).replace('T', ' '),
        ...{ model: 'fixture', version: '1.0.0', model_version: MODEL_VERSION, arm: 'stable', report: 'data', plan: DATA_PLAN_HASH },
        ...{ count: '2', reports: '1', runs: '10' },
      })),
    );
    const sums = await rowsOf(`SELECT metric, cell, sum(count)::INT AS n FROM '${file}' WHERE plan = '${SOFTWARE_PLAN_HASH}' GROUP BY ALL`);
    expect(sums).toContainEqual({ metric: 'run.outcome', cell: 'answered', n: 30 });
    expect(sums).toContainEqual({ metric: 'error.load', cell: 'model-unreachable', n: 3 });
  });

  test('its columns are those that the help names, with or without a row', async () => {
    expect(await said('--from', '2020-01-01', '--to', '2020-01-01')).toMatchObject({ text: `${file}: 0 rows\n` });
    const columns = await rowsOf(`DESCRIBE SELECT * FROM '${file}'`);
    const types = Object.fromEntries(columns.map(({ column_name, column_type }) => [column_name, column_type]));
    const texts = ['model', 'version', 'model_version', 'arm', 'report', 'plan', 'metric', 'cell'];
    const numbers = ['cell_index', 'count', 'reports', 'runs'];
    expect(types).toEqual({
      hour: expect.stringMatching(/^TIMESTAMP/),
      ...Object.fromEntries([...texts.map((name) => [name, 'VARCHAR']), ...numbers.map((name) => [name, 'BIGINT'])]),
    });
    const help = (await saidBy(runCommandLine, 'help', 'export')).text.replaceAll(/\s+/g, ' ');
    expect(help).toContain(`Columns: ${columns.map(({ column_name }) => column_name).join(', ')};`);
  });

  test('days and model are those that were asked for', async () => {
    const day = new Date((NOW_HOUR - 30) * HOUR_MS).toISOString().slice(0, 10);
    await said('--from', day, '--to', day, '--model', 'fixture');
    expect(await rowsOf(`SELECT DISTINCT hour::DATE::VARCHAR AS day FROM '${file}'`)).toEqual([{ day }]);
    await said(...DAYS, '--model', 'other');
    expect(await rowsOf(`SELECT count(*)::INT AS n FROM '${file}'`)).toEqual([{ n: 0 }]);
  });
});

describe('reading a collector', () => {
  const range = async () => ({ models: await client.models(), fromHour: NOW_HOUR - 40, toHour: NOW_HOUR, onStep: () => undefined });
  const all = async (of: CollectorClient): Promise<HourlySum[]> => {
    const sums: HourlySum[] = [];
    for await (const sum of hourlySums({ client: of, ...(await range()) })) sums.push(sum);
    return sums;
  };

  test('where hours are too much for one answer, fewer are asked for, and the rows are the same', async () => {
    const asked: number[] = [];
    const narrow: CollectorClient = {
      ...client,
      series: async (of, options) => {
        asked.push(of.hours ?? 24);
        return { ...(await client.series(of, options)), slotHours: (of.hours ?? 24) > 5 ? 2 : 1 };
      },
    };
    expect(await all(narrow)).toEqual(await all(client));
    expect(Math.min(...asked)).toBeLessThanOrEqual(5);
  });

  test('a busy collector is asked again; one that stays busy ends the export', async () => {
    let count = 0;
    const busy = (from: CollectorClient, refusals: number): CollectorClient => ({
      ...from,
      series: (of, options) => (count++ < refusals ? busyClient().series(of, options) : from.series(of, options)),
    });
    expect(await all(busy(client, 3))).toEqual(await all(client));
    count = 0;
    await expect(all(busy(client, 1_000))).rejects.toMatchObject({ code: 'busy' });
    await stopBusy();
  });
});

let busyServer: ReturnType<typeof createServer> | null = null;

/** Of a real server that always says "ask again", at once. */
function busyClient(): CollectorClient {
  busyServer ??= createServer((_, response) =>
    response.writeHead(503, { 'Retry-After': '0' }).end('Others are being answered; ask again.'),
  ).listen(0);
  return createCollectorClient({ url: `http://127.0.0.1:${(busyServer.address() as AddressInfo).port}` });
}

async function stopBusy(): Promise<void> {
  busyServer?.closeAllConnections();
  await new Promise((resolve) => busyServer?.close(resolve));
}

describe('what cannot be done is one sentence, and leaves no file', () => {
  test.each([
    [['--from', '2026-02-30'], '--from must be a day such as 2026-01-31, not "2026-02-30".'],
    [['--to', 'yesterday'], '--to must be a day such as 2026-01-31, not "yesterday".'],
    [['--from', '2026-03-02', '--to', '2026-03-01'], '--from must not be after --to.'],
    [['--from', '1971-01-01', '--to', '2026-03-01'], 'At most 3660 days fit into one file.'],
    [['--model', 'unknown'], 'The collector has no model "unknown". GET /v1/models lists those that it has.'],
    [['--collector', 'ftp://x'], '--collector must be an http or https address, not "ftp://x".'],
    [['--collector', 'http://127.0.0.1:1'], 'The collector at http://127.0.0.1:1 cannot be reached. Check the address, and that it runs.'],
    [
      ['--parquet', '/no/such/folder/x'],
      '/no/such/folder/x cannot be written. Name a file in a folder that is there and that this user may write.',
    ],
  ])('%o', async (args, failure) => {
    expect(await said(...args)).toEqual({ text: '', failure });
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('without a file, its name is asked for', async () => {
    expect((await saidBy(runCommandLine, 'export')).failure).toBe('Name the file: --parquet FILE. See insitu export --help.');
  });
});
