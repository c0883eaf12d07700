/**
 * Cells between frozen edges, for quantities with a known range: fractions, scores, milliseconds.
 *
 * Cells in order: "nan", "under" (below the first edge), one cell per pair of edges, "over" (from the last edge on).
 *
 * Invariants
 *  - Edges never move with the data; equal-width cells that do are useless for comparing two hours.
 *  - A cell holds its lower edge and not its upper one.
 */
import type { Metric } from '../../protocol/report/plan.ts';

/** Position of the cell for NaN in every edged metric. */
const NAN_CELL = 0;
/** Position of the cell that is open downward; ranges follow it. */
const UNDER_CELL = 1;

/** Rounding above 1 that still counts as 1: a soft-max in float32 may add up to a little more. */
const UNIT_END = 1 + 2 ** -20;

const THIRTY_SECONDS = Array.from({ length: 32 }, (_, index) => index / 32);

/** [0, 1] in 32 equal cells. */
export const UNIT_EDGES: readonly number[] = [...THIRTY_SECONDS, UNIT_END];
/** [0, 1] in 32 equal cells, the first one halved seven times: for fractions that are mostly close to 0. */
export const UNIT_EDGES_FINE_AT_ZERO: readonly number[] = [
  0,
  ...Array.from({ length: 7 }, (_, index) => 2 ** (index - 12)),
  ...THIRTY_SECONDS.slice(1),
  UNIT_END,
];
/** [0, 1] in 32 equal cells, the last one halved seven times: for scores of a confident model. */
export const UNIT_EDGES_FINE_AT_ONE: readonly number[] = [
  ...THIRTY_SECONDS,
  ...Array.from({ length: 7 }, (_, index) => 1 - 2 ** -(index + 6)),
  UNIT_END,
];
/** [0, 0.5] in 32 equal cells: a standard deviation of values in 0 … 1 is at most one half. */
export const HALF_EDGES: readonly number[] = [...THIRTY_SECONDS.map((edge) => edge / 2), UNIT_END / 2];

/** An edge as it stands in a cell id: six digits tell neighbouring edges apart, and `toPrecision` is the same everywhere. */
export function edgeText(edge: number): string {
  return String(Number(edge.toPrecision(6)));
}

export function rangeText(lower: number, upper: number): string {
  return `${edgeText(lower)}..${edgeText(upper)}`;
}

/** The `cells` and `edges` of a metric with these edges; the last edge is where "over" begins. */
export function edgedCells(edges: readonly number[]): Pick<Metric, 'cells' | 'edges'> {
  const ranges = edges.slice(1).map((upper, index) => rangeText(edges[index] as number, upper));
  return { cells: ['nan', 'under', ...ranges, 'over'], edges: { firstCell: UNDER_CELL + 1, values: edges } };
}

/** Position of a value's cell in a metric made by `edgedCells`. */
export function edgedCell(edges: readonly number[], value: number): number {
  if (Number.isNaN(value)) return NAN_CELL;
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return UNDER_CELL + low;
}
