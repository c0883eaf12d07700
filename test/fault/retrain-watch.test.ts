/**
 * `insitu retrain-watch`, the built command: what it believes, that it runs its command once for each key, and what a restart finds.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BUNDLE_BYTES_MAX } from '../../protocol/alarm-limits.ts';
import { type RetrainRequest, signatureOf } from '../../protocol/read/notification.ts';
import type { PlacedMetric } from '../../protocol/report/plan.ts';
import { DATA_PLAN, dataWindow, PRESENT_CELL } from '../fixtures/reports.ts';
import { Command } from './collector-child.ts';
import { MovedClockCollector } from './moved-clock-child.ts';

const SECRET = 'a-secret-of-some-length';
const BUNDLE = JSON.stringify({ type: 'retrain', sentence: 'it moved' });
const [ONE, OTHER] = ['1'.repeat(32), '2'.repeat(32)] as const;

let folder: string;
let running: Command | null = null;
let url: string;
/** Appends the bundle's path, and what it says, to a file. */
let command: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu retrain '));
  const script = `const fs = require('node:fs');
fs.appendFileSync(${JSON.stringify(join(folder, 'ran'))}, JSON.stringify({
  path: process.argv[2], variable: process.env.INSITU_BUNDLE, secret: process.env.INSITU_RETRAIN_SECRET ?? null,
  sentence: JSON.parse(fs.readFileSync(process.argv[2], 'utf8')).sentence,
}) + '\\n');
process.exit(Number(process.env.EXIT_CODE ?? 0));`;
  await writeFile(join(folder, 'train.cjs'), script);
  command = `"${process.execPath}" "${join(folder, 'train.cjs')}"`;
});
afterEach(async () => {
  await running?.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const bundles = () => join(folder, 'bundles');

async function start(exec = command, env: Readonly<Record<string, string>> = {}): Promise<void> {
  running = new Command(['retrain-watch', '--exec', exec, '--folder', bundles(), '--port', '0', '--json'], {
    INSITU_RETRAIN_SECRET: SECRET,
    ...env,
  });
  url = (JSON.parse(await running.printed(/\n/)) as { url: string }).url;
}

async function send(id: string, body = BUNDLE, secret = SECRET, atMs = Date.now()): Promise<number> {
  const timestamp = Math.floor(atMs / 1000);
  const headers = {
    ...{ 'webhook-id': id, 'webhook-timestamp': String(timestamp) },
    'webhook-signature': await signatureOf(secret, id, timestamp, body),
  };
  return (await fetch(url, { method: 'POST', headers, body })).status;
}

async function ran(): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(join(folder, 'ran'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function isDone(...ids: readonly string[]): Promise<void> {
  const done = async () => (await readdir(bundles())).filter((name) => name.endsWith('.done'));
  while ((await done()).length < ids.length) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a request', () => {
  test('runs the command once with the path of the evidence, however often it comes, and keeps the secret to itself', async () => {
    await start();
    expect(await Promise.all([send(ONE), send(ONE), send(ONE)])).toEqual(expect.arrayContaining([202, 200, 200]));
    expect(await send(OTHER)).toBe(202);
    await isDone(ONE, OTHER);
    expect(await send(ONE)).toBe(200);
    const path = join(bundles(), `${ONE}.json`);
    expect(await ran()).toMatchObject([
      { path, variable: path, secret: null, sentence: 'it moved' },
      { path: join(bundles(), `${OTHER}.json`) },
    ]);
  });

  test('that is not believed runs nothing and writes nothing', async () => {
    await start();
    const refused = [
      await send(ONE, BUNDLE, 'another-secret-of-the-kind'),
      await send(ONE, BUNDLE, SECRET, Date.now() - 6 * 60_000),
      (await fetch(url, { method: 'POST', body: BUNDLE })).status,
      await send('../../etc/passwd'),
      await send(ONE, JSON.stringify({ type: 'incident.opened' })),
      await send(ONE, 'no JSON'),
      await send(ONE, 'x'.repeat(BUNDLE_BYTES_MAX + 1)),
      (await fetch(url)).status,
    ];
    expect(refused).toEqual([401, 401, 401, 400, 400, 400, 413, 405]);
    expect([await readdir(bundles()), await ran()]).toEqual([[], []]);
  });

  test('whose command fails is done all the same', async () => {
    await start(command, { EXIT_CODE: '3' });
    await send(ONE);
    await isDone(ONE);
    expect(JSON.parse(await readFile(join(bundles(), `${ONE}.done`), 'utf8'))).toMatchObject({ code: 3 });
  });
});

test('a bundle that was not started is run after a restart; one whose end is not known is not, and a sentence says so', async () => {
  await start('sleep 5; true');
  expect([await send(ONE), await send(OTHER)]).toEqual([202, 202]);
  while (!(await readdir(bundles())).includes(`${ONE}.started`)) await new Promise((resolve) => setTimeout(resolve, 20));
  await running?.kill('SIGKILL');
  await start();
  await isDone(OTHER);
  expect(await ran()).toMatchObject([{ path: join(bundles(), `${OTHER}.json`) }]);
  const { stderr } = await (running as Command).kill('SIGKILL');
  expect(stderr).toContain(`The end of the command for ${ONE} is not known.`);
});

test('told to stop, it lets the command end', async () => {
  await start(`sleep 1; ${command}`);
  await send(ONE);
  while (!(await readdir(bundles())).includes(`${ONE}.started`)) await new Promise((resolve) => setTimeout(resolve, 20));
  const { code } = await (running as Command).kill('SIGTERM');
  expect([code, await ran()]).toMatchObject([0, [{ sentence: 'it moved' }]]);
});

// The watch goes by the system's clock and believes five minutes: the collector's may be ahead by no more when it signs.
test('asked by a collector, it trains once for an incident in which data moved, with the counts behind it', async () => {
  await start();
  const target = { name: 'train', type: 'retrain', url, secret: { env: 'RETRAIN_SECRET' } };
  const nulls = {
    model: 'fixture',
    metric: 'output.y.state',
    statistic: 'share',
    cells: ['nan'],
    comparison: 'above',
    value: 0.02,
    minutes: 1,
  };
  const collector = await MovedClockCollector.create({ rules: { nulls }, targets: [target] });
  try {
    await collector.start({ RETRAIN_SECRET: SECRET }, 10);
    const { offset, cells } = DATA_PLAN.metrics.find(({ id }) => id === 'output.y.state') as PlacedMetric;
    const counted = { cells: Uint32Array.of(PRESENT_CELL, offset + cells.indexOf('nan')), counts: Uint32Array.of(8, 8) };
    const { id } = await collector.openIncident((header) => dataWindow({ ...header, ...counted }));
    while ((await ran()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const [name = ''] = (await readdir(bundles())).filter((file) => file.endsWith('.json'));
    const bundle = JSON.parse(await readFile(join(bundles(), name), 'utf8')) as RetrainRequest;
    expect(bundle).toMatchObject({
      ...{ type: 'retrain', model: { name: 'fixture' }, incident: { id } },
      evidence: [{ metric: 'output.y.state', rule: 'nulls', cells: [{ cell: 'nan' }] }],
    });
    // Nothing came before, but for what came in the hour that has just ended.
    expect(bundle.evidence[0]?.cells[0]?.expected).toBe(bundle.evidence[0]?.expectedCount);
    expect(bundle.evidence[0]?.cells[0]?.observed).toBe(bundle.evidence[0]?.observedCount);
    expect(await ran()).toHaveLength(1);
  } finally {
    await collector.dispose();
  }
});

const wrong: readonly [readonly string[], string, number, RegExp][] = [
  [[], SECRET, 2, /^Name the command that trains/],
  [['--exec', 'true', '--port', 'x'], SECRET, 2, /--port must be a number/],
  [['--exec', 'true'], '', 1, /^INSITU_RETRAIN_SECRET must hold the secret/],
  [['--exec', 'true', '--secret-file', 'nowhere'], SECRET, 1, /^nowhere cannot be read/],
];
test.each(wrong)('%j with the secret "%s": exit %i and a sentence', async (args, secret, exitCode, sentence) => {
  const { code, stderr } = await new Command(['retrain-watch', ...args], { INSITU_RETRAIN_SECRET: secret }).ended;
  expect(code).toBe(exitCode);
  expect(stderr).toMatch(sentence);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});
