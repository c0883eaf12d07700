/**
 * Store database: the model store's records in IndexedDB, and a connection that answers in time or not at all.
 *
 * Why a limit for each answer: an engine has kept the transactions of a worker that was ended locked for good (seen in WebKitGTK, once in ten
 * when the worker was ended in the midst of a write), and what waits behind them waits for ever, in every tab.
 *
 * Invariants
 *  - Every piece of work ends. After one that was not answered in time nothing more is asked for STORE_REFUSAL_MS.
 *  - A database that was closed or deleted under us is opened again by the next call.
 *  - Once closed nothing is asked any more.
 *
 * Not here: what the records mean (worker/store/model-store.ts).
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { inTime, openInTime } from '../../protocol/deadline.ts';
import { STORE_ANSWER_TIMEOUT_MS, STORE_OPEN_TIMEOUT_MS, STORE_REFUSAL_MS } from '../../protocol/limits.ts';
import type { ManifestVariant } from '../../protocol/manifest/manifest.ts';
import { Reopened } from '../../protocol/reopened.ts';

export type Chunk = ManifestVariant['chunks'][number];

/** What is known of one model URL. */
export interface StoreEntry {
  /** Its key (`modelKey`). */
  readonly url: string;
  /** Parameters that the key leaves out. Absent in entries of earlier releases, which left out every query. */
  readonly ignoreQuery?: readonly string[];
  readonly name: string;
  readonly version: string;
  /** `model.json` byte for byte as text; null for a plain .onnx file. */
  readonly manifestText: string | null;
  /** Content of `model.json.sig`, where the client asked for one. */
  readonly signature: string | null;
  /** What the server said of this version (ETag or Last-Modified), to ask for a newer one of a plain file. */
  readonly validator: string | null;
  /** SHA-256 of a plain .onnx file as a whole; null where a manifest has it. */
  readonly fileSha256: string | null;
  /** Files of weights beside a plain .onnx file, whose chunks follow the graph's own; none of one that an earlier release stored. */
  readonly external?: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  /** Chunks of complete variants, by variant id, all files of a variant one after the other. */
  readonly files: Readonly<Record<string, readonly Chunk[]>>;
  /** Never evicted to make room. */
  readonly isPinned: boolean;
  readonly storedAtMs: number;
  readonly usedAtMs: number;
}

/** A download that has begun and not been committed. */
export interface PartialDownload {
  /** The model's key, and the variant's id. */
  readonly key: string;
  readonly url: string;
  readonly ignoreQuery?: readonly string[];
  readonly name: string;
  readonly version: string;
  readonly variant: string;
  readonly chunks: readonly Chunk[];
  readonly startedAtMs: number;
}

export interface ChunkRecord {
  readonly sha256: string;
  readonly data: Blob | Uint8Array;
}

export interface Schema extends DBSchema {
  entries: { key: string; value: StoreEntry };
  chunks: { key: string; value: ChunkRecord };
  partials: { key: string; value: PartialDownload };
  /** What was measured on this device, by keys of worker/load. */
  verdicts: { key: string; value: unknown };
}

const DATABASE = 'insitu-models';
/** 1: entries without pin and signature, and chunks. 2: partials, verdicts. */
const SCHEMA_VERSION = 2;
type Database = IDBPDatabase<Schema>;

export class StoreDatabase {
  private readonly connection = new Reopened(openDatabase);
  private readonly underWay = new Set<Promise<unknown>>();
  /** Why nothing is asked. */
  private refusal: unknown = null;

  opened(): Promise<Database> {
    return this.connection.opened();
  }

  /** One piece of work, from its first request to its last commit. @throws what the work throws, and a `TimeoutError` where that does not end. */
  use<R>(work: (db: Database) => R | Promise<R>, timeoutMs = STORE_ANSWER_TIMEOUT_MS): Promise<R> {
    if (this.refusal !== null) return Promise.reject(this.refusal);
    return this.answer(this.connection.use(work), timeoutMs);
  }

  /** The answer to something that was asked already. */
  async answer<R>(asked: Promise<R>, timeoutMs = STORE_ANSWER_TIMEOUT_MS): Promise<R> {
    const waiting = inTime(asked, timeoutMs);
    this.underWay.add(waiting);
    try {
      return await waiting;
    } catch (error) {
      if ((error as { name?: unknown } | null)?.name === 'TimeoutError') this.refuse(error);
      throw error;
    } finally {
      this.underWay.delete(waiting);
    }
  }

  /** Settles when all that is under way has been answered. */
  async close(): Promise<void> {
    this.refusal = new DOMException('the store is closed', 'AbortError');
    await Promise.allSettled(this.underWay);
    await this.connection.opened().then(
      (db) => db.close(),
      () => undefined,
    );
  }

  private refuse(error: unknown): void {
    if (this.refusal !== null) return;
    this.refusal = error;
    setTimeout(() => {
      if (this.refusal === error) this.refusal = null;
    }, STORE_REFUSAL_MS);
  }
}

async function openDatabase(onClosed: () => void): Promise<IDBPDatabase<Schema>> {
  const opening = openDB<Schema>(DATABASE, SCHEMA_VERSION, {
    async upgrade(db, oldVersion, _newVersion, transaction) {
      if (oldVersion < 1) {
        db.createObjectStore('entries', { keyPath: 'url' });
        db.createObjectStore('chunks', { keyPath: 'sha256' });
      }
      db.createObjectStore('partials', { keyPath: 'key' });
      db.createObjectStore('verdicts');
      const entries = transaction.objectStore('entries');
      for (const entry of await entries.getAll()) await entries.put({ ...entry, isPinned: false, signature: null, fileSha256: null });
    },
    // A later release wants to upgrade, or another tab to delete: let it.
    blocking: (_current, _blocked, event) => {
      (event.target as IDBDatabase).close();
      onClosed();
    },
    terminated: onClosed,
  });
  return openInTime(opening, STORE_OPEN_TIMEOUT_MS);
}
