/**
 * Run many: batch prediction over any iterable, several runs at a time, one outcome per item.
 *
 * Invariants
 *  - At most `concurrency` items are out: on their way, or finished and not yet taken. The source is pulled for no more.
 *  - An item that fails is an outcome; only the source's own error, or the caller's signal, ends the iteration early.
 *  - However it ends, the source is closed and what is on its way is aborted.
 *
 * Not here: what a run is (sdk/model/model.ts), and which runs start together (worker/queue/run-queue.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { checkConcurrency } from '../api/option-checks.ts';
import { require } from '../api/option-rules.ts';
import type { AnySignature, FeedsOf, ItemOutcome, RunManyOptions, RunOptions, RunResult } from '../api/runs.ts';
import { closeSource, iteratorOf, runOptionsOf } from './run-source.ts';

type Feeds = FeedsOf<AnySignature>;
type Run = (feeds: Feeds, options: RunOptions) => Promise<RunResult>;

/** Enough to hide the way to the worker and back behind the runs of others. */
const CONCURRENCY_DEFAULT = 8;

/**
 * @param maxBatch Of the model's batches, 0 without: twice as many are kept on their way, so that one batch waits while one runs.
 * @throws {SdkError} `invalid-option`
 */
export function runMany(
  run: Run,
  source: Iterable<Feeds> | AsyncIterable<Feeds>,
  options: RunManyOptions,
  maxBatch: number,
): AsyncIterableIterator<ItemOutcome> {
  const { concurrency = maxBatch === 0 ? CONCURRENCY_DEFAULT : Math.min(2 * maxBatch, 256) } = options;
  checkConcurrency(concurrency);
  const feeds = iteratorOf(source);
  require('source', feeds !== null, 'an iterable or async iterable of feeds');
  return new ManyRuns(run, feeds as Iterator<Feeds>, totalOf(source), concurrency, options);
}

class ManyRuns implements AsyncIterableIterator<ItemOutcome> {
  private readonly run: Run;
  private readonly source: Iterator<Feeds> | AsyncIterator<Feeds>;
  private readonly concurrency: number;
  private readonly options: RunManyOptions;
  private readonly totalCount: number | null;
  /** Aborts what is on its way when the iteration ends. */
  private readonly stopped = new AbortController();
  private readonly finished = new Map<number, ItemOutcome>();
  private readonly onAbort = () => this.stop();
  private takenCount = 0;
  private startedCount = 0;
  private doneCount = 0;
  private failedCount = 0;
  private isPulling = false;
  /** The source has no more; with what it threw, if it threw. */
  private sourceEnd: { readonly error?: unknown } | null = null;
  private wake: () => void = () => undefined;
  /** Calls of `next` are answered one after the other. */
  private tail: Promise<unknown> = Promise.resolve();

  constructor(
    run: Run,
    source: Iterator<Feeds> | AsyncIterator<Feeds>,
    totalCount: number | null,
    concurrency: number,
    options: RunManyOptions,
  ) {
    this.run = run;
    this.source = source;
    this.totalCount = totalCount;
    this.concurrency = concurrency;
    this.options = options;
    options.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ItemOutcome>> {
    const answer = this.tail.then(() => this.take());
    this.tail = answer.catch(() => undefined);
    return answer;
  }

  async return(): Promise<IteratorResult<ItemOutcome>> {
    this.stop();
    return { done: true, value: undefined };
  }

  private async take(): Promise<IteratorResult<ItemOutcome>> {
    for (;;) {
      if (this.options.signal?.aborted === true) {
        this.stop();
        throw new SdkError('aborted', { stage: 'runMany' });
      }
      if (this.stopped.signal.aborted) return { done: true, value: undefined };
      void this.pull();
      const outcome = this.nextFinished();
      if (outcome !== undefined) {
        this.finished.delete(outcome.index);
        this.takenCount++;
        // There is room for one more while the caller looks at this one.
        void this.pull();
        return { done: false, value: outcome };
      }
      if (this.sourceEnd !== null && this.takenCount === this.startedCount) return this.finish(this.sourceEnd);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private nextFinished(): ItemOutcome | undefined {
    if (this.options.ordered !== false) return this.finished.get(this.takenCount);
    return this.finished.values().next().value;
  }

  private finish(end: { readonly error?: unknown }): IteratorResult<ItemOutcome> {
    this.stop();
    if ('error' in end) throw end.error;
    return { done: true, value: undefined };
  }

  /** Starts runs while there is room. */
  private async pull(): Promise<void> {
    if (this.isPulling) return;
    this.isPulling = true;
    try {
      while (this.sourceEnd === null && !this.stopped.signal.aborted && this.startedCount - this.takenCount < this.concurrency) {
        const pulled = this.source.next();
        const next = pulled instanceof Promise ? await pulled : await Promise.resolve(pulled);
        if (next.done === true) this.sourceEnd = {};
        else if (!this.stopped.signal.aborted) void this.start(this.startedCount++, next.value);
      }
    } catch (error) {
      this.sourceEnd = { error };
    } finally {
      this.isPulling = false;
      this.wake();
    }
  }

  private async start(index: number, feeds: Feeds): Promise<void> {
    let outcome: ItemOutcome;
    try {
      const result = await this.run(feeds, runOptionsOf(this.options, this.stopped.signal));
      outcome = { index, ok: true, result };
    } catch (error) {
      outcome = { index, ok: false, error };
      this.failedCount++;
    }
    if (this.stopped.signal.aborted) return;
    this.doneCount++;
    this.finished.set(index, outcome);
    this.wake();
    const { doneCount, failedCount, totalCount } = this;
    this.options.onProgress?.({ doneCount, failedCount, totalCount });
  }

  private stop(): void {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort();
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.finished.clear();
    // A source that ended by itself is closed already. One that hangs must not hold up the caller.
    if (this.sourceEnd === null) void closeSource(this.source);
    this.wake();
  }
}

function totalOf(source: unknown): number | null {
  const { length, size } = source as { readonly length?: unknown; readonly size?: unknown };
  const count = length ?? size;
  return typeof count === 'number' ? count : null;
}
