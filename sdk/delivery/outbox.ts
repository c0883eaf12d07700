/**
 * Outbox: open windows, their records, and what waits to be sent. Store before send, delete after ack.
 *
 * Invariants, the four rules of delivery (ARCHITECTURE.md; each was searched exhaustively in a small model)
 *  (a) `takeForHide` gives a data window only if a committed draft with its id backs it. A software window is never a rest
 *      that another page could add up, so it needs no backing: whatever is stored of it has its id.
 *  (b) A rest joins a window in memory only after the one transaction that deleted it and rewrote this window's own record committed.
 *  (c) A record belongs to its live page; only orphans of dead pages are adopted or sent (sdk/delivery/page-life.ts).
 *  (d) One transaction of this page is in flight at a time: `serial`, a chain that a rejection cannot poison.
 *  A window's bytes never change once it is in `own`.
 *  - What is sent ahead of its record at hide is written at once in the form that was sent, and forgotten where that did not
 *    succeed before the page's name is given up: an ack must not be read for a form that another page has sent otherwise.
 *  - A mark is claimed in a transaction before the first record that may be sent, so no two windows of this browser have the same one. It is
 *    the window's from then on: whoever sends the record sends it, and where the record is lost it is lost with it.
 *  - Where a page can lose a record while it lives (leases, the back/forward cache) it looks before it rewrites one: what
 *    another page took away is given up here, or it would be counted twice.
 *
 * Not here: HTTP (sdk/delivery/exporter.ts), what is counted (sdk/delivery/delivery.ts).
 */
import type { LossReason } from '../../counts/plans/software-layout.ts';
import { CountWindow } from '../../counts/tally/window.ts';
import { firstLine } from '../../protocol/errors.ts';
import { OUTBOX_AGE_MS_MAX, OUTBOX_BYTES_MAX } from '../../protocol/limits.ts';
import { decodeWindow, encodeWindow } from '../../protocol/report/report.ts';
import type { Logger } from '../api/logger.ts';
import type { OpenWindow } from './open-window.ts';
import type { OrderedWait, OutboxTable, RecordState, WindowRecord } from './outbox-db.ts';
import { isRestRecord, type Outgoing, outgoingOf } from './outgoing.ts';
import type { PageLife } from './page-life.ts';

interface Own extends Outgoing {
  /** False while a rest of this id may still be in the table: another page could add it up. */
  isSafe: boolean;
  /** The table has some form of it. */
  isKnown: boolean;
  /** The table has it as it is sent. */
  isStored: boolean;
  /** Runs that a rest of it holds. */
  readonly restRuns: number;
  readonly record: WindowRecord;
}

/** What a rest brings into a window besides its counts. */
type Joined = Pick<OpenWindow, 'oldestAtMs' | 'feedback'>;

interface OutboxDeps {
  readonly now: () => number;
  readonly logger: Logger;
  readonly lose: (window: Pick<Outgoing, 'modelVersion' | 'key'>, reason: LossReason, count: number) => void;
}

export class Outbox {
  private readonly table: OutboxTable;
  private readonly life: PageLife;
  private readonly deps: OutboxDeps;
  private readonly own = new Map<string, Own>();
  private readonly open = new Map<string, OpenWindow>();
  private tail: Promise<unknown> = Promise.resolve();
  private isClosed = false;
  /** Closed windows that wait, as of the last `measure`. */
  waitingCount = 0;
  waitingBytes = 0;

