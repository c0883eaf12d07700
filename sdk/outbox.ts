/**
 * Outbox: open windows, their records, and what waits to be sent. Store before send, delete after ack.
 *
 * Invariants, the four rules of delivery (ARCHITECTURE.md; each was searched exhaustively in a small model)
 *  (a) `takeForHide` gives a window only if a committed draft with its id backs it.
 *  (b) A rest joins a window in memory only after the one transaction that deleted it and rewrote this window's own record committed.
 *  (c) A record belongs to its live page; only orphans of dead pages are adopted or sent (sdk/page-life.ts).
 *  (d) One transaction of this page is in flight at a time: `serial`, a chain that a rejection cannot poison.
 *  A window's bytes never change once it is in `own`.
 *
 * Not here: HTTP (sdk/exporter.ts), what is counted (sdk/telemetry.ts).
 */
import type { LossReason } from '../counts/software-plan.ts';
import { CountWindow } from '../counts/window.ts';
import { firstLine } from '../protocol/errors.ts';
import { OUTBOX_AGE_MS_MAX, OUTBOX_BYTES_MAX } from '../protocol/limits.ts';
import { decodeWindow, encodeWindow } from '../protocol/report.ts';
import type { OpenWindow } from './open-window.ts';
import type { Logger } from './options.ts';
import type { OutboxTable, RecordState, WindowRecord } from './outbox-db.ts';
import type { PageLife } from './page-life.ts';

/** A closed window on its way. */
export interface Outgoing {
  readonly id: string;
  readonly modelVersion: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly runs: number;
}

interface Own extends Outgoing {
  /** False while a rest of this id may still be in the table: another page could add it up. */
  isSafe: boolean;
  readonly record: WindowRecord;
}

export interface OutboxHost {
  readonly now: () => number;
  readonly logger: Logger;
  readonly lose: (modelVersion: string, reason: LossReason, count: number) => void;
}

export class Outbox {
  private readonly table: OutboxTable;
  private readonly life: PageLife;
  private readonly host: OutboxHost;
  private readonly own = new Map<string, Own>();
  private readonly open = new Map<string, OpenWindow>();
  private tail: Promise<unknown> = Promise.resolve();
  private isClosed = false;
  /** Closed windows that wait, as of the last `measure`. */
  waitingCount = 0;
  waitingBytes = 0;

  constructor(table: OutboxTable, life: PageLife, host: OutboxHost) {
    this.table = table;
    this.life = life;
    this.host = host;
  }

  get storage(): 'indexeddb' | 'memory' {
    return this.table.storage;
  }

  get openWindows(): Iterable<OpenWindow> {
    return this.open.values();
  }

  /** The open window of a key, opened by `create` when there is none. A new data window looks for rests of earlier visits. */
  windowOf(key: string, create: () => OpenWindow): OpenWindow {
    const found = this.open.get(key);
    if (found !== undefined) return found;
    const window = create();
    this.open.set(key, window);
    if (window.report === 'data') void this.adoptRests(window);
    return window;
  }

  /** Writes the window's record, once for all counts that came before the transaction starts. */
  persist(window: OpenWindow): Promise<void> {
    if (window.isWriteQueued) return Promise.resolve();
    window.isWriteQueued = true;
    return this.serial(async () => {
      window.isWriteQueued = false;
      if (this.open.get(window.key) !== window) return;
      const record = this.recordOf(window, window.counts, window.stateNow);
      window.isDirty = false;
      try {
        await this.table.put(record);
        window.committed = record.state;
      } catch (error) {
        window.isDirty = true;
        this.complain(error);
      }
    });
  }

  /** Closes the window and writes it as sealed; resolves when it may be sent. */
  seal(window: OpenWindow): Promise<void> {
    return this.serial(async () => {
      if (this.open.get(window.key) !== window || !window.maySend) return;
      const own = this.close(window, window.committed !== 'rest');
      await this.makeSafe(own);
    });
  }

  /** Rule (a). Synchronous: the page is being hidden. */
  takeForHide(): Outgoing[] {
    const ready = [...this.open.values()].filter((window) => window.committed === 'draft' && !window.isAdopting && window.maySend);
    return ready.map((window) => this.close(window, true));
  }

  /** What may go out now: this page's closed windows and, with `orphans`, what dead pages left. Also drops what is too old or too much. */
  async outgoing(withOrphans: boolean): Promise<Outgoing[]> {
    const orphans = await this.serial(async () => {
      for (const own of this.own.values()) if (!own.isSafe) await this.makeSafe(own);
      const records = await this.table.all();
      const isOrphan = await this.life.orphanTest();
      const kept = await this.trim(records, isOrphan);
      return withOrphans ? kept.filter((record) => record.state !== 'rest' && isOrphan(record)) : [];
    });
    const mine = [...this.own.values()].filter(({ isSafe }) => isSafe);
    return [...mine, ...(orphans ?? []).filter(({ id }) => !this.own.has(id))];
  }

