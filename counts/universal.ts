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
 * Not here: reading arrays fast (counts/numeric-kernel.ts).
 */
import { edgeText, rangeText } from './edges.ts';
import { type LogLinearScale, scaleCellCount, scaleEdges, scaleIndex } from './log-linear.ts';
import type { Metric } from './plan.ts';

export const UNIVERSAL_SCALE: LogLinearScale = { mantissaBits: 5, exponentMin: -24, exponentMax: 40 };
/** Below the smallest normal float32 a value is zero. */
const ZERO_END = 2 ** -126;

const RANGE_COUNT = scaleCellCount(UNIVERSAL_SCALE);

export const NAN_CELL = 0;
export const NEGATIVE_INFINITY_CELL = 1;
export const POSITIVE_INFINITY_CELL = 2;
/** The three cells of values that are no finite number. */
export const NON_FINITE_CELLS = [NAN_CELL, NEGATIVE_INFINITY_CELL, POSITIVE_INFINITY_CELL] as const;
/** Elements beyond COUNTED_ELEMENT_COUNT_MAX. */
export const UNCOUNTED_CELL = 3;
const NEGATIVE_OVER_CELL = 4;
const NEGATIVE_TINY_CELL = NEGATIVE_OVER_CELL + RANGE_COUNT + 1;
export const ZERO_CELL = NEGATIVE_TINY_CELL + 1;
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

let layout: Pick<Metric, 'cells' | 'edges'> | undefined;

/** The `cells` and `edges` of a metric over the universal cells; one array for all of them. */
export function universalCells(): Pick<Metric, 'cells' | 'edges'> {
  layout ??= makeLayout();
  return layout;
}

function makeLayout(): Pick<Metric, 'cells' | 'edges'> {
  const edges = scaleEdges(UNIVERSAL_SCALE);
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
