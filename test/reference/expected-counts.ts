/**
 * What the reference binner expects: counts by metric and cell, in words.
 *
 * Why words and no indices: where a cell lies is the plan's business, and a reference that shared the plan's arithmetic
 * would share its faults.
 *
 * Invariants
 *  - Imports nothing of counts/. Edges and cell ids are written down a second time, from the data dictionary.
 *  - A value that was computed with rounding and lies next to an edge is reported (`isNearEdge`): on which side it falls is
 *    then a matter of the order of summation, which nobody promises.
 *
 * Not here: which metrics a kind has (test/reference/kinds).
 */

/** Relative distance from an edge within which two honest ways of summing in double may disagree. */
const NEAR_RATIO = 1e-9;

const THIRTY_SECONDS: number[] = [];
for (let index = 0; index < 32; index++) THIRTY_SECONDS.push(index / 32);
const HALVINGS = [7, 6, 5, 4, 3, 2, 1];
const JUST_ABOVE_ONE = 1 + 1 / 1_048_576;

/** [0, 1] in 32 cells. */
export const EVEN: readonly number[] = [...THIRTY_SECONDS, JUST_ABOVE_ONE];
/** The same, the first cell halved seven times. */
export const FINE_AT_ZERO: readonly number[] = [
  0,
  ...HALVINGS.map((times) => 1 / 32 / 2 ** times),
  ...THIRTY_SECONDS.slice(1),
  JUST_ABOVE_ONE,
];
/** The same, the last cell halved seven times. */
export const FINE_AT_ONE: readonly number[] = [
  ...THIRTY_SECONDS,
  ...[...HALVINGS].reverse().map((times) => 1 - 1 / 32 / 2 ** times),
  JUST_ABOVE_ONE,
];
/** [0, 0.5] in 32 cells. */
export const EVEN_TO_HALF: readonly number[] = EVEN.map((edge) => edge / 2);

/** From 2^(first/4) to 2^(last/4), four cells per power of two. */
export function quarterOctaves(first: number, last: number): number[] {
  const edges: number[] = [];
  for (let step = first; step <= last; step++) edges.push(2 ** (step / 4));
  return edges;
}

/** `first`, `first + step` … `last`. */
export function evenSteps(first: number, last: number, step: number): number[] {
  const edges: number[] = [];
  for (let edge = first; edge <= last; edge += step) edges.push(edge);
  return edges;
}

export function edgeName(edge: number): string {
  return `${Number(edge.toPrecision(6))}`;
}

export function rangeName(lower: number, upper: number): string {
  return `${edgeName(lower)}..${edgeName(upper)}`;
}

/** Looks at one edge after the other. */
export function cellAmongEdges(edges: readonly number[], value: number): string {
  if (Number.isNaN(value)) return 'nan';
  let cell = 'under';
  for (let index = 0; index < edges.length; index++) {
    const lower = edges[index] as number;
    const upper = edges[index + 1];
    if (value >= lower) cell = upper === undefined ? 'over' : rangeName(lower, upper);
  }
  return cell;
}

export class ExpectedCounts {
  readonly counts = new Map<string, number>();
  isNearEdge = false;

  add(metric: string, cell: string, count = 1): void {
    const key = `${metric}|${cell}`;
    if (count > 0) this.counts.set(key, (this.counts.get(key) ?? 0) + count);
  }

  /** A value that is exact in every honest computation: a count, or one count divided by another. */
  addExact(metric: string, edges: readonly number[], value: number): void {
    this.add(metric, cellAmongEdges(edges, value));
  }

  /** A value that carries rounding. */
  addRounded(metric: string, edges: readonly number[], value: number): void {
    for (const edge of edges) this.noteDistance(value, edge);
    this.addExact(metric, edges, value);
  }

  /** Two quantities whose order decides; all that are counted here are never negative, so 0 is no matter of rounding. */
  noteDistance(value: number, edge: number): void {
    const distance = Math.abs(value - edge);
    if (edge !== 0 && distance <= NEAR_RATIO * Math.abs(edge)) this.isNearEdge = true;
  }
}
