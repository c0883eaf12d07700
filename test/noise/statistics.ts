/**
 * Statistics that the sampler proofs need: upper tails of chi-square, Clopper-Pearson bounds.
 *
 * Not here: probabilities of the samplers themselves; those are rationals (test/noise/enumeration.ts).
 * Source: Lanczos' log-gamma; series and continued fractions of the incomplete gamma and beta functions as in the NIST Digital
 * Library of Mathematical Functions, 8.7, 8.9, 8.17.22.
 */

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];
const TINY = 1e-300;

function logGamma(x: number): number {
  const base = x + 6.5;
  const sum = LANCZOS.reduce((total, coefficient, index) => (index === 0 ? coefficient : total + coefficient / (x - 1 + index)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(base) - base + Math.log(sum);
}

/** P(chi-square with `freedom` degrees ≥ value). */
export function chiSquareTail(value: number, freedom: number): number {
  const a = freedom / 2;
  const x = value / 2;
  if (x <= 0) return 1;
  const front = Math.exp(-x + a * Math.log(x) - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 10_000 && term > sum * 1e-16; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - front * sum;
  }
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let product = d;
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / nonZero(an * d + b);
    c = nonZero(b + an / c);
    product *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return front * product;
}

/** p-value of counts against expectations; cells with fewer than 10 expected are thrown together. */
export function chiSquarePValue(cells: readonly { readonly seen: number; readonly expected: number }[]): number {
  const large = cells.filter(({ expected }) => expected >= 10);
  const rest = cells
    .filter(({ expected }) => expected < 10)
    .reduce((sum, { seen, expected }) => ({ seen: sum.seen + seen, expected: sum.expected + expected }), { seen: 0, expected: 0 });
  const kept = rest.expected >= 10 ? [...large, rest] : large;
  const value = kept.reduce((sum, { seen, expected }) => sum + (seen - expected) ** 2 / expected, 0);
  return chiSquareTail(value, kept.length - 1);
}

/** Regularised incomplete beta function. */
function betaRatio(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaRatio(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let product = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d);
    c = nonZero(1 + even / c);
    product *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d);
    c = nonZero(1 + odd / c);
    product *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return front * product;
}

function nonZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}

/** Clopper-Pearson: the probability is at least this, with confidence 1 - alpha. */
export function lowerBound(hits: number, trials: number, alpha: number): number {
  return hits === 0 ? 0 : bisect((p) => betaRatio(p, hits, trials - hits + 1) - alpha);
}

/** Clopper-Pearson: the probability is at most this, with confidence 1 - alpha. */
export function upperBound(hits: number, trials: number, alpha: number): number {
  return hits === trials ? 1 : bisect((p) => betaRatio(p, hits + 1, trials - hits) - (1 - alpha));
}

/** Where a rising function of a probability crosses zero. */
function bisect(rising: (p: number) => number): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (rising(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
