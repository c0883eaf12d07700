/**
 * Model store: manifests by URL and model bytes by SHA-256, in IndexedDB, for the second visit.
 *
 * Why chunks under their hash: versions, variants and models share what they have in common, and a damaged chunk is found by
 * hashing it again, dropped and fetched, never run.
 *
 * Invariants
 *  - The entry is the commit record: written last, in a transaction of its own, after every chunk's transaction has
 *    completed. Without an entry nothing is believed to be complete.
 *  - A download under way has a partial record, so that no other page's sweep takes its chunks; it is believed for
 *    PARTIAL_AGE_MS_MAX and goes with the commit.
 *  - Entries are keyed by `modelKey`, so a signed URL is never kept, and its next signature still hits where the load says what to ignore.
 *  - An entry of an earlier release, which ignored every query, is found by its address without one, and taken over by the key of the load
 *    that finds its manifest on the server. It never stands for an address with a query: it may be another model's.
 *  - Chunks are Blobs where a one-byte Blob put commits, else typed arrays. (Blobs read four times faster; WebKitGTK under
 *    automation refuses them with "Error preparing Blob/File data".)
 *  - A chunk that cannot be read is a chunk that is missing.
 *
 * Not here: the connection, and answers that do not come (worker/store/store-database.ts), hashing (worker/store/assembly.ts), making room (worker/store/room.ts). IndexedDB that refuses is an answer,
 * not an exception: `StoreRefusal`.
 */
import type { IDBPObjectStore, IDBPTransaction } from 'idb';
import { firstLine } from '../../protocol/errors.ts';
import { PARTIAL_AGE_MS_MAX, STORE_SWEEP_TIMEOUT_MS, VERDICT_COUNT_MAX } from '../../protocol/limits.ts';
import type { StoredModel } from '../../protocol/worker/control.ts';
import { modelKey } from '../../protocol/worker/model-address.ts';
import { type Chunk, type ChunkRecord, type PartialDownload, type Schema, StoreDatabase, type StoreEntry } from './store-database.ts';

const STORES = ['entries', 'partials', 'chunks', 'verdicts'] as const;
const PROBE_KEY = 'probe';
const RELAXED = { durability: 'relaxed' } as const;

export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal';
  /** The browser has no space left for this site. */
  readonly isFull: boolean;

  constructor(error: unknown) {
    super(firstLine(error), { cause: error });
    this.isFull = (error as { name?: unknown } | null)?.name === 'QuotaExceededError';
  }
}

export class ModelStore {
  private readonly database = new StoreDatabase();
  private probing: Promise<boolean> | null = null;

  /** @throws {StoreRefusal} */
  static async open(): Promise<ModelStore> {
    const store = new ModelStore();
    try {
      await store.database.opened();
      return store;
    } catch (error) {
      throw new StoreRefusal(error);
    }
  }

  entry(key: string): Promise<StoreEntry | undefined> {
    return this.database.use((db) => db.get('entries', key));
  }

  /** The key under which something lies for this address, whatever the load that stored it had ignored of it. */
  async keyOf(url: string): Promise<string> {
    const address = new URL(url);
    const known = [...(await this.entries()), ...(await this.partials())];
    const exact = await modelKey(address, []);
    if (known.some((each) => each.url === exact)) return exact;
    for (const each of known) {
      const ignored = each.ignoreQuery ?? [...address.searchParams.keys()];
      if ((await modelKey(address, ignored)) === each.url) return each.url;
    }
    return exact;
  }

  entries(): Promise<StoreEntry[]> {
    return this.database.use((db) => db.getAll('entries'));
  }

  /**
   * The bytes of each chunk as they lie there, unverified; undefined for what is missing or unreadable. All are asked for in
   * one transaction.
   */
  async readChunks(hashes: readonly string[]): Promise<readonly (() => Promise<Uint8Array<ArrayBuffer> | undefined>)[]> {
    const requests = await this.database.use((db) => {
      const { store } = db.transaction('chunks');
      return hashes.map((sha256) => {
        const asked = store.get(sha256);
        // Who never asks for the bytes must not leave a rejection that nobody handles.
        asked.catch(() => undefined);
        return { sha256, asked };
      });
    });
    return requests.map(({ sha256, asked }) => {
      return async () => {
        try {
          return await bytesOf(await this.database.answer(asked));
        } catch {
          // One record whose Blob the browser lost aborts the transaction of all: ask for this one alone.
          return this.chunk(sha256);
        }
      };
    });
  }

