/**
 * The collector's HTTP surface. The only file that knows hono.
 *
 *     POST /v1/report/{writeKey}   a report (protocol/report.ts): 204 after commit, else 400, 403, 410, 413, 503 + Retry-After
 *     POST /v1/models              register a model: 201, else 400, 401, 413
 *     GET  /v1/models[/{version}]  registrations        GET /v1/series   summed cells
 *     GET  /v1/live                server-sent events   GET /v1/health
 *     GET  /…                      collector/static-files.ts
 *
 * Invariants
 *  - A report's answer comes after its commit, is empty and cacheable: `no-store` would hold the page's keepalive quota.
 *  - A report needs no preflight, and any origin may read its status.
 *  - The peer's address and the request's headers are never logged or stored; a log line holds no part of a body.
 *  - A body that is longer than its limit is refused before all of it was read.
 *
 * Not here: what is counted (collector/intake.ts), who waits for whom (collector/group-commit.ts).
 */
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import {
  BODY_BYTES_MAX,
  CLOCK_AHEAD_MS_MAX,
  LIVE_BACKLOG_COUNT_MAX,
  LIVE_KEEPALIVE_MS,
  LIVE_LISTENER_COUNT_MAX,
  REGISTRATION_BYTES_MAX,
  REPORT_TIMEOUT_MS,
  RETRY_AFTER_BUSY_S,
  RETRY_AFTER_UNKNOWN_S,
  SERIES_HOUR_COUNT_MAX,
} from '../protocol/limits.ts';
import { HOUR_MS } from '../protocol/report.ts';
import { isAdmin } from './admin-key.ts';
import type { GroupCommit } from './group-commit.ts';
import { judgeBody } from './intake.ts';
import type { LiveFeed } from './live-feed.ts';
import { noisedEstimates } from './noised-estimates.ts';
import type { RegisteredModel, Registry } from './registry.ts';
import { type StaticFolders, serveStatic } from './static-files.ts';
import type { Store } from './store.ts';

export interface ServerParts {
  readonly store: Store;
  readonly registry: Registry;
  readonly group: GroupCommit;
  readonly live: LiveFeed;
  readonly folders: StaticFolders;
  readonly adminKey: string;
  readonly writeKeys: ReadonlySet<string>;
  readonly release: string;
  readonly now: () => number;
  readonly complain: (sentence: string) => void;
  /** Ends the live streams. */
  readonly closing: AbortSignal;
}

export type HttpServer = import('node:http').Server;

export function createServer(parts: ServerParts): HttpServer {
  const app = new Hono();
  addReportRoutes(app, parts);
  addModelRoutes(app, parts);
  addReadRoutes(app, parts);
  app.all('/v1/*', (c) => c.text('There is no such address in this API.', 404));
  app.get('/dashboard', (c) => c.redirect('/dashboard/'));
  app.get('/*', async (c) => {
    const path = decodePath(c.req.path);
    const answer = path === null ? null : await serveStatic(parts.folders, path, c.req.raw);
    return answer ?? notServed(c);
  });
  app.notFound((c) => c.text('Nothing is served at this address.', 404));
  app.onError((error, c) => {
    parts.complain(`A request failed here: ${error.name}: ${error.message.split('\n', 1)[0]}`);
    return c.text('The collector failed on this request.', 500);
  });
  return createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    serverOptions: { requestTimeout: REPORT_TIMEOUT_MS, headersTimeout: REPORT_TIMEOUT_MS },
  }) as HttpServer;
}

function addReportRoutes(app: Hono, { registry, group, writeKeys, now, closing }: ServerParts): void {
  const refuse = (c: Context, status: 400 | 403 | 410 | 413 | 503, reason: string, retryAfterS = 0) => {
    if (retryAfterS > 0) c.header('Retry-After', String(retryAfterS));
    return c.text(reason, status);
  };
  app.use('/v1/report/*', async (c, next) => {
    c.header('Access-Control-Allow-Origin', '*');
    c.header('Access-Control-Expose-Headers', 'Retry-After');
    c.header('Cross-Origin-Resource-Policy', 'cross-origin');
    await next();
  });
  app.options('/v1/report/*', (c) => {
    c.header('Access-Control-Allow-Methods', 'POST');
    c.header('Access-Control-Allow-Headers', 'Content-Type');
    c.header('Access-Control-Max-Age', '86400');
    return c.body(null, 204);
  });
  app.post('/v1/report/:writeKey', async (c) => {
    if (!writeKeys.has(c.req.param('writeKey'))) return refuse(c, 403, 'This write key is unknown here.');
    if (closing.aborted) return refuse(c, 503, 'The collector is stopping.', RETRY_AFTER_BUSY_S);
    const body = await readBody(c, BODY_BYTES_MAX);
    if (body === 'too-long') return refuse(c, 413, `A report has at most ${BODY_BYTES_MAX} bytes.`);
    if (body === 'cut-off') return refuse(c, 400, 'The body is cut off.');
    const verdict = judgeBody(body, registry, now());
    if (!verdict.ok) return refuse(c, verdict.status, verdict.reason, verdict.status === 503 ? RETRY_AFTER_UNKNOWN_S : 0);
    const outcome = await group.submit(verdict.windows);
    if (outcome === 'committed') return c.body(null, 204);
    const reason = { full: 'The intake is full.', failed: 'The store failed; nothing was counted.', closing: 'The collector is stopping.' };
    return refuse(c, 503, reason[outcome], RETRY_AFTER_BUSY_S);
  });
}

