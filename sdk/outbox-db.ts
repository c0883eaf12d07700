/**
 * The outbox's table: IndexedDB `insitu-telemetry`, one record per window. The only file of the page that knows idb.
 *
 * Invariants
 *  - Every method is one transaction and resolves only when it has committed (`tx.done`), never on a request's success.
 *  - Records hold typed arrays, no Blob: WebKit refuses Blobs in private windows and under automation.
 *  - No `await` of anything foreign inside a transaction: it would end it.
 *
 * Not here: who may touch which record (sdk/outbox.ts), and what a state means (design of delivery, ARCHITECTURE.md).
 */
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from 'idb';
import type { ReportKind } from '../protocol/report.ts';

/** `rest`: below the minimum, may join a later window. `draft`: an open window that may be sent as it is. `sealed`: closed. */
export type RecordState = 'rest' | 'draft' | 'sealed';

export interface WindowRecord {
  readonly id: string;
  readonly state: RecordState;
  readonly report: ReportKind;
  readonly modelVersion: string;
  /** Windows of one key may be added up: report, model version, plan, arm and segment. */
  readonly key: string;
  /** `encodeWindow` of what was counted when the record was written. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly runs: number;
  readonly openedAtMs: number;
  /** The page that owns it, by a random name that never leaves the device. */
  readonly page: string;
  /** Without Web Locks: the owner is taken for dead after this. */
  readonly leaseUntilMs: number;
}

export interface OutboxTable {
  readonly storage: 'indexeddb' | 'memory';
  all(): Promise<readonly WindowRecord[]>;
  put(record: WindowRecord): Promise<void>;
  /** Deletes the rest of that id and writes `own` in one transaction; false when the rest is gone or no rest any more. */
  exchange(restId: string, own: WindowRecord): Promise<boolean>;
  remove(ids: readonly string[]): Promise<void>;
  close(): void;
}

interface Schema extends DBSchema {
  windows: { key: string; value: WindowRecord };
}

const NAME = 'insitu-telemetry';

/** Opens or creates the table. @throws when the browser refuses IndexedDB; the caller goes on with `memoryTable`. */
export async function openOutboxTable(onLost: () => void): Promise<OutboxTable> {
  const db = await openDB<Schema>(NAME, 1, {
    upgrade: (upgrading) => {
      upgrading.createObjectStore('windows', { keyPath: 'id' });
    },
    // Another tab withdraws consent and deletes the database: let it.
    blocking: (_current, _blocked, event) => {
      (event.target as IDBDatabase).close();
      onLost();
    },
    terminated: onLost,
  });
  return new IndexedDbTable(db);
}

/** Removes everything. Resolves also when there was nothing. */
export function deleteOutboxTable(): Promise<void> {
  return deleteDB(NAME);
}

class IndexedDbTable implements OutboxTable {
  readonly storage = 'indexeddb';
  private readonly db: IDBPDatabase<Schema>;

  constructor(db: IDBPDatabase<Schema>) {
    this.db = db;
  }

  all(): Promise<readonly WindowRecord[]> {
    return this.db.getAll('windows');
  }

  async put(record: WindowRecord): Promise<void> {
    const tx = this.db.transaction('windows', 'readwrite');
    await Promise.all([tx.store.put(record), tx.done]);
  }

  async exchange(restId: string, own: WindowRecord): Promise<boolean> {
    const tx = this.db.transaction('windows', 'readwrite');
    const rest = await tx.store.get(restId);
    const isThere = rest?.state === 'rest';
    if (isThere) await Promise.all([tx.store.delete(restId), tx.store.put(own)]);
    await tx.done;
    return isThere;
  }

  async remove(ids: readonly string[]): Promise<void> {
    const tx = this.db.transaction('windows', 'readwrite');
    await Promise.all([...ids.map((id) => tx.store.delete(id)), tx.done]);
  }

  close(): void {
    this.db.close();
  }
}

/** Where IndexedDB is refused: records live as long as the page, so there is nothing that another page could double. */
export function memoryTable(): OutboxTable {
  const records = new Map<string, WindowRecord>();
  return {
    storage: 'memory',
    all: async () => [...records.values()],
    put: async (record) => void records.set(record.id, record),
    exchange: async (restId, own) => {
      if (records.get(restId)?.state !== 'rest') return false;
      records.delete(restId);
      records.set(own.id, own);
      return true;
    },
    remove: async (ids) => {
      for (const id of ids) records.delete(id);
    },
    close: () => records.clear(),
  };
}
