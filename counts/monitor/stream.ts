/**
 * A stream: one metric of one plan, arm and segment, from its burn-in to its alarms.
 *
 * Invariants
 *  - The state is plain data; whatever is computed of it is computed again after a restart and comes out the same.
 *  - Bounded: a baseline, DETECTOR_DAY_COUNT_MAX days, one alarm.
 *  - An alarm begins when the evidence passes the threshold and goes on until the stream has come back, however the evidence moves.
 */
import { ALARM_WINDOW_COUNT_MIN, DETECTOR_DAY_COUNT_MAX } from '../../protocol/monitor-limits.ts';
import { type Baseline, type Reference, referenceOf, type Shared, UNSHARED } from './baseline.ts';
import {
  addToBurnIn,
  type BurnIn,
  baselineOf,
  burnInAgain,
  type CadenceVotes,
  closeBurnInDay,
  type Missing,
  startBurnIn,
  withDay,
} from './burn-in.ts';
import { addToDay, type DayVotes, dayOf, HOURS_PER_DAY } from './day-votes.ts';
import { type Evidence, evidenceOf, recoveryOf, type ScoredDay, type Starts, scoreDay, startsOf } from './detector.ts';
import type { Dispersion } from './dispersion.ts';
import { effectOf, movementOf } from './effect.ts';
import type { Finding, Movement, Onset, StreamName } from './finding.ts';
import type { MetricCells } from './grouping.ts';
import { type Change, changeOf } from './onset.ts';

interface Alarm extends Change {
  readonly sinceHour: number;
  readonly isSmooth: boolean;
}

export interface StreamState extends StreamName {
  readonly cells: MetricCells;
  /** null once there is a baseline. */
  readonly burnIn: BurnIn | null;
  readonly baseline: Baseline | null;
  /** Since the baseline, the last DETECTOR_DAY_COUNT_MAX of them. */
  readonly days: readonly DayVotes[];
  /** No e-process starts before it. */
  readonly fromDay: number;
  readonly alarm: Alarm | null;
}

/** Days before a change by which its onset is judged; without them an onset stays as it was first told. */
const QUIET_DAY_COUNT_MIN = 5;
/** Days in which a stream must have been seen to be called quiet. */
const RECENT_DAY_COUNT = 7;
const NO_MOVEMENT = { perDay: null, perWeek: null } as const;

export class Stream {
  #state: StreamState;
  #shared: Shared = UNSHARED;
  /** Follow from the state; null until they are needed. */
  #reference: Reference | null = null;
  /** Of whole days, and so the same all day long. */
  #scored: readonly ScoredDay[] = [];
  #starts: Starts | null = null;
  #movement: { readonly day: number; readonly value: Movement } | null = null;

  constructor(state: StreamState) {
    this.#state = state;
  }

  static start(name: StreamName, cells: MetricCells, day: number): Stream {
    return new Stream({ ...name, cells, burnIn: startBurnIn(day), baseline: null, days: [], fromDay: day, alarm: null });
  }

  get state(): StreamState {
    return this.#state;
  }

  get isWatched(): boolean {
    return this.#state.baseline !== null;
  }

  get alarm(): Alarm | null {
    return this.#state.alarm;
  }

  /** As learnt from the baseline, before anything is shared. */
  get dispersion(): Dispersion | null {
    const { baseline } = this.#state;
    return baseline === null ? null : referenceOf(baseline, UNSHARED).dispersion;
  }

  get reference(): Reference | null {
    const { baseline } = this.#state;
    if (baseline === null) return null;
    this.#reference ??= referenceOf(baseline, this.#shared);
    return this.#reference;
  }

  share(shared: Shared): void {
    const { tolerance, withinDay, repeats } = this.#shared;
    if (shared.tolerance === tolerance && shared.withinDay === withinDay && shared.repeats === repeats) return;
    this.#shared = shared;
    this.#forget();
  }