function addModelRoutes(app: Hono, { registry, adminKey }: ServerParts): void {
  app.post('/v1/models', async (c) => {
    if (!isAdmin(c.req.header('Authorization'), adminKey)) {
      c.header('WWW-Authenticate', 'Bearer');
      return c.text('Registering a model needs the admin key: Authorization: Bearer <key>.', 401);
    }
    const body = await readBody(c, REGISTRATION_BYTES_MAX);
    if (body === 'too-long') return c.text(`A registration has at most ${REGISTRATION_BYTES_MAX} bytes.`, 413);
    const registration = body === 'cut-off' ? null : parseRegistration(body);
    if (registration === null) return c.text('Expected JSON: {"manifest": "<model.json as text>", "baseline": {…} or null}.', 400);
    const verdict = await registry.admit(registration.manifest, registration.baseline);
    return verdict.ok ? c.json(describe(verdict.model), 201) : c.text(verdict.reason, 400);
  });
  app.get('/v1/models', (c) => c.json(registry.models.map(describe)));
  app.get('/v1/models/:version', (c) => {
    const model = registry.find(c.req.param('version'));
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    const { modelVersion, plan, baseline } = model.registration;
    return c.json({ manifest: model.manifest, baseline, modelVersion, plan });
  });
}

function addReadRoutes(app: Hono, { store, registry, live, release, now, closing }: ServerParts): void {
  const startedAtMs = now();
  app.get('/v1/health', (c) => {
    const uptimeS = Math.floor((now() - startedAtMs) / 1000);
    return c.json({ ok: true, release, models: registry.models.length, uptimeS });
  });
  app.get('/v1/series', async (c) => {
    const range = readRange(c.req.query(), now());
    if (typeof range === 'string') return c.text(range, 400);
    const [totals, data, software] = await Promise.all([
      store.hourTotals(range),
      store.cellSums({ ...range, report: 'data' }),
      store.cellSums({ ...range, report: 'software' }),
    ]);
    return c.json({ nowMs: range.nowMs, totals, data, software });
  });
  app.get('/v1/noised', async (c) => {
    const range = readRange(c.req.query(), now());
    if (typeof range === 'string') return c.text(range, 400);
    const model = registry.find(range.modelVersion);
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    // A noised report has a day and no hour: the day in which the range begins counts whole.
    const fromHour = range.fromHour - (range.fromHour % 24);
    return c.json(await noisedEstimates(store, model, { ...range, fromHour }));
  });
  app.get('/v1/live', (c) => {
    if (live.listenerCount >= LIVE_LISTENER_COUNT_MAX) return c.text('Too many dashboards are listening.', 503);
    return streamSSE(c, async (stream) => {
      let backlogCount = 0;
      let tail: Promise<unknown> = Promise.resolve();
      const write = (text: string) => {
        if (backlogCount >= LIVE_BACKLOG_COUNT_MAX) return;
        backlogCount++;
        tail = tail.then(() => stream.write(text)).finally(() => backlogCount--);
      };
      const stop = live.subscribe((event) => write(`event: commit\ndata: ${JSON.stringify(event)}\n\n`));
      const keepalive = setInterval(() => write(':\n\n'), LIVE_KEEPALIVE_MS);
      write(':\n\n');
      await new Promise<void>((resolve) => {
        stream.onAbort(resolve);
        if (closing.aborted) resolve();
        closing.addEventListener('abort', () => resolve(), { once: true, signal: c.req.raw.signal });
      });
      clearInterval(keepalive);
      stop();
    });
  });
}

/** Model and hours of a query, or what is wrong with it. */
function readRange({ model = '', hours: asked = '24' }: Readonly<Record<string, string>>, nowMs: number) {
  const hours = Number(asked);
  if (!/^[0-9a-f]{16}$/.test(model)) return '`model` must be a model version: 16 hex digits.';
  if (!Number.isInteger(hours) || hours < 1 || hours > SERIES_HOUR_COUNT_MAX) {
    return `\`hours\` must be a whole number from 1 to ${SERIES_HOUR_COUNT_MAX}.`;
  }
  // Pages whose clock is ahead are shown where they say they are, rather than not at all.
  const toHour = Math.floor((nowMs + CLOCK_AHEAD_MS_MAX) / HOUR_MS);
  return { nowMs, modelVersion: model, fromHour: Math.floor(nowMs / HOUR_MS) - hours + 1, toHour };
}

function describe({ registration }: RegisteredModel) {
  const { modelVersion, plan, name, version, registeredAtMs, baseline } = registration;
  return { modelVersion, plan, name, version, registeredAtMs, baselineRuns: baseline?.n ?? 0 };
}

function parseRegistration(body: Uint8Array): { manifest: string; baseline: unknown } | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof json !== 'object' || json === null) return null;
    const { manifest, baseline = null } = json as { manifest?: unknown; baseline?: unknown };
    return typeof manifest === 'string' ? { manifest, baseline } : null;
  } catch {
    return null;
  }
}

async function readBody(c: Context, bytesMax: number): Promise<Uint8Array | 'too-long' | 'cut-off'> {
  const tooLong = (): 'too-long' => {
    // The rest of the body stays unread, so this connection cannot carry another request.
    c.header('Connection', 'close');
    return 'too-long';
  };
  const declared = c.req.header('Content-Length');
  if (declared !== undefined && Number(declared) > bytesMax) return tooLong();
  try {
    if (declared !== undefined) return new Uint8Array(await c.req.arrayBuffer());
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of c.req.raw.body ?? []) {
      length += piece.length;
      if (length > bytesMax) return tooLong();
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } catch {
    return 'cut-off';
  }
}

function decodePath(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/** Readable from any origin, so that a page on another one learns "404" and not "no answer". */
function notServed(c: Context): Response {
  c.header('Access-Control-Allow-Origin', '*');
  c.header('Cross-Origin-Resource-Policy', 'cross-origin');
  c.header('Cache-Control', 'no-cache');
  return c.text('Nothing is served at this address.', 404);
}
