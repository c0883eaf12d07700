/**
 * Tilted votes: a history in which from one day on every metric has moved by a known distance.
 *
 * Each item that lies in a cell which is to have less moves with a fixed chance to one that is to have more. So days, visits and traffic
 * stay those of the history, and only the shares are others.
 *
 * Invariants
 *  - The same seed gives the same votes, in whatever order they are asked for.
 *  - Items and windows stay as many as they were. Of how alike a visit's items are the history's own number is kept.
 *  - Cells off a metric's number line (nan, missing) keep their shares.
 */
import { createHash } from 'node:crypto';
import type { VoteSource } from '../../collector/monitoring/vote-source.ts';
import type { SlotVotes, VotesQuery } from '../../collector/store/store.ts';
import { metricCells } from '../../counts/monitor/grouping.ts';
import { IdChance } from '../../counts/votes/id-chance.ts';
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import type { Metric } from '../../protocol/report/plan.ts';

/** How a metric's shares move: of each cell the part that leaves it, and where what has left goes. */
export interface Tilt {
  readonly leaving: Float64Array;
  readonly arriving: Float64Array;
}

/** Strength beyond which a tilt has all of its mass in one cell. */
const STRENGTH_MAX = 60;
const BISECTION_STEP_COUNT = 60;
/** Draws that are made one by one; more are drawn by a normal of the same mean and variance. */
const SINGLE_DRAW_COUNT_MAX = 256;
const TWO_32 = 2 ** 32;

/** A tilt along the metric's cells of that PSI; null where its counts cannot be so far away: all lie in one cell. */
export function tiltOf(metric: Pick<Metric, 'cells' | 'edges'>, counts: Float64Array, psi: number): Tilt | null {
  const total = sumOf(counts);
  if (total === 0) return null;
  const shares = counts.map((count) => count / total);
  const { line, cellCount } = metricCells(metric);
  const [first, end] = line === null ? [0, cellCount] : [line.firstCell, line.firstCell + line.cellCount];
  const tilted = (strength: number) => tiltedShares(shares, first, end, strength);
  if (distance(shares, tilted(STRENGTH_MAX)) < psi) return null;
  let [low, high] = [0, STRENGTH_MAX];
  for (let step = 0; step < BISECTION_STEP_COUNT; step++) {
    const middle = (low + high) / 2;
    if (distance(shares, tilted(middle)) < psi) low = middle;
    else high = middle;
  }
  const moved = tilted(low);
  const leaving = shares.map((share, cell) => (share === 0 ? 0 : Math.max(0, 1 - (moved[cell] as number) / share)));
  const gains = shares.map((share, cell) => Math.max(0, (moved[cell] as number) - share));
  const gain = sumOf(gains);
  return gain === 0 ? null : { leaving, arriving: gains.map((each) => each / gain) };
}

/** Shares between two cells, tilted along their rank; the others as they were. */
export function tiltedShares(shares: Float64Array, first: number, end: number, strength: number): Float64Array {
  const own = sumOf(shares.subarray(first, end));
  const tilted = shares.slice();
  if (own === 0) return tilted;
  let below = 0;
  let sum = 0;
  for (let cell = first; cell < end; cell++) {
    const share = (shares[cell] as number) / own;
    tilted[cell] = share * Math.exp(strength * (below + share / 2 - 1));
    sum += tilted[cell] as number;
    below += share;
  }
  for (let cell = first; cell < end; cell++) tilted[cell] = ((tilted[cell] as number) * own) / sum;
  return tilted;
}

/** PSI; cells that nobody met say nothing. */
export function distance(from: Float64Array, to: Float64Array): number {
  return from.reduce((sum, share, cell) => {
    const other = to[cell] as number;
    return share === 0 || other === 0 ? sum : sum + (other - share) * Math.log(other / share);
  }, 0);
}

export class TiltedVotes implements VoteSource {
  readonly #source: VoteSource;
  readonly #fromHour: number;
  readonly #tilts: ReadonlyMap<string, Tilt>;
  readonly #seed: string;

  /** @param tilts By plan and metric (`tiltKey`). */
  constructor(source: VoteSource, fromHour: number, tilts: ReadonlyMap<string, Tilt>, seed: string) {
    this.#source = source;
    this.#fromHour = fromHour;
    this.#tilts = tilts;
    this.#seed = seed;
  }

  async votes(query: VotesQuery): Promise<readonly SlotVotes[]> {
    const slots = await this.#source.votes(query);
    return slots.map((slot) => (slot.hour < this.#fromHour ? slot : this.#tilted(query, slot)));
  }

  #tilted({ plan, cadence }: VotesQuery, slot: SlotVotes): SlotVotes {
    const { hour, arm, segment } = slot;
    const metrics = new Map<string, MetricVotes>();
    for (const [metric, votes] of slot.metrics) {
      const tilt = this.#tilts.get(tiltKey(plan, metric));
      const seed = JSON.stringify([this.#seed, plan, cadence, hour, arm, segment, metric]);
      metrics.set(metric, tilt === undefined ? votes : { ...votes, counts: movedCounts(votes.counts, tilt, chanceOf(seed)) });
    }
    return { ...slot, metrics };
  }
}

export function tiltKey(plan: string, metric: string): string {
  return `${plan} ${metric}`;
}

function chanceOf(seed: string): IdChance {
  return new IdChance(createHash('sha256').update(seed).digest('hex').slice(0, 32));
}

function movedCounts(counts: Float64Array, { leaving, arriving }: Tilt, chance: IdChance): Float64Array {
  const moved = counts.slice();
  let homeless = 0;
  counts.forEach((count, cell) => {
    const left = binomial(count, leaving[cell] as number, chance);
    moved[cell] = count - left;
    homeless += left;
  });
  let rest = 1;
  for (let cell = 0; cell < arriving.length && homeless > 0; cell++) {
    const share = arriving[cell] as number;
    if (share === 0) continue;
    const taken = share >= rest ? homeless : binomial(homeless, share / rest, chance);
    moved[cell] = (moved[cell] as number) + taken;
    homeless -= taken;
    rest -= share;
  }
  // What rounding left over belongs to the last cell that gains.
  if (homeless > 0) {
    const last = arriving.findLastIndex((share) => share > 0);
    moved[last] = (moved[last] as number) + homeless;
  }
  return moved;
}

function binomial(count: number, share: number, chance: IdChance): number {
  if (count === 0 || share <= 0) return 0;
  if (share >= 1) return count;
  if (count > SINGLE_DRAW_COUNT_MAX) {
    const [mean, deviation] = [count * share, Math.sqrt(count * share * (1 - share))];
    return Math.min(count, Math.max(0, Math.round(mean + deviation * normal(chance))));
  }
  const below = share * TWO_32;
  let drawn = 0;
  for (let index = 0; index < count; index++) if (chance.below(TWO_32) < below) drawn++;
  return drawn;
}

function normal(chance: IdChance): number {
  const [one, other] = [(chance.below(TWO_32) + 0.5) / TWO_32, (chance.below(TWO_32) + 0.5) / TWO_32];
  return Math.sqrt(-2 * Math.log(one)) * Math.cos(2 * Math.PI * other);
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
