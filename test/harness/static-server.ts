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
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

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

/** What happens to a path instead of its file: another body, status or headers; `cutAt` ends the connection after so many bytes, `stallAt` never ends it. */
export interface Fault {
  readonly status?: number;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cutAt?: number;
  readonly stallAt?: number;
  /** Times it applies; always without it. */
  times?: number;
}

export class StaticServer {
  /** Paths without query, in order of arrival. */
  readonly requests: string[] = [];
  /** Paths whose client went away before it had the whole body. */
  readonly abandoned: string[] = [];
  readonly faults = new Map<string, Fault>();
  private readonly server: Server;

  private readonly folders: readonly (readonly [prefix: string, folder: string])[];

  private constructor(folders: Readonly<Record<string, string>>) {
    this.folders = [...FOLDERS, ...Object.entries(folders)];
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  /** @param folders More folders, by the prefix under which they are served. */
  static async start(folders: Readonly<Record<string, string>> = {}): Promise<StaticServer> {
    const started = new StaticServer(folders);
    await new Promise<void>((resolve) => started.server.listen(0, '127.0.0.1', resolve));
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
    const { pathname } = new URL(request.url ?? '/', this.origin);
    this.requests.push(pathname);
    response.on('close', () => {
      if (!response.writableFinished) this.abandoned.push(pathname);
    });
    const fault = this.takeFault(pathname);
    const file = fault?.body ?? (await this.readServed(pathname));
    if (file === null) {
      response.writeHead(404).end();
      return;
    }
    const body = typeof file === 'string' ? Buffer.from(file) : file;
    response.writeHead(fault?.status ?? 200, {
      'Content-Type': TYPES[pathname.split('.').pop() ?? ''] ?? 'application/octet-stream',
      'Content-Length': body.length,
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cross-Origin-Resource-Policy': 'cross-origin',
      'Access-Control-Allow-Origin': '*',
      'Cache-Control': 'no-cache',
      ...fault?.headers,
    });
    if (fault?.cutAt !== undefined) response.write(body.subarray(0, fault.cutAt), () => response.destroy());
    else if (fault?.stallAt !== undefined) response.write(body.subarray(0, fault.stallAt));
    else response.end(request.method === 'HEAD' ? undefined : body);
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