  constructor(table: OutboxTable, life: PageLife, deps: OutboxDeps) {
    this.table = table;
    this.life = life;
    this.deps = deps;
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

  /**
   * Writes the window's record, once for all counts that came before the transaction starts.
   *
   * @param isHiding There may be no further turn of the page: the record comes first, and the mark with a later one.
   */
  persist(window: OpenWindow, isHiding = false): Promise<void> {
    if (window.isWriteQueued) return Promise.resolve();
    window.isWriteQueued = true;
    return this.serial(async () => {
      window.isWriteQueued = false;
      if (!isHiding && window.mustAskForMark) await this.claim(window);
      if (this.open.get(window.key) !== window && !window.isAbandoned) return;
      const record = this.recordOf(window, window.counts, window.stateNow);
      window.isDirty = false;
      try {
        if (await this.write(record, window.committed !== null)) this.committed(window, record);
        else this.dropOpen(window);
      } catch (error) {
        window.isDirty = true;
        this.complain(error);
      }
    });
  }

  /** Closes the window and writes it as sealed; resolves when it may be sent. */
  seal(window: OpenWindow): Promise<void> {
    return this.serial(async () => {
      if (window.mustAskForMark) await this.claim(window);
      if (this.open.get(window.key) !== window || !window.hasEnoughRuns) return;
      await this.makeSafe(this.close(window, window.committed !== 'rest'));
    });
  }

  /** Rule (a). Synchronous: the page is being hidden. With them go closed windows that nothing stored could double. */
  takeForHide(accepts: (modelVersion: string) => boolean): Outgoing[] {
    const closed = [...this.own.values()].filter((own) => own.isSafe && accepts(own.modelVersion));
    const ready = [...this.open.values()].filter((window) => {
      const isBacked = window.report === 'software' || (window.committed === 'draft' && !window.isAdopting);
      return isBacked && window.hasEnoughRuns && accepts(window.modelVersion);
    });
    const sent = ready.map((window) => this.close(window, true));
    for (const own of sent) void this.serial(() => this.makeSafe(own));
    return [...sent, ...closed];
  }

  /** Gives up a rest that stayed below the minimum for too long. */
  expire(window: OpenWindow): void {
    this.open.delete(window.key);
    this.deps.lose(window, 'rest-expired', window.counts.runs);
    void this.remove([window.counts.header.id]);
  }

  /** What may go out now: this page's closed windows and, with `orphans`, what dead pages left. Also drops what is too old or too much. */
  async outgoing(withOrphans: boolean): Promise<Outgoing[]> {
    const orphans = await this.serial(async () => {
      for (const own of this.own.values()) if (!own.isStored) await this.makeSafe(own);
      const { records, isOrphan } = await this.read();
      const kept = await this.trim(records, isOrphan);
      return withOrphans ? kept.filter((record) => isOrphan(record) && !isRestRecord(record)) : [];
    });
    const mine = [...this.own.values()].filter(({ isSafe }) => isSafe);
    return [...mine, ...(orphans ?? []).filter(({ id }) => !this.own.has(id))];
  }

  async measure(): Promise<void> {
    await this.serial(async () => {
      const { records, isOrphan } = await this.read();
      const waiting = records.filter((record) => this.own.has(record.id) || (isOrphan(record) && !isRestRecord(record)));
      this.waitingCount = waiting.length;
      this.waitingBytes = waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
    });
  }

  /** Acknowledged or dropped: the record goes. */
  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.own.delete(id);
    await this.serial(() => this.table.remove(ids));
  }

  async keepWait(wait: OrderedWait): Promise<void> {
    await this.serial(() => this.table.putWait(wait));
  }

  get ownCount(): number {
    return this.own.size;
  }

  /** The page froze: writes that were asked for still end, then what is stored belongs to whoever finds it. */
  abandonOpen(): void {
    for (const window of this.open.values()) window.isAbandoned = true;
    this.open.clear();
  }

  /** The page froze and nothing is under way: its records are anybody's. */
  giveUpName(): void {
    this.forgetHalfStored();
    this.life.end();
  }

  /** Back from being frozen: nothing is written until the new name's lock is held. */
  async rename(): Promise<void> {
    await this.serial(async () => {
      this.forgetHalfStored();
      await this.life.begin();
    });
  }

  /** Whoever finds the record sends less than this page would; what it does not hold was never sealed. */
  private forgetHalfStored(): void {
    for (const own of this.own.values()) if (own.isSafe && own.isKnown && !own.isStored) this.own.delete(own.id);
  }

