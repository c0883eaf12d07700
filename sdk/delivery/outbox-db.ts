/**
 * The outbox's tables: IndexedDB `insitu-telemetry`, one record per window, one per wait that a collector ordered, and one of what was marked.
 * The only file of the page that knows idb.
 *
 * Why marked days lie among the waits: a further object store is a further version of the database. A page of the release before that is open
 * takes its upgrade for a withdrawal and counts nothing more; one that comes out of a cache cannot open it. Both pass over a wait that was
 * ordered in the future.
 *
 * Invariants
 *  - Every method is one transaction and resolves only when it has committed (`tx.done`), never on a request's success.
 *  - Records hold typed arrays, no Blob: WebKit refuses Blobs in private windows and under automation.
 *  - No `await` of anything foreign inside a transaction: it would end it.
 *  - Opening and deleting answer within STORE_OPEN_TIMEOUT_MS: browsers have left either unanswered for ever.
 *
 * Not here: who may touch which record (sdk/delivery/outbox.ts), and what a state means (design of delivery, ARCHITECTURE.md).
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { openInTime } from '../../protocol/deadline.ts';
import { STORE_OPEN_TIMEOUT_MS } from '../../protocol/limits.ts';
import { Reopened } from '../../protocol/reopened.ts';
import type { ReportKind, VoteCadence } from '../../protocol/report/window.ts';
import { OUTBOX_NAME } from '../telemetry/stored-data.ts';
import { claimMark, type MarkedDays } from './marks.ts';

/** `rest`: below the minimum, may join a later window. `draft`: an open window that may be sent as it is. `sealed`: closed. */
export type RecordState = 'rest' | 'draft' | 'sealed';

export interface WindowRecord {
  readonly id: string;
  readonly state: RecordState;
  readonly report: ReportKind;
  readonly modelVersion: string;
  /** Windows of one key may be added up: report, model version, plan, arm and segment. */
  readonly key: string;
  /** `encodeWindow` of what was counted when the record was written, without the mark: earlier releases send it as it stands here. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Absent: it has none. A rest never has. */
  readonly mark?: VoteCadence;
  readonly runs: number;
  /** Answers that a person judged. Earlier releases did not write it. */
  readonly feedback?: number;
  /** When its window opened; of a rest, when the oldest of its runs was counted. Its age counts from here. */
  readonly openedAtMs: number;
  /** The page that owns it, by a random name that never leaves the device. */
  readonly page: string;
  /** Without Web Locks: the owner is taken for dead after this. */
  readonly leaseUntilMs: number;
}

/** A `Retry-After` that outlives the page. */
export interface OrderedWait {
  readonly modelVersion: string;
  readonly untilMs: number;
  /** When it was ordered: a clock that was wrong then says nothing. */
  readonly atMs: number;
}

export interface OutboxTable {
  readonly storage: 'indexeddb' | 'memory';
  all(): Promise<readonly WindowRecord[]>;
  /** Needs no further turn of the page once called, which counts when the page is being hidden. */
  put(record: WindowRecord): Promise<void>;
  /** As `put`, where another page may have taken the record away: false, and nothing written, when it is not there as this page's. */
  rewrite(record: WindowRecord): Promise<boolean>;
  /** Deletes `rest` and writes `own` in one transaction; false, and nothing done, when `rest` is not as it was read. */
  exchange(rest: WindowRecord, own: WindowRecord): Promise<boolean>;
  /** @returns those that were there. */
  remove(ids: readonly string[]): Promise<readonly string[]>;
  /** Claims the day for one window: no other one, of this or another page, gets the same mark. @param key Kind of report and model version. */
  claim(key: string, day: number): Promise<VoteCadence | null>;
  waits(): Promise<readonly OrderedWait[]>;
  putWait(wait: OrderedWait): Promise<void>;
  close(): void;
}

/** What was marked, as a wait that nobody heeds. */
interface MarksRecord extends OrderedWait {
  readonly marked: readonly MarkedDays[];
}

/** In the place of a model version, which has 16 hex digits. */
const MARKS = 'marks';

interface Schema extends DBSchema {
  windows: { key: string; value: WindowRecord };
  waits: { key: string; value: OrderedWait | MarksRecord };
}

/** Whether there is one: it exists from consent to withdrawal, opt-out or erasure. Looking creates none. */
export async function hasOutbox(): Promise<boolean> {
  return (await indexedDB.databases()).some(({ name }) => name === OUTBOX_NAME);
}

/** Rejects when the browser refuses or does not answer. */
export type OpenTable = (onLost: () => void) => Promise<OutboxTable>;

/** @param canCreate False: rejects with an `AbortError` where there is no outbox. */
export async function openOutboxTable(onLost: () => void, canCreate = true): Promise<OutboxTable> {
  /** Nothing may be created anew behind a withdrawal or the end of its page. */
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  const onDeleted = () => {
    over();
    onLost();
  };
  const connection = new Reopened(async (onClosed: () => void) => {
    if (isOver) throw new DOMException('the outbox was deleted', 'AbortError');
    return openDatabase(onDeleted, onClosed, canCreate);
  });
  await connection.opened();
  return new IndexedDbTable(connection, over);
}

