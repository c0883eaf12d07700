/**
 * Numeric: every element in its cell of the number line, found straight from the float's bits.
 *
 * Why four lanes: neighbouring values often share a cell, and an increment that waits for the store of the one before
 * it costs several times the increment. Four interleaved histograms do not wait for each other.
 *
 * How: sign, exponent and five mantissa bits are the top 14 bits of a float32, so `bits >>> 18` is a raw cell. Raw
 * cells are folded into universal cells after the loop, once per array: first zero and the cells of the scale, which
 * nearly all values are in, and the others only while values are missing.
 *
 * Invariants
 *  - Same cells as `universalCell` for every float32, NaN with any payload included: bench `counting`.
 *  - The lanes are all zero between calls.
 */

import { binFinder, binLayout } from '../layout/bins.ts';
import { toldUncounted } from '../layout/bounds.ts';
import { NAN_CELL, NON_FINITE_CELLS, UNCOUNTED_CELL, UNIVERSAL_SCALE, universalCell } from '../layout/universal.ts';
import { type DeclaredTensor, type RowCounting, rowCounter } from '../tally/rows.ts';
import type { RunCounts } from '../tally/run-counts.ts';
import type { TensorCounts } from '../tally/tensor-counts.ts';
import type { Counter, KindExamples, MetricsOf } from './kind.ts';

export const numericMetrics: MetricsOf<DeclaredTensor> = ({ bins }) => [
  {
    id: 'values',
    title: 'Values of all elements, each in its cell of the number line',
    unit: 'elements',
    per: 'part',
    why: 'The distribution of a numeric tensor: scale, sign, zeros, overflow and shift.',
    ...binLayout(bins),
  },
];

export const numericCounter: Counter<DeclaredTensor> = {
  counterOf: (declared, counts) =>
    rowCounter(declared, counts, {
      isSampled: true,
      fits: ({ texts }) => texts === undefined,
      count: valueCounter(declared, counts),
    }),
};

export const numericExamples: KindExamples = {
  inputs: [{ name: 'NUMBERS', type: 'float32', dims: ['batch', 30], kind: 'numeric' }],
  outputs: [{ name: 'NUMBERS', type: 'float32', dims: ['batch', 1], kind: 'numeric', bins: { mantissaBits: 3 } }],
};

function valueCounter({ bins }: DeclaredTensor, counts: TensorCounts): RowCounting['count'] {
  const offset = counts.offsetOf('values');
  if (offset === undefined) return () => true;
  const find = binFinder(bins);
  const { run } = counts;
  return ({ values, uncountedCount }) => {
    if (bins === undefined) countValues(values, offset, run);
    else for (let at = 0; at < values.length; at++) run.bump(offset + find(values[at] as number));
    run.bump(offset + UNCOUNTED_CELL, toldUncounted(uncountedCount));
    return NON_FINITE_CELLS.some((cell) => run.countOf(offset + cell) > 0);
  };
}

const RAW_SHIFT = 18;
/** Raw cells of a lane; the sign is the top bit, so the negative half begins in the middle. */
const RAW_COUNT = 1 << (32 - RAW_SHIFT);
const NEGATIVE = RAW_COUNT / 2;
/** Raw cells per octave are those of the universal scale. */
const OCTAVE_BITS = 23 - RAW_SHIFT;
const SCALE_START = (127 + UNIVERSAL_SCALE.exponentMin) << OCTAVE_BITS;
const SCALE_END = (127 + UNIVERSAL_SCALE.exponentMax) << OCTAVE_BITS;
/** Raw cell of +Infinity. A NaN whose payload is only in the low bits falls here too. */
const INFINITY_RAW = 255 << OCTAVE_BITS;

/** Folding costs 10 to 40 µs: from here on the lanes pay it back. */
const LANES_LENGTH_MIN = 2_048;

/** Four lanes, one behind the other. One array, because its address then stays in one register. */
const lanes = new Uint32Array(4 * RAW_COUNT);

