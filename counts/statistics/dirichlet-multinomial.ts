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
  readonly logGammas: Float64Array;
  readonly logGammaOfMass: number;
}

export function dirichletOf(alpha: Float64Array): Dirichlet {
  const mass = alpha.reduce((sum, each) => sum + each, 0);
  return { alpha, mass, logGammas: alpha.map(logGamma), logGammaOfMass: logGamma(mass) };
}

/** @param total Sum of the counts. */
export function logProbability({ alpha, mass, logGammas, logGammaOfMass }: Dirichlet, counts: Float64Array, total: number): number {
  let sum = logGammaOfMass - logGamma(mass + total);
  for (let group = 0; group < counts.length; group++) {
    const count = counts[group] as number;
    if (count > 0) sum += logGamma((alpha[group] as number) + count) - (logGammas[group] as number);
  }
  return sum;
}
