/**
 * Epsilon ledger: how much of its privacy budget this browser has spent on this site, and when the next report is due.
 *
 * Time is cut into epochs of a week that begin at an hour drawn once per ledger. Each epoch has one due time, drawn when the epoch
 * is first seen, uniform over the epoch (over what is left of it when it has passed already): it depends on no run.
 *
 * Invariants
 *  - One report per epoch and LOCAL_DP_REPORT_COUNT_MAX in LOCAL_DP_HISTORY_DAYS, over all models of the site together.
 *  - Integer millionths of ε; a deduction is rounded up. What was spent in an epoch never falls.
 *  - The epoch never goes back. A clock that does ends this epoch without a report; a record that cannot be true blocks reports
 *    for as long as the history that it should have held.
 *  - A cleared ledger refunds nothing: a new one is silent for LOCAL_DP_QUARANTINE_HOURS, and an epoch whose due time fell before
 *    that has none. A due time that is uniform over seven days reports with probability 1/7 on each day that is left.
 *
 * Not here: transactions (sdk/local-dp/epsilon-store.ts), answers and requests (sdk/local-dp/local-dp.ts).
 * Source: W3C Attribution Level 1 (budget deduction before use, epochs with a random start, cleared storage refunds nothing).
 */
import type { Chance } from '../../counts/noise/chance.ts';
import {
  LOCAL_DP_CLOCK_BACK_HOURS,
  LOCAL_DP_EPOCH_HOURS,
  LOCAL_DP_HISTORY_DAYS,
  LOCAL_DP_MICRO_EPSILON_MAX,
  LOCAL_DP_QUARANTINE_HOURS,
  LOCAL_DP_REPORT_COUNT_MAX,
} from '../../protocol/limits.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';

export const DAY_MS = 24 * HOUR_MS;
const EPOCH_MS = LOCAL_DP_EPOCH_HOURS * HOUR_MS;

export interface Ledger {
  /** Hour of the week, counted from 1970, at which this browser's epochs begin. */
  readonly startHour: number;
  readonly firstSeenHour: number;
  /** The latest that this ledger has seen the clock say. */
  readonly latestHour: number;
  readonly epochIndex: number;
  /** When this epoch's report is due; null when it is spent, or sat out. */
  readonly dueMs: number | null;
  /** Of this epoch. */
  readonly spentMicroEps: number;
  /** UTC days of the reports of the last LOCAL_DP_HISTORY_DAYS, by model version. */
  readonly reportsByModel: Readonly<Record<string, readonly number[]>>;
}

/** Stands in `reportsByModel` for a history that was lost. */
const LOST = 'lost';

export function epochOf(startHour: number, hour: number): number {
  return Math.floor((hour - startHour) / LOCAL_DP_EPOCH_HOURS);
}

/** Start of an epoch; the next one's is its end. */
export function epochStartMs({ startHour }: Pick<Ledger, 'startHour'>, epochIndex: number): number {
  return startHour * HOUR_MS + epochIndex * EPOCH_MS;
}

export function newLedger(nowMs: number, chance: Chance): Ledger {
  const hour = Math.floor(nowMs / HOUR_MS);
  const startHour = Number(chance.below(BigInt(LOCAL_DP_EPOCH_HOURS)));
  const epochIndex = epochOf(startHour, hour);
  const ledger = { startHour, firstSeenHour: hour, latestHour: hour, epochIndex, dueMs: null, spentMicroEps: 0, reportsByModel: {} };
  return { ...ledger, dueMs: drawDue(ledger, nowMs, chance) };
}

/** After a record that cannot be true: nothing is known, so everything may have been spent. */
export function exhaustedLedger(nowMs: number, chance: Chance): Ledger {
  const day = Math.floor(nowMs / DAY_MS);
  const reportsByModel = { [LOST]: Array.from({ length: LOCAL_DP_REPORT_COUNT_MAX }, () => day) };
  return { ...newLedger(nowMs, chance), dueMs: null, spentMicroEps: LOCAL_DP_MICRO_EPSILON_MAX, reportsByModel };
}

