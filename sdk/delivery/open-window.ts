/**
 * An open window: its counts, and how far they are stored.
 *
 * Invariants
 *  - Its id exists from the moment it opens and is never used for anything else.
 *  - A data window with fewer than DATA_REPORT_RUN_COUNT_MIN runs that are no repeats is a rest and does not leave the device; a software
 *    window has no minimum.
 *  - It takes no more feedback and events than are believed of it, or of as many runs as it must have to leave: the collector refuses more.
 *  - A window with losses but no runs is not sent alone: it would answer its own refusal for ever.
 *  - Its key says whose counts it holds: report, model version, plan, arm and segment.
 *  - It asks for its mark once, for the day of its hour; moved to another day it has none and may ask again.
 *
 * Not here: transactions (sdk/delivery/outbox.ts).
 */
import { CountWindow } from '../../counts/tally/window.ts';
import { toHex } from '../../protocol/hex.ts';
import {
  DATA_REPORT_RUN_COUNT_MIN,
  FEEDBACK_PER_RUN_COUNT_MAX,
  OUTBOX_AGE_MS_MAX,
  REST_RUN_COUNT_MAX,
  SOFTWARE_EVENT_COUNT_MAX,
  WINDOW_OPEN_MS_MAX,
  WINDOW_RUN_COUNT_MAX,
} from '../../protocol/limits.ts';
import { ARMS, type Arm, DAY_HOURS, type ReportKind, type VoteCadence } from '../../protocol/report/window.ts';
import type { Clock } from './clock.ts';
import type { RecordState, WindowRecord } from './outbox-db.ts';

export interface WindowKey {
  readonly report: ReportKind;
  readonly modelVersion: string;
  readonly plan: string;
  readonly arm: Arm;
  readonly segment: number;
  readonly cellCount: number;
}

export function keyText({ report, modelVersion, plan, arm, segment }: WindowKey): string {
  return `${report} ${modelVersion} ${plan} ${arm} ${segment}`;
}

/** The arm that a window's key names, also of one that an earlier release stored; the first where the record is damaged. */
export function armOf(key: string): Arm {
  return ARMS.find((arm) => key.split(' ').includes(arm)) ?? ARMS[0];
}

export class OpenWindow {
  readonly key: string;
  readonly report: ReportKind;
  readonly modelVersion: string;
  readonly cellCount: number;
  readonly openedAtMs: number;
  /** When the oldest run in it was counted: earlier than its opening once a rest has joined. */
  oldestAtMs: number;
  readonly counts: CountWindow;
  /** Answers that a person judged. */
  feedback = 0;
  private events = 0;
  /** State of the last committed record; null before the first. */
  committed: RecordState | null = null;
  /** Runs in that record. */
  committedRuns = 0;
  /** Counts came since the last record was written. */
  isDirty = false;
  isWriteQueued = false;
  /** A rest is on its way into this window: rule (b). */
  isAdopting = false;
  /** The page froze: nothing is counted into it any more. */
  isAbandoned = false;
  isLossOnly = true;
  /** Null: none, or not asked for yet. */
  mark: VoteCadence | null = null;
  isMarkAsked = false;

  constructor(of: WindowKey, clock: Clock, random: (count: number) => Uint8Array) {
    this.key = keyText(of);
    this.report = of.report;
    this.modelVersion = of.modelVersion;
    this.cellCount = of.cellCount;
    this.openedAtMs = clock.now();
    this.oldestAtMs = this.openedAtMs;
    const id = toHex(random(16));
    this.counts = new CountWindow(
      { report: of.report, id, plan: of.plan, hour: clock.hour(), arm: of.arm, segment: of.segment },
      of.cellCount,
    );
  }

  /** Before it was handed to the network: no one has seen another hour of it. */
  moveTo(hour: number): void {
    const { day } = this;
    this.counts.moveTo(hour);
    this.isDirty = true;
    if (day === this.day) return;
    this.mark = null;
    this.isMarkAsked = false;
  }

  /** UTC day since 1970 that its hour is of. */
  get day(): number {
    return Math.floor(this.counts.header.hour / DAY_HOURS);
  }

  /** What leaves may be marked, and nothing else: a rest that another window takes up brings none. */
  get mustAskForMark(): boolean {
    return !this.isMarkAsked && this.hasEnoughRuns;
  }

  /** @param counts Its own, or what they will be. */
  stateOf(counts: CountWindow): RecordState {
    return this.report === 'software' || counts.hasEnoughRuns ? 'draft' : 'rest';
  }

  get stateNow(): RecordState {
    return this.stateOf(this.counts);
  }

  /** What of a software window is no run: whether so many more of it are still believed, and then counted. Beyond, nothing is told. */
  takesEvents(count: number): boolean {
    if (this.events + count > SOFTWARE_EVENT_COUNT_MAX) return false;
    this.events += count;
    return true;
  }

  /** Whether `more` runs and feedback keep it believable. */
  hasRoomFor(more: Pick<WindowRecord, 'runs' | 'feedback'>): boolean {
    const runs = this.counts.runs + more.runs;
    const feedbackMax = FEEDBACK_PER_RUN_COUNT_MAX * Math.max(runs, DATA_REPORT_RUN_COUNT_MIN);
    return runs <= WINDOW_RUN_COUNT_MAX && this.feedback + (more.feedback ?? 0) <= feedbackMax;
  }

  /** Enough to leave the device as it is. */
  get hasEnoughRuns(): boolean {
    return this.stateNow === 'draft' && !this.counts.isEmpty && !(this.report === 'software' && this.isLossOnly);
  }

  /** A rest that stayed one for longer than anything is kept, or until nothing more fits: one input again and again. */
  isExpired(nowMs: number): boolean {
    return this.stateNow === 'rest' && (nowMs - this.oldestAtMs > OUTBOX_AGE_MS_MAX || this.counts.runs >= REST_RUN_COUNT_MAX);
  }

  /** Old enough to close, full, or of an hour that has passed. */
  isDue(clock: Clock): boolean {
    return clock.now() - this.openedAtMs >= WINDOW_OPEN_MS_MAX || this.counts.isFull || clock.hour() !== this.counts.header.hour;
  }
}
