/**
 * Static files: the demo and dashboard, insitu's own files, and the models.
 *
 * Why by hand: which files leave the machine is a promise (a baseline is a histogram of training data and no page
 * may fetch it), and WASM threads need three headers on exactly these answers.
 *
 * Invariants
 *  - Only the endings of MEDIA_TYPES are served, and weights that a served graph names (external-weights.ts), never a path with a dot-segment or a hidden name, never `baseline.json` in whatever case: some disks tell none apart.
 *  - A file that is not there is a 404 with a sentence, never the start page: an .onnx that is HTML is a riddle.
 *  - A file is answered once it is open: one that cannot be read is refused with a status, and no answer breaks off for it.
 *  - Whatever may change under its name is revalidated; only names with a content hash are kept.
 *
 * Source: "cross-origin isolated" needs COOP same-origin and COEP require-corp (HTML standard); what another origin
 * embeds under COEP needs CORP cross-origin (Fetch standard).
 */
import type { FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { RETRY_AFTER_READ_S } from '../../protocol/limits.ts';
import { openRegularFile } from '../operator/regular-file.ts';
import { systemCode } from '../operator/startup-error.ts';
import { ExternalWeights } from './external-weights.ts';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  map: 'application/json; charset=utf-8',
  webmanifest: 'application/manifest+json; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  md: 'text/plain; charset=utf-8',
  sig: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  onnx: 'application/octet-stream',
  bin: 'application/octet-stream',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
};

const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

const SITE_HEADERS = {
  ...ISOLATION_HEADERS,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self' blob:",
    "connect-src 'self' blob: data:",
    "img-src 'self' data: blob:",
    "style-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
};

const SHARED_HEADERS = {
  ...ISOLATION_HEADERS,
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Access-Control-Allow-Origin': '*',
  'Timing-Allow-Origin': '*',
};

/** Where the served files lie. A folder that does not exist serves nothing. */
export interface StaticFolders {
  /** Demo and dashboard, served at `/`. */
  readonly site: string;
  /** Holds insitu.js, its worker and ort/, served at `/insitu/`. */
  readonly library: string;
  /** One folder per model, served at `/models/`. */
  readonly models: string | null;
}

interface Found {
  readonly file: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Served only if a graph below this folder names it. */
  readonly weightsOf?: string;
}

const externalWeights = new ExternalWeights();

const NOT_THERE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL'];
/** Too many files are open at the moment. */
const LATER: readonly string[] = ['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ENOMEM'];

/** Answers GET and HEAD for a decoded path that begins with a slash; null when nothing is served there. */
export async function serveStatic(folders: StaticFolders, path: string, request: Request): Promise<Response | null> {
  const found = findFile(folders, path);
  if (found === null) return null;
  if (found.weightsOf !== undefined && !(await externalWeights.isNamed(found.file, found.weightsOf))) return null;
  try {
    const opened = await openRegularFile(found.file);
    return opened === null ? null : await answerWith(opened, found, path, request);
  } catch (error) {
    return refusalFor(systemCode(error), found);
  }
}

async function answerWith(opened: FileHandle, found: Found, path: string, request: Request): Promise<Response> {
  const { size, mtime, mtimeMs } = await opened.stat();
  const etag = `"${size.toString(16)}-${Math.trunc(mtimeMs).toString(16)}"`;
  const headers = new Headers(found.headers);
  headers.set('Content-Type', MEDIA_TYPES[endingOf(found.file)] ?? 'application/octet-stream');
  headers.set('Cache-Control', hasContentHash(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
  headers.set('ETag', etag);
  headers.set('Last-Modified', mtime.toUTCString());
  const isKnown = request.headers.get('If-None-Match')?.includes(etag) === true;
  if (!isKnown) headers.set('Content-Length', String(size));
  if (isKnown || request.method === 'HEAD' || size === 0) {
    await opened.close();
    return new Response(null, { status: isKnown ? 304 : 200, headers });
  }
  return new Response(Readable.toWeb(opened.createReadStream()) as ReadableStream<Uint8Array>, { headers });
}

/** null when nothing is there. A file that is there and cannot be read says so; its path is that of the request. */
function refusalFor(code: string, { headers }: Found): Response | null {
  if (NOT_THERE.includes(code)) return null;
  const more = { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };
  if (LATER.includes(code)) {
    return new Response('The collector cannot open this file just now; ask again.', {
      status: 503,
      headers: { ...more, 'Retry-After': String(RETRY_AFTER_READ_S) },
    });
  }
  const status = code === 'EACCES' || code === 'EPERM' ? 403 : 500;
  return new Response('This file is there, and the collector may not read it. Check its rights and its disk.', { status, headers: more });
}

function findFile(folders: StaticFolders, path: string): Found | null {
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments[segments.length - 1] = 'index.html';
  const isSafe = segments.every((segment) => segment !== '' && !segment.startsWith('.') && !/[\\\0:]/.test(segment));
  const name = segments.at(-1) ?? '';
  const isTyped = MEDIA_TYPES[endingOf(name)] !== undefined;
  const [area, ...rest] = segments;
  if (!isSafe || !(isTyped || area === 'models')) return null;
  if (area === 'insitu') {
    const isOurs = rest.length === 1 ? name.startsWith('insitu.') : rest.length === 2 && rest[0] === 'ort';
    return isOurs ? { file: join(folders.library, ...rest), headers: SHARED_HEADERS } : null;
  }
  if (area === 'models') {
    if (folders.models === null || name.toLowerCase() === 'baseline.json') return null;
    const file = resolve(folders.models, ...rest);
    return { file, headers: SHARED_HEADERS, ...(isTyped ? {} : { weightsOf: resolve(folders.models) }) };
  }
  return { file: join(folders.site, ...segments), headers: SITE_HEADERS };
}

function endingOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase();
}

/** Vite writes `assets/name-<8 characters of hash>.ending`. */
function hasContentHash(path: string): boolean {
  return /^\/assets\/.*-[\w-]{8}\.\w+$/.test(path);
}
