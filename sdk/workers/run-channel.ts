/**
 * Run channel: runs out to the worker, replies in, every run settled exactly once.
 *
 * Invariants
 *  - Runs and releases leave in the order of their calls; runs of one task that no release parts leave in one message.
 *  - Each run has a deadline of its own from its call. What is late is cancelled if it waits, and its result dropped if it runs.
 *  - One timer for all deadlines, set for the earliest: a timer per run cost more than everything else on this side.
 *  - After `failAll` nothing is pending and every later run fails with the same error.
 *  - A counted run's answer brings a promise of its cells, which are behind it; they are empty when its worker goes before it has sent them.
 *  - A resident tensor that arrives for a run that was given up is released at once: the caller never learns of it.
 *  - What was taken for a run that is never sent stays here: its buffers whole, its frames and bitmaps closed.
 *
 * Not here: whether a worker that is late is hung (sdk/workers/worker-host.ts).
 */
import { inTime } from '../../protocol/deadline.ts';
import { type ErrorCode, fromWire, SdkError } from '../../protocol/errors.ts';
import { CELLS_TIMEOUT_MS, TRANSFER_BYTES_MIN } from '../../protocol/limits.ts';
import { closePictures, isResidentWire, type RunFeeds } from '../../protocol/worker/media.ts';
import type { ReadRequest, RunCells, RunMessage, RunNews, RunReply, RunRequest } from '../../protocol/worker/runs.ts';

/** A longer timer fires at once (HTML standard: 32-bit signed milliseconds). 24 days are as good as never. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** `cells`: of a run that is counted; null of any other. Never rejects. */
type RunAnswer = Extract<RunReply, { ok: true }> & { readonly cells: Promise<Uint32Array> | null };

interface Wait {
  /** performance.now() of the call. */
  readonly startMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** `startMs` is absent when the call is the start. */
type ReadWait = Omit<Wait, 'startMs'> & { readonly startMs: number | undefined };

interface RunOrder extends Wait {
  readonly loadId: number;
  readonly ready: ReadyFeeds;
  readonly isCounted: boolean;
}

interface PendingRun {
  readonly resolve: (answer: RunAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  readonly isCounted: boolean;
  /** Takes the listener off the caller's signal; null without one. */
  readonly stopListening: (() => void) | null;
}

interface UnsentRun {
  readonly request: RunRequest | ReadRequest;
  readonly transfers: readonly Transferable[];
}

/** Cells of an answered run that are on their way. */
interface DueCells {
  readonly promise: Promise<Uint32Array>;
  readonly resolve: (cells: Uint32Array) => void;
}

const NO_CELLS = new Uint32Array();

/** Messages to be, in the order in which they leave. */
type Unsent = { readonly runs: UnsentRun[] } | { readonly residentIds: number[] };

/** The worker, or what stands for one in a test. */
export type RunTarget = Pick<Worker, 'postMessage' | 'onmessage'>;

export class RunChannel {
  private readonly worker: RunTarget;
  private readonly onOverdue: () => void;
  private readonly pending = new Map<number, PendingRun>();
  private readonly due = new Map<number, DueCells>();
  private whenNonePending: (() => void)[] = [];
  private unsent: Unsent[] = [];
  private ending: number[] = [];
  private isFlushing = false;
  private nextId = 1;
  private failure: (() => SdkError) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer goes off. */
  private alarmMs = Number.POSITIVE_INFINITY;

  /** `onOverdue` is called when a run's deadline has passed, after its rejection. */
  constructor(worker: RunTarget, onOverdue: () => void) {
    this.worker = worker;
    this.onOverdue = onOverdue;
    worker.onmessage = (event: MessageEvent<RunNews>) => this.receive(event.data);
  }

  get pendingCount(): number {
    return this.pending.size;
  }

  run(order: RunOrder): Promise<RunAnswer> {
    const { loadId, ready, isCounted } = order;
    return this.send(order, (id) => ({ id, loadId, feeds: ready.feeds, isCounted }), ready.buffers, isCounted);
  }

  /** Resolves when the cells that were on their way are there, after CELLS_TIMEOUT_MS at the latest. */
  async allCounted(): Promise<void> {
    if (this.due.size === 0) return;
    const counted = Promise.all(Array.from(this.due.values(), ({ promise }) => promise));
    await inTime(counted, CELLS_TIMEOUT_MS).catch(() => undefined);
  }

