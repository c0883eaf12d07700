/**
 * Row tally: how many rows were read, how many were not, and where the first of those are.
 *
 * Invariants
 *  - Places and reasons are those of the readers, which hold no value; only UNREADABLE_PLACE_COUNT_MAX are kept.
 */
import type { Example } from './example.ts';

/** Enough to see a pattern; the others are a number. */
const UNREADABLE_PLACE_COUNT_MAX = 5;

export class RowTally {
  readCount = 0;
  unreadableCount = 0;
  private readonly unreadable: string[] = [];

  /** Counts a row. True when it can be used. */
  take<E extends Example>(example: E): example is Exclude<E, { readonly unreadable: string }> {
    if (!('unreadable' in example)) {
      this.readCount++;
      return true;
    }
    this.unreadableCount++;
    if (this.unreadable.length < UNREADABLE_PLACE_COUNT_MAX) this.unreadable.push(`${example.where}: ${example.unreadable}`);
    return false;
  }

  lines(): string[] {
    const { readCount, unreadableCount, unreadable } = this;
    const restCount = unreadableCount - unreadable.length;
    return [
      `rows: ${readCount + unreadableCount} seen, ${readCount} counted, ${unreadableCount} unreadable`,
      ...unreadable.map((sentence) => `  ${sentence}`),
      ...(restCount > 0 ? [`  and ${restCount} more`] : []),
    ];
  }
}
