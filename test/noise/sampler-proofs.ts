/**
 * Proofs by drawing: how well the samplers fit their distributions, and how much privacy their answers can be shown to cost.
 *
 * Shared by the test of the daily suite (small) and the proof (full size). Exactness is not shown here but by enumeration
 * (test/unit/counts/noise-enumeration.test.ts): no sample finds a rare violation.
 *
 * The audit: draw in two neighbouring worlds, choose on one half of the draws the event that tells them apart best, bound its
 * two probabilities on the other half (Clopper-Pearson, 99.9 % per side): the logarithm of their ratio is a loss that the
 * mechanism has, whatever is claimed.
 */
import { answerOf } from '../../counts/noise/answer.ts';
import { ByteChance, type ByteSource, type Chance, fraction } from '../../counts/noise/chance.ts';
import { discreteGaussian, discreteLaplace, drawShift, drawUnaryNoise, unaryAnswer } from '../../counts/noise/samplers.ts';
import { expOfMinus, ONE, toNumber } from './enumeration.ts';
import { seededSource } from './seeded-source.ts';
import { chiSquarePValue, lowerBound, upperBound } from './statistics.ts';

const ALPHA = 0.001;
const EPSILON = fraction(1n, 1n);

// ── Fit ────────────────────────────────────────────────────────────────────────────────────────

export interface Fit {
  readonly name: string;
  readonly pValue: number;
  /** Of neighbouring draws, in standard errors. */
  readonly lagOneSigma: number;
}

interface Law {
  readonly name: string;
  readonly draw: (chance: Chance) => number;
  /** Probability of each value from `from` to `to`; what lies beyond is one cell. */
  readonly massOf: (value: number) => number;
  readonly from: number;
  readonly to: number;
}

/** p-value of a chi-square test and the lag-one correlation of each sampler, over `drawCount` draws from a fixed seed. */
export function fitAll(drawCount: number): Fit[] {
  return laws().map((law, index) => fitOf(law, new ByteChance(seededSource(1000 + index)), drawCount));
}

function fitOf({ name, draw, massOf, from, to }: Law, chance: Chance, drawCount: number): Fit {
  const seen = new Float64Array(to - from + 2);
  let [sum, squares, products, previous] = [0, 0, 0, 0];
  for (let index = 0; index < drawCount; index++) {
    const value = draw(chance);
    const cell = value < from || value > to ? to - from + 1 : value - from;
    seen[cell] = (seen[cell] as number) + 1;
    sum += value;
    squares += value * value;
    if (index > 0) products += value * previous;
    previous = value;
  }
  const masses = Array.from({ length: to - from + 1 }, (_, cell) => massOf(from + cell));
  masses.push(Math.max(0, 1 - masses.reduce((total, mass) => total + mass, 0)));
  const cells = masses.map((mass, cell) => ({ seen: seen[cell] as number, expected: mass * drawCount }));
  const mean = sum / drawCount;
  const variance = squares / drawCount - mean * mean;
  const correlation = (products / (drawCount - 1) - mean * mean) / variance;
  return { name, pValue: chiSquarePValue(cells), lagOneSigma: correlation * Math.sqrt(drawCount) };
}

function laws(): Law[] {
  const laplace = [fraction(1n, 2n), fraction(1n, 1n), fraction(2n, 1n), fraction(7n, 2n), fraction(24n, 1n)];
  const gaussian = [1n, 25n, 700n];
  const coin = (name: string, hit: number, draw: (chance: Chance) => boolean): Law => ({
    name,
    draw: (chance) => Number(draw(chance)),
    massOf: (value) => (value === 1 ? hit : 1 - hit),
    from: 0,
    to: 1,
  });
  return [
    { name: 'below 7', draw: (chance) => Number(chance.below(7n)), massOf: () => 1 / 7, from: 0, to: 6 },
    coin('exp(-3/2)', Math.exp(-1.5), (chance) => chance.exp(3n, 2n)),
    coin('a one of unary encoding', 0.5, (chance) => drawUnaryNoise(chance, 1, EPSILON).ones[0] as boolean),
    coin('a zero of unary encoding', 1 / (Math.E + 1), (chance) => drawUnaryNoise(chance, 1, EPSILON).zeros[0] as boolean),
    {
      name: 'randomised response, 5 cells',
      draw: (chance) => drawShift(chance, 5, EPSILON),
      massOf: (shift) => (shift === 0 ? Math.E : 1) / (Math.E + 4),
      from: 0,
      to: 4,
    },
    ...laplace.map((scale): Law => {
      const width = Number(scale.numerator) / Number(scale.denominator);
      const a = Math.exp(-1 / width);
      const end = Math.ceil(width * 14);
      return {
        name: `discrete Laplace, scale ${width}`,
        draw: (chance) => Number(discreteLaplace(chance, scale)),
        massOf: (y) => ((1 - a) / (1 + a)) * a ** Math.abs(y),
        from: -end,
        to: end,
      };
    }),
    ...gaussian.map((variance): Law => {
      const end = Math.ceil(6 * Math.sqrt(Number(variance)));
      const mass = gaussianMasses(variance);
      return {
        name: `discrete Gaussian, variance ${variance}`,
        draw: (chance) => Number(discreteGaussian(chance, { numerator: variance, denominator: 1n })),
        massOf: (y) => toNumber(mass(BigInt(y))),
        from: -end,
        to: end,
      };
    }),
  ];
}

