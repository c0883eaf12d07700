/**
 * WebDriver client: the few W3C WebDriver commands that the harness needs, over HTTP.
 *
 * Why: WebKitWebDriver speaks classic WebDriver only, and forty lines of fetch are less than a dependency.
 *
 * Invariants
 *  - One command at a time per session: WebDriver has one current window, so a command for a window switches first, and
 *    nothing may come in between.
 *
 * Not here: starting the driver and the display (webkit.ts).
 * Source: W3C WebDriver, sections 8 (sessions), 11 (windows), 13 (scripts), 15 (actions).
 */
import { request } from 'node:http';

export interface WebDriverSession {
  /** Runs commands for one window with nothing in between. `send('POST', '/url', {…})` is relative to the session. */
  inWindow<T>(handle: string | null, body: (send: Send) => Promise<T>): Promise<T>;
  capabilities: { browserName?: string; browserVersion?: string };
}

export type Send = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>;

/** Starts a session at `driverUrl`. */
export async function startSession(driverUrl: string, alwaysMatch: unknown): Promise<WebDriverSession> {
  const started = (await command(driverUrl, 'POST', '/session', { capabilities: { alwaysMatch } })) as {
    sessionId: string;
    capabilities: WebDriverSession['capabilities'];
  };
  const send: Send = (method, path, body) => command(driverUrl, method, `/session/${started.sessionId}${path}`, body);
  let tail: Promise<unknown> = Promise.resolve();
  let current: string | null = null;
  return {
    capabilities: started.capabilities,
    inWindow(handle, body) {
      const turn = tail.then(async () => {
        if (handle !== null && handle !== current) await send('POST', '/window', { handle });
        current = handle;
        return body(send);
      });
      tail = turn.catch(() => {});
      return turn;
    },
  };
}

interface DriverReply {
  value?: unknown;
}

/** node:http and not fetch, whose default timeouts would end a long script. */
function command(driverUrl: string, method: string, path: string, body: unknown = {}): Promise<unknown> {
  const payload = method === 'POST' ? Buffer.from(JSON.stringify(body)) : null;
  return new Promise((resolve, reject) => {
    const headers = payload === null ? {} : { 'content-type': 'application/json', 'content-length': payload.length };
    const call = request(`${driverUrl}${path}`, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve((JSON.parse(text) as DriverReply).value);
        else reject(new Error(`WebDriver ${method} ${path} answered ${response.statusCode}: ${text}`));
      });
    });
    call.on('error', reject);
    call.end(payload ?? undefined);
  });
}
