/**
 * Cell code: which cells of a window were met, and how often, as the bits of a range coder.
 *
 * Per cell two numbers from 1: the step from the cell before, and the count. A number is an Exp-Golomb code: how many binary
 * digits follow its first one, in unary, then those digits. Both numbers learn apart for each size of what was counted to
 * the left of the cell, because neighbours in a histogram are alike: a tall cell is seldom followed by none.
 *
 * Invariants
 *  - A cell takes two bits at the least, so the number of cells is bounded by that of the bytes.
 *  - Every count that can be decoded is 1 … 2^32 - 1; cells strictly rise and stay below PLAN_CELL_COUNT_MAX.
 *
 * Not here: what a cell means (counts/layout/plan.ts).
 * Source: S. W. Golomb, "Run-length encodings" (1966), in its exponential form; contexts by measurement, see bench/report-bytes.ts.
 */

import { PLAN_CELL_COUNT_MAX } from '../limits.ts';
import { GrammarError } from './bytes.ts';
import { BYTE_BIT_COUNT_MAX, RangeCoder } from './range-coder.ts';

/** Digits behind the first one of a number below 2^32. */
const DIGIT_COUNT_MAX = 31;
const NODE_COUNT = DIGIT_COUNT_MAX + 1;
/** Sizes of what was counted to the left that are told apart, by powers of two. A step learns no more from more. */
const STEP_SIZE_MAX = 3;
const COUNT_SIZE_MAX = 7;

// Each block has NODE_COUNT nodes: of a length in unary, one per digit counted; of digits, one for the leading digit of each length.
const STEP_DIGITS = 0;
const COUNT_DIGITS = STEP_DIGITS + NODE_COUNT;
const STEP_LENGTHS = COUNT_DIGITS + NODE_COUNT;
const COUNT_LENGTHS = STEP_LENGTHS + (STEP_SIZE_MAX + 1) * NODE_COUNT;
const ALL_NODE_COUNT = COUNT_LENGTHS + (COUNT_SIZE_MAX + 1) * NODE_COUNT;

/** Cells strictly rising, and their counts, each at least 1. Equal lengths. */
export interface CountedCells {
  readonly cells: Uint32Array;
  readonly counts: Uint32Array;
}

export function encodeCells(counted: CountedCells): Uint8Array {
  const coder = new RangeCoder(ALL_NODE_COUNT, null);
  codeCells(coder, counted);
  return coder.finish();
}

/** @throws {GrammarError} for anything but what `encodeCells` makes of `cellCount` cells. */
export function decodeCells(bytes: Uint8Array, cellCount: number): CountedCells {
  // A short body cannot make us allocate for a long one.
  if (cellCount * 2 > bytes.length * BYTE_BIT_COUNT_MAX) throw new GrammarError('the cells are cut off');
  const counted = { cells: new Uint32Array(cellCount), counts: new Uint32Array(cellCount) };
  const coder = new RangeCoder(ALL_NODE_COUNT, bytes);
  if (codeCells(coder, counted) >= PLAN_CELL_COUNT_MAX) throw new GrammarError('a cell is out of range');
  if (!isSame(coder.finish(), bytes)) throw new GrammarError('the cells are not in their only form');
  return counted;
}

/**
 * Both directions: an encoder reads the arrays; what a decoder reads there is of no matter.
 *
 * @returns The last cell, which is the highest; -1 without any.
 */
function codeCells(coder: RangeCoder, { cells, counts }: CountedCells): number {
  let cell = -1;
  // Counts of the two cells to the left of the next one.
  let [left, leftmost] = [0, 0];
  for (let index = 0; index < cells.length; index++) {
    const stepSize = Math.min(sizeOf(left, leftmost), STEP_SIZE_MAX);
    const step = codeNumber(coder, STEP_LENGTHS + stepSize * NODE_COUNT, STEP_DIGITS, (cells[index] as number) - cell);
    if (step > 1) [left, leftmost] = [0, step === 2 ? left : 0];
    cell += step;
    const countSize = Math.min(sizeOf(left, leftmost), COUNT_SIZE_MAX);
    const count = codeNumber(coder, COUNT_LENGTHS + countSize * NODE_COUNT, COUNT_DIGITS, counts[index] as number);
    [left, leftmost] = [count, left];
    cells[index] = cell;
    counts[index] = count;
  }
  return cell;
}

/** Binary digits of the nearer count twice and the farther once. Beyond the largest size told apart it does not matter. */
function sizeOf(left: number, leftmost: number): number {
  return 31 - Math.clz32(2 * Math.min(left, 255) + Math.min(leftmost, 255) + 1);
}

/** A number from 1 to 2^32 - 1; every sequence of bits is one. */
function codeNumber(coder: RangeCoder, lengths: number, digits: number, number: number): number {
  let length = 0;
  while (length < DIGIT_COUNT_MAX && coder.code(lengths + length, number >>> (length + 1) === 0 ? 0 : 1) === 1) length++;
  let coded = 1;
  for (let at = length - 1; at >= 0; at--) {
    // Only the leading digit is worth learning; the others share the node that no length needs.
    const node = digits + (at === length - 1 ? length : 0);
    coded = coded * 2 + coder.code(node, (number >>> at) & 1);
  }
  return coded;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
