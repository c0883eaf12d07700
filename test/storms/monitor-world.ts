/**
 * A world whose votes are drawn: visits, people who come back, days that wobble, weeks, seasons; nothing changes unless it is told to.
 *
 * Why drawn and not counted: a model-year is ten million items. What is drawn are the sums that a collector would keep.
 *
 * Invariants
 *  - The same seed gives the same votes.
 *  - A visit is a Pólya urn: a mix of its own, drawn from a Dirichlet around the day's shares, without drawing the mix.
 */
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import type { Plan } from '../../protocol/report/plan.ts';

/** Items of one window that vote. */
const VOTE_ITEM_COUNT = 32;
export const CELL_COUNT = 16;

/** sfc32, with normal, gamma and Dirichlet draws. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    [this.#a, this.#b, this.#c] = [seed >>> 0, 0x9e3779b9, 0x243f6a88];
    for (let index = 0; index < 20; index++) this.uniform();
  }

  uniform(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return ((sum >>> 0) + 0.5) / 4_294_967_296;
  }

  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Marsaglia and Tsang (2000); below 1 by the power of a uniform. */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * this.uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  dirichlet(alpha: ArrayLike<number>): Float64Array {
    const draws = Float64Array.from(alpha, (each) => this.gamma(Math.max(each, 1e-9)));
    const total = draws.reduce((sum, draw) => sum + draw, 0);
    return draws.map((draw) => draw / total);
  }
}

export interface WorldOptions {
  readonly seed: number;
  readonly metricCount: number;
  readonly visitsOn: (day: number) => number;
  /** Concentration of a visit's own mix; Infinity: items are independent. */
  readonly visitMix: number;
  /** Concentration of a day's own mix; Infinity: all days are the same. */
  readonly dayMix: number;
  /** Standard deviation of logits that wander with a half-life of ten days; 0: none. */
  readonly wander: number;
  /** Whether weekends have shares of their own (PSI 0.05). */
  readonly isSeasonal: boolean;
  /** Browsers that come on four days of five beside the visits, with a mix each, and stay so many days in the mean; null: nobody comes back. */
  readonly regulars: { readonly count: number; readonly stayDays: number } | null;
  /** Whether every second metric has rare cells; else all cells are alike. */
  readonly isSkewed: boolean;
  /** Shares of a metric at a time in days, made of what they would be; null: nothing changes. */
  readonly change: ((shares: Float64Array, metric: number, at: number) => Float64Array) | null;
}

export const STILL_WORLD: Omit<WorldOptions, 'seed'> = {
  metricCount: 50,
  visitsOn: () => 30,
  visitMix: Infinity,
  dayMix: Infinity,
  wander: 0,
  isSeasonal: false,
  regulars: null,
  isSkewed: true,
  change: null,
};

export const METRIC_NAMES = Array.from({ length: 64 }, (_, index) => `metric.${index}`);

/** Half of the metrics lie on a number line. */
export function isOrdered(metric: number): boolean {
  return metric % 4 < 2;
}

export function worldPlan(metricCount: number, segments: readonly string[] = ['']): Plan {
  const metrics = Array.from({ length: metricCount }, (_, metric) => ({
    id: METRIC_NAMES[metric] as string,
    title: 'Drawn',
    unit: 'items',
    why: 'To try the monitor.',
    per: 'part' as const,
    of: null,
    role: null,
    cells: Array.from({ length: CELL_COUNT }, (_, cell) => `cell:${cell}`),
    edges: isOrdered(metric) ? { firstCell: 1, values: Array.from({ length: CELL_COUNT - 1 }, (_, edge) => edge) } : null,
    offset: metric * CELL_COUNT,
  }));
  return { report: 'data', metrics, cellCount: metricCount * CELL_COUNT, segments };
}

interface Browser {
  leavesOn: number;
  votedInWeek: number;
  mixes: readonly Drawn[];
}

interface MutableVotes extends MetricVotes {
  windows: number;
  items: number;
  squaredItems: number;
  squaredCells: number;
}

export interface HourVotes {
  readonly day: MetricVotes;
  readonly week: MetricVotes;
}

export class World {
  readonly options: WorldOptions;
  readonly chance: Chance;
  readonly bases: readonly Float64Array[];
  readonly #logits: readonly Float64Array[];
  readonly #browsers: Browser[] = [];
  #day = -1;
  #shares: readonly Float64Array[] = [];
  /** What the day makes of them. */
  #wobbles: readonly (Float64Array | null)[] = [];
  #drawn: readonly Drawn[] = [];
  #visitsToday: { readonly browser: Browser | null; readonly block: number; readonly isFirstOfWeek: boolean }[] = [];

