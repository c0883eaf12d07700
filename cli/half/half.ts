/**
 * Half precision: numbers as binary16 has them, in arrays of float32, which hold each of them exactly.
 *
 * Why not protocol/tensors alone: an emulated run rounds tens of millions of numbers, so tables take the place of arithmetic on bits.
 *
 * Source: IEEE 754-2019 binary16, round to nearest, ties to even, with subnormal numbers, as GPUs with `shader-f16` compute.
 */
import { halfToNumber, toHalf } from '../../protocol/tensors/tensor-data.ts';

/** The value of each of the 65,536 bit patterns. */
const VALUES = Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToNumber(bits));

/** A tensor of half precision, its values in float32. */
export interface HalfTensor {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** From here on a number is infinite: half a step above the largest. */
export const HALF_OVERFLOW = 65_520;
/** Below it the numbers of binary16 lie at one distance. */
const NORMAL_MIN = 2 ** -14;
/** Adding and taking away this leaves a multiple of 2^-24, the distance of subnormal numbers, in doubles. */
const SUBNORMAL_MAGIC = 1.5 * 2 ** 28;
/** Veltkamp's splitting of a double: 53 - 42 = 11 bits are left, which binary16 has. */
export const SPLIT = 2 ** 42 + 1;

export function halvesOf(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let at = 0; at < bits.length; at++) values[at] = VALUES[bits[at] as number] as number;
  return values;
}

export function bitsOf(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length);
  for (let at = 0; at < values.length; at++) bits[at] = toHalf(values[at] as number);
  return bits;
}

/** The nearest number of binary16. */
export function rounded(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < NORMAL_MIN) return value + SUBNORMAL_MAGIC - SUBNORMAL_MAGIC;
  if (!(magnitude < HALF_OVERFLOW)) return Number.isNaN(value) ? value : Math.sign(value) * Number.POSITIVE_INFINITY;
  const split = value * SPLIT;
  return split - (split - value);
}
