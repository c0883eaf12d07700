/**
 * Read queue: one read of the store at a time, so that readers never hold up what is being counted.
 *
 * Invariants
 *  - Readers who ask the same while it waits share one read. What a read answers was committed before it began.
 *  - A read that nobody waits for any more when its turn comes is not made.
 *  - At most READ_QUEUE_COUNT_MAX wait; the next is told so.
 */
import { READ_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';

interface Waiting {
  readonly turn: Promise<unknown>;
  /** Aborted: that reader is gone. */
  readonly readers: (AbortSignal | null)[];
}

export class ReadQueue {
  /** By what is asked; those that have begun are no longer here. */
  private readonly waiting = new Map<string, Waiting>();
  private tail: Promise<unknown> = Promise.resolve();

  /**
   * @param question Equal for reads that have the same answer.
   * @param reader Aborted when it is gone; null never goes.
   * @returns null when too many wait; resolves to null when everybody who asked was gone before it began.
   */
  ask<T>(question: string, reader: null, read: () => Promise<T>): Promise<T> | null;
  ask<T>(question: string, reader: AbortSignal, read: () => Promise<T>): Promise<T | null> | null;
  ask<T>(question: string, reader: AbortSignal | null, read: () => Promise<T>): Promise<T | null> | null {
    const shared = this.waiting.get(question);
    shared?.readers.push(reader);
    if (shared !== undefined) return shared.turn as Promise<T | null>;
    if (this.waiting.size >= READ_QUEUE_COUNT_MAX) return null;
    const readers = [reader];
    const turn = this.tail.then(() => {
      this.waiting.delete(question);
      return readers.every((waiting) => waiting?.aborted) ? null : read();
    });
    this.waiting.set(question, { turn, readers });
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}