/** The ledger at this time; the same one when nothing has changed. */
export function atTime(ledger: Ledger, nowMs: number, chance: Chance): Ledger {
  const hour = Math.floor(nowMs / HOUR_MS);
  if (hour < ledger.latestHour - LOCAL_DP_CLOCK_BACK_HOURS) return ledger.dueMs === null ? ledger : { ...ledger, dueMs: null };
  if (hour <= ledger.latestHour) return ledger;
  const epochIndex = epochOf(ledger.startHour, hour);
  if (epochIndex === ledger.epochIndex) return { ...ledger, latestHour: hour };
  const fresh = { ...ledger, latestHour: hour, epochIndex, dueMs: null, spentMicroEps: 0 };
  return { ...fresh, dueMs: drawDue(fresh, nowMs, chance) };
}

function drawDue(ledger: Ledger, nowMs: number, chance: Chance): number | null {
  const startMs = epochStartMs(ledger, ledger.epochIndex);
  const drawnMs = startMs + Number(chance.below(BigInt(EPOCH_MS)));
  const leftMs = startMs + EPOCH_MS - nowMs;
  const againMs = nowMs + Number(chance.below(BigInt(leftMs)));
  if (drawnMs < (ledger.firstSeenHour + LOCAL_DP_QUARANTINE_HOURS) * HOUR_MS) return null;
  return drawnMs < nowMs ? againMs : drawnMs;
}

/**
 * The ledger after a report of its epoch, or null when there may be none.
 *
 * @param nowMs At or after the due time, or after the epoch's end for one that no page was open to send.
 */
export function spend(ledger: Ledger, modelVersion: string, microEps: number, nowMs: number): Ledger | null {
  const cost = Math.ceil(microEps);
  const spentMicroEps = ledger.spentMicroEps + cost;
  const isFirst = ledger.spentMicroEps === 0 && ledger.dueMs !== null && nowMs >= ledger.dueMs;
  const day = Math.floor(nowMs / DAY_MS);
  const recent = recentReports(ledger, day);
  const reportCount = Object.values(recent).reduce((sum, days) => sum + days.length, 0);
  if (!isFirst || !(cost > 0) || spentMicroEps > LOCAL_DP_MICRO_EPSILON_MAX || reportCount >= LOCAL_DP_REPORT_COUNT_MAX) return null;
  const reportsByModel = { ...recent, [modelVersion]: [...(recent[modelVersion] ?? []), day] };
  return { ...ledger, dueMs: null, spentMicroEps, reportsByModel };
}

function recentReports({ reportsByModel }: Ledger, day: number): Record<string, readonly number[]> {
  const kept = Object.entries(reportsByModel).map(
    ([model, days]) => [model, days.filter((at) => at > day - LOCAL_DP_HISTORY_DAYS)] as const,
  );
  return Object.fromEntries(kept.filter(([, days]) => days.length > 0));
}

/** Whether a stored value is a ledger that this code can have written. */
export function isLedger(stored: unknown): stored is Ledger {
  if (typeof stored !== 'object' || stored === null) return false;
  const { startHour, firstSeenHour, latestHour, epochIndex, dueMs, spentMicroEps, reportsByModel } = stored as Partial<
    Record<keyof Ledger, unknown>
  >;
  if (!isCount(startHour) || !isCount(firstSeenHour) || !isCount(latestHour) || !isCount(spentMicroEps)) return false;
  if (startHour >= LOCAL_DP_EPOCH_HOURS || firstSeenHour > latestHour || spentMicroEps > LOCAL_DP_MICRO_EPSILON_MAX) return false;
  if (epochIndex !== epochOf(startHour, latestHour)) return false;
  if (dueMs !== null && (!isCount(dueMs) || spentMicroEps > 0 || !isIn(dueMs, epochStartMs({ startHour }, epochIndex)))) return false;
  if (typeof reportsByModel !== 'object' || reportsByModel === null) return false;
  const days = Object.values(reportsByModel);
  return days.every((list) => Array.isArray(list) && list.every(isCount)) && days.flat().length <= LOCAL_DP_REPORT_COUNT_MAX;
}

function isIn(dueMs: number, startMs: number): boolean {
  return dueMs >= startMs && dueMs < startMs + EPOCH_MS;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
