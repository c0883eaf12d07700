/**
 * Model store: manifests by URL and model bytes by SHA-256, in IndexedDB, for the second visit.
 *
 * Why chunks under their hash: versions and variants share what they have in common, and a damaged chunk is found by
 * hashing it again, dropped and fetched, never run.
 *
 * Invariants
 *  - The entry is the commit record: written last, in a transaction of its own, after every chunk's transaction has
 *    completed. Without an entry nothing is believed to be stored.
 *  - Entries are keyed without query and hash, so a signed URL is never kept and its next signature still hits.
 *  - Chunks are Blobs where a one-byte Blob put commits, else typed arrays. (Blobs read four times faster; WebKitGTK under
 *    automation refuses them with "Error preparing Blob/File data".)
 *  - A chunk that cannot be read is a chunk that is missing.
 *
 * Not here: hashing (worker/store/model-source.ts). IndexedDB that refuses is an answer, not an exception: `StoreRefusal`.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { firstLine } from '../../protocol/errors.ts';
import { STORE_OPEN_TIMEOUT_MS, VERDICT_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestVariant } from '../../protocol/manifest.ts';
import type { StoredModel } from '../../protocol/messages.ts';

export type Chunk = ManifestVariant['chunks'][number];

/** What is known of one model URL. */
export interface StoreEntry {
  /** Without query and hash. */
  readonly url: string;
  readonly name: string;
  readonly version: string;
  /** `model.json` byte for byte as text; null for a plain .onnx file. */
  readonly manifestText: string | null;
  /** What the server said of this version (ETag or Last-Modified), to ask for a newer one of a plain file. */
  readonly validator: string | null;
  /** Complete files, by variant id. */
  readonly files: Readonly<Record<string, readonly Chunk[]>>;
  readonly storedAtMs: number;
  readonly usedAtMs: number;
}

interface ChunkRecord {
  readonly sha256: string;
  readonly data: Blob | Uint8Array;
}

interface Schema extends DBSchema {
  entries: { key: string; value: StoreEntry };
  chunks: { key: string; value: ChunkRecord };
  /** What loads have found out about candidates on this device (worker/load/verdict.ts). */
  verdicts: { key: string; value: unknown };
}

const PROBE_KEY = 'probe';

export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal';
}

