/**
 * The collector's HTTP surface. The only room that knows hono.
 *
 *     POST /v1/report/{writeKey}   a report (protocol/report/report.ts): 204 after commit, else 400, 403, 410, 413, 503 + Retry-After
 *     POST /v1/models              register a model: 201, else 400, 401, 413
 *     GET  /v1/models[/{version}]  registrations        GET /v1/series   summed cells
 *     GET  /v1/live                server-sent events   GET /v1/health
 *     GET  /…                      collector/http/static-files.ts
 *
 * Invariants
 *  - A report's answer comes after its commit, is empty and cacheable: `no-store` would hold the page's keepalive quota.
 *  - A report needs no preflight, and any origin may read its status.
 *  - The peer's address and the request's headers are never logged or stored; a log line holds no part of a body.
 *  - A body that is longer than its limit is refused before all of it was read.
 *
 * Not here: what is counted (collector/intake/intake.ts), who waits for whom (collector/intake/group-commit.ts).
 */
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { REPORT_TIMEOUT_MS } from '../../protocol/limits.ts';
import { addModelRoutes } from './model-routes.ts';
import { addReadRoutes } from './read-routes.ts';
import { addReportRoutes } from './report-routes.ts';
import type { ServerParts } from './server-parts.ts';
import { serveStatic } from './static-files.ts';

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
