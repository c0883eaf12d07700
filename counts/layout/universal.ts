/**
 * Universal cells: where any number falls, whatever the model.
 *
 * Cells in order: nan, -inf, +inf, uncounted, then the number line from left to right: -over, negative ranges, -tiny,
 * zero, +tiny, positive ranges, +over.
 *
 * Why these bounds: from 2^-24 (6e-8, the smallest float16) to 2^40 (1.1e12, more than a size in bytes or a sum of money
 * in cents usually is) are 64 octaves. With 32 cells each (3.1 % wide, the design allows 4.5 %; 16 would be 6.3 %) and two
 * signs that is 4,096 cells, 16 kB of counters, and 15 such metrics fit a plan. Cells that no value met cost no byte on the wire.
 *
 * Invariants
 *  - The scale is frozen; changing it is a new plan for every model.
 *  - Subnormal float32 values count as zero: GPUs may flush them, and the provider must not change the counts.
 *
 * Not here: reading arrays fast (counts/kinds/numeric.ts).
 */

import type { Metric } from '../../protocol/report/plan.ts';
import { edgeText, rangeText } from './edges.ts';
import { type LogLinearScale, scaleCellCount, scaleEdges, scaleIndex } from './log-linear.ts';

export const UNIVERSAL_SCALE: LogLinearScale = { mantissaBits: 5, exponentMin: -24, exponentMax: 40 };
/** Scales that a manifest may choose instead, each an exact union of universal cells: 6.25 % and 12.5 % wide. */
type CoarseBits = 3 | 4;
/** Below the smallest normal float32 a value is zero. */
const ZERO_END = 2 ** -126;

const RANGE_COUNT = scaleCellCount(UNIVERSAL_SCALE);

export const NAN_CELL = 0;
const NEGATIVE_INFINITY_CELL = 1;
const POSITIVE_INFINITY_CELL = 2;
/** The three cells of values that are no finite number. */
export const NON_FINITE_CELLS = [NAN_CELL, NEGATIVE_INFINITY_CELL, POSITIVE_INFINITY_CELL] as const;
/** Elements beyond COUNTED_ELEMENT_COUNT_MAX. */
export const UNCOUNTED_CELL = 3;
const NEGATIVE_OVER_CELL = 4;
const NEGATIVE_TINY_CELL = NEGATIVE_OVER_CELL + RANGE_COUNT + 1;
const ZERO_CELL = NEGATIVE_TINY_CELL + 1;
const POSITIVE_TINY_CELL = ZERO_CELL + 1;
export const UNIVERSAL_CELL_COUNT = POSITIVE_TINY_CELL + 1 + RANGE_COUNT + 1;

/** Cell of any number. */
export function universalCell(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < ZERO_END) return ZERO_CELL;
  if (Number.isNaN(value)) return NAN_CELL;
  if (magnitude === Infinity) return value > 0 ? POSITIVE_INFINITY_CELL : NEGATIVE_INFINITY_CELL;
  const index = scaleIndex(UNIVERSAL_SCALE, magnitude);
  return value > 0 ? POSITIVE_TINY_CELL + 1 + index : NEGATIVE_TINY_CELL - 1 - index;
}

const layouts = new Map<number, Pick<Metric, 'cells' | 'edges'>>();

/** The `cells` and `edges` of a metric over the universal cells; one array for all of them. */
export function universalCells(): Pick<Metric, 'cells' | 'edges'> {
  return layoutAt(UNIVERSAL_SCALE);
}

/** The same line of numbers with wider cells. */
export function downscaledCells(mantissaBits: CoarseBits): Pick<Metric, 'cells' | 'edges'> {
  return layoutAt({ ...UNIVERSAL_SCALE, mantissaBits });
}

const maps = new Map<CoarseBits, Uint16Array>();

/**
 * The coarse cell of every universal cell: an octave's cells are merged in twos or fours, all others stay alone. Counts add up
 * exactly, so a model may widen its cells and its history with it.
 */
export function downscaleMap(mantissaBits: CoarseBits): Uint16Array {
  let map = maps.get(mantissaBits);
  if (map === undefined) {
    const perCoarse = 1 << (UNIVERSAL_SCALE.mantissaBits - mantissaBits);
    const coarseCount = scaleCellCount({ ...UNIVERSAL_SCALE, mantissaBits });
    map = Uint16Array.from({ length: UNIVERSAL_CELL_COUNT }, (_, cell) => coarseCell(cell, perCoarse, coarseCount));
    maps.set(mantissaBits, map);
  }
  return map;
}

function coarseCell(cell: number, perCoarse: number, coarseCount: number): number {
  const firstNegative = NEGATIVE_OVER_CELL + 1;
  if (cell < firstNegative) return cell;
  if (cell < NEGATIVE_TINY_CELL) return firstNegative + Math.floor((cell - firstNegative) / perCoarse);
  const middle = cell - NEGATIVE_TINY_CELL;
  if (middle <= POSITIVE_TINY_CELL - NEGATIVE_TINY_CELL) return firstNegative + coarseCount + middle;
  const firstPositive = firstNegative + coarseCount + (POSITIVE_TINY_CELL - NEGATIVE_TINY_CELL) + 1;
  return firstPositive + Math.floor((cell - POSITIVE_TINY_CELL - 1) / perCoarse);
}

function layoutAt(scale: LogLinearScale): Pick<Metric, 'cells' | 'edges'> {
  const known = layouts.get(scale.mantissaBits);
  if (known !== undefined) return known;
  const layout = makeLayout(scale);
  layouts.set(scale.mantissaBits, layout);
  return layout;
}

function makeLayout(scale: LogLinearScale): Pick<Metric, 'cells' | 'edges'> {
  const edges = scaleEdges(scale);
  const lowest = edges[0] as number;
  const ranges = edges.slice(1).map((upper, index) => rangeText(edges[index] as number, upper));
  return {
    cells: [
      'nan',
      '-inf',
      '+inf',
      'uncounted',
      '-over',
      ...ranges.map((range) => `-(${range})`).reverse(),
      `-tiny<${edgeText(lowest)}`,
      'zero',
      `+tiny<${edgeText(lowest)}`,
      ...ranges,
      '+over',
    ],
    edges: {
      firstCell: NEGATIVE_OVER_CELL + 1,
      values: [...edges.map((edge) => -edge).reverse(), -ZERO_END, ZERO_END, ...edges],
    },
  };
}
