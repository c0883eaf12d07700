/**
 * Skew: whether the field differs from the data that a model was trained on.
 *
 * True from the first day or not at all, so it is a finding with a date and no incident: a monitor that compares the field with a
 * training set for ever alarms for ever.
 *
 * Method: the field's baseline, as observations, against the training counts, whose own uncertainty is in the comparison. Only as much
 * distance as the owner tolerates is allowed.
 */
import { SKEW_LOG_EVIDENCE } from '../../protocol/monitor-limits.ts';
import { dirichletOf, logProbability } from '../statistics/dirichlet-multinomial.ts';
import { logSum } from '../statistics/log-gamma.ts';
import { type Baseline, CONCENTRATIONS, observationsOf, SMOOTHING } from './baseline.ts';

interface Skew {
  readonly isFound: boolean;
  /** Logarithm of the evidence over what a finding needs. */
  readonly evidence: number;
  /** PSI without what chance adds, and never below 0. */
  readonly effect: number;
}

/**
 * @param training Counts by cell of the metric, as `insitu baseline` makes them.
 * @returns null where one side has nothing. @throws {RangeError} for counts of another metric.
 */
export function skewOf(baseline: Baseline, training: ArrayLike<number>, tolerance: number): Skew | null {
  const { groupOf, groupCount } = baseline.grouping;
  if (training.length !== groupOf.length)
    throw new RangeError(
      `the training counts have ${training.length} cells and the metric ${groupOf.length}: count the data set by this plan`,
    );
  const expected = new Float64Array(groupCount);
  for (let cell = 0; cell < training.length; cell++) {
    const group = groupOf[cell] as number;
    expected[group] = (expected[group] as number) + (training[cell] as number);
  }
  const observed = observationsOf(baseline);
  const [total, seen] = [expected, observed].map((counts) => counts.reduce((sum, count) => sum + count, 0)) as [number, number];
  if (total === 0 || seen === 0) return null;
  const smoothed = expected.map((count) => count + SMOOTHING);
  const mass = total + SMOOTHING * groupCount;
  const shares = smoothed.map((count) => count / mass);
  const freedom = Math.max(1, expected.filter((count, group) => count + (observed[group] as number) > 0).length - 1);
  const massMax = tolerance > 0 ? freedom / tolerance : Infinity;
  const unchanged = dirichletOf(mass > massMax ? shares.map((share) => share * massMax) : smoothed);
  const ratios = CONCENTRATIONS.map((concentration) => {
    const changed = dirichletOf(shares.map((share) => share * concentration));
    return logProbability(changed, observed, seen) - logProbability(unchanged, observed, seen);
  });
  const evidence = logSum(ratios) - Math.log(ratios.length) - SKEW_LOG_EVIDENCE;
  const psi = observed.reduce((sum, count, group) => {
    const share = shares[group] as number;
    const own = (count + share) / (seen + 1);
    return sum + (own - share) * Math.log(own / share);
  }, 0);
  return { isFound: evidence >= 0, evidence, effect: Math.max(0, psi - freedom * (1 / seen + 1 / total)) };
}
