/**
 * Tilts: smooth shifts of ordered groups, as alternatives to the baseline.
 *
 * A tilt multiplies each share by exp of a line and a parabola in the group's rank: a shift, a spread, and what lies between. Off the
 * number line nothing is tilted.
 *
 * Invariants
 *  - Line and parabola are orthonormal under the baseline, so the radius of a tilt is about the root of its PSI.
 *  - The logarithm of a tilt's likelihood ratio is a sum over items. It is shrunk by 1 + n/N for a baseline of N observations: that is
 *    the ratio of two predictions that share the baseline's uncertainty (exact in Gaussian terms), so evidence levels off at what the
 *    baseline can carry and never turns back.
 */

/** From shifts that take weeks to find to ones that are found within a day. */
const RADII = [0.1, 0.17, 0.3, 0.5] as const;
const ANGLE_COUNT = 8;
/** Gaussian terms are not all: the mean over tilts of what should have mean 1 was up to 1.05, where a baseline is small or lopsided. */
export const TILT_LOG_MARGIN = Math.log(1.05);
export const TILT_COUNT = RADII.length * ANGLE_COUNT;
/**
 * The logarithm of a tilt is kept within this. A baseline with nearly all in one group would make steep tilts of the rare ones, of whose
 * shares it knows least: their evidence would have no mean.
 */
const EXPONENT_MAX = 1;
/** Below it a function of the rank is a constant, up to rounding. */
const NORM_MIN = 1e-9;

/** Line and parabola by group, orthonormal under the shares; the parabola is all 0 where two groups are all there is. */
export interface RankFunctions {
  readonly line: Float64Array;
  readonly parabola: Float64Array;
}

/** null where fewer than two ordered groups were met. */
export function rankFunctionsOf(shares: Float64Array, lineGroupCount: number): RankFunctions | null {
  const rank = new Float64Array(shares.length);
  let below = 0;
  for (let group = 0; group < lineGroupCount; group++) {
    rank[group] = below + (shares[group] as number) / 2;
    below += shares[group] as number;
  }
  const one = rank.map((_, group) => (group < lineGroupCount ? 1 : 0));
  const constant = normalised(one, shares, []);
  if (constant === null) return null;
  const line = normalised(rank, shares, [constant]);
  if (line === null) return null;
  const square = rank.map((each) => each * each);
  return { line, parabola: normalised(square, shares, [constant, line]) ?? new Float64Array(shares.length) };
}

/** The function without its part along the others, of length 1; null where nothing is left. */
function normalised(values: Float64Array, shares: Float64Array, others: readonly Float64Array[]): Float64Array | null {
  let rest = values;
  for (const other of others) {
    const along = innerProduct(rest, other, shares);
    rest = rest.map((value, group) => value - along * (other[group] as number));
  }
  const norm = Math.sqrt(innerProduct(rest, rest, shares));
  return norm < NORM_MIN ? null : rest.map((value) => value / norm);
}

function innerProduct(one: Float64Array, other: Float64Array, shares: Float64Array): number {
  return shares.reduce((sum, share, group) => sum + share * (one[group] as number) * (other[group] as number), 0);
}

/** All tilts under shares. */
export interface Tilts {
  /** One tilt behind the other: the logarithm of tilted share over share, by group. */
  readonly scores: Float64Array;
  /**
   * How much of n/N each is shrunk by: 1 for gentle tilts, more for those of lopsided shares, so that the mean stays at 1 to the second
   * order: half the variance of the likelihood ratio over its divergence.
   */
  readonly shrinks: Float64Array;
}

export function tiltsOf({ line, parabola }: RankFunctions, shares: Float64Array): Tilts {
  const groupCount = shares.length;
  const scores = new Float64Array(TILT_COUNT * groupCount);
  const shrinks = new Float64Array(TILT_COUNT);
  RADII.forEach((radius, ring) => {
    for (let step = 0; step < ANGLE_COUNT; step++) {
      const angle = (2 * Math.PI * step) / ANGLE_COUNT;
      const exponent = line.map((value, group) => {
        const steep = radius * (Math.cos(angle) * value + Math.sin(angle) * (parabola[group] as number));
        return Math.min(EXPONENT_MAX, Math.max(-EXPONENT_MAX, steep));
      });
      const logMean = Math.log(shares.reduce((sum, share, group) => sum + share * Math.exp(exponent[group] as number), 0));
      const tilt = ring * ANGLE_COUNT + step;
      const own = exponent.map((value) => value - logMean);
      scores.set(own, tilt * groupCount);
      shrinks[tilt] = shrinkOf(own, shares);
    }
  });
  return { scores, shrinks };
}

function shrinkOf(scores: Float64Array, shares: Float64Array): number {
  let variance = 0;
  let divergence = 0;
  scores.forEach((score, group) => {
    const ratio = Math.exp(score);
    variance += (shares[group] as number) * (ratio - 1) ** 2;
    divergence += (shares[group] as number) * ratio * score;
  });
  return divergence > 0 ? Math.max(1, variance / (2 * divergence)) : 1;
}

/** Adds what the counts say of each tilt. */
export function addTiltSums(sums: Float64Array, scores: Float64Array, counts: Float64Array): void {
  for (let tilt = 0; tilt < TILT_COUNT; tilt++) {
    let sum = sums[tilt] as number;
    const start = tilt * counts.length;
    for (let group = 0; group < counts.length; group++) sum += (counts[group] as number) * (scores[start + group] as number);
    sums[tilt] = sum;
  }
}
