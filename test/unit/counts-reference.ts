/**
 * Reference binner: the same cells as counts/, found the slow and obvious way.
 *
 * Why apart: the kernels find cells by bit tricks. This one uses comparisons and loops only and shares no code with
 * them, so that agreement means something.
 */

const SMALLEST_NORMAL = 1 / 2 ** 126;
const LOWEST = 1 / 16_777_216;

/** Id of the universal cell of a number, as the data dictionary describes it. */
export function referenceUniversalCell(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Infinity) return '+inf';
  if (value === -Infinity) return '-inf';
  const magnitude = value < 0 ? -value : value;
  if (magnitude < SMALLEST_NORMAL) return 'zero';
  if (magnitude < LOWEST) return value < 0 ? '-tiny<5.96046e-8' : '+tiny<5.96046e-8';
  if (magnitude >= 1099511627776) return value < 0 ? '-over' : '+over';
  let octave = LOWEST;
  while (octave * 2 <= magnitude) octave *= 2;
  const width = octave / 32;
  let lower = octave;
  while (lower + width <= magnitude) lower += width;
  const text = (edge: number): string => String(Number(edge.toPrecision(6)));
  const range = `${text(lower)}..${text(lower + width)}`;
  return value < 0 ? `-(${range})` : range;
}

/** Cell ids and counts of many numbers. */
export function referenceHistogram(values: Iterable<number>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) {
    const cell = referenceUniversalCell(value);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  return counts;
}

/** Position of a value among rising edges: nan 0, under 1, ranges from 2, over last. */
export function referenceEdgedCell(edges: readonly number[], value: number): number {
  if (Number.isNaN(value)) return 0;
  let position = 1;
  for (const edge of edges) if (value >= edge) position++;
  return position;
}
