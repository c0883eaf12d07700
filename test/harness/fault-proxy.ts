/**
 * Fault proxy: a real HTTP server in front of a real one, which logs every request and breaks those that a rule names.
 *
 * Why: a lost acknowledgement, a truncated download or a stalled body cannot be asked of a healthy server, and a page
 * must meet them on a real connection.
 *
 * Invariants
 *  - A request that no rule matches is streamed through unchanged, both ways; nothing is retried.
 *  - The first matching rule decides; a rule with `times` stops matching after that many requests.
 *  - Every request is in `log` from its first line on, its body when it has been read.
 *  - `targetUrl` may change while it runs (a collector that was restarted elsewhere).
 *
 * Not here: what a fault should lead to (test/fault, test/e2e).
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { ANSWER_HEADER, answerProof } from '../../protocol/report/answer.ts';
import { listenUnseen } from './unseen-port.ts';

export interface LoggedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly receivedAtMs: number;
  /** Complete once `isBodyComplete`. */
  body: Uint8Array;
  isBodyComplete: boolean;
  /** Answered to the client; null while open, 0 when the connection was dropped. */
  status: number | null;
  /** When the answer was out or the connection gone; null while open. */
  endedAtMs: number | null;
  action: FaultAction['kind'] | null;
}

export type FaultAction =
  /** `isCollector`: as the collector itself would, with the header that proves it. */
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: string; isCollector?: true }
  /** Sends this many bytes of the answer's body under its full length, then drops the connection. */
  | { kind: 'truncate-at'; byte: number }
  /** Inverts the lowest bit of one byte of the answer's body. */
  | { kind: 'flip-byte-at'; byte: number }
  /** Sends this many bytes of the answer's body and then nothing, the connection left open. */
  | { kind: 'stall'; byte: number }
  | { kind: 'drop-before' }
  /** The target answers, the client never learns of it. */
  | { kind: 'drop-after-forward' }
  | { kind: 'delay'; delayMs: number }
  /** Adds to or replaces the answer's headers. */
  | { kind: 'headers'; headers: Record<string, string> };

export interface FaultRule {
  match: RegExp | ((request: LoggedRequest) => boolean);
  action: FaultAction;
  /** How many requests it breaks; without it, all. */
  times?: number;
}

export interface FaultProxy {
  readonly url: string;
  readonly log: LoggedRequest[];
  /** Changed in place at any time. */
  readonly rules: FaultRule[];
  targetUrl: string;
  close(): Promise<void>;
}

export async function startFaultProxy(targetUrl: string, rules: FaultRule[] = []): Promise<FaultProxy> {
  const log: LoggedRequest[] = [];
  const server = createServer((incoming, response) => {
    const entry = logged(incoming, response);
    log.push(entry);
    const rule = rules.find((candidate) => candidate.times !== 0 && matches(candidate, entry));
    if (rule?.times !== undefined) rule.times--;
    entry.action = rule?.action.kind ?? null;
    answer(proxy.targetUrl, incoming, response, rule?.action ?? null, entry);
  });
  const port = await listenUnseen(server);
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${port}`,
    log,
    rules,
    targetUrl,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return proxy;
}

function matches(rule: FaultRule, entry: LoggedRequest): boolean {
  return typeof rule.match === 'function' ? rule.match(entry) : rule.match.test(`${entry.method} ${entry.url}`);
}

function logged(incoming: IncomingMessage, response: ServerResponse): LoggedRequest {
  const entry: LoggedRequest = {
    method: incoming.method ?? '',
    url: incoming.url ?? '',
    headers: incoming.headers,
    receivedAtMs: Date.now(),
    body: new Uint8Array(),
    isBodyComplete: false,
    status: null,
    endedAtMs: null,
    action: null,
  };
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    entry.body = new Uint8Array(Buffer.concat(chunks));
    entry.isBodyComplete = true;
  });
  response.on('close', () => {
    entry.status = response.writableFinished ? response.statusCode : 0;
    entry.endedAtMs = performance.now();
  });
  return entry;
}

function answer(
  targetUrl: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  action: FaultAction | null,
  asked: LoggedRequest,
): void {
  if (action?.kind === 'drop-before') {
    incoming.socket.destroy();
  } else if (action?.kind === 'status') {
    incoming.on('end', () => {
      const proof = { [ANSWER_HEADER]: answerProof(action.status, asked.body), 'access-control-expose-headers': ANSWER_HEADER };
      const proved = action.isCollector === true ? proof : {};
      response.writeHead(action.status, { 'access-control-allow-origin': '*', ...proved, ...action.headers });
      response.end(action.body);
    });
  } else if (action?.kind === 'delay') {
    incoming.pause();
    setTimeout(() => forward(targetUrl, incoming, response, null), action.delayMs);
  } else {
    forward(targetUrl, incoming, response, action);
  }
}

function forward(targetUrl: string, incoming: IncomingMessage, response: ServerResponse, action: FaultAction | null): void {
  const { host } = new URL(targetUrl);
  // A page names the proxy as its origin; the target must see its own name, as behind any reverse proxy.
  const headers = { ...incoming.headers, host };
  const outgoing = request(targetUrl, { method: incoming.method, path: incoming.url, headers, agent: false }, (reply) => {
    if (action?.kind === 'drop-after-forward') {
      reply.resume().on('end', () => incoming.socket.destroy());
      return;
    }
    const extra = action?.kind === 'headers' ? action.headers : {};
    response.writeHead(reply.statusCode ?? 502, { ...reply.headers, ...extra });
    response.flushHeaders();
    const fault = action === null ? null : bodyFault(action, () => incoming.socket.destroy());
    reply.on('error', () => incoming.socket.destroy());
    if (fault === null) reply.pipe(response);
    else reply.pipe(fault).pipe(response);
  });
  outgoing.on('error', () => incoming.socket.destroy());
  response.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}

function bodyFault(action: FaultAction, drop: () => void): Transform | null {
  if (action.kind !== 'truncate-at' && action.kind !== 'stall' && action.kind !== 'flip-byte-at') return null;
  let offset = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      const at = action.byte - offset;
      offset += chunk.length;
      if (at < 0 || at >= chunk.length) return at < 0 && action.kind !== 'flip-byte-at' ? done() : done(null, chunk);
      if (action.kind === 'flip-byte-at') {
        const flipped = Buffer.from(chunk);
        flipped[at] = (flipped[at] ?? 0) ^ 1;
        return done(null, flipped);
      }
      if (at > 0) this.push(chunk.subarray(0, at));
      // A dropped connection must not take the bytes before it along: they leave first.
      if (action.kind === 'truncate-at') setTimeout(drop, 50);
      // Not calling back for this chunk's rest leaves the answer open for ever; the client decides when it has waited enough.
      else done();
    },
    flush(done: TransformCallback) {
      if (action.kind === 'flip-byte-at' || offset <= action.byte) done();
    },
  });
}
