/**
 * Samplers: the noise of differential privacy, exactly.
 *
 * The two additive ones (discrete Laplace, discrete Gaussian) are for sums that are released; the two answers (unary
 * encoding, randomised response) are for one person's single value.
 *
 * Invariants
 *  - What an answer's noise is, and how long it takes to draw, does not depend on the value: it is drawn before the value is read
 *    (Jin et al., "Are We There Yet? Timing and Floating-Point Attacks on Differential Privacy Systems", arXiv 2112.05307).
 *  - Every bit, both of a one and of a zero, is drawn for every position; the value only selects.
 *
 * Not here: which mechanism a metric has (counts/noise/local-dp-plan.ts).
 * Source: Canonne, Kamath, Steinke, arXiv 2004.00010, algorithms 2 and 3; Wang et al., "Locally Differentially Private Protocols
 * for Frequency Estimation", USENIX Security 2017 (optimised unary encoding, generalised randomised response).
 */
import { type Chance, type Fraction, fraction } from './chance.ts';

/** An integer y with probability proportional to e^(-|y| / scale). Sensitivity 1 at scale 1/ε is ε-differentially private. */
export function discreteLaplace(chance: Chance, scale: Fraction): bigint {
  const { numerator: t, denominator: s } = fraction(scale.numerator, scale.denominator);
  return chance.first(() => {
    const offset = chance.below(t);
    if (!chance.exp(offset, t)) return null;
    let whole = 0n;
    while (chance.exp(1n, 1n)) whole++;
    const magnitude = (offset + t * whole) / s;
    const isNegative = chance.ratio(1n, 2n);
    // Zero has one sign only, or it would come up twice as often.
    if (isNegative && magnitude === 0n) return null;
    return isNegative ? -magnitude : magnitude;
  });
}

/** An integer y with probability proportional to e^(-y² / (2 · variance)). Sensitivity 1 is (1 / (2 · variance))-zCDP. */
export function discreteGaussian(chance: Chance, variance: Fraction): bigint {
  const { numerator: n, denominator: d } = fraction(variance.numerator, variance.denominator);
  const t = integerRoot(n / d) + 1n;
  return chance.first(() => {
    const drawn = discreteLaplace(chance, { numerator: t, denominator: 1n });
    const magnitude = drawn < 0n ? -drawn : drawn;
    // (|y| - σ²/t)² / 2σ² with σ² = n/d, over one denominator.
    const distance = magnitude * d * t - n;
    return chance.exp(distance * distance, 2n * n * d * t * t) ? drawn : null;
  });
}

/** Largest integer whose square is at most `value`. */
function integerRoot(value: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  while (root * root > value) root--;
  while ((root + 1n) * (root + 1n) <= value) root++;
  return root;
}

/** Per position, the bit to send if the value is there and the bit to send if it is not. */
interface UnaryNoise {
  readonly ones: readonly boolean[];
  readonly zeros: readonly boolean[];
}

/** Optimised unary encoding: a one is kept with probability 1/2, a zero becomes a one with probability 1 / (e^ε + 1). */
export function drawUnaryNoise(chance: Chance, cellCount: number, epsilon: Fraction): UnaryNoise {
  const draw = (bit: () => boolean) => Array.from({ length: cellCount }, bit);
  return { ones: draw(() => chance.ratio(1n, 2n)), zeros: draw(() => zeroBecomesOne(chance, epsilon)) };
}

/** True with probability 1 / (e^ε + 1) = (½ e^-ε) / (½ + ½ e^-ε). */
function zeroBecomesOne(chance: Chance, { numerator, denominator }: Fraction): boolean {
  return chance.first(() => {
    if (chance.ratio(1n, 2n)) return false;
    return chance.exp(numerator, denominator) ? true : null;
  });
}

/**
 * ε-differentially private: two values differ in two bits. A one is (e^ε + 1) / 2 times as likely where the value is, a zero
 * 2e^ε / (e^ε + 1) times as likely where it is not; both together are e^ε times as likely.
 */
export function unaryAnswer(noise: UnaryNoise, value: number): readonly boolean[] {
  return noise.ones.map((one, cell) => (cell === value ? one : (noise.zeros[cell] as boolean)));
}

/**
 * Generalised randomised response, as a shift: 0 with probability e^ε / (e^ε + cellCount - 1), each other shift with
 * 1 / (e^ε + cellCount - 1).
 */
export function drawShift(chance: Chance, cellCount: number, { numerator, denominator }: Fraction): number {
  return chance.first(() => {
    const shift = Number(chance.below(BigInt(cellCount)));
    return shift === 0 || chance.exp(numerator, denominator) ? shift : null;
  });
}

/** ε-differentially private: the value with the shift's first probability, each other one with the second. */
export function shiftedAnswer(shift: number, value: number, cellCount: number): readonly boolean[] {
  const shown = (value + shift) % cellCount;
  return Array.from({ length: cellCount }, (_, cell) => cell === shown);
}
