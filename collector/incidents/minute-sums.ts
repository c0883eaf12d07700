/**
 * Minute sums: what was accepted of the rules' metrics in the last minutes, and what the rules say of it.
 *
 * Why in memory: the store sums by the hour, and a threshold of ten minutes cannot wait for one. After a start the wait begins anew, and
 * until it is over a rule says nothing.
 *
 * How a rule is judged, once a minute, over the last whole minutes that it looks back: all of them together must be beyond its value, and
 * so must each minute of which enough came by itself; one bad minute in ten alarms nobody. A count is judged over all of them together.
 *
 * Invariants
 *  - A window counts in the minute in which it was committed for the first time. One about an hour that is over says nothing of now.
 *  - Of an arm and segment with fewer reports than readers are shown, nothing is in a value: neither alone nor in a larger sum.
 *  - Sums of different plans are judged apart; only a count, which has no cells to misread, is of all plans.
 *  - Of a model that is registered no more nothing is kept.
 *  - All sums together are RULE_SUM_COUNT_MAX numbers at the most. A stream that has no room says nothing, and its rule says why.
 *
 * Not here: what alarms lead to (machine.ts), the grammar (rules.ts).
 */
import { quantileOf } from '../../counts/statistics/summary.ts';
import { RULE_HOUR_AGE_MAX, RULE_RECOVER_MS_MIN, RULE_SUM_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import type { Onset, Rule, RuleStateEntry } from '../../protocol/read/incidents.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { AcceptedWindow } from '../store/store.ts';
import { isAbout, metricIn } from './rules.ts';
import { type Signal, stageOf } from './signal.ts';

const MINUTE_MS = 60_000;
const QUANTILES: Readonly<Record<string, number>> = { p50: 0.5, p95: 0.95, p99: 0.99 };

/** What is known of the registered models. */
export interface KnownModels {
  /** undefined when no such version is registered. */
  nameOf(modelVersion: string): string | undefined;
  planOf(modelVersion: string, hash: string): Plan | null | undefined;
}

interface MinuteSumsOptions {
  readonly known: KnownModels;
  /** Of fewer reports nothing is shown to readers, and no rule says anything. */
  readonly shownReportsMin: number;
  /** Since when that stream is moved in an incident; null when it is not. So an alarm outlives a restart as far as `clearValue`. */
  readonly heldOnset: (modelVersion: string, key: string) => Onset | null;
}

/** Of one minute, or several. A quantile has a number for each cell, a share what is inside and all, a count itself. */
interface Sum {
  reports: number;
  readonly numbers: Float64Array;
}

/** What one rule watches of one model version and plan. */
interface Stream {
  readonly rule: Rule;
  readonly modelVersion: string;
  readonly plan: string;
  readonly stage: Signal['stage'];
  readonly metric: PlacedMetric;
  /** Cells within the metric that `numbers` are of. */
  readonly inside: ReadonlySet<number> | null;
  /** By arm and segment, then by minute since 1970. */
  readonly parts: Map<string, Map<number, Sum>>;
  readonly state: StreamState;
}

/** Shared by the streams of a count, which has one for each plan. */
interface StreamState {
  /** null while it does not alarm. */
  alarm: Onset | null;
  isWithoutRoom: boolean;
}

export class MinuteSums {
  private readonly options: MinuteSumsOptions;
  private rules: readonly Rule[] = [];
  /** By rule's id: the first whole minute that it saw. */
  private readonly since = new Map<string, number>();
  /** By rule, model version and plan. */
  private readonly streams = new Map<string, Stream>();
  /** By model version and plan: the streams that its windows go to. */
  private readonly routes = new Map<string, readonly Stream[]>();
  private numberCount = 0;

  constructor(options: MinuteSumsOptions) {
    this.options = options;
  }

  /** A rule that is new, or another one under its id, begins with the next minute. */
  setRules(rules: readonly Rule[], nowMs: number): void {
    const before = new Map(this.rules.map((rule) => [rule.id, JSON.stringify(rule)]));
    const kept = new Set(rules.filter((rule) => before.get(rule.id) === JSON.stringify(rule)).map(({ id }) => id));
    for (const [key, stream] of this.streams) if (!kept.has(stream.rule.id)) this.drop(key, stream);
    for (const id of [...this.since.keys()]) if (!kept.has(id)) this.since.delete(id);
    for (const { id } of rules) if (!this.since.has(id)) this.since.set(id, Math.ceil(nowMs / MINUTE_MS));
    this.rules = rules;
    this.routes.clear();
  }

  /** @param windows Committed for the first time. */
  add(windows: readonly AcceptedWindow[], nowMs: number): void {
    if (this.rules.length === 0) return;
    const minute = Math.floor(nowMs / MINUTE_MS);
    for (const window of windows) {
      if (window.report === 'noised' || window.hour < Math.floor(nowMs / HOUR_MS) - RULE_HOUR_AGE_MAX) continue;
      for (const stream of this.routesOf(window)) this.addTo(stream, window, minute);
    }
  }

  /** What each rule says of the minutes that are over by now. */
  judge(nowMs: number): readonly (RuleStateEntry & { readonly signal: Signal; readonly isWithoutRoom: boolean })[] {
    const end = Math.floor(nowMs / MINUTE_MS);
    this.dropUnregistered();
    return [...this.streams.values()].map((stream) => {
      this.prune(stream, end);
      const { modelVersion, plan, rule } = stream;
      const { isWithoutRoom } = stream.state;
      // A clock that was set back must not silence a rule until it has caught up.
      const sinceMinute = Math.min(this.since.get(rule.id) ?? end, end + 1);
      this.since.set(rule.id, sinceMinute);
      const isWatched = end - rule.minutes >= sinceMinute;
      const { value, reports, isThroughout } = this.valueOf(stream, end);
      const verdict = !isWatched || isWithoutRoom || value === null ? 'not-enough-data' : verdictOf(stream, value, isThroughout, end);
      return { modelVersion, plan, verdict, value, reports, isWithoutRoom, signal: signalOf(stream, verdict, value) };
    });
  }

  private routesOf({ modelVersion, plan: hash }: AcceptedWindow): readonly Stream[] {
    const known = this.routes.get(`${modelVersion} ${hash}`);
    if (known !== undefined) return known;
    const { nameOf, planOf } = this.options.known;
    const [name, plan] = [nameOf(modelVersion), planOf(modelVersion, hash)];
    const found = name === undefined || !plan ? [] : this.rules.filter((rule) => isAbout(rule, modelVersion, name));
    const streams = found.flatMap((rule) => this.streamOf(rule, modelVersion, hash, plan as Plan) ?? []);
    this.routes.set(`${modelVersion} ${hash}`, streams);
    return streams;
  }

  private streamOf(rule: Rule, modelVersion: string, hash: string, plan: Plan): Stream | undefined {
    const metric = metricIn(plan, rule);
    if (metric === undefined || (rule.statistic in QUANTILES && metric.edges === null)) return undefined;
    const key = JSON.stringify([rule.id, modelVersion, isCount(rule) ? '' : hash]);
    const before = this.streams.get(key);
    const named = rule.cells?.map((cell) => metric.cells.indexOf(cell)).filter((index) => index >= 0);
    // Of none of its cells a share would be 0, whatever happens.
    if (named?.length === 0) return undefined;
    const stream: Stream = {
      ...{ rule, modelVersion, plan: hash, metric, stage: stageOf(plan, metric), inside: named === undefined ? null : new Set(named) },
      ...{ parts: before?.parts ?? new Map(), state: before?.state ?? this.newState(rule, modelVersion, hash) },
    };
    // A count of another plan goes on in the same sums, by the cells of its own plan.
    if (before === undefined) this.streams.set(key, stream);
    return stream;
  }

  private newState(rule: Rule, modelVersion: string, plan: string): StreamState {
    return { alarm: this.options.heldOnset(modelVersion, keyOf(rule, plan)), isWithoutRoom: false };
  }

  private addTo(stream: Stream, window: AcceptedWindow, minute: number): void {
    const { rule, metric, inside, parts } = stream;
    const key = `${window.arm} ${window.segment}`;
    const minutes = parts.get(key) ?? new Map<number, Sum>();
    parts.set(key, minutes);
    const sum = minutes.get(minute) ?? this.newSum(stream);
    if (sum === null) return;
    minutes.set(minute, sum);
    sum.reports += 1;
    for (let index = firstAtLeast(window.cells, metric.offset); index < window.cells.length; index++) {
      const cell = (window.cells[index] as number) - metric.offset;
      if (cell >= metric.cells.length) break;
      const count = window.counts[index] as number;
      const isInside = inside === null || inside.has(cell);
      if (rule.statistic in QUANTILES) add(sum.numbers, cell, count);
      else if (isInside) add(sum.numbers, 0, count);
      if (rule.statistic === 'share') add(sum.numbers, 1, count);
    }
  }

  /** null when there is no room. */
  private newSum(stream: Stream): Sum | null {
    const length = lengthOf(stream);
    if (this.numberCount + length > RULE_SUM_COUNT_MAX) {
      stream.state.isWithoutRoom = true;
      return null;
    }
    this.numberCount += length;
    return { reports: 0, numbers: new Float64Array(length) };
  }

  private prune(stream: Stream, end: number): void {
    for (const [part, minutes] of stream.parts) {
      for (const minute of [...minutes.keys()]) {
        if (minute >= end - stream.rule.minutes && minute <= end) continue;
        minutes.delete(minute);
        this.numberCount -= lengthOf(stream);
      }
      if (minutes.size === 0) stream.parts.delete(part);
    }
    // It has room again only once nothing that is incomplete is left of it.
    if (stream.parts.size === 0) stream.state.isWithoutRoom = false;
  }

  private dropUnregistered(): void {
    for (const [key, stream] of this.streams) {
      if (this.options.known.nameOf(stream.modelVersion) !== undefined) continue;
      this.drop(key, stream);
      this.routes.clear();
    }
  }

  private drop(key: string, stream: Stream): void {
    for (const minutes of stream.parts.values()) this.numberCount -= minutes.size * lengthOf(stream);
    stream.parts.clear();
    this.streams.delete(key);
  }

  /** The statistic over the minutes before `end`, and whether no minute by itself says otherwise. */
  private valueOf(stream: Stream, end: number): { value: number | null; reports: number; isThroughout: boolean } {
    const { rule, parts } = stream;
    const reportCountMin = Math.max(rule.reportCountMin ?? 1, this.options.shownReportsMin);
    const minutes = Array.from({ length: rule.minutes }, (_, index) => end - rule.minutes + index);
    const shown = (over: readonly number[]): Sum => {
      const all: Sum = { reports: 0, numbers: new Float64Array(lengthOf(stream)) };
      for (const part of parts.values()) {
        const sums = over.flatMap((minute) => part.get(minute) ?? []);
        if (sums.reduce((count, { reports }) => count + reports, 0) >= reportCountMin) for (const sum of sums) addSum(all, sum);
      }
      return all;
    };
    const whole = shown(minutes);
    if (isCount(rule)) {
      const isSilent = minutes.every((minute) => [...parts.values()].every((part) => !part.has(minute)));
      const count = (whole.numbers[0] as number) / rule.minutes;
      return { value: whole.reports > 0 || isSilent ? count : null, reports: whole.reports, isThroughout: true };
    }
    const value = statisticOf(stream, whole);
    const isThroughout =
      value !== null &&
      isBeyond(rule, value, rule.value) &&
      minutes.every((minute) => {
        const alone = statisticOf(stream, shown([minute]));
        return alone === null || isBeyond(rule, alone, rule.value);
      });
    return { value, reports: whole.reports, isThroughout };
  }
}

const isCount = ({ statistic }: Rule): boolean => statistic === 'count-per-minute';

/** What a stream is called in incidents. A count is of all plans. */
const keyOf = (rule: Rule, plan: string): string => JSON.stringify(['rule', rule.id, isCount(rule) ? '' : plan]);

function lengthOf({ rule, metric }: Stream): number {
  return rule.statistic in QUANTILES ? metric.cells.length : rule.statistic === 'share' ? 2 : 1;
}

function add(numbers: Float64Array, index: number, count: number): void {
  numbers[index] = (numbers[index] as number) + count;
}

function addSum(all: Sum, { reports, numbers }: Sum): void {
  all.reports += reports;
  for (let index = 0; index < numbers.length; index++) add(all.numbers, index, numbers[index] as number);
}

/** Index of the first of rising cells that is not below. */
function firstAtLeast(cells: Uint32Array, cell: number): number {
  let [low, high] = [0, cells.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cells[middle] as number) < cell) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A quantile or a share; null of nothing. */
function statisticOf({ rule, metric }: Stream, { reports, numbers }: Sum): number | null {
  if (reports === 0) return null;
  const q = QUANTILES[rule.statistic];
  if (q !== undefined) return quantileOf(metric, numbers, q);
  const [inside, all] = numbers as unknown as [number, number];
  return all === 0 ? null : inside / all;
}

function isBeyond({ comparison }: Rule, value: number, limit: number): boolean {
  return comparison === 'above' ? value > limit : value < limit;
}

/** Once it alarms, it does so until the whole is back at `clearValue`. */
function verdictOf(stream: Stream, value: number, isThroughout: boolean, end: number): 'quiet' | 'alarm' {
  const { rule, state } = stream;
  const goesOn = state.alarm !== null && isBeyond(rule, value, rule.clearValue ?? rule.value);
  if (!goesOn && !(isThroughout && isBeyond(rule, value, rule.value))) {
    state.alarm = null;
    return 'quiet';
  }
  const atMs = (end - rule.minutes) * MINUTE_MS;
  state.alarm ??= { atMs, fromMs: atMs, toMs: atMs + MINUTE_MS };
  return 'alarm';
}

function signalOf(stream: Stream, verdict: Signal['verdict'], value: number | null): Signal {
  const { rule, modelVersion, plan, stage, metric, state } = stream;
  const isRatio = value !== null && value > 0 && rule.value > 0;
  const strength = value === null ? 0 : Math.abs(isRatio ? Math.log(value / rule.value) : value - rule.value);
  return {
    ...{ key: keyOf(rule, plan), rule: rule.id, modelVersion, plan, arm: null, segment: null },
    ...{
      metric: metric.id,
      stage,
      verdict,
      onset: state.alarm,
      kind: null,
      mix: null,
      effect: null,
      evidence: null,
      value,
      limit: rule.value,
      strength,
    },
    recoverMs: Math.max(RULE_RECOVER_MS_MIN, rule.minutes * MINUTE_MS),
  };
}
