/**
 * Folder server: the files of some folders, with the headers that a test asks for and no others.
 *
 * Why beside test/harness/static-server.ts: that one always sends what the collector sends. Here the question is what an
 * application's own server, which knows nothing of us, must send and need not.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { listenUnseen } from '../harness/unseen-port.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
  json: 'application/json',
};

export type Headers = Readonly<Record<string, string>>;

/** For a page: makes it cross-origin isolated, so that WASM has threads. */
export const ISOLATION: Headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
/** For files that a page of another origin loads. Where that page is isolated, WebKit wants ISOLATION on them too. */
export const SHARING: Headers = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };

export interface FolderServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** @param folders Folder by path prefix; the longest prefix wins. `/` may serve index.html. */
export async function serveFolders(folders: Readonly<Record<string, string>>, headers: Headers = {}): Promise<FolderServer> {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const prefix = prefixes.find((candidate) => pathname.startsWith(candidate)) ?? '/';
    const name = pathname.slice(prefix.length) || 'index.html';
    const body = await readFile(join(folders[prefix] ?? '', name)).catch(() => null);
    const type = TYPES[name.split('.').pop() ?? ''] ?? 'application/octet-stream';
    if (body === null) response.writeHead(404).end();
    else response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length, ...headers }).end(body);
  });
  const port = await listenUnseen(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
