/**
 * Static files: the demo and dashboard, insitu's own files, and the models.
 *
 * Why by hand: which files leave the machine is a promise (a baseline is a histogram of training data and no page
 * may fetch it), and WASM threads need three headers on exactly these answers.
 *
 * Invariants
 *  - Only the endings of MEDIA_TYPES are served, never a path with a dot-segment or a hidden name, never `baseline.json` in whatever case: some disks tell none apart.
 *  - A file that is not there is a 404 with a sentence, never the start page: an .onnx that is HTML is a riddle.
 *  - Whatever may change under its name is revalidated; only names with a content hash are kept.
 *
 * Source: "cross-origin isolated" needs COOP same-origin and COEP require-corp (HTML standard); what another origin
 * embeds under COEP needs CORP cross-origin (Fetch standard).
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

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
}

/** Answers GET and HEAD for a decoded path that begins with a slash; null when nothing is served there. */
export async function serveStatic(folders: StaticFolders, path: string, request: Request): Promise<Response | null> {
  const found = findFile(folders, path);
  if (found === null) return null;
  const stats = await stat(found.file).catch(() => null);
  if (stats === null || !stats.isFile()) return null;
  const etag = `"${stats.size.toString(16)}-${Math.trunc(stats.mtimeMs).toString(16)}"`;
  const headers = new Headers(found.headers);
  headers.set('Content-Type', MEDIA_TYPES[endingOf(found.file)] ?? 'application/octet-stream');
  headers.set('Cache-Control', hasContentHash(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
  headers.set('ETag', etag);
  headers.set('Last-Modified', stats.mtime.toUTCString());
  if (request.headers.get('If-None-Match')?.includes(etag)) return new Response(null, { status: 304, headers });
  headers.set('Content-Length', String(stats.size));
  if (request.method === 'HEAD' || stats.size === 0) return new Response(null, { headers });
  return new Response(Readable.toWeb(createReadStream(found.file)) as ReadableStream<Uint8Array>, { headers });
}

function findFile(folders: StaticFolders, path: string): Found | null {
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments[segments.length - 1] = 'index.html';
  const isSafe = segments.every((segment) => segment !== '' && !segment.startsWith('.') && !/[\\\0:]/.test(segment));
  const name = segments.at(-1) ?? '';
  if (!isSafe || MEDIA_TYPES[endingOf(name)] === undefined) return null;
  const [area, ...rest] = segments;
  if (area === 'insitu') {
    const isOurs = rest.length === 1 ? name.startsWith('insitu.') : rest.length === 2 && rest[0] === 'ort';
    return isOurs ? { file: join(folders.library, ...rest), headers: SHARED_HEADERS } : null;
  }
  if (area === 'models') {
    if (folders.models === null || name.toLowerCase() === 'baseline.json') return null;
    return { file: join(folders.models, ...rest), headers: SHARED_HEADERS };
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