let universalOfRaw: Uint16Array | undefined;

/** Counts every value into the metric that starts at `offset`. */
export function countValues(values: ArrayLike<number>, offset: number, run: RunCounts): void {
  if (values instanceof Float32Array && values.length >= LANES_LENGTH_MIN) {
    countInLanes(values, offset, run);
    return;
  }
  for (let index = 0; index < values.length; index++) run.bump(offset + universalCell(values[index] as number));
}

function countInLanes(values: Float32Array, offset: number, run: RunCounts): void {
  fillLanes(new Uint32Array(values.buffer, values.byteOffset, values.length));
  let restCount = values.length;
  for (const sign of [0, NEGATIVE]) {
    restCount -= foldLanes(sign, sign + 1, offset, run);
    restCount -= foldLanes(sign + SCALE_START, sign + SCALE_END, offset, run);
  }
  if (restCount === 0) return;
  run.bump(offset + NAN_CELL, moveFalseInfinities(values));
  foldLanes(0, RAW_COUNT, offset, run);
}

function fillLanes(bits: Uint32Array): void {
  const end = bits.length & ~3;
  for (let index = 0; index < end; index += 4) {
    bumpLane((bits[index] as number) >>> RAW_SHIFT);
    bumpLane(((bits[index + 1] as number) >>> RAW_SHIFT) + RAW_COUNT);
    bumpLane(((bits[index + 2] as number) >>> RAW_SHIFT) + 2 * RAW_COUNT);
    bumpLane(((bits[index + 3] as number) >>> RAW_SHIFT) + 3 * RAW_COUNT);
  }
  for (let index = end; index < bits.length; index++) bumpLane((bits[index] as number) >>> RAW_SHIFT);
}

function bumpLane(at: number): void {
  lanes[at] = (lanes[at] as number) + 1;
}

/** Moves raw cells `from … to - 1` into the run's counts and says how many values they held. */
function foldLanes(from: number, to: number, offset: number, run: RunCounts): number {
  universalOfRaw ??= Uint16Array.from({ length: RAW_COUNT }, (_, raw) => universalCell(valueOfRaw(raw)));
  let foldedCount = 0;
  for (let raw = from; raw < to; raw++) {
    const count = takeRaw(raw);
    if (count === 0) continue;
    run.bump(offset + (universalOfRaw[raw] as number), count);
    foldedCount += count;
  }
  return foldedCount;
}

/** Empties one raw cell in all lanes. */
function takeRaw(raw: number): number {
  const count =
    (lanes[raw] as number) +
    (lanes[raw + RAW_COUNT] as number) +
    (lanes[raw + 2 * RAW_COUNT] as number) +
    (lanes[raw + 3 * RAW_COUNT] as number);
  if (count !== 0) lanes[raw] = lanes[raw + RAW_COUNT] = lanes[raw + 2 * RAW_COUNT] = lanes[raw + 3 * RAW_COUNT] = 0;
  return count;
}

/** Takes NaNs out of the raw cells of the infinities, and says how many there were. Looks at values only if there may be some. */
function moveFalseInfinities(values: Float32Array): number {
  let movedCount = 0;
  for (const infinity of [Infinity, -Infinity]) {
    const raw = infinity > 0 ? INFINITY_RAW : INFINITY_RAW + NEGATIVE;
    const foundCount = takeRaw(raw);
    if (foundCount === 0) continue;
    let realCount = 0;
    for (const value of values) if (value === infinity) realCount++;
    lanes[raw] = realCount;
    movedCount += foundCount - realCount;
  }
  return movedCount;
}

/** Smallest magnitude of a raw cell; stands for all of them, since universal cells are unions of raw cells. */
function valueOfRaw(raw: number): number {
  return new Float32Array(new Uint32Array([raw << RAW_SHIFT]).buffer)[0] as number;
}
