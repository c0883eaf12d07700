/**
 * Where the epsilon ledger is kept: IndexedDB `insitu-epsilon`, one record.
 *
 * Why by hand and not through the outbox's table: what is needed is one read and one write in one transaction, and the step
 * between them must be synchronous, so that no other tab can come between; a transaction is the lock.
 *
 * Invariants
 *  - `transact` resolves only after the commit. When it rejects, nothing is known to be written, so nothing may be sent.
 *  - Commits are durable (`strict`): what was spent must survive a crash of the browser.
 *  - Opening answers within STORE_OPEN_TIMEOUT_MS, a transaction within STORE_ANSWER_TIMEOUT_MS. There is no other place: a browser that refuses storage sends no noised report.
 *
 * Not here: what the record means (sdk/local-dp/local-dp.ts).
 */
import { inTime, openInTime } from '../../protocol/deadline.ts';
import { STORE_ANSWER_TIMEOUT_MS, STORE_OPEN_TIMEOUT_MS } from '../../protocol/limits.ts';
import { EPSILON_NAME } from '../telemetry/stored-data.ts';

export interface EpsilonStore {
  /**
   * Reads the record (undefined when there is none) and writes what `step` makes of it, in one transaction.
   *
   * @param step Synchronous; `next: null` leaves the record as it is.
   */
  transact<T>(step: (stored: unknown) => { readonly next: object | null; readonly result: T }): Promise<T>;
  /** Removes everything. */
  delete(): Promise<void>;
}

const STORE = 'ledger';
const KEY = 'site';

export function indexedDbEpsilonStore(): EpsilonStore {
  return {
    transact: async (step) => {
      const db = await openDatabase();
      try {
        return await inTime(runStep(db, step), STORE_ANSWER_TIMEOUT_MS);
      } finally {
        db.close();
      }
    },
    delete: async () => {
      await inTime(answerOf(indexedDB.deleteDatabase(EPSILON_NAME)), STORE_OPEN_TIMEOUT_MS);
    },
  };
}

async function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(EPSILON_NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE);
  };
  const db = await openInTime(answerOf(request), STORE_OPEN_TIMEOUT_MS);
  // Another tab withdraws consent and deletes the database: let it.
  db.onversionchange = () => db.close();
  return db;
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function runStep<T>(db: IDBDatabase, step: (stored: unknown) => { next: object | null; result: T }): Promise<T> {
  return new Promise((resolve, reject) => {
    const tx = db.transaction(STORE, 'readwrite', { durability: 'strict' });
    const records = tx.objectStore(STORE);
    const read = records.get(KEY);
    let result: T;
    read.onsuccess = () => {
      try {
        const made = step(read.result);
        result = made.result;
        if (made.next !== null) records.put(made.next, KEY);
      } catch (error) {
        reject(error);
        tx.abort();
      }
    };
    tx.oncomplete = () => resolve(result);
    tx.onabort = () => reject(tx.error ?? new Error('the transaction was aborted'));
  });
}
