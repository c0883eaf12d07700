/**
 * The collector's HTTP server: which routes there are, and what is answered where there is none. The only room that knows hono.
 *
 *     /v1/report/{writeKey}                report-routes.ts
 *     /v1/models…                          model-routes.ts
 *     /v1/health, series, noised, devices  read-routes.ts
 *     /v1/overview                         read-routes.ts
 *     /v1/live                             live-route.ts
 *     /v1/incidents, rules, targets, audit owner-routes.ts
 *     /v1/monitoring, votes                owner-routes.ts
 *     /v1/openapi.json, /metrics           export-routes.ts
 *     everything else                      static-files.ts
 *
 * Invariants
 *  - The peer's address and the request's headers are never logged or stored; a log line holds no part of a body.
 *  - A connection has one request under way, and a few that wait (connection-turns.ts).
 *  - A request that takes longer than REPORT_TIMEOUT_MS to arrive is cut off, and so is a connection on which nothing moves.
 *
 * Not here: what is counted (collector/intake/intake.ts), what is read (collector/views/).
 */
import { createServer as createHttpServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { routePath } from 'hono/route';
import { CONNECTION_IDLE_MS_MAX, REPORT_TIMEOUT_MS, RETRY_AFTER_BUSY_S } from '../../protocol/limits.ts';
import { isDiskFailure } from '../operator/disk-failure.ts';
import { inTurn } from './connection-turns.ts';
import { addExportRoutes } from './export-routes.ts';
import { addLiveRoute } from './live-route.ts';
import { addModelRoutes } from './model-routes.ts';
import { addOwnerRoutes } from './owner-routes.ts';
import { addReadRoutes } from './read-routes.ts';
import { addReportRoutes } from './report-routes.ts';
import type { ServerDeps } from './server-deps.ts';
import { serveStatic } from './static-files.ts';

export type HttpServer = import('node:http').Server;

export function createServer(deps: ServerDeps): HttpServer {
  const listener = getRequestListener(createApp(deps).fetch, { overrideGlobalObjects: false });
  const limits = {
    requestTimeout: REPORT_TIMEOUT_MS,
    headersTimeout: REPORT_TIMEOUT_MS,
    connectionsCheckingInterval: REPORT_TIMEOUT_MS / 4,
  };
  const server = createHttpServer(limits, inTurn(listener));
  // A reader that takes nothing, or is gone without a word: its socket, and the file or stream behind it, are let go.
  server.setTimeout(CONNECTION_IDLE_MS_MAX);
  return server;
}

/** The routes alone. Whoever adds one adds its row to test/unit/collector/every-route.test.ts. */
export function createApp(deps: ServerDeps): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    // The route that answered, now that it has.
    deps.load.answered(c.req.method, routePath(c), c.res.status);
  });
  addReportRoutes(app, deps);
  addModelRoutes(app, deps);
  addReadRoutes(app, deps);
  addLiveRoute(app, deps);
  addOwnerRoutes(app, deps);
  addExportRoutes(app, deps);
  app.all('/v1/*', (c) => c.text('There is no such address in this API.', 404));
  // Relative: behind a path prefix the collector does not know its own address.
  app.get('/dashboard', (c) => c.redirect('dashboard/'));
  app.get('/*', async (c) => {
    const path = decodePath(c.req.path);
    const answer = path === null ? null : await serveStatic(deps.folders, path, c.req.raw);
    return answer ?? notServed(c);
  });
  app.notFound((c) => c.text('Nothing is served at this address.', 404));
  app.onError((error, c) => {
    deps.log(`A request failed here: ${error.name}: ${error.message.split('\n', 1)[0]}`);
    if (isDiskFailure(error)) {
      c.header('Retry-After', String(RETRY_AFTER_BUSY_S));
      return c.text('The disk of the store takes nothing more, so nothing was changed. Make room and ask again.', 503);
    }
    return c.text('The collector failed on this request.', 500);
  });
  return app;
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
