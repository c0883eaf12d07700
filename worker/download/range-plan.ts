/**
 * Range plan: the missing chunks of a file as byte ranges to ask for.
 *
 * Neighbours become one range, across a gap of at most RANGE_GAP_BYTES_MAX of bytes that are here already: those cost less than
 * one more round trip.
 *
 * Invariants
 *  - Ranges begin and end at the borders of chunks, rise, and do not touch. Every missing chunk lies in exactly one.
 */
import { RANGE_GAP_BYTES_MAX } from '../../protocol/limits.ts';

export interface ChunkRange {
  /** Chunk indices, the second excluded. */
  readonly first: number;
  readonly end: number;
}

/** @param missing Indices, in any order. */
export function planRanges(chunks: readonly { readonly bytes: number }[], missing: Iterable<number>): readonly ChunkRange[] {
  const ranges: { first: number; end: number }[] = [];
  for (const index of [...missing].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && bytesBetween(chunks, last.end, index) <= RANGE_GAP_BYTES_MAX) last.end = index + 1;
    else ranges.push({ first: index, end: index + 1 });
  }
  return ranges;
}

function bytesBetween(chunks: readonly { readonly bytes: number }[], first: number, end: number): number {
  return chunks.slice(first, end).reduce((sum, { bytes }) => sum + bytes, 0);
}