  constructor(options: WorldOptions) {
    this.options = options;
    this.chance = new Chance(options.seed);
    this.bases = Array.from({ length: options.metricCount }, (_, metric) => baseShares(options.isSkewed && metric % 2 === 1));
    this.#logits = this.bases.map((base) => base.map(() => options.wander * this.chance.normal()));
  }

  /** Votes of each metric in one of the day's parts. */
  draw(day: number, block: number, blockCount: number): HourVotes[] {
    if (day !== this.#day) this.#begin(day, blockCount);
    const { change } = this.options;
    if (change !== null || block === 0) {
      const at = day + (block + 0.5) / blockCount;
      this.#drawn = this.#shares.map((shares, metric) => {
        const wobble = this.#wobbles[metric] ?? null;
        const changed = change === null ? shares : change(shares, metric, at);
        return cumulate(wobble === null ? changed : normalise(changed.map((share, cell) => share * (wobble[cell] as number))));
      });
    }
    const ofDay = this.bases.map(emptyVotes);
    const ofWeek = this.options.regulars === null ? ofDay : this.bases.map(emptyVotes);
    for (const { browser, block: own, isFirstOfWeek } of this.#visitsToday) {
      if (own !== block) continue;
      const length = Math.min(VOTE_ITEM_COUNT, Math.max(8, Math.floor(Math.exp(Math.log(20) + this.chance.normal()))));
      for (let metric = 0; metric < this.bases.length; metric++) {
        this.#visit(metric, length, browser);
        addVisit(ofDay[metric] as MutableVotes, items, length);
        if (ofWeek !== ofDay && isFirstOfWeek) addVisit(ofWeek[metric] as MutableVotes, items, length);
      }
    }
    return ofDay.map((votes, metric) => ({ day: votes, week: ofWeek[metric] as MetricVotes }));
  }

  #begin(day: number, blockCount: number): void {
    this.#day = day;
    this.#shares = this.bases.map((base, metric) => this.#sharesOn(base, metric, day));
    this.#wobbles = this.#shares.map((shares) => this.#wobbleOf(shares));
    this.#visitsToday = [];
    const { regulars, visitsOn } = this.options;
    const count = Math.floor(visitsOn(day) + this.chance.uniform());
    for (let visit = 0; visit < count; visit++)
      this.#visitsToday.push({ browser: null, block: this.chance.below(blockCount), isFirstOfWeek: true });
    if (regulars === null) return;
    const week = Math.floor((day + 3) / 7);
    for (let index = 0; index < regulars.count; index++) {
      const known = this.#browsers[index];
      const browser = known !== undefined && known.leavesOn > day ? known : this.#newBrowser(day, regulars.stayDays);
      this.#browsers[index] = browser;
      if (this.chance.uniform() > 0.8) continue;
      this.#visitsToday.push({ browser, block: this.chance.below(blockCount), isFirstOfWeek: browser.votedInWeek !== week });
      browser.votedInWeek = week;
    }
  }

  #newBrowser(day: number, stayDays: number): Browser {
    const mixes = this.bases.map((base) => cumulate(this.chance.dirichlet(base.map((share) => 5 * share))));
    return { leavesOn: day - stayDays * Math.log(this.chance.uniform()), votedInWeek: -1, mixes };
  }

  #sharesOn(base: Float64Array, metric: number, day: number): Float64Array {
    const { wander, isSeasonal } = this.options;
    let shares = base;
    if (isSeasonal && (day + 3) % 7 >= 5) shares = tilted(shares, 0.22);
    if (wander > 0) {
      const kept = 2 ** (-1 / 10);
      const logits = this.#logits[metric] as Float64Array;
      for (let cell = 0; cell < logits.length; cell++)
        logits[cell] = kept * (logits[cell] as number) + Math.sqrt(1 - kept * kept) * wander * this.chance.normal();
      shares = normalise(shares.map((share, cell) => share * Math.exp(logits[cell] as number)));
    }
    return shares;
  }

  #wobbleOf(shares: Float64Array): Float64Array | null {
    const { dayMix } = this.options;
    if (dayMix === Infinity) return null;
    return this.chance.dirichlet(shares.map((share) => share * dayMix)).map((share, cell) => share / (shares[cell] as number));
  }

  /** Cells of a visit's items, into `items`. */
  #visit(metric: number, length: number, browser: Browser | null): void {
    const { visitMix } = this.options;
    const fresh = browser === null ? (this.#drawn[metric] as Drawn) : (browser.mixes[metric] as Drawn);
    const isUrn = browser === null && visitMix < Infinity;
    for (let index = 0; index < length; index++) {
      const isOld = isUrn && this.chance.uniform() * (visitMix + index) >= visitMix;
      items[index] = isOld ? (items[this.chance.below(index)] as number) : cellAt(fresh, this.chance.uniform());
    }
  }
}

