/**
 * e^ε in integers, for what the plan says of its noise: the same digits in every engine, where Math.exp may differ in the last bit.
 *
 * Not here: drawing with probability e^-x (counts/noise/chance.ts), which needs no digits at all.
 */

/** Denominator of an ε, and of the figures that a plan states. */
export const MICRO = 1_000_000n;
/** Denominator of `expOf`. */
export const EXP_UNIT = 10n ** 18n;

/** e^(microEps / 10⁶) in units of EXP_UNIT, rounded down: right to 10 digits and more for ε up to LOCAL_DP_MICRO_EPSILON_MAX. */
export function expOf(microEps: number): bigint {
  let term = EXP_UNIT;
  let sum = 0n;
  for (let k = 1n; term > 0n; k++) {
    sum += term;
    term = (term * BigInt(microEps)) / (MICRO * k);
  }
  return sum;
}
