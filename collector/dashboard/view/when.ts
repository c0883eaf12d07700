/**
 * Spans, zones and days: how long ago, in whose zone, and days of the monitor, which are UTC. Pure.
 *
 * Invariants
 *  - What is no time is a dash.
 *
 * Not here: a point of time (charts/time-text.ts).
 */

/** Further away no date exists (ECMA-262, time values). */
const TIME_MS_MAX = 8.64e15;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const known = formats.get(key) ?? new Intl.DateTimeFormat('en-GB', options);
  formats.set(key, known);
  return known;
}

const isTime = (ms: number | null): ms is number => ms !== null && Math.abs(ms) <= TIME_MS_MAX;

/** A day of the monitor: "28 Nov 2026". */
export function utcDayText(ms: number | null): string {
  if (!isTime(ms)) return '–';
  return format('day', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(ms);
}

/** For machines, as `<time datetime>` takes it; empty for what is no time. */
export function isoText(ms: number | null): string {
  return isTime(ms) ? new Date(ms).toISOString() : '';
}

/** "3 hours ago", "in 2 days". */
export function agoText(ms: number | null, nowMs: number): string {
  if (!isTime(ms)) return '–';
  const awayMs = ms - nowMs;
  const sizeMs = Math.abs(awayMs);
  if (sizeMs < MINUTE_MS) return awayMs <= 0 ? 'just now' : 'in a moment';
  return awayMs < 0 ? `${spanText(sizeMs)} ago` : `in ${spanText(sizeMs)}`;
}

/** "5 minutes", "3 hours", "12 days": whole ones, rounded down. */
export function spanText(sizeMs: number): string {
  if (sizeMs < MINUTE_MS) return 'under a minute';
  const [count, unit] =
    sizeMs < HOUR_MS
      ? [Math.floor(sizeMs / MINUTE_MS), 'minute']
      : sizeMs < 2 * DAY_MS
        ? [Math.floor(sizeMs / HOUR_MS), 'hour']
        : [Math.floor(sizeMs / DAY_MS), 'day'];
  return `${count.toLocaleString('en')} ${unit}${count === 1 ? '' : 's'}`;
}

/** "Europe/Berlin (GMT+1)". */
export function zoneText(nowMs: number, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const resolved = format(`offset ${timeZone}`, { timeZoneName: 'shortOffset', ...zone });
  const offset = resolved.formatToParts(isTime(nowMs) ? nowMs : 0).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return `${resolved.resolvedOptions().timeZone} (${offset})`;
}
