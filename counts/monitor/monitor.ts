/**
 * The monitor of one model: votes in, hour by hour; findings out.
 *
 * Its owner says one number, how many false incidents a model-year may have. Each stream gets the same share: a stream's e-detector
 * passes `streams · 365 / budget` in the mean less than `budget / streams` times a year while nothing changes.
 *
 * Invariants
 *  - Pure: no clock, no storage. The same votes in the same order give the same findings, live, after a restart and in a replay.
 *  - Votes are booked to the hour of their receipt, so hours never go back.
 *  - Bounded: STREAM_COUNT_MAX streams, each bounded; what is left out is counted.
 *
 * Not here: incidents (what people are told), drawing votes (counts/votes).
 */
import {
  BUDGET_DEFAULT,
  BURN_IN_DAY_COUNT_DEFAULT,
  BURN_IN_DAY_COUNT_MAX,
  STREAM_COUNT_MAX,
  TOLERANCE_MAX,
  WANDER_TOLERANCE_RATIO,
} from '../../protocol/monitor-limits.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { MetricVotes } from '../votes/metric-votes.ts';
import { type Baseline, type Shared, UNSHARED } from './baseline.ts';
import type { CadenceVotes } from './burn-in.ts';
import { dayOf } from './day-votes.ts';
import type { Dispersion } from './dispersion.ts';
import { ALL_SEGMENTS, type Finding, SEGMENT_MIX_METRIC, type StreamName } from './finding.ts';
import { type MetricCells, metricCells } from './grouping.ts';
import { explainMix, type Part } from './mix.ts';
import { daysSince, Stream, type StreamState } from './stream.ts';

export interface MonitorOptions {
  /** False incidents that a model-year may have, in the mean. */
  readonly budget: number;
  /** Distance (PSI) from the baseline that is nobody's concern; null: what the burn-in proposes. */
  readonly tolerance: number | null;
  /** Days of a first baseline, at the least. */
  readonly burnInDays: number;
}

export const MONITOR_DEFAULTS: MonitorOptions = { budget: BUDGET_DEFAULT, tolerance: null, burnInDays: BURN_IN_DAY_COUNT_DEFAULT };

/** Votes of one stream and one hour. */
export interface StreamVotes extends StreamName {
  readonly votes: CadenceVotes;
}

/** Goes through JSON unchanged. */
export interface MonitorState {
  readonly format: 1;
  readonly options: MonitorOptions;
  /** The last hour whose votes were added. */
  readonly hour: number | null;
  readonly streams: readonly StreamState[];
  /** Streams that found no place. */
  readonly leftOutCount: number;
}

