/**
 * Reopened: a connection that somebody else may close at any time, opened when it is needed and again when it was closed.
 *
 * Why: a browser closes a site's databases when its person clears them, when another tab deletes or upgrades them, and when its own storage
 * fails. A page that held on to the closed one would store nothing for as long as it lives.
 *
 * Invariants
 *  - One opening at a time, and one that failed is no answer to the next call.
 *  - Work is repeated once, and only when the connection was closed before it could begin.
 *
 * Source: W3C Indexed Database API 3.0: `transaction()` of a closed connection throws an InvalidStateError.
 */
export class Reopened<T> {
  private readonly open: (onClosed: () => void) => Promise<T>;
  private opening: Promise<T> | null = null;

  /** @param open Calls `onClosed` when the connection it gave is of no use any more. */
  constructor(open: (onClosed: () => void) => Promise<T>) {
    this.open = open;
  }

  /** @throws what opening throws, and what the work throws. */
  async use<R>(work: (opened: T) => R | Promise<R>): Promise<R> {
    const opening = this.opened();
    try {
      return await work(await opening);
    } catch (error) {
      if ((error as { name?: unknown } | null)?.name !== 'InvalidStateError') throw error;
      this.forget(opening);
      return work(await this.opened());
    }
  }

  opened(): Promise<T> {
    if (this.opening !== null) return this.opening;
    const opening = this.open(() => this.forget(opening));
    this.opening = opening;
    opening.catch(() => this.forget(opening));
    return opening;
  }

  private forget(opening: Promise<T>): void {
    if (this.opening === opening) this.opening = null;
  }
}