function openDatabase(onDeleted: () => void, onClosed: () => void, canCreate: boolean): Promise<IDBPDatabase<Schema>> {
  const opening = openDB<Schema>(OUTBOX_NAME, 2, {
    upgrade: (upgrading, from, _to, transaction) => {
      if (from < 1 && !canCreate) return transaction.abort();
      if (from < 1) upgrading.createObjectStore('windows', { keyPath: 'id' });
      upgrading.createObjectStore('waits', { keyPath: 'modelVersion' });
    },
    // Another tab withdraws consent and deletes the database: let it.
    blocking: (_current, _blocked, event) => {
      (event.target as IDBDatabase).close();
      onDeleted();
    },
    // The browser closed it, as it does when the person clears this site's data: consent is not what they took back.
    terminated: onClosed,
  });
  return openInTime(opening, STORE_OPEN_TIMEOUT_MS);
}

/** Nothing was written to the record since it was read. The lease alone would not tell: clocks are coarse, and a page writes twice within a tick. */
export function isAsRead(found: WindowRecord | undefined, read: WindowRecord): boolean {
  return (
    found?.page === read.page &&
    found.leaseUntilMs === read.leaseUntilMs &&
    found.bytes.length === read.bytes.length &&
    found.bytes.every((byte, index) => byte === read.bytes[index])
  );
}

class IndexedDbTable implements OutboxTable {
  readonly storage = 'indexeddb';
  private readonly connection: Reopened<IDBPDatabase<Schema>>;

  private readonly over: () => void;

  /** @param over Called when nothing may be opened any more. */
  constructor(connection: Reopened<IDBPDatabase<Schema>>, over: () => void) {
    this.connection = connection;
    this.over = over;
  }

  all(): Promise<readonly WindowRecord[]> {
    return this.connection.use((db) => db.getAll('windows'));
  }

  async put(record: WindowRecord): Promise<void> {
    const tx = await this.connection.use((db) => db.transaction('windows', 'readwrite'));
    await Promise.all([tx.store.put(record), tx.done]);
  }

  async rewrite(record: WindowRecord): Promise<boolean> {
    const tx = await this.connection.use((db) => db.transaction('windows', 'readwrite'));
    const isOurs = (await tx.store.get(record.id))?.page === record.page;
    await Promise.all([isOurs ? tx.store.put(record) : undefined, tx.done]);
    return isOurs;
  }

  async exchange(rest: WindowRecord, own: WindowRecord): Promise<boolean> {
    const tx = await this.connection.use((db) => db.transaction('windows', 'readwrite'));
    const isThere = isAsRead(await tx.store.get(rest.id), rest);
    await Promise.all([...(isThere ? [tx.store.delete(rest.id), tx.store.put(own)] : []), tx.done]);
    return isThere;
  }

  async remove(ids: readonly string[]): Promise<readonly string[]> {
    const tx = await this.connection.use((db) => db.transaction('windows', 'readwrite'));
    const keys = await Promise.all(ids.map((id) => tx.store.getKey(id)));
    await Promise.all([...ids.map((id) => tx.store.delete(id)), tx.done]);
    return ids.filter((id) => keys.includes(id));
  }

  async claim(key: string, day: number): Promise<VoteCadence | null> {
    const tx = await this.connection.use((db) => db.transaction('waits', 'readwrite'));
    const found = (await tx.store.get(MARKS)) as MarksRecord | undefined;
    const { mark, marked } = claimMark(found?.marked ?? [], key, day);
    const record: MarksRecord = { modelVersion: MARKS, untilMs: 0, atMs: Number.MAX_SAFE_INTEGER, marked };
    await Promise.all([mark === null ? undefined : tx.store.put(record), tx.done]);
    return mark;
  }

  async waits(): Promise<readonly OrderedWait[]> {
    return (await this.connection.use((db) => db.getAll('waits'))).filter(({ modelVersion }) => modelVersion !== MARKS);
  }

  async putWait(wait: OrderedWait): Promise<void> {
    const tx = await this.connection.use((db) => db.transaction('waits', 'readwrite'));
    await Promise.all([tx.store.put(wait), tx.done]);
  }

  close(): void {
    const opened = this.connection.opened();
    this.over();
    void opened.then(
      (db) => db.close(),
      () => undefined,
    );
  }
}

/** Where IndexedDB is refused: records live as long as the page, so there is nothing that another page could double. */
export function memoryTable(): OutboxTable {
  const records = new Map<string, WindowRecord>();
  let kept: readonly MarkedDays[] = [];
  return {
    storage: 'memory',
    all: async () => [...records.values()],
    put: async (record) => void records.set(record.id, record),
    rewrite: async (record) => {
      if (records.get(record.id)?.page !== record.page) return false;
      records.set(record.id, record);
      return true;
    },
    exchange: async (rest, own) => {
      if (!isAsRead(records.get(rest.id), rest)) return false;
      records.delete(rest.id);
      records.set(own.id, own);
      return true;
    },
    remove: async (ids) => ids.filter((id) => records.delete(id)),
    claim: async (key, day) => {
      const { mark, marked } = claimMark(kept, key, day);
      kept = marked;
      return mark;
    },
    waits: async () => [],
    putWait: async () => undefined,
    close: () => {
      records.clear();
      kept = [];
    },
  };
}