const DAYS_PER_YEAR = 365;
const BURN_IN_DAY_COUNT_MIN = 7;

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #plans = new Map<string, Plan>();
  readonly #streams = new Map<string, Stream>();
  /** What baselines have taught; follows from the streams. */
  readonly #dispersions = new Map<string, Dispersion>();
  #hour: number | null = null;
  #leftOutCount = 0;

  /** @throws {RangeError} for options that mean nothing. */
  constructor(options: MonitorOptions = MONITOR_DEFAULTS) {
    const { budget, tolerance, burnInDays } = options;
    if (!(budget > 0 && budget < Infinity))
      throw new RangeError(`budget is ${budget}: say how many false incidents a year may have, above 0`);
    if (tolerance !== null && !(tolerance >= 0 && tolerance <= TOLERANCE_MAX))
      throw new RangeError(`tolerance is ${tolerance}: say a PSI from 0 to ${TOLERANCE_MAX}, or null for what the burn-in proposes`);
    if (!(Number.isInteger(burnInDays) && burnInDays >= BURN_IN_DAY_COUNT_MIN && burnInDays <= BURN_IN_DAY_COUNT_MAX))
      throw new RangeError(`burnInDays is ${burnInDays}: say whole days from ${BURN_IN_DAY_COUNT_MIN} to ${BURN_IN_DAY_COUNT_MAX}`);
    this.#options = options;
  }

  /** Goes on where a state was taken. @throws {RangeError} for a state of another format. */
  static restore({ format, options, hour, streams, leftOutCount }: MonitorState): Monitor {
    if (format !== 1) throw new RangeError(`the state has format ${format} and this release reads 1: replay the stored votes instead`);
    const monitor = new Monitor(options);
    for (const state of streams) monitor.#put(new Stream(state));
    monitor.#hour = hour;
    monitor.#leftOutCount = leftOutCount;
    monitor.#share();
    return monitor;
  }

  state(): MonitorState {
    const streams = [...this.#streams.values()].map(({ state }) => state);
    return { format: 1, options: this.#options, hour: this.#hour, streams, leftOutCount: this.#leftOutCount };
  }

  /** Lets the monitor know a plan whose votes may come. To be repeated after `restore`. */
  know(hash: string, plan: Plan): void {
    this.#plans.set(hash, plan);
  }

  /** Streams that have a baseline: among them the budget is shared. */
  get watchedCount(): number {
    return this.#dispersions.size;
  }

  /** The tolerance in force: the owner's, or else what baselines propose from how far weeks wander. */
  get tolerance(): number {
    if (this.#options.tolerance !== null) return this.#options.tolerance;
    const wander = medianOf([...this.#dispersions.values()].map((each) => each.wander));
    return Math.min(TOLERANCE_MAX, Math.max(0, WANDER_TOLERANCE_RATIO * wander));
  }

  /**
   * Adds the votes of one hour; an hour may come in several calls.
   *
   * @param hour Hours since 1970 in which the windows were received. Votes of plans, segments or metrics that are not known are left out.
   * @throws {RangeError} for an hour before one that was added, and for counts that are none.
   */
  add(hour: number, votes: readonly StreamVotes[]): void {
    this.#open(hour);
    const all = new Map<string, StreamVotes>();
    const segments = new Map<string, { readonly of: StreamVotes; readonly day: number[]; readonly week: number[] }>();
    for (const own of votes) {
      const plan = this.#plans.get(own.plan);
      const metric = plan?.metrics.find(({ id }) => id === own.metric);
      if (plan === undefined || metric === undefined || own.segment < 0 || own.segment >= plan.segments.length) continue;
      const cells = metricCells(metric);
      checkVotes(own, cells.cellCount);
      this.#addTo(hour, own, cells);
      if (plan.segments.length < 2) continue;
      const name = { ...own, segment: ALL_SEGMENTS };
      const key = keyOf(name);
      all.set(key, { ...name, votes: addVotes(all.get(key)?.votes, own.votes) });
      countWindows(segments, own, plan.segments.length);
    }
    for (const own of all.values()) {
      const metric = this.#plans.get(own.plan)?.metrics.find(({ id }) => id === own.metric);
      if (metric !== undefined) this.#addTo(hour, own, metricCells(metric));
    }
    for (const { of, day, week } of segments.values()) {
      const name = { ...of, segment: ALL_SEGMENTS, metric: SEGMENT_MIX_METRIC };
      this.#addTo(hour, { ...name, votes: { day: windowVotes(day), week: windowVotes(week) } }, { cellCount: day.length, line: null });
    }
  }

  /** What is found of each stream when the hour is over, sorted as `ranked`. @throws {RangeError} as `add`. */
  evaluate(hour: number): Finding[] {
    return ranked([...this.evaluateInSteps(hour)]);
  }

  /**
   * The same, unsorted and a stream at a step: STREAM_COUNT_MAX of them take half a second, in which a collector would answer nobody. Nothing
   * may be added before the last step.
   *
   * @throws {RangeError} as `add`.
   */
  *evaluateInSteps(hour: number): Generator<Finding, void> {
    this.#open(hour);
    const threshold = Math.log((Math.max(1, this.watchedCount) * DAYS_PER_YEAR) / this.#options.budget);
    for (const stream of this.#streams.values()) {
      const finding = stream.evaluate(hour, threshold, this.#options.burnInDays);
      yield stream.alarm === null ? finding : { ...finding, mix: this.#mixOf(stream, finding.effect, hour) };
    }
  }

  /** "This is the new normal": the named streams, or all, take what was seen since that hour for the beginning of their next baseline. */
  rebase(fromHour: number, names: readonly StreamName[] | null = null): void {
    const wanted = names === null ? null : new Set(names.map(keyOf));
    for (const [key, stream] of this.#streams) {
      if (!stream.isWatched || (wanted !== null && !wanted.has(key))) continue;
      stream.rebase(dayOf(fromHour));
      this.#dispersions.delete(key);
    }
    this.#share();
  }

  /** Takes the baselines of an earlier version of the model, for streams of the same plan, arm and segment. */
  inherit(earlier: MonitorState, hour: number): void {
    this.#open(hour);
    for (const state of earlier.streams) {
      if (state.baseline === null) continue;
      const known = this.#streams.get(keyOf(state)) ?? Stream.start(state, state.cells, dayOf(hour));
      known.inherit(state.baseline, dayOf(hour));
      this.#put(known);
    }
    this.#share();
  }

  /** The last hour whose votes were added, or that was judged. */
  get hour(): number | null {
    return this.#hour;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get leftOutCount(): number {
    return this.#leftOutCount;
  }

  /** What is said of a stream that has no baseline (any more); null of one that has, and of none. */
  unwatched(name: StreamName): Finding | null {
    const stream = this.#streams.get(keyOf(name));
    return stream === undefined || stream.isWatched || this.#hour === null
      ? null
      : stream.evaluate(this.#hour, 0, this.#options.burnInDays);
  }

  baselineOf(name: StreamName): Baseline | null {
    return this.#streams.get(keyOf(name))?.state.baseline ?? null;
  }

  /** Closes the days that are over. */
  #open(hour: number): void {
    if (!Number.isSafeInteger(hour) || hour < 0) throw new RangeError(`${hour} is no hour since 1970: pass floor(ms / 3,600,000)`);
    if (this.#hour !== null && hour < this.#hour)
      throw new RangeError(`hour ${hour} is before ${this.#hour}: votes are booked to the hour of their receipt, which only rises`);
    const isNewDay = this.#hour !== null && dayOf(hour) > dayOf(this.#hour);
    this.#hour = hour;
    if (!isNewDay) return;
    let hasNew = false;
    for (const [key, stream] of this.#streams) {
      if (!stream.closeDay(dayOf(hour), this.#options.burnInDays)) continue;
      this.#learn(key, stream);
      hasNew = true;
    }
    if (hasNew) this.#share();
  }

  #addTo(hour: number, name: StreamVotes, cells: MetricCells): void {
    const known = this.#streams.get(keyOf(name));
    if (known === undefined && this.#streams.size >= STREAM_COUNT_MAX) {
      this.#leftOutCount++;
      return;
    }
    const { plan, arm, segment, metric, votes } = name;
    const stream = known ?? Stream.start({ plan, arm, segment, metric }, cells, dayOf(hour));
    if (known === undefined) this.#put(stream);
    stream.add(hour, votes);
  }

  #put(stream: Stream): void {
    const key = keyOf(stream.state);
    this.#streams.set(key, stream);
    this.#learn(key, stream);
  }

  #learn(key: string, stream: Stream): void {
    const { dispersion } = stream;
    if (dispersion !== null) this.#dispersions.set(key, dispersion);
  }

  /** Streams of one plan, arm and segment have the same people, and so the same days. */
  #share(): void {
    const { tolerance } = this;
    const groups = new Map<string, Dispersion[]>();
    const groupOf = ({ plan, arm, segment, metric }: StreamName) =>
      keyOf({ plan, arm, segment, metric: metric === SEGMENT_MIX_METRIC ? metric : '' });
    for (const [key, dispersion] of this.#dispersions) {
      const group = groupOf((this.#streams.get(key) as Stream).state);
      groups.set(group, [...(groups.get(group) ?? []), dispersion]);
    }
    const shared = new Map<string, Shared>();
    for (const [group, own] of groups) {
      const [withinDay, repeats] = [medianOf(own.map((each) => each.withinDay)), medianOf(own.map((each) => each.repeats))];
      shared.set(group, { tolerance, withinDay, repeats });
    }
    for (const stream of this.#streams.values()) stream.share(shared.get(groupOf(stream.state)) ?? { ...UNSHARED, tolerance });
  }

  #mixOf({ state, alarm }: Stream, effect: number | null, hour: number): Finding['mix'] {
    if (alarm === null || state.segment !== ALL_SEGMENTS || state.metric === SEGMENT_MIX_METRIC) return null;
    const partOf = (stream: Stream | undefined): Part[] => {
      const reference = stream?.reference ?? null;
      return stream === undefined || reference === null ? [] : [{ reference, days: daysSince(stream.scoredDays(hour), alarm.onset) }];
    };
    const [mix] = partOf(this.#streams.get(keyOf({ ...state, metric: SEGMENT_MIX_METRIC })));
    const segmentCount = this.#plans.get(state.plan)?.segments.length ?? 0;
    const parts = Array.from({ length: segmentCount }, (_, segment) => partOf(this.#streams.get(keyOf({ ...state, segment })))).flat();
    return explainMix(mix ?? null, parts, effect);
  }
}

/** Alarms first, and of them what speaks most clearly. */
export function ranked(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (one, other) => Number(other.verdict === 'alarm') - Number(one.verdict === 'alarm') || other.evidence - one.evidence,
  );
}

function keyOf({ plan, arm, segment, metric }: StreamName): string {
  return `${plan} ${arm} ${segment} ${metric}`;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function checkVotes({ metric, votes }: StreamVotes, cellCount: number): void {
  for (const own of [votes.day, votes.week]) {
    if (own === null) continue;
    if (own.counts.length !== cellCount)
      throw new RangeError(`votes of "${metric}" have ${own.counts.length} cells and its plan ${cellCount}: pass those of that plan`);
    for (const sum of [own.windows, own.items, own.squaredItems, own.squaredCells])
      if (!(sum >= 0 && sum < Infinity)) throw new RangeError(`votes of "${metric}" hold ${sum}: pass counts, which are 0 or more`);
    for (const count of own.counts)
      if (!(count >= 0 && count < Infinity)) throw new RangeError(`votes of "${metric}" hold ${count}: pass counts, which are 0 or more`);
  }
}

function addVotes(known: CadenceVotes | undefined, votes: CadenceVotes): CadenceVotes {
  return { day: addBoth(known?.day ?? null, votes.day), week: addBoth(known?.week ?? null, votes.week) };
}

function addBoth(one: MetricVotes | null, other: MetricVotes | null): MetricVotes | null {
  if (one === null || other === null) return one ?? other;
  return {
    windows: one.windows + other.windows,
    items: one.items + other.items,
    squaredItems: one.squaredItems + other.squaredItems,
    squaredCells: one.squaredCells + other.squaredCells,
    counts: one.counts.map((count, cell) => count + (other.counts[cell] as number)),
  };
}

/** A window votes in each metric that it has items of, so the metric with the most tells how many there were. */
function countWindows(
  segments: Map<string, { readonly of: StreamVotes; readonly day: number[]; readonly week: number[] }>,
  own: StreamVotes,
  segmentCount: number,
): void {
  const key = `${own.plan} ${own.arm}`;
  const known = segments.get(key) ?? { of: own, day: new Array(segmentCount).fill(0), week: new Array(segmentCount).fill(0) };
  segments.set(key, known);
  known.day[own.segment] = Math.max(known.day[own.segment] as number, own.votes.day?.windows ?? 0);
  known.week[own.segment] = Math.max(known.week[own.segment] as number, own.votes.week?.windows ?? 0);
}

/** Windows as votes of one item each. */
function windowVotes(counts: readonly number[]): MetricVotes {
  const windows = counts.reduce((sum, count) => sum + count, 0);
  return { windows, items: windows, squaredItems: windows, squaredCells: windows, counts: Float64Array.from(counts) };
}