function gaussianMasses(variance: bigint): (y: bigint) => bigint {
  const weights: bigint[] = [];
  for (let y = 0n; y === 0n || (weights.at(-1) as bigint) > 0n; y++) weights.push(expOfMinus(y * y, 2n * variance));
  const whole = weights.reduce((sum, weight) => sum + 2n * weight, -ONE);
  return (y) => ((weights[Number(y < 0n ? -y : y)] ?? 0n) * ONE) / whole;
}

/**
 * δ(ε) of the discrete Gaussian with sensitivity 1, from its probabilities: the sum of what y exceeds e^ε times its neighbour by.
 *
 * @param epsilon In thousandths.
 */
export function gaussianDelta(variance: bigint, epsilon: bigint): number {
  const massOf = gaussianMasses(variance);
  const shrink = expOfMinus(epsilon, 1000n);
  const end = 40n * BigInt(Math.ceil(Math.sqrt(Number(variance))));
  let delta = 0n;
  for (let y = -end; y <= end; y++) {
    const excess = massOf(y) - (massOf(y - 1n) * ONE) / shrink;
    if (excess > 0n) delta += excess;
  }
  return toNumber(delta);
}

// ── Audit ──────────────────────────────────────────────────────────────────────────────────────

export interface Mechanism {
  readonly name: string;
  /** What is claimed, and what is to be shown of it: 0.9 for the pure mechanisms. */
  readonly claim: number;
  readonly delta: number;
  readonly isPure: boolean;
  /** One release in one of two neighbouring worlds. */
  readonly release: (world: 0 | 1, source: ByteSource, chance: Chance) => string;
}

export interface Audit {
  readonly name: string;
  readonly claim: number;
  readonly isPure: boolean;
  /** With confidence, the loss is at least this. */
  readonly epsilonAtLeast: number;
}

export function audit(mechanism: Mechanism, drawCount: number, seed: number): Audit {
  const { name, claim, isPure, delta } = mechanism;
  const half = drawCount / 2;
  const tally = (world: 0 | 1, part: 0 | 1) => tallyOf(mechanism, world, half, seed + 2 * part + world);
  const chosen = [tally(0, 0), tally(1, 0)] as const;
  const measured = [tally(0, 1), tally(1, 1)] as const;
  const bounds = ([0, 1] as const).map((world) => {
    const other = world === 0 ? 1 : 0;
    const event = bestEvent(chosen[world], chosen[other], half, delta);
    return lossAtLeast(event, measured[world], measured[other], half, delta);
  });
  return { name, claim, isPure, epsilonAtLeast: Math.max(...bounds) };
}

type Tally = ReadonlyMap<string, number>;

function tallyOf({ release }: Mechanism, world: 0 | 1, count: number, seed: number): Tally {
  const source = seededSource(seed);
  const chance = new ByteChance(source);
  const seen = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const outcome = release(world, source, chance);
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  return seen;
}

/** The most telling set of outcomes: the first so many by likelihood ratio. */
function bestEvent(likely: Tally, unlikely: Tally, trials: number, delta: number): ReadonlySet<string> {
  const ratioOf = (outcome: string) => ((likely.get(outcome) ?? 0) + 1) / ((unlikely.get(outcome) ?? 0) + 1);
  const ranked = [...new Set([...likely.keys(), ...unlikely.keys()])].sort((one, other) => ratioOf(other) - ratioOf(one));
  let best = { loss: Number.NEGATIVE_INFINITY, count: 1 };
  for (let count = 1; count < ranked.length; count++) {
    const loss = lossAtLeast(new Set(ranked.slice(0, count)), likely, unlikely, trials, delta);
    if (loss > best.loss) best = { loss, count };
  }
  return new Set(ranked.slice(0, best.count));
}

