/**
 * Times as a reader has them: in the zone of the browser, and in files in UTC.
 *
 * Invariants
 *  - Ticks stand at whole hours, days and months of the reader's calendar, also on days of 23 and 25 hours.
 *  - Wherever an hour can be there twice, the zone's distance from UTC stands beside it.
 */

/** Steps between ticks that a reader finds natural, by unit of the calendar. */
const STEPS = [
  ...[1, 2, 3, 6, 12].map((count) => ({ unit: 'hour', count, ms: count * 3_600_000 }) as const),
  ...[1, 2, 7, 14].map((count) => ({ unit: 'day', count, ms: count * 86_400_000 }) as const),
  ...[1, 2, 3, 6, 12, 24, 60, 120].map((count) => ({ unit: 'month', count, ms: count * 30.4 * 86_400_000 }) as const),
];
type Step = (typeof STEPS)[number];

const formats = {
  minute: new Intl.DateTimeFormat('en', {
    ...{ year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' },
    ...{ hourCycle: 'h23', timeZoneName: 'short' },
  }),
  day: new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric' }),
  hour: new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  month: new Intl.DateTimeFormat('en', { month: 'short', year: 'numeric' }),
};

/** "Nov 28, 2026, 09:30 GMT+1". */
export function timeText(atMs: number): string {
  return isTime(atMs) ? formats.minute.format(atMs) : '–';
}

/** For files: "2026-11-28T08:30:00.000Z". */
export function timeOfFile(atMs: number): string | null {
  return isTime(atMs) ? new Date(atMs).toISOString() : null;
}

/** "3 days", "1 h", "20 min". */
export function lengthText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${Math.max(0, minutes)} min`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 6) / 10} h`;
  return `${Math.round(minutes / 144) / 10} days`;
}

interface TimeTick {
  readonly atMs: number;
  readonly text: string;
}

/** At most `countMax` ticks in a stretch of time. */
export function timeTicks(fromMs: number, toMs: number, countMax: number): readonly TimeTick[] {
  if (!isTime(fromMs) || !isTime(toMs) || toMs <= fromMs || countMax < 1) return [];
  for (const step of STEPS) {
    if ((toMs - fromMs) / step.ms > countMax + 1) continue;
    const times = timesOf(step, fromMs, toMs);
    if (times.length <= countMax) return times.map((atMs) => ({ atMs, text: tickText(step, atMs) }));
  }
  return [];
}

function timesOf(step: Step, fromMs: number, toMs: number): readonly number[] {
  const first = new Date(fromMs);
  const times: number[] = [];
  for (let index = 0; ; index++) {
    const atMs = timeOf(step, first, index);
    if (!(atMs <= toMs)) return times;
    // Where clocks go back, an hour of the calendar is there twice, and one that is skipped falls on the next.
    if (atMs >= fromMs && atMs !== times.at(-1)) times.push(atMs);
  }
}

/** The step of that index, counted from the beginning of the day, the month or the year. */
function timeOf({ unit, count }: Step, first: Date, index: number): number {
  const [year, month, day] = [first.getFullYear(), first.getMonth(), first.getDate()];
  if (unit === 'hour') return new Date(year, month, day, index * count).getTime();
  if (unit === 'day') return new Date(year, month, count >= 7 ? day - first.getDay() + 1 + index * count : day + index * count).getTime();
  return new Date(count > 12 ? year - (year % (count / 12)) : year, index * count).getTime();
}

function tickText({ unit }: Step, atMs: number): string {
  const at = new Date(atMs);
  if (unit === 'month') return formats.month.format(atMs);
  return unit === 'day' || (at.getHours() === 0 && at.getMinutes() === 0) ? formats.day.format(atMs) : formats.hour.format(atMs);
}

function isTime(atMs: number): boolean {
  return Math.abs(atMs) <= 8.64e15;
}
