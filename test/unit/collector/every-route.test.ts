/**
 * Every route of the collector, by a table that the router itself is held against: what HEAD and OPTIONS get, and that readers and senders who
 * go away, fall silent or send half leave nothing behind.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAlarms } from '../../../collector/alarms.ts';
import { Exports } from '../../../collector/exports/exports.ts';
import { OwnLoad } from '../../../collector/exports/own-load.ts';
import { createApp, createServer, type HttpServer } from '../../../collector/http/server.ts';
import type { ServerDeps } from '../../../collector/http/server-deps.ts';
import { GroupCommit } from '../../../collector/intake/group-commit.ts';
import { Refusals } from '../../../collector/intake/refusals.ts';
import { Registry } from '../../../collector/models/registry.ts';
import { LiveFeed } from '../../../collector/views/live-feed.ts';
import { ReadQueue } from '../../../collector/views/read-queue.ts';
import { CONNECTION_IDLE_MS_MAX, LIVE_LISTENER_COUNT_MAX, LIVE_LISTENER_MS_MAX, REPORT_TIMEOUT_MS } from '../../../protocol/limits.ts';
import { ENDPOINTS } from '../../../protocol/read/endpoints.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { bodyOf, DATA_PLAN_HASH, dataWindow, MODEL_VERSION, manifestText, NOW_MS } from '../../fixtures/reports.ts';

interface Row {
  /** A request that meets it. */
  readonly path: string;
  readonly get: number;
  readonly options: number;
}

/** By method and pattern, as the router names them. */
const ROUTES: Readonly<Record<string, Row>> = {
  'ALL /*': { path: '/nothing', get: 404, options: 404 },
  'ALL /v1/report/*': { path: '/v1/report/demo/more', get: 404, options: 204 },
  'OPTIONS /v1/report/*': { path: '/v1/report/demo', get: 404, options: 204 },
  'POST /v1/report/:writeKey': { path: '/v1/report/demo', get: 404, options: 204 },
  'POST /v1/models': { path: '/v1/models', get: 200, options: 404 },
  'GET /v1/models': { path: '/v1/models', get: 200, options: 404 },
  'GET /v1/models/:version': { path: `/v1/models/${MODEL_VERSION}`, get: 200, options: 404 },
  'DELETE /v1/models/:version': { path: `/v1/models/${MODEL_VERSION}`, get: 200, options: 404 },
  'GET /v1/models/:version/plans/:hash': { path: `/v1/models/${MODEL_VERSION}/plans/${DATA_PLAN_HASH}`, get: 200, options: 404 },
  'GET /v1/health': { path: '/v1/health', get: 200, options: 404 },
  'GET /v1/series': { path: `/v1/series?model=${MODEL_VERSION}`, get: 200, options: 404 },
  'GET /v1/noised': { path: `/v1/noised?model=${MODEL_VERSION}`, get: 200, options: 404 },
  'GET /v1/devices': { path: `/v1/devices?model=${MODEL_VERSION}`, get: 200, options: 404 },
  'GET /v1/overview': { path: '/v1/overview', get: 200, options: 404 },
  'GET /v1/live': { path: '/v1/live', get: 200, options: 404 },
  'GET /v1/openapi.json': { path: '/v1/openapi.json', get: 200, options: 404 },
  'GET /metrics': { path: '/metrics', get: 200, options: 404 },
  'ALL /v1/incidents': { path: '/v1/incidents', get: 401, options: 404 },
  'ALL /v1/incidents/*': { path: '/v1/incidents/x/y', get: 401, options: 404 },
  'ALL /v1/rules': { path: '/v1/rules', get: 401, options: 404 },
  'ALL /v1/rules/*': { path: '/v1/rules/x/y', get: 401, options: 404 },
  'ALL /v1/targets': { path: '/v1/targets', get: 401, options: 404 },
  'ALL /v1/audit': { path: '/v1/audit', get: 401, options: 404 },
  'ALL /v1/monitoring': { path: '/v1/monitoring', get: 401, options: 404 },
  'ALL /v1/monitoring/*': { path: '/v1/monitoring/x/y', get: 401, options: 404 },
  'ALL /v1/votes': { path: '/v1/votes', get: 401, options: 404 },
  'GET /v1/monitoring': { path: '/v1/monitoring', get: 401, options: 404 },
  'GET /v1/monitoring/:version': { path: `/v1/monitoring/${MODEL_VERSION}`, get: 401, options: 404 },
  'POST /v1/monitoring/:version': { path: `/v1/monitoring/${MODEL_VERSION}`, get: 401, options: 404 },
  'GET /v1/votes': { path: `/v1/votes?model=${MODEL_VERSION}`, get: 401, options: 404 },
  'GET /v1/incidents': { path: '/v1/incidents', get: 401, options: 404 },
  'GET /v1/incidents/:id': { path: '/v1/incidents/x', get: 401, options: 404 },
  'POST /v1/incidents/:id': { path: '/v1/incidents/x', get: 401, options: 404 },
  'GET /v1/rules': { path: '/v1/rules', get: 401, options: 404 },
  'PUT /v1/rules/:id': { path: '/v1/rules/x', get: 401, options: 404 },
  'DELETE /v1/rules/:id': { path: '/v1/rules/x', get: 401, options: 404 },
  'GET /v1/targets': { path: '/v1/targets', get: 401, options: 404 },
  'GET /v1/audit': { path: '/v1/audit', get: 401, options: 404 },
  'ALL /v1/*': { path: '/v1/nothing', get: 404, options: 404 },
  'GET /dashboard': { path: '/dashboard', get: 302, options: 404 },
  'GET /*': { path: '/models/fixture/large.bin', get: 200, options: 404 },
};