  /** Those of the hashes that are there. */
  async present(hashes: Iterable<string>): Promise<ReadonlySet<string>> {
    const keys = new Set(await this.database.use((db) => db.getAllKeys('chunks')));
    return new Set([...hashes].filter((sha256) => keys.has(sha256)));
  }

  async dropChunk(sha256: string): Promise<void> {
    await this.database.use((db) => db.delete('chunks', sha256));
  }

  /** @throws {StoreRefusal} when the browser does not take it, most often for want of space. */
  async putChunk(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // A copy: a typed-array record would otherwise take the whole buffer with it.
    const data = (await this.canStoreBlobs()) ? new Blob([bytes]) : bytes.slice();
    await this.committed('chunks', (store) => store.put({ sha256, data }));
  }

  /** Spares these chunks from every sweep. @throws {StoreRefusal} */
  async begin(partial: PartialDownload): Promise<void> {
    await this.committed('partials', (store) => store.put(partial));
  }

  partials(): Promise<PartialDownload[]> {
    return this.database.use((db) => db.getAll('partials'));
  }

  /** Gives up a download; its chunks go with the next sweep. */
  async abandon(key: string): Promise<void> {
    await this.database.use((db) => db.delete('partials', key));
  }

  /** Writes the commit record, beside what is complete of the same version, and ends the partial record. @throws {StoreRefusal} */
  async commit(entry: StoreEntry, partialKey: string): Promise<void> {
    try {
      await this.database.use(async (db) => {
        const transaction = db.transaction(['entries', 'partials'], 'readwrite');
        const entries = transaction.objectStore('entries');
        const earlier = (await entries.get(entry.url)) ?? (await this.takenOver(entries, entry));
        const isSameVersion = earlier !== undefined && earlier.manifestText === entry.manifestText && earlier.version === entry.version;
        const files = { ...(isSameVersion ? earlier.files : {}), ...entry.files };
        const written = entries.put({ ...entry, files, isPinned: earlier?.isPinned ?? entry.isPinned });
        await Promise.all([written, transaction.objectStore('partials').delete(partialKey), transaction.done]);
      });
    } catch (error) {
      throw new StoreRefusal(error);
    }
  }

  /** The entry of an earlier release under this address without a query, if it is of the same model: it goes, its pin stays. */
  private async takenOver(
    entries: IDBPObjectStore<Schema, ['entries', 'partials'], 'entries', 'readwrite'>,
    { url, manifestText, fileSha256 }: StoreEntry,
  ): Promise<StoreEntry | undefined> {
    const earlier = await entries.get(url.split('?', 1)[0] as string);
    const isSame = earlier?.manifestText === manifestText && earlier.fileSha256 === fileSha256;
    if (earlier === undefined || earlier.ignoreQuery !== undefined || !isSame) return undefined;
    await entries.delete(earlier.url);
    return earlier;
  }

  touch(key: string, usedAtMs: number): Promise<boolean> {
    return this.change(key, (entry) => ({ ...entry, usedAtMs }));
  }

  /** False when nothing is stored under this key. */
  pin(key: string, isPinned: boolean): Promise<boolean> {
    return this.change(key, (entry) => ({ ...entry, isPinned }));
  }

  /** What is complete, and what a download has begun. */
  async list(): Promise<readonly StoredModel[]> {
    const { entries, partials, keys } = await this.snapshot();
    const complete = entries.map((entry) => {
      const { url, name, version, isPinned, storedAtMs, usedAtMs } = entry;
      const bytes = sumBytes(chunksOf(entry));
      return { url, name, version, variants: Object.keys(entry.files), bytes, totalBytes: bytes, isPinned, storedAtMs, usedAtMs };
    });
    const begun = partials.map(({ url, name, version, variant, chunks, startedAtMs }) => ({
      url,
      name,
      version,
      variants: [variant],
      bytes: sumBytes(chunks.filter(({ sha256 }) => keys.has(sha256))),
      totalBytes: sumBytes(chunks),
      isPinned: false,
      storedAtMs: startedAtMs,
      usedAtMs: startedAtMs,
    }));
    return [...complete, ...begun];
  }

  /** Removes one entry, or all with everything that was measured; resolves to the bytes freed. In one transaction: another sweep would free them first. */
  remove(key: string | null): Promise<number> {
    return this.database.use(async (db) => {
      const transaction = db.transaction(STORES, 'readwrite');
      const [entries, partials] = [transaction.objectStore('entries'), transaction.objectStore('partials')];
      if (key === null) await Promise.all([entries.clear(), partials.clear(), transaction.objectStore('verdicts').clear()]);
      else {
        await entries.delete(key);
        for (const partial of await partials.getAll()) if (partial.url === key) await partials.delete(partial.key);
      }
      return swept(transaction);
    }, STORE_SWEEP_TIMEOUT_MS);
  }

