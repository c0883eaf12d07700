/**
 * Enumeration: the exact distribution of whatever is drawn from a Chance, by taking every branch.
 *
 * The random source is replaced by an oracle that replays a path of choices, then opens the next one; `first` (repeat until
 * accepted) is enumerated on its own and conditioned on acceptance, which is exact because attempts are independent.
 *
 * Probabilities are rationals over the one denominator 2^256. The roundings of a whole enumeration add up to less than 2^-200,
 * far below the residual: what lies on paths that were cut because they are rarer than CUT.
 *
 * Invariants
 *  - Nothing is sampled and no float decides anything.
 */
import { type Chance, LayeredChance } from '../../counts/noise/chance.ts';

const SCALE_BITS = 256n;
export const ONE = 1n << SCALE_BITS;
/** Paths rarer than this are not followed; their sum is the residual. */
const CUT = ONE / 10n ** 18n;

export interface Distribution<T> {
  readonly outcomes: ReadonlyMap<string, { readonly value: T; readonly mass: bigint }>;
  /** Mass that was not followed. */
  readonly residual: bigint;
}

interface Choice {
  branch: number;
  readonly weights: readonly bigint[];
}

class Cut extends Error {}
class Rejected extends Error {}

/**
 * @param layer `exp`: e^-x is a branch of its own. `ratio`: e^-x is drawn as the product draws it, and only Bernoulli(n/d) branches.
 */
export function enumerate<T>(draw: (chance: Chance) => T, layer: 'exp' | 'ratio' = 'exp'): Distribution<T> {
  const start = newState();
  let oracle: RatioOracle;
  return collect(
    start.path,
    () => {
      const state = { ...start, depth: 0, mass: ONE };
      oracle = layer === 'exp' ? new ExpOracle(state) : new RatioOracle(state);
      return draw(oracle);
    },
    () => oracle.mass,
  );
}

interface OracleState {
  readonly path: Choice[];
  /** The law of each `first`, by the branches that lead to it. */
  readonly memo: Map<string, Distribution<unknown>>;
  depth: number;
  mass: bigint;
}

class RatioOracle extends LayeredChance {
  private state: OracleState;

  constructor(state: OracleState) {
    super();
    this.state = state;
  }

  get mass(): bigint {
    return this.state.mass;
  }

  below(n: bigint): bigint {
    return BigInt(this.choose(() => Array.from({ length: Number(n) }, () => ONE / n)));
  }

  override ratio(numerator: bigint, denominator: bigint): boolean {
    const hit = numerator >= denominator ? ONE : (ONE * numerator) / denominator;
    return this.choose(() => [hit, ONE - hit]) === 0;
  }

  override first<T>(attempt: () => T | null): T {
    const { path, memo, depth } = this.state;
    const place = path
      .slice(0, depth)
      .map(({ branch }) => branch)
      .join();
    const law = (memo.get(place) ?? this.accepted(attempt)) as Distribution<T>;
    memo.set(place, law);
    const values = [...law.outcomes.values()];
    const chosen = this.choose(() => [...values.map(({ mass }) => mass), law.residual]);
    const outcome = values[chosen];
    if (outcome === undefined) throw new Cut();
    return outcome.value;
  }

  protected choose(weightsOf: () => readonly bigint[]): number {
    const { state } = this;
    let choice = state.path[state.depth];
    if (choice === undefined) {
      choice = { branch: 0, weights: weightsOf() };
      state.path.push(choice);
    }
    state.depth++;
    state.mass = (state.mass * (choice.weights[choice.branch] as bigint)) >> SCALE_BITS;
    if (state.mass < CUT) throw new Cut();
    return choice.branch;
  }

  /** The attempt's law, given that it is accepted. */
  private accepted<T>(attempt: () => T | null): Distribution<T> {
    const outer = this.state;
    const start = newState();
    const { outcomes, residual } = collect(
      start.path,
      () => {
        this.state = { ...start, depth: 0, mass: ONE };
        const value = attempt();
        if (value === null) throw new Rejected();
        return value;
      },
      () => this.state.mass,
    );
    this.state = outer;
    const whole = [...outcomes.values()].reduce((sum, { mass }) => sum + mass, residual);
    const scaled = [...outcomes].map(([key, { value, mass }]) => [key, { value, mass: (mass * ONE) / whole }] as const);
    return { outcomes: new Map(scaled), residual: (residual * ONE) / whole };
  }
}

class ExpOracle extends RatioOracle {
  override exp(numerator: bigint, denominator: bigint): boolean {
    const hit = expOfMinus(numerator, denominator);
    return this.choose(() => [hit, ONE - hit]) === 0;
  }
}

function newState(): OracleState {
  return { path: [], memo: new Map(), depth: 0, mass: ONE };
}

/** Walks every path, depth first. */
function collect<T>(path: Choice[], walk: () => T, massOf: () => bigint): Distribution<T> {
  const outcomes = new Map<string, { value: T; mass: bigint }>();
  let residual = 0n;
  do {
    try {
      const value = walk();
      const key = String(value);
      outcomes.set(key, { value, mass: (outcomes.get(key)?.mass ?? 0n) + massOf() });
    } catch (error) {
      if (error instanceof Cut) residual += massOf();
      else if (!(error instanceof Rejected)) throw error;
    }
  } while (advance(path));
  return { outcomes, residual };
}

/** To the next path; false after the last. */
function advance(path: Choice[]): boolean {
  for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
    if (++last.branch < last.weights.length) return true;
    path.pop();
  }
  return false;
}

/** e^(-numerator / denominator) in units of ONE, by its power series at x / 2^k, squared k times; off by less than 2^-200. */
export function expOfMinus(numerator: bigint, denominator: bigint): bigint {
  let halvings = 0n;
  while (numerator > denominator << halvings) halvings++;
  const guard = 64n;
  const one = ONE << guard;
  let term = one;
  let sum = one;
  for (let k = 1n; term !== 0n; k++) {
    term = (-term * numerator) / ((denominator << halvings) * k);
    sum += term;
  }
  for (let left = halvings; left > 0n; left--) sum = (sum * sum) >> (SCALE_BITS + guard);
  return sum >> guard;
}

/** A mass as a number, for messages and tolerances. */
export function toNumber(mass: bigint): number {
  return Number((mass * 10n ** 20n) / ONE) / 1e20;
}
