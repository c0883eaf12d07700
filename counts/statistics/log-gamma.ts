/**
 * Logarithm of the gamma function, and of sums whose terms are given by their logarithms.
 *
 * Invariants
 *  - `logGamma` is off by less than 1e-11, or by the rounding of its result where that is more (1e-16 of it).
 *  - No sum overflows: the largest term is taken out first.
 *
 * Source: Stirling's series, NIST Digital Library of Mathematical Functions 5.11.1; below 8 by the recurrence 5.5.1.
 */
const HALF_LOG_TWO_PI = 0.9189385332046727;
/** From here on the first term that the series leaves out is 6e-12. */
const SERIES_START = 8;

/** @param x Above 0. */
export function logGamma(x: number): number {
  if (x >= SERIES_START) return series(x);
  let at = x;
  let product = 1;
  while (at < SERIES_START) {
    product *= at;
    at += 1;
  }
  return series(at) - Math.log(product);
}

function series(x: number): number {
  const inverse = 1 / x;
  const square = inverse * inverse;
  return (x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI + inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
}

/** log(e^a + e^b). */
export function logAdd(a: number, b: number): number {
  const top = Math.max(a, b);
  return top === -Infinity ? -Infinity : top + Math.log1p(Math.exp(Math.min(a, b) - top));
}

/** log Σ e^value; -Infinity of nothing. */
export function logSum(values: ArrayLike<number>): number {
  let top = -Infinity;
  for (let index = 0; index < values.length; index++) top = Math.max(top, values[index] as number);
  if (top === -Infinity) return -Infinity;
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += Math.exp((values[index] as number) - top);
  return top + Math.log(sum);
}
