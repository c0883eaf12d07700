/**
 * Static server: the built library at /insitu/, the models at /models/, the test pages at /pages/, with a log and faults by path.
 *
 * Why beside the real collector: faults of files (a status, a body cut off or stalled, an error page, another origin) are
 * set per path here, and a test reads which requests a page made.
 *
 * Invariants
 *  - Headers are the collector's: COOP same-origin and COEP require-corp, so that WASM threads work; CORS and CORP open for files.
 *  - `close` drops what is still open, so that a stalled response never holds a test.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ANSWER_HEADER, answerProof } from '../../protocol/report/answer.ts';
import { listenUnseen } from './unseen-port.ts';

const ROOT = new URL('../../', import.meta.url);
const FOLDERS: readonly (readonly [prefix: string, folder: string])[] = [
  ['/insitu/', 'dist/'],
  ['/models/', 'models/'],
  ['/pages/', 'test/pages/'],
];
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
  json: 'application/json',
  onnx: 'application/octet-stream',
};

/** The collector's headers for files that anybody may have. */
const OPEN = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Access-Control-Allow-Origin': '*',
  'Cache-Control': 'no-cache',
};

/**
 * What happens to a path instead of its file: another body, status or headers; `cutAt` ends the connection after so many bytes,
 * `stallAt` never ends it, `drip` sends so many bytes per 20 ms. `ranges`: the server ignores them, refuses them (416), names
 * another range than it sends, or sends fewer bytes than it names.
 */
export interface Fault {
  readonly status?: number;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cutAt?: number;
  readonly stallAt?: number;
  readonly drip?: number;
  readonly ranges?: 'ignored' | 'refused' | 'lying' | 'shifted' | 'short';
  readonly redirect?: string;
  /** Times it applies; always without it. */
  times?: number;
}

/** From the last drip to the cut. */
const CUT_DELAY_MS = 500;

/** A request as it arrived. */
export interface Received {
  readonly method: string;
  readonly path: string;
  /** With its question mark. */
  readonly query: string;
  readonly headers: IncomingMessage['headers'];
}

export class StaticServer {
  /** Paths without query, in order of arrival. */
  readonly requests: string[] = [];
  readonly received: Received[] = [];
  /** Bytes of bodies that were sent, by path. */
  readonly sentBytes = new Map<string, number>();
  /** Files that lie in no folder, by path. */
  readonly files = new Map<string, Uint8Array | string>();
  /** Refuses a request with a status, for example one whose signature has expired. */
  guard: (request: Received) => number | null = () => null;
  /** Paths whose client went away before it had the whole body. */
  readonly abandoned: string[] = [];
  readonly faults = new Map<string, Fault>();
  /** Reports are answered as a collector does that has counted them; else there is no such address here. */
  takesReports = false;
  private readonly server: Server;

  private readonly folders: readonly (readonly [prefix: string, folder: string])[];

