/**
 * Prepare gate: what a model's runs pass on their way to the run queue, some at once, leaving in the order in which they came.
 *
 * Invariants
 *  - At most PREPARING_COUNT_MAX are being prepared, at most RUN_QUEUE_COUNT_MAX wait for that; one more is refused.
 *  - One that fails or is cancelled never affects the one behind it.
 *  - Each is either prepared or dropped.
 *
 * Not here: the run queue itself (worker/queue/run-queue.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { PREPARING_COUNT_MAX, RUN_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';

interface Entry {
  readonly runId: number;
  readonly start: () => Promise<void>;
  readonly refuse: (error: SdkError) => void;
  readonly drop: () => void;
}

export class PrepareGate {
  private readonly waiting: Entry[] = [];
  private readonly busy = new Set<Entry>();
  /** Resolves, whatever became of it, when the last run that came has left. */
  private lastLeft: Promise<void> = Promise.resolve();

  /**
   * @param drop Called in place of `prepare` for a run that is refused, or cancelled before its turn, at once.
   * @throws {SdkError} `queue-full`, `aborted`, and what `prepare` throws
   */
  pass<T>(runId: number, prepare: () => Promise<T>, drop: () => void): Promise<T> {
    if (this.waiting.length >= RUN_QUEUE_COUNT_MAX) {
      drop();
      return Promise.reject(new SdkError('queue-full', { countMax: RUN_QUEUE_COUNT_MAX }));
    }
    const outcome = new Promise<T>((resolve, reject) => {
      this.waiting.push({ runId, start: () => prepare().then(resolve, reject), refuse: reject, drop });
    });
    const isHandled = (): void => undefined;
    outcome.catch(isHandled);
    const leaving = this.lastLeft.then(() => outcome);
    this.lastLeft = leaving.then(isHandled, isHandled);
    this.startNext();
    return leaving;
  }

  /** One that is being prepared is not interrupted; its result is dropped. */
  cancel(runId: number): void {
    const entry = [...this.busy, ...this.waiting].find((known) => known.runId === runId);
    if (entry === undefined) return;
    const index = this.waiting.indexOf(entry);
    if (index >= 0) {
      this.waiting.splice(index, 1);
      entry.drop();
    }
    entry.refuse(new SdkError('aborted', { stage: 'queue' }));
  }

  private startNext(): void {
    while (this.busy.size < PREPARING_COUNT_MAX) {
      const entry = this.waiting.shift();
      if (entry === undefined) return;
      this.busy.add(entry);
      void entry.start().finally(() => {
        this.busy.delete(entry);
        this.startNext();
      });
    }
  }
}
