/**
 * Read queue: one read of the store at a time, so that readers never hold up what is being counted.
 *
 * Invariants
 *  - Readers who ask the same while it waits share one read. What a read answers was committed before it began.
 *  - At most READ_QUEUE_COUNT_MAX wait; the next is told so.
 */
import { READ_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';

export class ReadQueue {
  /** By what is asked; those that have begun are no longer here. */
  private readonly waiting = new Map<string, Promise<unknown>>();
  private tail: Promise<unknown> = Promise.resolve();

  /**
   * @param question Equal for reads that have the same answer.
   * @returns null when too many wait.
   */
  ask<T>(question: string, read: () => Promise<T>): Promise<T> | null {
    const shared = this.waiting.get(question);
    if (shared !== undefined) return shared as Promise<T>;
    if (this.waiting.size >= READ_QUEUE_COUNT_MAX) return null;
    const turn = this.tail.then(() => {
      this.waiting.delete(question);
      return read();
    });
    this.waiting.set(question, turn);
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}
