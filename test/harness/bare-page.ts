/**
 * The bare page: the built library and nothing else, on a server of its own, so that each test has an origin and a store of its own.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Page } from './browsers.ts';
import { StaticServer } from './static-server.ts';

/** What `outcome` of test/pages/bare.html gives back. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode; readonly details: Record<string, unknown>; readonly message: string };

export const MANIFEST = '/models/digits/model.json';
export const INT8_FILE = '/models/digits/digits.int8.onnx';
export const WORKER = '/insitu/insitu.worker.js';

const ROOT = new URL('../../', import.meta.url);

export async function withServer(page: Page, body: (server: StaticServer) => Promise<void>): Promise<void> {
  const server = await StaticServer.start();
  try {
    await openBarePage(page, server);
    await body(server);
  } finally {
    await server.close();
  }
}

export async function openBarePage(page: Page, { origin }: Pick<StaticServer, 'origin'>): Promise<void> {
  await page.goto(`${origin}/pages/bare.html`);
  await page.waitFor('() => window.insitu !== undefined', { timeoutMs: 20_000 });
}

/** A file of the repository, by the path under which the static server has it, or by its own. */
export function readRepositoryFile(path: string): Promise<Buffer> {
  return readFile(fileURLToPath(new URL(path, ROOT)));
}

export async function digitsManifest(): Promise<Manifest> {
  return JSON.parse((await readRepositoryFile('models/digits/model.json')).toString()) as Manifest;
}

/** The built worker with a line of script before it. */
export async function workerAfter(script: string): Promise<string> {
  return `${script};\n${await readRepositoryFile('dist/insitu.worker.js')}`;
}

/** Loads digits with `options` (source text of an object) and answers what came out, without the model itself. */
export function loadDigits(options = '{}'): string {
  return `() => outcome(async () => {
    window.client ??= insitu.createClient();
    window.model = await client.load(digitsUrl, ${options});
    return model.explain();
  })`;
}

/** Flips a byte of some stored chunk, of that length where one is given, in the page itself and past the library. */
export const FLIP_STORED_BYTE = `async (length = null) => {
  const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const db = await done(indexedDB.open('insitu-models'));
  const records = await done(db.transaction('chunks').objectStore('chunks').getAll());
  const record = records.find(({ data }) => length === null || (data.size ?? data.length) === length);
  const isBlob = record.data instanceof Blob;
  const bytes = isBlob ? new Uint8Array(await record.data.arrayBuffer()) : record.data;
  bytes[1000] ^= 1;
  const transaction = db.transaction('chunks', 'readwrite');
  transaction.objectStore('chunks').put({ ...record, data: isBlob ? new Blob([bytes]) : bytes });
  await new Promise((resolve, reject) => Object.assign(transaction, { oncomplete: resolve, onabort: reject }));
  db.close();
}`;
