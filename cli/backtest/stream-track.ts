/**
 * Stream track: what a replay found of one stream, from its first vote to its last.
 *
 * Invariants
 *  - An alarm is a stretch of hours with that verdict. Of what it says the last word is kept, of evidence and effect the largest.
 *  - Bounded: an entry a day.
 */
import type { Finding, StreamName } from '../../counts/monitor/finding.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';

/** One stretch in which a stream was in alarm. Times are the ends of the hours that told. */
export interface TrackedAlarm extends Pick<Finding, 'kind' | 'effect' | 'evidence' | 'mix'> {
  readonly openedAtMs: number;
  /** null: it was going on when the history ended. */
  readonly closedAtMs: number | null;
  readonly onset: NonNullable<Finding['onset']>;
}

/** Highest evidence of a day: its logarithm over that of an alarm. */
export interface DayEvidence {
  readonly day: number;
  readonly evidence: number;
}

export class StreamTrack {
  readonly name: StreamName;
  readonly alarms: TrackedAlarm[] = [];
  readonly evidence: DayEvidence[] = [];
  /** End of the first hour in which it could be judged. */
  watchedFromMs: number | null = null;
  last: Finding;

  constructor(first: Finding) {
    const { plan, arm, segment, metric } = first;
    this.name = { plan, arm, segment, metric };
    this.last = first;
  }

  /** The highest evidence of all; null while it had no baseline. */
  get peak(): number | null {
    return this.evidence.length === 0 ? null : this.evidence.reduce((peak, { evidence }) => Math.max(peak, evidence), -Infinity);
  }

  take(hour: number, finding: Finding, isWatched: boolean): void {
    this.last = finding;
    if (!isWatched) return;
    const atMs = (hour + 1) * HOUR_MS;
    this.watchedFromMs ??= atMs;
    this.#takeEvidence(Math.floor(hour / DAY_HOURS), finding.evidence);
    const open = this.alarms.at(-1)?.closedAtMs === null ? (this.alarms.pop() as TrackedAlarm) : null;
    const { onset, kind, effect, evidence, mix, verdict } = finding;
    if (verdict !== 'alarm' || onset === null) {
      if (open !== null) this.alarms.push({ ...open, closedAtMs: atMs });
      return;
    }
    this.alarms.push({
      ...{ openedAtMs: open?.openedAtMs ?? atMs, closedAtMs: null, onset, kind, mix: mix ?? open?.mix ?? null },
      effect: open?.effect == null || effect === null ? (effect ?? open?.effect ?? null) : Math.max(open.effect, effect),
      evidence: Math.max(open?.evidence ?? -Infinity, evidence),
    });
  }

  #takeEvidence(day: number, evidence: number): void {
    const last = this.evidence.at(-1);
    if (last?.day !== day) this.evidence.push({ day, evidence });
    else if (evidence > last.evidence) this.evidence[this.evidence.length - 1] = { day, evidence };
  }
}