const baseShares = (isSkewed: boolean) => normalise(Float64Array.from({ length: CELL_COUNT }, (_, cell) => (isSkewed ? 0.8 ** cell : 1)));

export function normalise(shares: Float64Array): Float64Array {
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

/** Shares tilted along the rank by that many standard deviations: PSI is about its square. */
export function tilted(shares: Float64Array, by: number): Float64Array {
  const ranks = shares.map((share, cell) => shares.subarray(0, cell).reduce((sum, each) => sum + each, 0) + share / 2);
  return normalise(shares.map((share, cell) => share * Math.exp(by * Math.sqrt(12) * ((ranks[cell] as number) - 0.5))));
}

/** Shares of which every second cell gains what its neighbour loses. */
export function alternated(shares: Float64Array, by: number): Float64Array {
  return normalise(shares.map((share, cell) => share * (1 + by * (cell % 2 === 0 ? 1 : -1))));
}

export function psiOf(one: Float64Array, other: Float64Array): number {
  return one.reduce((sum, share, cell) => sum + ((other[cell] as number) - share) * Math.log((other[cell] as number) / share), 0);
}

export function divergenceOf(from: Float64Array, to: Float64Array): number {
  return to.reduce((sum, share, cell) => sum + share * Math.log(share / (from[cell] as number)), 0);
}

/** The strength at which the shift of uniform shares has that PSI. */
export function strengthFor(psi: number, shift: (shares: Float64Array, by: number) => Float64Array): number {
  const base = baseShares(false);
  let [low, high] = [0, 0.95];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (psiOf(base, shift(base, middle)) < psi) low = middle;
    else high = middle;
  }
  return low;
}

/** Shares to draw cells by. */
interface Drawn {
  /** Sum of the shares up to each cell. */
  readonly ends: Float64Array;
  /** The first cell that a draw from there on may be: draws are most of what a simulated year costs. */
  readonly guide: Uint8Array;
}

const GUIDE_STEPS = 32;

function cumulate(shares: Float64Array): Drawn {
  const ends = new Float64Array(shares.length);
  let sum = 0;
  for (let cell = 0; cell < ends.length; cell++) {
    sum += shares[cell] as number;
    ends[cell] = sum;
  }
  const guide = new Uint8Array(GUIDE_STEPS);
  let cell = 0;
  for (let step = 0; step < GUIDE_STEPS; step++) {
    while (cell < ends.length - 1 && (ends[cell] as number) < step / GUIDE_STEPS) cell++;
    guide[step] = cell;
  }
  return { ends, guide };
}

function cellAt({ ends, guide }: Drawn, at: number): number {
  let cell = guide[Math.floor(at * GUIDE_STEPS)] as number;
  while (cell < ends.length - 1 && (ends[cell] as number) < at) cell++;
  return cell;
}

export function emptyVotes(): MutableVotes {
  return { windows: 0, items: 0, squaredItems: 0, squaredCells: 0, counts: new Float64Array(CELL_COUNT) };
}

/** Used again and again: one visit is drawn and added before the next. */
const items = new Uint8Array(VOTE_ITEM_COUNT);
const perCell = new Uint8Array(CELL_COUNT);

function addVisit(votes: MutableVotes, items: Uint8Array, length: number): void {
  perCell.fill(0);
  for (let index = 0; index < length; index++) perCell[items[index] as number] = (perCell[items[index] as number] as number) + 1;
  votes.windows++;
  votes.items += length;
  votes.squaredItems += length * length;
  for (let cell = 0; cell < CELL_COUNT; cell++) {
    const count = perCell[cell] as number;
    votes.counts[cell] = (votes.counts[cell] as number) + count;
    votes.squaredCells += count * count;
  }
}