  /** Resolves when no run is pending, or that takes too long: what the worker has answered may still be on its way. */
  async allAnswered(): Promise<void> {
    if (this.pending.size === 0) return;
    await inTime(new Promise<void>((resolve) => this.whenNonePending.push(resolve)), CELLS_TIMEOUT_MS).catch(() => undefined);
  }

  /** The elements of a resident tensor, as the answer's output `data`. */
  read(residentId: number, { startMs = performance.now(), timeoutMs, signal }: ReadWait): Promise<RunAnswer> {
    return this.send({ startMs, timeoutMs, signal }, (id) => ({ id, residentId }), [], false);
  }

  /** The worker need not keep them any longer, once the runs are there that were started before. */
  release(residentIds: readonly number[]): void {
    if (this.failure !== null || residentIds.length === 0) return;
    const last = this.unsent.at(-1);
    if (last !== undefined && 'residentIds' in last) last.residentIds.push(...residentIds);
    else this.unsent.push({ residentIds: [...residentIds] });
    this.flushLater();
  }

  /** Says, behind the runs that were started before, that none of this model follows. */
  endRunsOf(loadId: number): void {
    if (this.failure !== null) return;
    this.ending.push(loadId);
    this.flushLater();
  }

  /** Rejects what is pending and all that comes later. Cells may still arrive. */
  refuseAll(failure: (pendingCount: number) => SdkError): void {
    if (this.failure !== null) return;
    const error = failure(this.pending.size);
    this.failure = () => failure(0);
    for (const id of [...this.pending.keys()]) this.take(id)?.reject(error);
    for (const transfers of this.unsentTransfers()) closePictures(transfers);
    this.unsent = [];
    clearTimeout(this.timer);
  }

  /** As `refuseAll`; and the worker is gone. */
  failAll(failure: (pendingCount: number) => SdkError): void {
    this.refuseAll(failure);
    for (const id of [...this.due.keys()]) this.count({ id, cells: NO_CELLS });
  }

  private send(
    wait: Wait,
    request: (id: number) => RunRequest | ReadRequest,
    transfers: readonly Transferable[],
    isCounted: boolean,
  ): Promise<RunAnswer> {
    const { startMs, timeoutMs, signal } = wait;
    if (this.failure !== null || signal?.aborted === true) {
      closePictures(transfers);
      return Promise.reject(this.failure?.() ?? new SdkError('aborted', { stage: 'run' }));
    }
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const deadlineMs = startMs + timeoutMs;
      const stopListening = signal === undefined ? null : this.listen(signal, id);
      this.pending.set(id, { resolve, reject, deadlineMs, timeoutMs, isCounted, stopListening });
      if (deadlineMs < this.alarmMs) this.setAlarm(deadlineMs);
      const run = { request: request(id), transfers };
      const last = this.unsent.at(-1);
      if (last !== undefined && 'runs' in last) last.runs.push(run);
      else this.unsent.push({ runs: [run] });
      this.flushLater();
    });
  }

  private listen(signal: AbortSignal, id: number): () => void {
    const onAbort = () => this.giveUp(id, 'aborted', { stage: 'run' });
    signal.addEventListener('abort', onAbort);
    return () => signal.removeEventListener('abort', onAbort);
  }

