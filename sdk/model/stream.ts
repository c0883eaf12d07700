/**
 * Stream: runs over frames of which only the newest counts.
 *
 * Invariants
 *  - One run in flight, one frame waiting; a frame that comes while one waits takes its place, and the older is dropped and counted.
 *  - A run starts when the caller asks for an outcome, on the newest frame of that moment: nothing gets stale in between.
 *  - A pushing source is read all the time, so that nothing piles up in it. After a drop the page gets its turn first, so that a source
 *    that always has a frame does not hold it up.
 *  - However it ends, the source is closed and the run in flight aborted.
 *  - Each frame that was taken from the source is run or dropped.
 */
import { isSdkError } from '../../protocol/errors.ts';
import { require } from '../api/option-rules.ts';
import type { AnySignature, FeedsOf, ItemOutcome, RunOptions, RunResult, StreamOptions, StreamOutcome, StreamSource } from '../api/runs.ts';
import { closeSource, runOptionsOf } from './run-source.ts';

type Feeds = FeedsOf<AnySignature>;
type Run = (feeds: Feeds, options: RunOptions) => Promise<RunResult>;

interface Frame {
  readonly index: number;
  readonly feeds: Feeds;
}

/** Where frames come from: the newest at each call, null when there will be no more. */
interface Frames {
  newest(): Promise<Frame | null>;
  readonly droppedCount: number;
  close(): void;
}

/** @throws {SdkError} `invalid-option` */
export function streamRuns(run: Run, source: StreamSource<Feeds>, options: StreamOptions): AsyncIterableIterator<StreamOutcome> {
  if (typeof source === 'function') return new Stream(run, new PulledFrames(source), options);
  const frames = (source as Partial<AsyncIterable<Feeds>> | null)?.[Symbol.asyncIterator]?.();
  require('source', frames !== undefined, 'an async iterable of feeds, or a function that gives them');
  return new Stream(run, new PushedFrames(frames as AsyncIterator<Feeds>, options.onDrop), options);
}

class Stream implements AsyncIterableIterator<StreamOutcome> {
  private readonly run: Run;
  private readonly frames: Frames;
  private readonly options: StreamOptions;
  private readonly stopped = new AbortController();
  private readonly ended: Promise<null>;
  private readonly onAbort = () => this.stop();
  /** Calls of `next` are answered one after the other. */
  private tail: Promise<unknown> = Promise.resolve();

  constructor(run: Run, frames: Frames, options: StreamOptions) {
    this.run = run;
    this.frames = frames;
    this.options = options;
    this.ended = new Promise((resolve) => this.stopped.signal.addEventListener('abort', () => resolve(null), { once: true }));
    if (options.signal?.aborted === true) this.stop();
    else options.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<StreamOutcome>> {
    const answer = this.tail.then(() => this.take());
    this.tail = answer.catch(() => undefined);
    return answer;
  }

  async return(): Promise<IteratorResult<StreamOutcome>> {
    this.stop();
    return { done: true, value: undefined };
  }

  private async take(): Promise<IteratorResult<StreamOutcome>> {
    try {
      const frame = this.stopped.signal.aborted ? null : await this.newest();
      const outcome = frame === null ? null : await this.outcomeOf(frame);
      if (outcome !== null && !this.stopped.signal.aborted)
        return { done: false, value: { ...outcome, droppedCount: this.frames.droppedCount } };
    } catch (error) {
      this.stop();
      throw error;
    }
    this.stop();
    return { done: true, value: undefined };
  }

  /** The frame to run; null when the stream has ended, by its source or before the frame was there. */
  private async newest(): Promise<Frame | null> {
    const coming = this.frames.newest();
    const frame = await Promise.race([coming, this.ended]);
    if (!this.stopped.signal.aborted) return frame;
    const drop = (late: Frame | null) => void (late !== null && this.options.onDrop?.(late.feeds, late.index));
    // Not awaited: it may never come. What the source throws now comes too late to matter.
    coming.then(drop, () => undefined);
    return null;
  }

  private async outcomeOf({ index, feeds }: Frame): Promise<ItemOutcome> {
    try {
      return { index, ok: true, result: await this.run(feeds, runOptionsOf(this.options, this.stopped.signal)) };
    } catch (error) {
      const isOver = isSdkError(error, 'model-closed') || isSdkError(error, 'client-closed');
      if ((isOver || this.options.onError === 'throw') && !this.stopped.signal.aborted) throw error;
      return { index, ok: false, error };
    }
  }

  private stop(): void {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort();
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.frames.close();
  }
}

/** Frames of a function, which is asked when a run can start: nothing is dropped while the stream goes on, because nothing is taken too early. */
class PulledFrames implements Frames {
  readonly droppedCount = 0;
  private readonly pull: () => Feeds | null | undefined | Promise<Feeds | null | undefined>;
  private nextIndex = 0;

  constructor(pull: () => Feeds | null | undefined | Promise<Feeds | null | undefined>) {
    this.pull = pull;
  }

  async newest(): Promise<Frame | null> {
    const feeds = await this.pull();
    return feeds === null || feeds === undefined ? null : { index: this.nextIndex++, feeds };
  }

  close(): void {}
}

/** Frames of a source with a pace of its own. */
class PushedFrames implements Frames {
  droppedCount = 0;
  private readonly source: AsyncIterator<Feeds>;
  private readonly onDrop: StreamOptions['onDrop'];
  private waiting: Frame | null = null;
  private isReading = false;
  private isClosed = false;
  private end: { readonly error?: unknown } | null = null;
  private wake: () => void = () => undefined;

  constructor(source: AsyncIterator<Feeds>, onDrop: StreamOptions['onDrop']) {
    this.source = source;
    this.onDrop = onDrop;
  }

  async newest(): Promise<Frame | null> {
    if (!this.isReading) {
      this.isReading = true;
      void this.read();
    }
    while (this.waiting === null && this.end === null && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const frame = this.waiting;
    this.waiting = null;
    if (frame === null && this.end !== null && 'error' in this.end) throw this.end.error;
    return frame;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.waiting !== null) this.onDrop?.(this.waiting.feeds, this.waiting.index);
    this.waiting = null;
    if (this.end === null) void closeSource(this.source);
    this.wake();
  }

  private async read(): Promise<void> {
    try {
      for (let index = 0; !this.isClosed; index++) {
        const next = await this.source.next();
        if (next.done === true) break;
        const frame = { index, feeds: next.value };
        if (this.isClosed) {
          this.onDrop?.(frame.feeds, index);
          return;
        }
        const stale = this.waiting;
        this.waiting = frame;
        this.wake();
        if (stale === null) continue;
        this.droppedCount++;
        this.onDrop?.(stale.feeds, stale.index);
        await turnOfThePage();
      }
      this.end = {};
    } catch (error) {
      this.end = { error };
    } finally {
      this.wake();
    }
  }
}

/** One task later. A message, not a timer: nested timers wait 4 ms each, and in a hidden page a second. */
function turnOfThePage(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