  /** What `keepVerdict` kept under this key. */
  verdict(key: string): Promise<unknown> {
    return this.database.use((db) => db.get('verdicts', key));
  }

  /** @param value Anything that structured clone takes; null forgets. @throws {StoreRefusal} */
  async keepVerdict(key: string, value: unknown): Promise<void> {
    try {
      await this.database.use(async (db) => {
        const { store, done } = db.transaction('verdicts', 'readwrite', RELAXED);
        if ((await store.count()) >= VERDICT_COUNT_MAX) await store.clear();
        await Promise.all([value === null ? store.delete(key) : store.put(value, key), done]);
      });
    } catch (error) {
      throw new StoreRefusal(error);
    }
  }

  /** Removes chunks that neither an entry nor a recent download names. Returns the bytes freed. */
  sweep(): Promise<number> {
    return this.database.use((db) => swept(db.transaction(STORES, 'readwrite')), STORE_SWEEP_TIMEOUT_MS);
  }

  /** Waits for what is under way, and takes nothing more. */
  close(): Promise<void> {
    return this.database.close();
  }

  private async chunk(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await bytesOf(await this.database.use((db) => db.get('chunks', sha256)));
    } catch {
      // A Blob whose backing file the browser lost rejects on read; the caller fetches the bytes again.
      return undefined;
    }
  }

  private snapshot() {
    return this.database.use(async (db) => {
      const transaction = db.transaction(['entries', 'partials', 'chunks']);
      const [entries, partials, keys] = await Promise.all([
        transaction.objectStore('entries').getAll(),
        transaction.objectStore('partials').getAll(),
        transaction.objectStore('chunks').getAllKeys(),
      ]);
      return { entries, partials, keys: new Set(keys) };
    });
  }

  private change(key: string, next: (entry: StoreEntry) => StoreEntry): Promise<boolean> {
    return this.database.use(async (db) => {
      const { store, done } = db.transaction('entries', 'readwrite', RELAXED);
      const entry = await store.get(key);
      await Promise.all([entry === undefined ? null : store.put(next(entry)), done]);
      return entry !== undefined;
    });
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
  private async committed<Name extends 'chunks' | 'partials'>(
    name: Name,
    write: (store: IDBPObjectStore<Schema, [Name], Name, 'readwrite'>) => Promise<unknown>,
  ): Promise<void> {
    try {
      await this.database.use(async (db) => {
        const { store, done } = db.transaction(name, 'readwrite', RELAXED);
        await Promise.all([write(store), done]);
      });
    } catch (error) {
      throw new StoreRefusal(error);
    }
  }
}

export function chunksOf(entry: StoreEntry): readonly Chunk[] {
  return Object.values(entry.files).flat();
}

/** Bytes that these chunks take in the store, where each lies once. */
export function sumBytes(chunks: readonly Chunk[]): number {
  return [...new Map(chunks.map((chunk) => [chunk.sha256, chunk.bytes])).values()].reduce((sum, bytes) => sum + bytes, 0);
}

async function swept(transaction: IDBPTransaction<Schema, typeof STORES, 'readwrite'>): Promise<number> {
  const partials = transaction.objectStore('partials');
  const begun = await partials.getAll();
  for (const partial of begun) if (!isCurrent(partial)) await partials.delete(partial.key);
  const entries = await transaction.objectStore('entries').getAll();
  const named = new Set([...entries.flatMap(chunksOf), ...begun.filter(isCurrent).flatMap(({ chunks }) => chunks)].map(hashOf));
  const chunks = transaction.objectStore('chunks');
  let freedBytes = 0;
  for (const key of await chunks.getAllKeys()) {
    if (named.has(key)) continue;
    freedBytes += sizeOf(await chunks.get(key));
    await chunks.delete(key);
  }
  await transaction.done;
  return freedBytes;
}

/** One from further ahead was begun under another clock, and would be kept until that time comes. */
function isCurrent({ startedAtMs }: PartialDownload): boolean {
  return Math.abs(Date.now() - startedAtMs) < PARTIAL_AGE_MS_MAX;
}

function hashOf({ sha256 }: Chunk): string {
  return sha256;
}

async function bytesOf(record: ChunkRecord | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (record === undefined) return undefined;
  return record.data instanceof Blob ? new Uint8Array(await record.data.arrayBuffer()) : (record.data as Uint8Array<ArrayBuffer>);
}

function sizeOf(record: ChunkRecord | undefined): number {
  if (record === undefined) return 0;
  return record.data instanceof Blob ? record.data.size : record.data.byteLength;
}