let folder: string;
let deps: ServerDeps;
let closeAlarms: () => Promise<void>;
let server: HttpServer;
let origin: { readonly url: string; readonly port: number };
const closing = new AbortController();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-routes-'));
  await mkdir(join(folder, 'fixture'));
  await writeFile(join(folder, 'fixture', 'large.bin'), Buffer.alloc(8 * 1024 * 1024));
  const store = new MemoryStore();
  const registry = await Registry.open({ store, release: '1.0.0', now: () => NOW_MS, complain: () => undefined });
  await registry.admit(manifestText(), { baseline: null });
  const live = new LiveFeed();
  const clocks = { keptMs: () => NOW_MS, elapsedMs: () => performance.now() };
  const group = new GroupCommit({ store, ...clocks, onStored: (windows) => live.publish(windows), onFailed: () => undefined });
  const load = new OwnLoad('1.0.0', NOW_MS);
  const refusals = new Refusals({ log: () => undefined, elapsedMs: clocks.elapsedMs });
  const exports = new Exports({
    ...{ store, registry, load, refusals, group, live, disk: null, shownReportsMin: 1, now: () => NOW_MS, elapsedMs: clocks.elapsedMs },
  });
  const quiet = { configFile: null, shownReportsMin: 1, onChanged: () => undefined, log: () => undefined };
  const { incidents, rules, monitoring, close } = await openAlarms({ store, registry, now: () => NOW_MS, ...quiet });
  closeAlarms = close;
  deps = {
    ...{ exports, load, refusals },
    ...{ incidents, rules, monitoring, targets: () => [] },
    ...{ store, registry, group, live, reads: new ReadQueue(), shownReportsMin: 1, adminKey: 'key', release: '1.0.0' },
    ...{ folders: { site: folder, library: folder, models: folder }, writeKeys: new Map([['demo', null]]) },
    ...{ now: () => NOW_MS, log: () => undefined, closing: closing.signal },
  };
  server = createServer(deps);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  origin = { port, url: `http://127.0.0.1:${port}` };
});
afterAll(async () => {
  closing.abort();
  deps.live.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await closeAlarms();
  await rm(folder, { recursive: true });
});

