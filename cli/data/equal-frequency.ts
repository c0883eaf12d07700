/**
 * Edges between which equally many values lie.
 *
 * Why a reservoir and not the universal cells: those are 3 % wide, and a temperature in kelvin or a year falls into two
 * of them. A reservoir gives exact quantiles up to RESERVOIR_COUNT_MAX values, and beyond it quantiles of a fair sample.
 *
 * Why no edge at either end of the data: the manifest is public, and the lowest and highest value each belong to one
 * person. The outermost cells are the open ones, `under` and `over`.
 *
 * Invariants
 *  - The same values in the same order give the same edges: the sample is drawn by a generator with a fixed seed.
 *  - At least SIDE_VALUE_COUNT_MIN values lie on either side of each edge.
 *  - Edges rise strictly. Each is the shortest decimal that moves at most SLACK_RATIO of a cell's values across it.
 *
 * Source: Vitter, "Random sampling with a reservoir" (1985), algorithm R; mulberry32 by Tommy Ettinger (public domain).
 */

/** 512 kB per column. All ranks are then within 0.7 % of the truth at 99 % (Dvoretzky-Kiefer-Wolfowitz); a cell of 32 holds 3.1 %. */
export const RESERVOIR_COUNT_MAX = 65_536;
/** Fewer values per cell are noise. */
const CELL_VALUE_COUNT_MIN = 8;
/** Where one value is very frequent, the next cut can be far out; a few values beyond it would tell the extremes. */
const SIDE_VALUE_COUNT_MIN = CELL_VALUE_COUNT_MIN;
/** Share of a cell's values that may change cells for the sake of a shorter decimal. */
const SLACK_RATIO = 1 / 16;
const SEED = 0x9e37_79b9;

/** A fair sample of finite numbers. */
export class Reservoir {
  /** Finite values that were offered. */
  finiteCount = 0;
  private readonly values: number[] = [];
  private state = SEED;

  offer(value: number): void {
    if (!Number.isFinite(value)) return;
    this.finiteCount++;
    if (this.values.length < RESERVOIR_COUNT_MAX) {
      this.values.push(value);
      return;
    }
    const at = Math.floor(this.nextRatio() * this.finiteCount);
    if (at < RESERVOIR_COUNT_MAX) this.values[at] = value;
  }

  sorted(): Float64Array {
    return Float64Array.from(this.values).sort();
  }

  private nextRatio(): number {
    this.state = (this.state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

export type EdgesAnswer = { readonly edges: readonly number[] } | { readonly reason: string };

/**
 * Edges of `cellCount` cells, the two open ones included; fewer where single values are too frequent to be cut.
 *
 * @param sorted Finite values, rising.
 */
export function equalFrequencyEdges(sorted: Float64Array, cellCount: number): EdgesAnswer {
  const { length } = sorted;
  if (length === 0) return { reason: 'has no finite value' };
  if (sorted[0] === sorted[length - 1]) return { reason: 'always has the same value' };
  if (length < cellCount * CELL_VALUE_COUNT_MIN) {
    return { reason: `has ${length} finite values, too few for ${cellCount} cells; give more data or fewer --cells` };
  }
  const slackCount = Math.floor((length / cellCount) * SLACK_RATIO);
  const edges: number[] = [];
  for (let cell = 1; cell < cellCount; cell++) {
    const edge = edgeAt(sorted, Math.round((cell * length) / cellCount), slackCount);
    if (edge !== null && edge > (edges.at(-1) ?? -Infinity)) edges.push(edge);
  }
  return edges.length < 2 ? { reason: 'has too few different values to be cut into cells' } : { edges };
}

/** The shortest decimal with about `rank` values below it; null where nearly all values are on one side. */
function edgeAt(sorted: Float64Array, rank: number, slackCount: number): number | null {
  const value = sorted[rank] as number;
  // Values that are equal cannot be parted: the edge is at their lower or at their upper end, whichever is nearer.
  const [first, last] = [firstAtLeast(sorted, value), firstAbove(sorted, value)];
  const cut = rank - first <= last - rank ? first : last;
  const [below, beyond] = [cut - slackCount, sorted.length - cut - slackCount];
  if (below < SIDE_VALUE_COUNT_MIN || beyond < SIDE_VALUE_COUNT_MIN) return null;
  const above = sorted[cut - slackCount - 1] as number;
  const upTo = sorted[cut + slackCount] as number;
  return shortestBetween(above, upTo, sorted[cut] as number);
}

/** The decimal of fewest digits that is greater than `above` and not greater than `upTo`, near `value`. */
function shortestBetween(above: number, upTo: number, value: number): number {
  for (let digits = 1; digits <= 17; digits++) {
    const nearest = Number(value.toPrecision(digits));
    const step = 10 ** (Math.floor(Math.log10(Math.abs(value) || 1)) - digits + 1);
    for (const candidate of [nearest, Number((nearest - step).toPrecision(digits)), Number((nearest + step).toPrecision(digits))]) {
      // Without a sign on zero, which JSON cannot write.
      if (candidate > above && candidate <= upTo) return candidate + 0;
    }
  }
  return value;
}

function firstAtLeast(sorted: Float64Array, value: number): number {
  return firstWhere(sorted, (other) => other >= value);
}

function firstAbove(sorted: Float64Array, value: number): number {
  return firstWhere(sorted, (other) => other > value);
}

/** Position of the first value for which a condition holds that holds for all after it. */
function firstWhere(sorted: Float64Array, holds: (value: number) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(sorted[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}