  async measure(): Promise<void> {
    await this.serial(async () => {
      const isOrphan = await this.life.orphanTest();
      const waiting = (await this.table.all()).filter((record) => this.own.has(record.id) || (record.state !== 'rest' && isOrphan(record)));
      this.waitingCount = waiting.length;
      this.waitingBytes = waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
    });
  }

  /** Acknowledged or dropped: the record goes. */
  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.own.delete(id);
    await this.serial(() => this.table.remove(ids));
  }

  get ownCount(): number {
    return this.own.size;
  }

  /** The page froze: what is stored belongs to whoever finds it; what was sent at hide is retried from memory. */
  abandonOpen(): void {
    this.open.clear();
  }

  /** No more transactions; resolves when the last one has ended. */
  async end(): Promise<void> {
    this.isClosed = true;
    await this.tail;
    this.table.close();
    this.open.clear();
    this.own.clear();
  }

  /** Rule (b). */
  private adoptRests(window: OpenWindow): Promise<void> {
    return this.serial(async () => {
      // Records first: one that a page writes as it starts, in between, must not be taken for an orphan's.
      const records = await this.table.all();
      const isOrphan = await this.life.orphanTest();
      for (const record of records) {
        if (record.state === 'rest' && record.key === window.key && isOrphan(record)) await this.adoptRest(window, record);
      }
    });
  }

  private async adoptRest(window: OpenWindow, rest: WindowRecord): Promise<void> {
    const content = decodeWindow(rest.bytes);
    if (content === null || this.open.get(window.key) !== window) return;
    window.isAdopting = true;
    try {
      const joined = new CountWindow(window.counts.header, window.cellCount);
      joined.merge(window.counts.toWindow());
      joined.merge(content);
      const own = this.recordOf(window, joined, window.stateOf(joined.runs));
      if (await this.table.exchange(rest.id, own)) {
        window.counts.merge(content);
        window.committed = own.state;
      }
    } finally {
      window.isAdopting = false;
    }
  }

  private close(window: OpenWindow, isSafe: boolean): Own {
    this.open.delete(window.key);
    const record = this.recordOf(window, window.counts, 'sealed');
    const { id, modelVersion, bytes, runs } = record;
    const own: Own = { id, modelVersion, bytes, runs, isSafe, record };
    this.own.set(id, own);
    return own;
  }

  private async makeSafe(own: Own): Promise<void> {
    try {
      await this.table.put(own.record);
      own.isSafe = true;
    } catch (error) {
      this.complain(error);
    }
  }

  private recordOf(window: OpenWindow, counts: CountWindow, state: RecordState): WindowRecord {
    const { report, modelVersion, key, openedAtMs } = window;
    const content = counts.toWindow();
    const bytes = encodeWindow(content);
    const leaseUntilMs = this.life.leaseUntilMs();
    return { id: content.id, state, report, modelVersion, key, bytes, runs: content.runs, openedAtMs, page: this.life.name, leaseUntilMs };
  }

  /** Age first, then bytes, oldest first. Open windows of live pages are left alone. */
  private async trim(records: readonly WindowRecord[], isOrphan: (record: WindowRecord) => boolean): Promise<WindowRecord[]> {
    const oldestMs = this.host.now() - OUTBOX_AGE_MS_MAX;
    const movable = records.filter((record) => isOrphan(record) || this.own.has(record.id)).sort((a, b) => a.openedAtMs - b.openedAtMs);
    let bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    const dropped = new Set<string>();
    for (const record of movable) {
      const reason = this.reasonToDrop(record, oldestMs, bytes);
      if (reason === null) continue;
      dropped.add(record.id);
      bytes -= record.bytes.length;
      this.host.lose(record.modelVersion, reason, reason === 'rest-expired' ? record.runs : 1);
    }
    if (dropped.size > 0) {
      for (const id of dropped) this.own.delete(id);
      await this.table.remove([...dropped]);
    }
    return records.filter(({ id }) => !dropped.has(id));
  }

  private reasonToDrop(record: WindowRecord, oldestMs: number, bytes: number): LossReason | null {
    if (decodeWindow(record.bytes) === null) return 'record-corrupt';
    if (record.openedAtMs < oldestMs) return record.state === 'rest' ? 'rest-expired' : 'expired';
    return bytes > OUTBOX_BYTES_MAX ? 'evicted' : null;
  }

  /** Rule (d). Resolves to undefined when the outbox is closed or the step failed; the failure was told. */
  private serial<T>(step: () => Promise<T>): Promise<T | undefined> {
    const run = this.tail.then(async () => {
      if (this.isClosed) return undefined;
      try {
        return await step();
      } catch (error) {
        this.complain(error);
        return undefined;
      }
    });
    this.tail = run;
    return run;
  }

  private complain(error: unknown): void {
    this.host.logger(
      'warn',
      'outbox-write-failed',
      `The browser refused to store counts (${firstLine(error)}). They stay in memory and are tried again.`,
    );
  }
}
