/**
 * Dirichlet-multinomial: the probability of counts whose shares are themselves known only from counts.
 *
 * Invariants
 *  - The multinomial coefficient is left out: it is the same in both terms of a ratio. A ratio of two is an e-value: its mean under the
 *    lower one is 1.
 *  - Counts need not be whole: discounted ones are not.
 */
import { logGamma } from './log-gamma.ts';

/** The parameters of one, and what of it does not depend on the counts. */
export interface Dirichlet {
  /** Each above 0. */
  readonly alpha: Float64Array;
  readonly mass: number;
  /** log Γ(mass) − Σ log Γ(alpha). */
  readonly logConstant: number;
}

export function dirichletOf(alpha: Float64Array): Dirichlet {
  const mass = alpha.reduce((sum, each) => sum + each, 0);
  return { alpha, mass, logConstant: alpha.reduce((rest, each) => rest - logGamma(each), logGamma(mass)) };
}

/**
 * @param total Sum of the counts.
 * @param at Where they begin in the array.
 */
export function logProbability({ alpha, mass, logConstant }: Dirichlet, counts: Float64Array, total: number, at = 0): number {
  let sum = logConstant - logGamma(mass + total);
  for (let group = 0; group < alpha.length; group++) sum += logGamma((alpha[group] as number) + (counts[at + group] as number));
  return sum;
}
