/**
 * The live route: a stream of events to each dashboard that listens.
 *
 * Why on Node's own response: a web stream per listener outlived its connection (Node 20 kept what a reader had left behind, 45 kB each).
 *
 * Invariants
 *  - A listener that does not read has at most LIVE_BACKLOG_COUNT_MAX events waiting; what comes after is left out.
 *  - A stream ends when its reader goes, when its place is taken, and when the collector stops.
 *  - HEAD is answered with headers alone: nobody listens.
 */
import type { ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import { LIVE_BACKLOG_COUNT_MAX, LIVE_KEEPALIVE_MS } from '../../protocol/limits.ts';
import type { ServerDeps } from './server-deps.ts';

const HEADERS = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' } as const;

export function addLiveRoute(app: Hono, deps: ServerDeps): void {
  app.get('/v1/live', (c) => {
    if (c.req.method === 'HEAD') return c.body(null, 200, HEADERS);
    listen((c.env as HttpBindings).outgoing as ServerResponse, deps);
    return RESPONSE_ALREADY_SENT;
  });
}

function listen(response: ServerResponse, { live, closing }: ServerDeps): void {
  let backlogCount = 0;
  const write = (text: string) => {
    if (backlogCount >= LIVE_BACKLOG_COUNT_MAX) return;
    backlogCount++;
    response.write(text, () => backlogCount--);
  };
  const end = () => response.end();
  response.writeHead(200, HEADERS);
  const stop = live.subscribe(({ event, data }) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`), end);
  const keepalive = setInterval(() => write(':\n\n'), LIVE_KEEPALIVE_MS);
  closing.addEventListener('abort', end);
  response.once('close', () => {
    closing.removeEventListener('abort', end);
    clearInterval(keepalive);
    stop();
  });
  write(':\n\n');
  if (closing.aborted) end();
}