  /** Resolves when the transactions that were asked for have ended. */
  async idle(): Promise<void> {
    await this.tail;
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
      const { records, isOrphan } = await this.read();
      const oldestMs = this.deps.now() - OUTBOX_AGE_MS_MAX;
      for (const record of records) {
        const isRest = record.key === window.key && isRestRecord(record) && record.openedAtMs >= oldestMs;
        if (isRest && isOrphan(record)) await this.adoptRest(window, record);
      }
      if (window.mustAskForMark) void this.persist(window);
    });
  }

  /** One whose claim failed asks again with its next record. */
  private async claim(window: OpenWindow): Promise<void> {
    const { day, report, modelVersion } = window;
    const key = `${report} ${modelVersion}`;
    window.isMarkAsked = true;
    try {
      const mark = await this.table.claim(key, day);
      // The clock was corrected meanwhile: another day's mark is none.
      if (window.day === day) window.mark = mark;
    } catch (error) {
      window.isMarkAsked = false;
      this.complain(error);
    }
  }

  private async adoptRest(window: OpenWindow, rest: WindowRecord): Promise<void> {
    const content = decodeWindow(rest.bytes);
    if (content === null || this.open.get(window.key) !== window || !window.hasRoomFor(rest)) return;
    window.isAdopting = true;
    try {
      const joined = new CountWindow(window.counts.header, window.cellCount);
      joined.merge(window.counts.toWindow());
      joined.merge(content);
      const oldestAtMs = Math.min(window.oldestAtMs, rest.openedAtMs);
      const feedback = window.feedback + (rest.feedback ?? 0);
      const own = this.recordOf(window, joined, window.stateOf(joined), { oldestAtMs, feedback });
      if (await this.table.exchange(rest, own)) {
        window.counts.merge(content);
        window.feedback += rest.feedback ?? 0;
        window.oldestAtMs = oldestAtMs;
        this.committed(window, own);
      }
    } finally {
      window.isAdopting = false;
    }
  }

  private close(window: OpenWindow, isSafe: boolean): Own {
    this.open.delete(window.key);
    const record = this.recordOf(window, window.counts, 'sealed');
    const isKnown = window.committed !== null;
    const own: Own = { ...outgoingOf(record), isSafe, isKnown, isStored: false, restRuns: window.committedRuns, record };
    this.own.set(own.id, own);
    return own;
  }

  /** A rest that another page added up meanwhile takes its window along; what came after it is lost, and told. */
  private async makeSafe(own: Own): Promise<void> {
    try {
      const isOurs = own.isSafe ? await this.write(own.record, own.isKnown) : await this.table.rewrite(own.record);
      if (isOurs || own.isSafe) own.isSafe = own.isKnown = own.isStored = true;
      else {
        this.own.delete(own.id);
        this.deps.lose(own, 'uncounted', own.runs - own.restRuns);
      }
    } catch (error) {
      this.complain(error);
    }
  }

  /** False when the record was this page's and is not any more. */
  private async write(record: WindowRecord, isKnown: boolean): Promise<boolean> {
    if (isKnown && this.life.isLeased) return this.table.rewrite(record);
    await this.table.put(record);
    return true;
  }

  private committed(window: OpenWindow, { state, runs }: WindowRecord): void {
    window.committed = state;
    window.committedRuns = runs;
  }

  /** Another page took the record: its runs arrive from there, those since are lost. */
  private dropOpen(window: OpenWindow): void {
    if (this.open.get(window.key) !== window) return;
    this.open.delete(window.key);
    this.deps.lose(window, 'uncounted', window.counts.runs - window.committedRuns);
  }

  private recordOf(window: OpenWindow, counts: CountWindow, state: RecordState, joined: Joined = window): WindowRecord {
    const { report, modelVersion, key } = window;
    const { feedback } = joined;
    const openedAtMs = state === 'rest' ? joined.oldestAtMs : window.openedAtMs;
    const content = counts.toWindow();
    const bytes = encodeWindow(content);
    const leaseUntilMs = this.life.leaseUntilMs();
    const { id, runs } = content;
    const mark = window.mark === null ? {} : { mark: window.mark };
    return { id, state, report, modelVersion, key, bytes, runs, feedback, openedAtMs, page: this.life.name, leaseUntilMs, ...mark };
  }

  /** Records, then who lives, then the records once more where somebody has died: the first reading may be older than its last write. */
  private async read(): Promise<{ records: readonly WindowRecord[]; isOrphan: (record: WindowRecord) => boolean }> {
    const records = await this.table.all();
    const isOrphan = await this.life.orphanTest(records);
    return { records: records.some(isOrphan) ? await this.table.all() : records, isOrphan };
  }

  /** Age first, then bytes, oldest first. Open windows of live pages are left alone. */
  private async trim(records: readonly WindowRecord[], isOrphan: (record: WindowRecord) => boolean): Promise<WindowRecord[]> {
    const oldestMs = this.deps.now() - OUTBOX_AGE_MS_MAX;
    const movable = records.filter((record) => isOrphan(record) || this.own.has(record.id)).sort((a, b) => a.openedAtMs - b.openedAtMs);
    let bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    const reasons = new Map<string, LossReason>();
    for (const record of movable) {
      const reason = this.reasonToDrop(record, oldestMs, bytes);
      if (reason === null) continue;
      reasons.set(record.id, reason);
      bytes -= record.bytes.length;
    }
    if (reasons.size > 0) await this.giveUp(records, reasons);
    return records.filter(({ id }) => !reasons.has(id));
  }

  /** Told by the page that removed it, once it is gone: other pages see the same record. */
  private async giveUp(records: readonly WindowRecord[], reasons: ReadonlyMap<string, LossReason>): Promise<void> {
    const removed = await this.table.remove([...reasons.keys()]);
    for (const record of records) {
      const { id, runs } = record;
      const reason = reasons.get(id);
      if (reason === undefined) continue;
      this.own.delete(id);
      if (removed.includes(id)) this.deps.lose(record, reason, reason === 'rest-expired' ? runs : 1);
    }
  }

  private reasonToDrop(record: WindowRecord, oldestMs: number, bytes: number): LossReason | null {
    if (decodeWindow(record.bytes) === null) return 'record-corrupt';
    // What opened further ahead than it may wait was written under another clock, and would wait for that.
    if (record.openedAtMs < oldestMs || record.openedAtMs > oldestMs + 2 * OUTBOX_AGE_MS_MAX)
      return isRestRecord(record) ? 'rest-expired' : 'expired';
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
    this.deps.logger(
      'warn',
      'outbox-write-failed',
      `The browser refused to store counts (${firstLine(error)}). They stay in memory and are tried again.`,
    );
  }
}
