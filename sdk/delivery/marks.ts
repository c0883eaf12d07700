/**
 * Marks: which window is the first that this browser sends of a model version and kind of report on a UTC day, and in an ISO week.
 *
 * Why: windows last a minute and cannot be linked, so somebody who stays for an hour would be taken for sixty people. Of marked windows alone
 * the collector takes votes, and their number is that of the devices of a day and of a week.
 *
 * Why days are remembered and not one day: a clock may be set ahead and back. Of each stretch of the clock the last marked day is kept, so that
 * neither the day before the step is marked again, nor everything is silent until the clock has come to the day that it once showed.
 *
 * Invariants
 *  - A day is marked once, and a week once, on the first of its days that is marked. What days a collector still takes is looked at alone:
 *    MARK_BACK_DAY_COUNT says why.
 *  - After a clock stepped back nothing is marked until it has come up again, for MARK_BACK_DAY_COUNT days and each remembered day at the most.
 *  - Pure: two tabs that ask at once are told apart by the transaction around it (sdk/delivery/outbox-db.ts).
 *
 * Not here: which windows ask (sdk/delivery/outbox.ts), the two bits (protocol/report/report.ts).
 */
import { MARK_BACK_DAY_COUNT, MARKED_DAY_COUNT_MAX, MARKED_MODEL_COUNT_MAX } from '../../protocol/limits.ts';
import { type VoteCadence, weekOf } from '../../protocol/report/window.ts';

/** Marked days of one model version and kind of report. */
export interface MarkedDays {
  /** Kind of report and model version. */
  readonly key: string;
  /** UTC days since 1970, the one marked last at the end: one, and one more for each gap or step of the clock of late. */
  readonly days: readonly number[];
}

interface Claim {
  /** Null: the day has been marked. */
  readonly mark: VoteCadence | null;
  readonly marked: readonly MarkedDays[];
}

/** @param marked Those claimed last at the end. */
export function claimMark(marked: readonly MarkedDays[], key: string, day: number): Claim {
  const days = marked.find((of) => of.key === key)?.days ?? [];
  if (days.some((other) => other >= day && other - day <= MARK_BACK_DAY_COUNT)) return { mark: null, marked };
  const mark = days.some((other) => weekOf(other) === weekOf(day)) ? 'day' : 'week';
  // The day goes on from one that lies shortly before it, and begins a stretch of its own otherwise.
  const kept = days.filter((other) => other > day || day - other > MARK_BACK_DAY_COUNT);
  const claimed = { key, days: [...kept, day].slice(-MARKED_DAY_COUNT_MAX) };
  return { mark, marked: [...marked.filter((of) => of.key !== key), claimed].slice(-MARKED_MODEL_COUNT_MAX) };
}
