/**
 * Run channel: the page's end of the run port. Runs out, replies in, every run settled exactly once.
 *
 * Invariants
 *  - Runs that start in one task leave in one message.
 *  - Each run has a deadline of its own from its call. What is late is cancelled if it waits, and its result dropped if it runs.
 *  - After `failAll` nothing is pending and every later run fails with the same error.
 *
 * Not here: whether a worker that is late is hung (sdk/worker-host.ts).
 */
import { type ErrorCode, fromWire, SdkError } from '../protocol/errors.ts';
import type { RunMessage, RunReply, RunRequest } from '../protocol/messages.ts';
import type { ReadyFeeds } from './tensor.ts';

/** A longer timer fires at once (HTML standard: 32-bit signed milliseconds). 24 days are as good as never. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

export type RunAnswer = Extract<RunReply, { ok: true }>;

export interface RunOrder {
  readonly handle: number;
  readonly ready: ReadyFeeds;
  readonly isCounted: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

interface PendingRun {
  readonly resolve: (answer: RunAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly stopWaiting: () => void;
}

export class RunChannel {
  private readonly port: MessagePort;
  private readonly onOverdue: () => void;
  private readonly pending = new Map<number, PendingRun>();
  private outgoing: { request: RunRequest; buffers: readonly Transferable[] }[] = [];
  private nextId = 1;
  private failure: (() => SdkError) | null = null;

  /** `onOverdue` is called when a run's deadline has passed, after its rejection. */
  constructor(port: MessagePort, onOverdue: () => void) {
    this.port = port;
    this.onOverdue = onOverdue;
    port.onmessage = (event: MessageEvent<RunReply>) => this.receive(event.data);
    port.onmessageerror = () => this.onOverdue();
  }

  get pendingCount(): number {
    return this.pending.size;
  }

  run(order: RunOrder): Promise<RunAnswer> {
    if (this.failure !== null) return Promise.reject(this.failure());
    if (order.signal?.aborted === true) return Promise.reject(new SdkError('aborted', { stage: 'run' }));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          this.giveUp(id, 'run-timeout', { timeoutMs: order.timeoutMs });
          this.onOverdue();
        },
        Math.min(order.timeoutMs, TIMER_MS_MAX),
      );
      const onAbort = () => this.giveUp(id, 'aborted', { stage: 'run' });
      order.signal?.addEventListener('abort', onAbort);
      const stopWaiting = () => {
        clearTimeout(timer);
        order.signal?.removeEventListener('abort', onAbort);
      };
      this.pending.set(id, { resolve, reject, stopWaiting });
      this.post(id, order);
    });
  }

  /** Rejects what is pending and all that comes later. */
  failAll(failure: (pendingCount: number) => SdkError): void {
    const error = failure(this.pending.size);
    this.failure = () => failure(0);
    for (const id of [...this.pending.keys()]) this.take(id)?.reject(error);
    this.port.close();
  }

  private post(id: number, { handle, ready, isCounted }: RunOrder): void {
    this.outgoing.push({ request: { id, handle, feeds: ready.feeds, isCounted }, buffers: ready.buffers });
    if (this.outgoing.length === 1) queueMicrotask(() => this.flush());
  }

  private flush(): void {
    const batch = this.outgoing;
    this.outgoing = [];
    const message: RunMessage = { type: 'run', requests: batch.map(({ request }) => request) };
    const buffers = new Set(batch.flatMap((entry) => entry.buffers));
    try {
      this.port.postMessage(message, [...buffers]);
    } catch (error) {
      // A buffer that cannot be transferred (WASM memory, detached meanwhile) refuses the whole message.
      const reason = error instanceof Error ? error.message : String(error);
      for (const { request } of batch) this.take(request.id)?.reject(new SdkError('run-failed', { reason }, { cause: error }));
    }
  }

  private receive(reply: RunReply): void {
    const run = this.take(reply.id);
    if (reply.ok) run?.resolve(reply);
    else run?.reject(fromWire(reply.error));
  }

  private giveUp<C extends ErrorCode>(id: number, code: C, details: ConstructorParameters<typeof SdkError<C>>[1]): void {
    const run = this.take(id);
    if (run === undefined) return;
    this.port.postMessage({ type: 'cancel', id } satisfies RunMessage);
    run.reject(new SdkError(code, details));
  }

  private take(id: number): PendingRun | undefined {
    const run = this.pending.get(id);
    this.pending.delete(id);
    run?.stopWaiting();
    return run;
  }
}