  add(hour: number, votes: CadenceVotes): void {
    const { burnIn, baseline, days } = this.#state;
    const day = dayOf(hour);
    if (burnIn !== null) {
      this.#state = { ...this.#state, burnIn: addToBurnIn(burnIn, hour, votes) };
      return;
    }
    const { cadence, grouping } = baseline as Baseline;
    const own = votes[cadence];
    if (own === null || own.items === 0) return;
    const added = withDay(days, day, (known) => addToDay(known, day, own, grouping.groupOf, grouping.groupCount));
    this.#state = { ...this.#state, days: added };
  }

  /** What is done when a day is over. @returns Whether the stream has got a baseline. */
  closeDay(today: number, burnInDays: number): boolean {
    const { burnIn, cells, days } = this.#state;
    if (burnIn !== null) {
      const closed = closeBurnInDay(burnIn, cells, today);
      const { baseline } = baselineOf(closed, burnInDays, today);
      this.#state = { ...this.#state, burnIn: baseline === null ? closed : null, baseline, days: [], fromDay: today };
      this.#forget();
      return baseline !== null;
    }
    const oldest = today - DETECTOR_DAY_COUNT_MAX;
    if (days.length > 0 && (days[0] as DayVotes).day < oldest) {
      this.#state = { ...this.#state, days: days.filter(({ day }) => day >= oldest) };
    }
    return false;
  }

  /** "This is the new normal": what was seen since that day is the beginning of the next baseline. */
  rebase(fromDay: number): void {
    const { baseline, days } = this.#state;
    if (baseline === null) return;
    const kept = days.filter(({ day }) => day >= fromDay);
    const burnIn = burnInAgain(baseline, (this.reference as Reference).dispersion, kept, Math.max(fromDay, kept[0]?.day ?? fromDay));
    this.#state = { ...this.#state, burnIn, baseline: null, days: [], alarm: null };
    this.#forget();
  }

  /** Takes another's baseline, as a later model version of the same plan does. */
  inherit(baseline: Baseline, day: number): void {
    this.#state = { ...this.#state, burnIn: null, baseline, days: [], fromDay: day, alarm: null };
    this.#forget();
  }

  /**
   * @param hour The last hour whose votes are all there.
   * @param threshold Logarithm of the evidence that begins an alarm.
   */
  evaluate(hour: number, threshold: number, burnInDays: number): Finding {
    const today = dayOf(hour);
    const { reference } = this;
    if (reference === null) return this.#unfinished(baselineOf(this.#state.burnIn as BurnIn, burnInDays, today + 1).missing, threshold);
    const days = this.scoredDays(hour);
    const evidence = this.#evidenceOf(reference, days, today);
    const isRecovered = this.#recover(reference, days, today, threshold);
    if (!isRecovered && (this.alarm !== null || evidence.log >= threshold)) this.#updateAlarm(reference, days, evidence, hour);
    const { alarm } = this.#state;
    const recent = days.slice(-RECENT_DAY_COUNT).filter(({ day }) => day > today - RECENT_DAY_COUNT);
    const windows = recent.reduce((sum, day) => sum + day.windows, 0);
    const missingWindows = Math.max(0, ALARM_WINDOW_COUNT_MIN - windows);
    return {
      ...this.#name(),
      verdict: alarm !== null ? 'alarm' : missingWindows > 0 ? 'not-enough-data' : 'quiet',
      evidence: Math.max(0, isRecovered ? this.#evidenceOf(reference, days, today).log : evidence.log) - threshold,
      effect: effectOf(reference, alarm === null ? recent : daysSince(days, alarm.onset)),
      onset: alarm?.onset ?? null,
      kind: alarm?.kind ?? null,
      movement: this.#movementOn(reference, days, today),
      mix: null,
      missingWindows,
      missingDays: 0,
    };
  }

  /** @param hour The last hour that is over: a day that is not has only been seen so far. */
  scoredDays(hour: number): readonly ScoredDay[] {
    const reference = this.reference as Reference;
    const today = dayOf(hour);
    const { days } = this.#state;
    const last = days.at(-1);
    if (last?.day !== today) return this.#scoreWhole(reference, days);
    return [...this.#scoreWhole(reference, days.slice(0, -1)), scoreDay(last, reference, (hour + 1) / HOURS_PER_DAY - today)];
  }

  #scoreWhole(reference: Reference, days: readonly DayVotes[]): readonly ScoredDay[] {
    const known = this.#scored;
    const [first, last] = [days[0]?.day ?? Infinity, known.at(-1)?.day ?? -Infinity];
    if (known.length === days.length && known[0]?.day === days[0]?.day) return known;
    const added = days.filter(({ day }) => day > last).map((votes) => scoreDay(votes, reference));
    this.#scored = [...known.filter(({ day }) => day >= first), ...added];
    return this.#scored;
  }

  #evidenceOf(reference: Reference, days: readonly ScoredDay[], today: number, fromDay = this.#state.fromDay): Evidence {
    const last = days.at(-1);
    const now = last?.day === today ? last : null;
    const before = this.#starts?.fromDay === fromDay ? this.#starts : null;
    if (before?.today !== today) this.#starts = startsOf(reference, before, now === null ? days : days.slice(0, -1), fromDay, today);
    return evidenceOf(reference, this.#starts as Starts, now);
  }

  #movementOn(reference: Reference, days: readonly ScoredDay[], today: number): Movement {
    if (this.#movement?.day !== today) this.#movement = { day: today, value: movementOf(reference, days, today) };
    return this.#movement.value;
  }

  #unfinished({ windows, days }: Missing, threshold: number): Finding {
    return {
      ...this.#name(),
      verdict: 'not-enough-data',
      evidence: -threshold,
      effect: null,
      onset: null,
      kind: null,
      movement: NO_MOVEMENT,
      mix: null,
      missingWindows: windows,
      missingDays: days,
    };
  }

