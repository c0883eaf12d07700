/**
 * Bench server: pages, the built library, the peers' files and the bench models on one loopback origin, and the letterbox
 * for what a page measured.
 *
 * Invariants
 *  - COOP and COEP on everything, so that WASM threads work for every contender.
 *  - Reports of telemetry are answered with an empty 204, as a collector does.
 *  - Everything but the pages is immutable to the HTTP cache, as files with a hash in their name are on a real site: without
 *    that no contender has a compiled-code cache, and each visit downloads its runtime.
 *  - A report is answered to the visit that waits for it, by the token in its address.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ANSWER_HEADER, answerProof } from '../../protocol/report/answer.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
  json: 'application/json',
};

const TRANSFORMERS = 'node_modules/@huggingface/transformers';

/** Address prefix → folder, seen from the repository. */
export const FOLDERS: Readonly<Record<string, string>> = {
  '/insitu/': 'dist/',
  '/pages/': 'bench/pages/',
  '/ort/': 'node_modules/onnxruntime-web/dist/',
  '/transformers/': `${TRANSFORMERS}/dist/`,
  '/transformers-ort/': `${TRANSFORMERS}/node_modules/onnxruntime-web/dist/`,
};

type Body = string | Uint8Array;

export class BenchServer {
  /** Bodies in place of files, or where there is no file. A function is asked each time. */
  readonly bodies = new Map<string, Body | (() => Promise<Body>)>();
  private readonly server: Server;
  private readonly folders: Readonly<Record<string, string>>;
  private readonly waiting = new Map<string, (report: unknown) => void>();
  private nextToken = 1;

  private constructor(folders: Readonly<Record<string, string>>) {
    this.folders = { ...FOLDERS, ...folders };
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(folders: Readonly<Record<string, string>>): Promise<BenchServer> {
    const started = new BenchServer(folders);
    await new Promise<void>((resolve) => started.server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** A page's address, and what it will report. */
  expect<Report>(page: string, parameters: Readonly<Record<string, unknown>>): { url: string; report: Promise<Report> } {
    const token = String(this.nextToken++);
    const query = new URLSearchParams({ token, parameters: JSON.stringify(parameters) });
    const report = new Promise<Report>((resolve, reject) => {
      this.waiting.set(token, (value) => {
        const { error } = value as { error?: string };
        if (error === undefined) resolve(value as Report);
        else reject(new Error(`${page} ${JSON.stringify(parameters)}: ${error}`));
      });
    });
    return { url: `${this.origin}/pages/${page}?${query}`, report };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.origin);
    if (request.method === 'POST') return this.take(pathname, request, response);
    const own = this.bodies.get(pathname);
    const body = typeof own === 'function' ? await own() : (own ?? (await this.fileAt(pathname)));
    if (body === null) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'Content-Type': TYPES[pathname.split('.').pop() ?? ''] ?? 'application/octet-stream',
      'Content-Length': Buffer.byteLength(body),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cache-Control': pathname.endsWith('.html') || typeof own === 'function' ? 'no-store' : 'public, max-age=31536000, immutable',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  private async take(pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const proof = { [ANSWER_HEADER]: answerProof(204, Buffer.concat(pieces)) };
    response.writeHead(204, { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': ANSWER_HEADER, ...proof }).end();
    const token = /^\/done\/(\w+)$/.exec(pathname)?.[1];
    if (token === undefined) return;
    this.waiting.get(token)?.(JSON.parse(Buffer.concat(pieces).toString()));
    this.waiting.delete(token);
  }

  private async fileAt(pathname: string): Promise<Uint8Array | null> {
    const prefix = Object.keys(this.folders).find((known) => pathname.startsWith(known));
    if (prefix === undefined || pathname.includes('..')) return null;
    const file = join(this.folders[prefix] as string, decodeURIComponent(pathname.slice(prefix.length)));
    return existsSync(file) ? readFile(file) : null;
  }
}
