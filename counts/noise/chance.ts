/**
 * Chance: exact random decisions from random bytes, in five layers, each resting on the one above it.
 *
 *     bytes → below (uniform) → ratio (Bernoulli n/d) → exp (Bernoulli e^(-n/d)) → first (repeat until accepted)
 *
 * Why layers: a test replaces the lower ones by an oracle that takes every branch, and so adds up the exact distribution
 * of whatever is drawn above them (test/noise/enumeration.ts).
 *
 * Invariants
 *  - Integers only. A float would round, and rounded noise has been inverted (Mironov, "On Significance of the Least
 *    Significant Bits for Differential Privacy", CCS 2012).
 *  - No modulo: what does not fit is drawn again, so every outcome has exactly its probability.
 *  - Bytes come from the source that is handed in, `crypto.getRandomValues` in the product. When it throws, so does everything here.
 *
 * Source: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", arXiv 2004.00010, algorithm 1.
 */

/** Random bytes, each uniform and independent. */
export type ByteSource = (count: number) => Uint8Array;

/** A non-negative fraction. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export interface Chance {
  /** Uniform in 0 … n - 1. */
  below(n: bigint): bigint;
  /** True with probability numerator / denominator, at most 1. */
  ratio(numerator: bigint, denominator: bigint): boolean;
  /** True with probability e^(-numerator / denominator). */
  exp(numerator: bigint, denominator: bigint): boolean;
  /** The first outcome of independent attempts that is not null. */
  first<T>(attempt: () => T | null): T;
}

/** In lowest terms. @throws {RangeError} for a negative numerator or a denominator below 1. */
export function fraction(numerator: bigint, denominator: bigint): Fraction {
  if (numerator < 0n || denominator < 1n) throw new RangeError('a fraction has a numerator of at least 0 and a denominator of at least 1');
  let [a, b] = [numerator, denominator];
  while (b > 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}

/** Bytes fetched at a time: a call per byte would dominate the cost. */
const POOL_BYTES = 64;

/** The part of Chance that follows from `below`. */
export abstract class LayeredChance implements Chance {
  abstract below(n: bigint): bigint;

  ratio(numerator: bigint, denominator: bigint): boolean {
    return this.below(denominator) < numerator;
  }

  exp(numerator: bigint, denominator: bigint): boolean {
    for (let whole = numerator / denominator; whole > 0n; whole--) if (!this.expOfFraction(1n, 1n)) return false;
    return this.expOfFraction(numerator % denominator, denominator);
  }

  first<T>(attempt: () => T | null): T {
    for (;;) {
      const outcome = attempt();
      if (outcome !== null) return outcome;
    }
  }

  /** Of at most 1: draws Bernoulli(x / k) for k = 1, 2, … until one fails; an odd k has probability e^(-x). */
  private expOfFraction(numerator: bigint, denominator: bigint): boolean {
    let k = 1n;
    while (this.ratio(numerator, denominator * k)) k++;
    return k % 2n === 1n;
  }
}

export class ByteChance extends LayeredChance {
  private readonly source: ByteSource;
  private pool = new Uint8Array(0);
  private position = 0;
  private bits = 0;
  private bitCount = 0;

  constructor(source: ByteSource) {
    super();
    this.source = source;
  }

  below(n: bigint): bigint {
    if (n < 1n) throw new RangeError('there is no number below that');
    const width = bitWidth(n - 1n);
    for (;;) {
      const drawn = this.draw(width);
      if (drawn < n) return drawn;
    }
  }

  /** `width` random bits. */
  private draw(width: number): bigint {
    let drawn = 0n;
    for (let left = width; left > 0; ) {
      const taken = Math.min(left, 16);
      drawn = (drawn << BigInt(taken)) | BigInt(this.take(taken));
      left -= taken;
    }
    return drawn;
  }

  /** At most 16 bits at a time, so that the register stays below 2^31. */
  private take(count: number): number {
    while (this.bitCount < count) {
      this.bits = (this.bits << 8) | this.byte();
      this.bitCount += 8;
    }
    this.bitCount -= count;
    const taken = this.bits >>> this.bitCount;
    this.bits &= (1 << this.bitCount) - 1;
    return taken;
  }

  private byte(): number {
    if (this.position === this.pool.length) {
      this.pool = Uint8Array.from(this.source(POOL_BYTES));
      this.position = 0;
      if (this.pool.length !== POOL_BYTES) throw new RangeError('the random source gave too few bytes');
    }
    return this.pool[this.position++] as number;
  }
}

function bitWidth(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