/** Resolves once nothing of what was asked is held any more. */
async function isIdle(): Promise<void> {
  const isOpen = () => new Promise<boolean>((resolve) => server.getConnections((_, count) => resolve(count > 0)));
  server.closeIdleConnections();
  while (deps.live.listenerCount > 0 || (await isOpen()) || openFiles().length > 0) {
    server.closeIdleConnections();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Served files that are open, where the system tells. */
function openFiles(): readonly string[] {
  if (!existsSync('/proc/self/fd')) return [];
  const targets = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(folder));
}

/** A connection by hand, that reads nothing unless it is told to. */
async function connected(text: string): Promise<import('node:net').Socket> {
  const socket = connect(origin.port, '127.0.0.1').pause();
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(text);
  return socket;
}

test('the table has a row for each route of the router, and no other', () => {
  const routes = createApp(deps).routes.map(({ method, path }) => `${method} ${path}`);
  expect([...new Set(routes)].sort()).toEqual(Object.keys(ROUTES).sort());
});

test('the table of endpoints has a row for each route of the API, and no other', () => {
  const isOfApi = (route: string) => /^[A-Z]+ \/(v1\/|metrics$)/.test(route) && !route.endsWith('*') && !route.startsWith('ALL');
  const rows = Object.values(ENDPOINTS).map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`);
  const listed = Object.keys(ROUTES).filter(isOfApi);
  // Asked at any address below, so that no preflight is refused.
  expect(rows.filter((row) => !row.startsWith('OPTIONS')).sort()).toEqual(listed.sort());
});

describe.each(Object.entries(ROUTES))('%s', (_, row) => {
  const url = () => origin.url + row.path;
  const ask = (method: string, signal?: AbortSignal) =>
    fetch(url(), { method, redirect: 'manual', ...(signal === undefined ? {} : { signal }) });

  test(`HEAD: ${row.get}, no body, and nobody listens afterwards`, async () => {
    for (let count = 0; count < LIVE_LISTENER_COUNT_MAX + 1; count++) {
      const response = await ask('HEAD');
      expect([response.status, await response.text()]).toEqual([row.get, '']);
    }
    expect(deps.live.listenerCount).toBe(0);
    await isIdle();
  });

  test(`OPTIONS: ${row.options}`, async () => {
    const response = await ask('OPTIONS');
    await response.text();
    expect(response.status).toBe(row.options);
  });

  test('a reader who goes away leaves nothing behind', async () => {
    for (let count = 0; count < 4; count++) {
      const gone = new AbortController();
      const response = await ask('GET', gone.signal);
      expect(response.status).toBe(row.get);
      gone.abort();
    }
    await isIdle();
  });

  test('a reader who takes nothing, or closes one half, is let go with the connection', async () => {
    const request = `GET ${row.path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const silent = await connected(request);
    const half = await connected(request);
    half.end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    silent.destroy();
    half.destroy();
    await isIdle();
  });

  test('a sender who stops in the middle of a body is let go with the connection', async () => {
    const socket = await connected(`POST ${row.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nxxx`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    await isIdle();
  });
});

test('commits are still told after every route was walked', async () => {
  const listener = ((await fetch(`${origin.url}/v1/live`)).body as ReadableStream<Uint8Array>).getReader();
  await listener.read();
  expect((await fetch(`${origin.url}/v1/report/demo`, { method: 'POST', body: bodyOf([dataWindow()]) })).status).toBe(204);
  expect(new TextDecoder().decode((await listener.read()).value)).toContain('event: commit');
  await listener.cancel();
});

test('a connection on which nothing moves, and a request that does not arrive, are cut; a live stream ends by itself', () => {
  expect([server.timeout, server.requestTimeout, server.headersTimeout]).toEqual([
    ...[CONNECTION_IDLE_MS_MAX, REPORT_TIMEOUT_MS, REPORT_TIMEOUT_MS],
  ]);
  expect(LIVE_LISTENER_MS_MAX).toBeGreaterThan(CONNECTION_IDLE_MS_MAX);
});