/** The key of a model's URL. */
export function storeKey(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

export class ModelStore {
  private readonly db: IDBPDatabase<Schema>;
  private probing: Promise<boolean> | null = null;

  private constructor(db: IDBPDatabase<Schema>) {
    this.db = db;
  }

  /** @throws {StoreRefusal} */
  static async open(): Promise<ModelStore> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('IndexedDB does not answer')), STORE_OPEN_TIMEOUT_MS);
    });
    try {
      const opening = openDB<Schema>('insitu-models', 2, {
        upgrade(db, oldVersion) {
          if (oldVersion < 1) {
            db.createObjectStore('entries', { keyPath: 'url' });
            db.createObjectStore('chunks', { keyPath: 'sha256' });
          }
          if (oldVersion < 2) db.createObjectStore('verdicts');
        },
        // A later release wants to upgrade: let it.
        blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
      });
      return new ModelStore(await Promise.race([opening, deadline]));
    } catch (error) {
      throw new StoreRefusal(firstLine(error), { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  entry(url: string): Promise<StoreEntry | undefined> {
    return this.db.get('entries', storeKey(url));
  }

  /** The chunk's bytes as they lie there, unverified; undefined when they are missing or unreadable. */
  async chunk(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const record = await this.db.get('chunks', sha256);
      if (record === undefined) return undefined;
      return record.data instanceof Blob ? new Uint8Array(await record.data.arrayBuffer()) : (record.data as Uint8Array<ArrayBuffer>);
    } catch {
      // A Blob whose backing file the browser lost rejects on read; the caller fetches the bytes again.
      return undefined;
    }
  }

  async hasChunk(sha256: string): Promise<boolean> {
    return (await this.db.count('chunks', sha256)) > 0;
  }

  verdict(key: string): Promise<unknown> {
    return this.db.get('verdicts', key);
  }

  /** Null forgets it. */
  async keepVerdict(key: string, value: unknown): Promise<void> {
    const transaction = this.db.transaction('verdicts', 'readwrite');
    if ((await transaction.store.count()) >= VERDICT_COUNT_MAX) await transaction.store.clear();
    await (value === null ? transaction.store.delete(key) : transaction.store.put(value, key));
    await transaction.done;
  }

  async dropChunk(sha256: string): Promise<void> {
    await this.db.delete('chunks', sha256);
  }

  /** @throws {StoreRefusal} when the browser does not take it, most often for want of space. */
  async putChunk(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const data = (await this.canStoreBlobs()) ? new Blob([bytes]) : bytes;
    await this.committed('chunks', (store) => store.put({ sha256, data }));
  }

  /** Commits an entry and then removes the chunks that no entry names any more. @throws {StoreRefusal} */
  async commit(entry: StoreEntry): Promise<void> {
    await this.committed('entries', (store) => store.put(entry));
    await this.sweep();
  }

  async touch(url: string, usedAtMs: number): Promise<void> {
    const entry = await this.entry(url);
    if (entry !== undefined) await this.committed('entries', (store) => store.put({ ...entry, usedAtMs }));
  }

  async list(): Promise<readonly StoredModel[]> {
    const entries = await this.db.getAll('entries');
    return entries.map((entry) => {
      const { url, name, version, storedAtMs, usedAtMs } = entry;
      return { url, name, version, storedAtMs, usedAtMs, bytes: sumBytes(new Map(chunksOf(entry).map((chunk) => [chunk.sha256, chunk]))) };
    });
  }

  /** Removes one entry, or all; resolves to the bytes freed. */
  async remove(url: string | null): Promise<number> {
    if (url === null) await Promise.all([this.db.clear('entries'), this.db.clear('verdicts')]);
    else await this.db.delete('entries', storeKey(url));
    return this.sweep();
  }

  /** Removes chunks without an entry; a download that broke off leaves some. Returns the bytes freed. */
  private async sweep(): Promise<number> {
    const transaction = this.db.transaction(['entries', 'chunks'], 'readwrite');
    const entries = await transaction.objectStore('entries').getAll();
    const named = new Set(entries.flatMap(chunksOf).map((chunk) => chunk.sha256));
    let freedBytes = 0;
    for (let cursor = await transaction.objectStore('chunks').openCursor(); cursor !== null; cursor = await cursor.continue()) {
      if (named.has(cursor.key)) continue;
      freedBytes += cursor.value.data instanceof Blob ? cursor.value.data.size : cursor.value.data.byteLength;
      await cursor.delete();
    }
    await transaction.done;
    return freedBytes;
  }

  private canStoreBlobs(): Promise<boolean> {
    this.probing ??= this.probeBlob();
    return this.probing;
  }

  private async probeBlob(): Promise<boolean> {
    try {
      await this.committed('chunks', (store) => store.put({ sha256: PROBE_KEY, data: new Blob([new Uint8Array(1)]) }));
      await this.dropChunk(PROBE_KEY);
      return true;
    } catch {
      // The refusal is the probe's answer.
      return false;
    }
  }

  /** One write in one transaction, settled when the transaction is: a put that succeeded can still be rolled back. */
  private async committed<Name extends 'entries' | 'chunks'>(
    name: Name,
    write: (store: { put(value: Schema[Name]['value']): Promise<unknown> }) => Promise<unknown>,
  ): Promise<void> {
    try {
      const transaction = this.db.transaction(name, 'readwrite');
      await Promise.all([write(transaction.store), transaction.done]);
    } catch (error) {
      throw new StoreRefusal(firstLine(error), { cause: error });
    }
  }
}

function chunksOf(entry: StoreEntry): readonly Chunk[] {
  return Object.values(entry.files).flat();
}

function sumBytes(chunks: ReadonlyMap<string, Chunk>): number {
  return [...chunks.values()].reduce((sum, chunk) => sum + chunk.bytes, 0);
}
