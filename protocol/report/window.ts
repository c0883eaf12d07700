/**
 * A window: counts of one plan, hour, segment and arm, and what a request carries of them.
 *
 * Not here: bytes (report.ts, noised-report.ts), adding up (counts/tally/window.ts).
 */
export const HOUR_MS = 3_600_000;

/** Wire index is the position here; `noised` has a body of its own (protocol/report/noised-report.ts). */
export const REPORT_KINDS = ['data', 'software', 'noised'] as const;

export type ReportKind = (typeof REPORT_KINDS)[number];

/** Wire index is the position here. */
export const ARMS = ['stable', 'candidate'] as const;

export type Arm = (typeof ARMS)[number];

/**
 * Times of which a window may be its browser's first: the UTC day, the ISO week. A week begins with a day, so the first of a week is also the
 * first of its day.
 */
export const VOTE_CADENCES = ['day', 'week'] as const;

export type VoteCadence = (typeof VOTE_CADENCES)[number];

export const DAY_HOURS = 24;

/** ISO weeks since that of 1970-01-01, a Thursday. @param day UTC days since 1970. */
export function weekOf(day: number): number {
  return Math.floor((day + 3) / 7);
}

/** Model version of a software report about a manifest that could not be read at all. */
export const UNKNOWN_MODEL_VERSION = '0000000000000000';

export interface WindowHeader {
  readonly report: ReportKind;
  /** 16 random bytes, as 32 hex digits. */
  readonly id: string;
  /** First 8 bytes of the plan's SHA-256, as 16 hex digits. */
  readonly plan: string;
  /** Hours since 1970-01-01T00:00Z in which the window opened. */
  readonly hour: number;
  readonly arm: Arm;
  /** 0 … SEGMENT_COUNT_MAX - 1. */
  readonly segment: number;
  readonly runs: number;
  /**
   * The longest time of which it is the first window that its browser sends of this model version and kind of report. Absent on all others,
   * on those of pages that do not mark, and on noised reports.
   */
  readonly mark?: VoteCadence;
}

export interface Window extends WindowHeader {
  /** Cell indices, strictly rising, and their counts, each at least 1. Equal lengths. */
  readonly cells: Uint32Array;
  readonly counts: Uint32Array;
}

export interface Body {
  /** First 8 bytes of the manifest's SHA-256, as 16 hex digits. */
  readonly modelVersion: string;
  readonly windows: readonly Window[];
}