  #name(): StreamName {
    const { plan, arm, segment, metric } = this.#state;
    return { plan, arm, segment, metric };
  }

  /** Ends an alarm whose stream is back; no e-process that saw the change is looked at any more. What would alarm again is not back. */
  #recover(reference: Reference, days: readonly ScoredDay[], today: number, threshold: number): boolean {
    const { alarm } = this.#state;
    if (alarm === null) return false;
    const onsetDay = Math.round(alarm.onset.hour / HOURS_PER_DAY);
    const backDay = recoveryOf(reference, days, Math.max(onsetDay, days[0]?.day ?? 0), today);
    if (backDay === null || this.#evidenceOf(reference, days, today, backDay).log >= threshold) return false;
    this.#state = { ...this.#state, alarm: null, fromDay: backDay };
    return true;
  }

  #updateAlarm(reference: Reference, days: readonly ScoredDay[], evidence: Evidence, hour: number): void {
    const { alarm, fromDay } = this.#state;
    const keptFrom = dayOf(hour) - DETECTOR_DAY_COUNT_MAX;
    // Once the days before a change have fallen off, what is left cannot tell when it began.
    if (alarm !== null && keptFrom > fromDay && keptFrom + QUIET_DAY_COUNT_MIN > alarm.onset.fromHour / HOURS_PER_DAY) return;
    const isSmooth = alarm?.isSmooth ?? evidence.isSmooth;
    const own = days.filter(({ day }) => day >= fromDay);
    const change = changeOf(reference, own, isSmooth, hour + 1);
    if (change === null) return;
    this.#state = { ...this.#state, alarm: { ...change, isSmooth, sinceHour: alarm?.sinceHour ?? hour } };
  }

  #forget(): void {
    this.#reference = null;
    this.#scored = [];
    this.#starts = null;
    this.#movement = null;
  }
}

/** Whole days after the onset; the day of the onset itself where there are none yet. */
export function daysSince(days: readonly ScoredDay[], { hour }: Onset): readonly ScoredDay[] {
  const whole = days.filter(({ day }) => day >= hour / HOURS_PER_DAY);
  return whole.length > 0 ? whole : days.filter(({ day }) => day >= dayOf(hour));
}
