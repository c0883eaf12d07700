/**
 * Times of rows: what a cell of a time column means, in milliseconds since 1970.
 *
 * Invariants
 *  - Nothing is guessed: a text is ISO 8601 and in UTC unless it says another offset; a number is seconds since 1970, or milliseconds
 *    where seconds would lie beyond the year 5138.
 *  - A day that is in no calendar, or a time before 1970, is no time.
 *  - A reason holds no value.
 *
 * Source: ISO 8601, the forms that databases and data frames write: a space for the T, offsets without a colon.
 */
import { TIME_MS_MAX } from '../../protocol/read/backtest-limits.ts';

/** Below it a number is seconds: as milliseconds it would be of March 1973. */
const SECONDS_MAX = 1e11;
const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|UTC|[+-]\d\d(?::?\d\d)?))?)?$/i;
const NUMBER = /^\d+(\.\d+)?$/;

/** What a time column must hold, for the sentence about one that does not. */
export const TIME_FORMS = 'ISO 8601 such as 2026-01-31T12:00:00Z, or seconds or milliseconds since 1970';

/** @returns null for what is no time; undefined for no value. */
export function timeOf(cell: unknown): number | null | undefined {
  if (cell === null || cell === undefined) return undefined;
  if (typeof cell === 'number' || typeof cell === 'bigint') return ofNumber(Number(cell));
  const text = String(cell).trim();
  if (text === '') return undefined;
  return NUMBER.test(text) ? ofNumber(Number(text)) : ofIso(text);
}

function ofNumber(number: number): number | null {
  return inRange(number < SECONDS_MAX ? number * 1_000 : number);
}

function ofIso(text: string): number | null {
  const match = ISO.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    ...number[],
  ];
  const [h, m, s] = [hour as number, minute as number, second as number];
  const dayMs = Date.UTC(year, month - 1, day);
  // Date.UTC carries 31 February over into March.
  const isDay = new Date(dayMs).getUTCMonth() === month - 1 && new Date(dayMs).getUTCDate() === day && year >= 1970;
  const isClock = (h < 24 && m < 60 && s <= 60) || (h === 24 && m === 0 && s === 0);
  const offsetMs = offsetOf(match[8]);
  if (!isDay || !isClock || offsetMs === null) return null;
  const fractionMs = Number(`0.${match[7] ?? 0}`) * 1_000;
  return inRange(dayMs + ((h * 60 + m) * 60 + s) * 1_000 + fractionMs - offsetMs);
}

/** Milliseconds by which a clock of that offset is ahead of UTC; null beyond a day's 24 hours. */
function offsetOf(text: string | undefined): number | null {
  const match = /^([+-])(\d\d):?(\d\d)?$/.exec(text ?? '+00');
  if (match === null) return 0;
  const [hours, minutes] = [Number(match[2]), Number(match[3] ?? 0)];
  return hours > 23 || minutes > 59 ? null : (match[1] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function inRange(ms: number): number | null {
  return ms >= 0 && ms <= TIME_MS_MAX ? Math.floor(ms) : null;
}