function lossAtLeast(event: ReadonlySet<string>, likely: Tally, unlikely: Tally, trials: number, delta: number): number {
  const hits = (seen: Tally) => [...event].reduce((sum, outcome) => sum + (seen.get(outcome) ?? 0), 0);
  const least = lowerBound(hits(likely), trials, ALPHA) - delta;
  return least <= 0 ? Number.NEGATIVE_INFINITY : Math.log(least / upperBound(hits(unlikely), trials, ALPHA));
}

const CELL_COUNT = 4;
const text = (answer: readonly boolean[]) => answer.map(Number).join('');

/** The metric of a plan, and two runs of three items each: one item of one run is all that an answer may be about. */
const FEATURE = { metric: 'x', sourceOffset: 10, groups: [1, 2, 3], offset: 1, cellCount: CELL_COUNT, microVariance: 0 };
const RUNS = [Uint32Array.from([10, 3]), Uint32Array.from([12, 3])] as const;

/** The mechanisms as they are. Neighbours: one value against another, and one contribution against none. */
export const MECHANISMS: readonly Mechanism[] = [
  {
    name: 'optimised unary encoding',
    claim: 1,
    delta: 0,
    isPure: true,
    release: (world, _, chance) => text(answerOf({ ...FEATURE, mechanism: 'unary' }, 1_000_000, chance, RUNS[world])),
  },
  {
    name: 'generalised randomised response',
    claim: 1,
    delta: 0,
    isPure: true,
    release: (world, _, chance) => text(answerOf({ ...FEATURE, mechanism: 'response' }, 1_000_000, chance, RUNS[world])),
  },
  {
    name: 'discrete Laplace count',
    claim: 1,
    delta: 0,
    isPure: true,
    release: (world, _, chance) => String(BigInt(clipped(3 * world)) + discreteLaplace(chance, EPSILON)),
  },
  {
    name: 'discrete Gaussian count, variance 25, δ = 1e-6',
    // ρ = 1/50: ρ + 2 √(ρ ln(1/δ)).
    claim: 0.02 + 2 * Math.sqrt(0.02 * Math.log(1e6)),
    delta: 1e-6,
    isPure: false,
    release: (world, _, chance) => String(BigInt(clipped(3 * world)) + discreteGaussian(chance, { numerator: 25n, denominator: 1n })),
  },
];

function clipped(contribution: number): number {
  return Math.min(contribution, 1);
}

/** Four that claim 1 and cost more. */
export const BROKEN: readonly Mechanism[] = [
  {
    ...(MECHANISMS[2] as Mechanism),
    name: 'scale × 0.8',
    release: (world, _, chance) => String(BigInt(world) + discreteLaplace(chance, fraction(4n, 5n))),
  },
  {
    ...(MECHANISMS[2] as Mechanism),
    name: 'missing clip',
    release: (world, _, chance) => String(BigInt(3 * world) + discreteLaplace(chance, EPSILON)),
  },
  {
    ...(MECHANISMS[0] as Mechanism),
    name: 'reuse of a seeded source',
    release: (world, source) => {
      // One seed for every position of an answer, so that what should be independent agrees.
      const [low = 0, high = 0] = source(2);
      const { ones, zeros } = drawUnaryNoise(new ByteChance(seededSource(low + 256 * high)), 1, EPSILON);
      const everywhere = (bits: readonly boolean[]) => Array.from({ length: CELL_COUNT }, () => bits[0] as boolean);
      return text(unaryAnswer({ ones: everywhere(ones), zeros: everywhere(zeros) }, world));
    },
  },
  {
    ...(MECHANISMS[0] as Mechanism),
    name: 'ε spent on each bin',
    // Each bit tells the truth with probability e^ε / (e^ε + 1), as if it alone had the whole ε; two bits differ.
    release: (world, _, chance) => {
      const { zeros } = drawUnaryNoise(chance, CELL_COUNT, EPSILON);
      return text(zeros.map((isFlipped, cell) => (cell === world) !== isFlipped));
    },
  },
];
