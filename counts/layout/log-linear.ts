/**
 * Log-linear scale: every power of two is cut into 2^mantissaBits equal cells, straight from the float's bits.
 *
 * Why: the leading mantissa bits of a float are the cell, so finding it needs no logarithm, no table of edges and no
 * state. The scale is frozen: a histogram that rescales itself cannot be added up by SUM.
 *
 * Invariants
 *  - A cell is at most 2^-mantissaBits of its lower edge wide: 3.1 % with 5 bits, 12.5 % with 3.
 *  - Edges are powers of two plus whole fractions of them, so they are exact doubles and no value lies on a rounded edge.
 *
 * Not here: sign, zero and the cells outside the scale (counts/layout/universal.ts), unit-interval cells (counts/layout/edges.ts).
 * Source: HdrHistogram and OpenTelemetry exponential histograms use the same idea; DDSketch's logarithm is exact where this is linear.
 */

export interface LogLinearScale {
  readonly mantissaBits: number;
  /** Lower edge of the first cell is 2^exponentMin. */
  readonly exponentMin: number;
  /** Upper edge of the last cell is 2^exponentMax. */
  readonly exponentMax: number;
}

export function scaleCellCount(scale: LogLinearScale): number {
  return (scale.exponentMax - scale.exponentMin) << scale.mantissaBits;
}

/** Lower edges of all cells and, last, the upper edge of the last cell. */
export function scaleEdges(scale: LogLinearScale): number[] {
  const perOctave = 1 << scale.mantissaBits;
  const edges = Array.from({ length: scaleCellCount(scale) }, (_, index) => {
    const octave = scale.exponentMin + Math.floor(index / perOctave);
    return 2 ** octave * (1 + (index % perOctave) / perOctave);
  });
  edges.push(2 ** scale.exponentMax);
  return edges;
}

/** A double and its two halves; the half with the exponent is the second one wherever browsers run (little-endian). */
const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/**
 * Cell of a value in the scale.
 *
 * @param value Positive or zero, not NaN.
 * @returns 0 … count - 1; -1 below the scale; the cell count at or above its end (Infinity included).
 */
export function scaleIndex(scale: LogLinearScale, value: number): number {
  double[0] = value;
  // Exponent and leading mantissa bits stand side by side, so one subtraction finds the cell.
  const index = ((halves[1] as number) >>> (20 - scale.mantissaBits)) - ((1023 + scale.exponentMin) << scale.mantissaBits);
  if (index < 0) return -1;
  const count = scaleCellCount(scale);
  return Math.min(index, count);
}
