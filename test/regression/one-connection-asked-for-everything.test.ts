/**
 * A thousand questions for one long answer fit into one packet. Each was answered anew and into memory, read or not: two hundred for a
 * series held the process for four seconds and 800 MB, and the reports of others waited.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../collector/index.ts';
import type { SeriesQuery } from '../../collector/store/store.ts';
import { CONNECTION_REQUEST_COUNT_MAX } from '../../protocol/limits.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { DATA_PLAN_HASH, MODEL_VERSION, manifestText, NOW_MS } from '../fixtures/reports.ts';

let folder: string;
let readCount: number;
/** Reads wait until the test lets them go on. */
let letRead: () => void;
let collector: Collector;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-turns-'));
  await mkdir(join(folder, 'fixture'));
  await writeFile(join(folder, 'fixture', 'large.bin'), Buffer.alloc(32 * 1024 * 1024));
  readCount = 0;
  const allowed = new Promise<void>((resolve) => {
    letRead = resolve;
  });
  class SlowStore extends MemoryStore {
    override async totals(query: SeriesQuery) {
      readCount++;
      await allowed;
      return super.totals(query);
    }
  }
  collector = await startCollector({
    ...{ port: 0, store: new SlowStore(), modelsFolder: folder, adminKey: 'key', now: () => NOW_MS },
  });
  const registered = await fetch(`${collector.url}/v1/models`, {
    ...{ method: 'POST', headers: { Authorization: 'Bearer key' }, body: JSON.stringify({ manifest: manifestText() }) },
  });
  expect(registered.status).toBe(201);
});
afterEach(async () => {
  letRead();
  await collector.close();
  await rm(folder, { recursive: true });
});

/** Served files that are open. Only Linux tells. */
function openFiles(): readonly string[] {
  const targets = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(folder));
}

async function connected(): Promise<Socket> {
  const socket = connect(Number(new URL(collector.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return socket;
}

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const SERIES = `/v1/series?model=${MODEL_VERSION}`;

/** All that comes until the connection has been quiet for a while or ends. */
function answersOn(socket: Socket): { readonly text: () => string; readonly ended: Promise<void> } {
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
  });
  return { text: () => text, ended: new Promise((resolve) => socket.once('close', () => resolve())) };
}

test(`${CONNECTION_REQUEST_COUNT_MAX} requests of a connection are answered in turn; with one more it is cut, and others are answered`, async () => {
  const allowed = await connected();
  const { text } = answersOn(allowed);
  allowed.write(ask(SERIES).repeat(CONNECTION_REQUEST_COUNT_MAX));
  const greedy = await connected();
  const { ended } = answersOn(greedy);
  greedy.write(ask(SERIES).repeat(CONNECTION_REQUEST_COUNT_MAX + 1));
  await ended;
  expect((await fetch(`${collector.url}/v1/health`)).status).toBe(200);
  letRead();
  await expect.poll(() => text().split('HTTP/1.1 200 OK').length - 1).toBe(CONNECTION_REQUEST_COUNT_MAX);
  allowed.destroy();
});

test('a connection that is used again and again asks as often as it likes, one after the other', async () => {
  const socket = await connected();
  const { text } = answersOn(socket);
  for (let count = 1; count <= 3 * CONNECTION_REQUEST_COUNT_MAX; count++) {
    socket.write(ask('/v1/health'));
    await expect.poll(() => text().split('"ok":true').length - 1, { interval: 1 }).toBe(count);
  }
  socket.destroy();
});

test.skipIf(!existsSync('/proc/self/fd'))('what was asked behind a first answer that nobody took leaves no file open', async () => {
  const socket = (await connected()).pause();
  socket.write(ask('/models/fixture/large.bin').repeat(CONNECTION_REQUEST_COUNT_MAX));
  await expect.poll(() => openFiles().length).toBe(1);
  socket.destroy();
  await expect.poll(() => openFiles().length).toBe(0);
});

test('a read whose readers are gone before its turn is not made', async () => {
  const first = fetch(collector.url + SERIES);
  await expect.poll(() => readCount).toBe(1);
  const gone = new AbortController();
  const unread = fetch(`${collector.url + SERIES}&hours=2`, { signal: gone.signal });
  await new Promise((resolve) => setTimeout(resolve, 50));
  gone.abort();
  await expect(unread).rejects.toThrow();
  await new Promise((resolve) => setTimeout(resolve, 50));
  letRead();
  expect((await first).status).toBe(200);
  expect((await fetch(`${collector.url + SERIES}&hours=3`)).status).toBe(200);
  expect(readCount).toBe(2);
});

test('what is answered of a model and of its plan is written once, and anew when the model is registered anew', async () => {
  const written: string[] = [];
  const { stringify } = JSON;
  JSON.stringify = ((...args: Parameters<typeof stringify>) => {
    const text = stringify(...args);
    if (text.includes('"metrics":[') || text.includes('"manifest":{')) written.push(text);
    return text;
  }) as typeof stringify;
  try {
    const paths = [`/v1/models/${MODEL_VERSION}`, `/v1/models/${MODEL_VERSION}/plans/${DATA_PLAN_HASH}`];
    const askAll = async () => Promise.all([...paths, ...paths].map(async (path) => (await fetch(collector.url + path)).text()));
    const [detail, plan, detailAgain, planAgain] = await askAll();
    expect([detailAgain, planAgain]).toEqual([detail, plan]);
    expect(written).toHaveLength(2);
    const baseline = { modelVersion: MODEL_VERSION, plan: DATA_PLAN_HASH, n: 1, cells: [2], counts: [1] };
    await fetch(`${collector.url}/v1/models`, {
      ...{ method: 'POST', headers: { Authorization: 'Bearer key' }, body: stringify({ manifest: manifestText(), baseline }) },
    });
    const [anew] = await askAll();
    expect(JSON.parse(anew as string)).toMatchObject({ baseline: { n: 1 } });
  } finally {
    JSON.stringify = stringify;
  }
});