  private constructor(folders: Readonly<Record<string, string>>) {
    this.folders = [...FOLDERS, ...Object.entries(folders)];
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  /** @param folders More folders, by the prefix under which they are served. */
  static async start(folders: Readonly<Record<string, string>> = {}): Promise<StaticServer> {
    const started = new StaticServer(folders);
    await listenUnseen(started.server);
    return started;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The same server as another origin: the host name differs. */
  get otherOrigin(): string {
    return this.origin.replace('127.0.0.1', 'localhost');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(request.url ?? '/', this.origin);
    const { method = 'GET', headers } = request;
    const received = { method, path: pathname, query: search, headers };
    this.received.push(received);
    if (method === 'OPTIONS') {
      response.writeHead(204, { ...OPEN, 'Access-Control-Allow-Headers': 'authorization, x-key' }).end();
      return;
    }
    this.requests.push(pathname);
    response.on('close', () => {
      if (!response.writableFinished) this.abandoned.push(pathname);
    });
    if (this.takesReports && method === 'POST' && pathname.startsWith('/v1/report/')) {
      const report = Buffer.concat(await request.toArray());
      response.writeHead(204, { ...OPEN, [ANSWER_HEADER]: answerProof(204, report) }).end();
      return;
    }
    const refusal = this.guard(received);
    const fault = this.takeFault(pathname);
    const file = fault?.body ?? this.files.get(pathname) ?? (await this.readServed(pathname));
    if (file === null || refusal !== null || fault?.redirect !== undefined) {
      const location = fault?.redirect === undefined ? {} : { Location: fault.redirect };
      response.writeHead(refusal ?? (file === null ? 404 : 302), { ...OPEN, ...location }).end();
      return;
    }
    const body = typeof file === 'string' ? Buffer.from(file) : file;
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
    const part = partOf(headers, body, etag, fault);
    response.writeHead(part.status === 200 ? (fault?.status ?? 200) : part.status, {
      ...OPEN,
      'Content-Type': TYPES[pathname.split('.').pop() ?? ''] ?? 'application/octet-stream',
      'Content-Length': part.body.length,
      'Accept-Ranges': fault?.ranges === undefined ? 'bytes' : 'none',
      ETag: etag,
      ...part.headers,
      ...fault?.headers,
    });
    if (method === 'HEAD') response.end();
    else await this.send(response, pathname, part.body, fault ?? {});
  }

  private async send(response: ServerResponse, path: string, body: Uint8Array, fault: Fault): Promise<void> {
    const write = (piece: Uint8Array) => {
      this.sentBytes.set(path, (this.sentBytes.get(path) ?? 0) + piece.length);
      return new Promise<void>((resolve) => response.write(piece, () => resolve()));
    };
    if (fault.cutAt !== undefined && fault.drip === undefined) {
      await write(body.subarray(0, fault.cutAt));
      response.destroy();
    } else if (fault.stallAt !== undefined) {
      await write(body.subarray(0, fault.stallAt));
    } else {
      const step = fault.drip ?? Math.max(1, body.length);
      for (let offset = 0; offset < body.length && !response.destroyed; offset += step) {
        // What dripped has arrived; what is written in one go may be lost with the connection.
        if (offset >= (fault.cutAt ?? body.length)) {
          // A page on a busy machine reads it a little later.
          await new Promise((resolve) => setTimeout(resolve, CUT_DELAY_MS));
          return void response.destroy();
        }
        await write(body.subarray(offset, offset + step));
        if (fault.drip !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      response.end();
    }
  }

  private takeFault(pathname: string): Fault | undefined {
    const fault = this.faults.get(pathname);
    if (fault?.times === undefined) return fault;
    if (fault.times === 0) return undefined;
    fault.times--;
    return fault;
  }

  private async readServed(pathname: string): Promise<Uint8Array | null> {
    const served = this.folders.find(([prefix]) => pathname.startsWith(prefix));
    if (served === undefined || pathname.includes('..')) return null;
    const [prefix, folder] = served;
    return readFile(fileURLToPath(new URL(folder + pathname.slice(prefix.length), ROOT))).catch(() => null);
  }
}

interface Part {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** RFC 9110 §14, one range, or one of its violations. */
function partOf(headers: IncomingMessage['headers'], body: Uint8Array, etag: string, fault: Fault | undefined): Part {
  const asked = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
  const isStale = headers['if-range'] !== undefined && headers['if-range'] !== etag;
  if (asked === null || isStale || fault?.ranges === 'ignored' || fault?.status !== undefined) return { status: 200, body, headers: {} };
  const [first, last] = [Number(asked[1]), Math.min(Number(asked[2]), body.length - 1)];
  if (fault?.ranges === 'refused' || first > last) {
    return { status: 416, body: new Uint8Array(), headers: { 'Content-Range': `bytes */${body.length}` } };
  }
  // Lying: the head is right and the bytes are others. Shifted: the head says honestly that it is another range.
  const shift = fault?.ranges === 'lying' || fault?.ranges === 'shifted' ? -1 : 0;
  const named = fault?.ranges === 'shifted' ? [first + shift, last + shift] : [first, last];
  const end = fault?.ranges === 'short' ? first + Math.ceil((last - first) / 2) : last + 1;
  const part = body.subarray(Math.max(0, first + shift), Math.max(0, end + shift));
  return { status: 206, body: part, headers: { 'Content-Range': `bytes ${named[0]}-${named[1]}/${body.length}` } };
}