  private flushLater(): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    queueMicrotask(() => this.flush());
  }

  private flush(): void {
    const { unsent, ending } = this;
    this.isFlushing = false;
    this.unsent = [];
    if (this.failure !== null) return;
    for (const each of unsent) {
      if ('runs' in each) this.post(each.runs);
      else this.worker.postMessage({ type: 'release', residentIds: each.residentIds } satisfies RunMessage);
    }
    if (ending.length > 0) {
      this.ending = [];
      for (const loadId of ending) this.worker.postMessage({ type: 'last', loadId } satisfies RunMessage);
    }
  }

  private post(runs: readonly UnsentRun[]): void {
    if (runs.length === 0) return;
    const requests = runs.map(({ request }) => request);
    const transfers = runs.flatMap((run) => run.transfers);
    const unique = transfers.length > 1 ? [...new Set(transfers)] : transfers;
    const small = unique.filter(isSmall);
    const handedOver = small.length === 0 ? unique : unique.filter((transfer) => !isSmall(transfer));
    try {
      this.worker.postMessage({ type: 'run', requests } satisfies RunMessage, handedOver);
    } catch (error) {
      // A buffer that cannot be transferred (WASM memory, detached meanwhile) refuses the whole message: it shall cost its own run alone.
      if (runs.length > 1) {
        for (const run of runs) this.post([run]);
        return;
      }
      closePictures(transfers);
      const reason = error instanceof Error ? error.message : String(error);
      for (const { id } of requests) this.take(id)?.reject(new SdkError('run-failed', { reason }, { cause: error }));
      return;
    }
    for (const buffer of small) buffer.transfer();
  }

  private receive(news: RunNews): void {
    if ('counted' in news) for (const each of news.counted) this.count(each);
    else if (Array.isArray(news)) for (const reply of news as readonly RunReply[]) this.settle(reply);
    else this.settle(news as RunReply);
  }

  private cellsOf(id: number): Promise<Uint32Array> {
    let resolve: DueCells['resolve'] = () => undefined;
    const promise = new Promise<Uint32Array>((resolved) => {
      resolve = resolved;
    });
    this.due.set(id, { promise, resolve });
    return promise;
  }

  /** Cells of a run that was given up are dropped. */
  private count({ id, cells }: RunCells): void {
    this.due.get(id)?.resolve(cells);
    this.due.delete(id);
  }

  private settle(reply: RunReply): void {
    const run = this.take(reply.id);
    if (!reply.ok) run?.reject(fromWire(reply.error));
    else if (run !== undefined) run.resolve({ ...reply, cells: run.isCounted ? this.cellsOf(reply.id) : null });
    else
      this.release(
        Object.values(reply.outputs)
          .filter(isResidentWire)
          .map(({ residentId }) => residentId),
      );
  }

  private giveUp<C extends ErrorCode>(id: number, code: C, details: ConstructorParameters<typeof SdkError<C>>[1]): void {
    const run = this.take(id);
    if (run === undefined) return;
    if (!this.unsend(id)) this.worker.postMessage({ type: 'cancel', id } satisfies RunMessage);
    run.reject(new SdkError(code, details));
  }

  /** Takes a run back that has not left yet. False: it has. */
  private unsend(id: number): boolean {
    for (const each of this.unsent) {
      const index = 'runs' in each ? each.runs.findIndex(({ request }) => request.id === id) : -1;
      if (index < 0 || !('runs' in each)) continue;
      const [run] = each.runs.splice(index, 1) as [UnsentRun];
      // One picture may have been fed to two runs.
      const needed = new Set(this.unsentTransfers().flat());
      closePictures(run.transfers.filter((transfer) => !needed.has(transfer)));
      return true;
    }
    return false;
  }

  private unsentTransfers(): (readonly Transferable[])[] {
    return this.unsent.flatMap((each) => ('runs' in each ? each.runs.map(({ transfers }) => transfers) : []));
  }

  private setAlarm(alarmMs: number): void {
    clearTimeout(this.timer);
    this.alarmMs = alarmMs;
    this.timer = setTimeout(() => this.expire(), Math.min(Math.max(0, Math.ceil(alarmMs - performance.now())), TIMER_MS_MAX));
  }

  /** Gives up what is late and sets the timer for what is not. A run that was answered has left it set: it goes off once, for nothing. */
  private expire(): void {
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    let hasOverdue = false;
    this.alarmMs = nextMs;
    for (const [id, { deadlineMs, timeoutMs }] of this.pending) {
      if (deadlineMs > nowMs) nextMs = Math.min(nextMs, deadlineMs);
      else {
        hasOverdue = true;
        this.giveUp(id, 'run-timeout', { timeoutMs });
      }
    }
    if (nextMs < this.alarmMs) this.setAlarm(nextMs);
    if (hasOverdue) this.onOverdue();
  }

  private take(id: number): PendingRun | undefined {
    const run = this.pending.get(id);
    if (run === undefined) return undefined;
    this.pending.delete(id);
    if (this.pending.size === 0) for (const tell of this.whenNonePending.splice(0)) tell();
    run.stopListening?.();
    return run;
  }
}

/** ES2024; where an engine lacks it, every buffer is handed over. */
type Detachable = ArrayBuffer & { readonly transfer: () => ArrayBuffer };

/** A buffer that is faster copied than handed over. Its caller is to lose it all the same: it is detached behind the message. */
function isSmall(transfer: Transferable): transfer is Detachable {
  return transfer instanceof ArrayBuffer && transfer.byteLength > 0 && transfer.byteLength < TRANSFER_BYTES_MIN && 'transfer' in transfer;
}

export interface ReadyFeeds {
  readonly feeds: RunFeeds;
  /** What to transfer, and to close where it is not sent after all. What two feeds share is here twice. */
  readonly buffers: readonly Transferable[];
}
