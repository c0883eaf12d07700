/**
 * Words: how the report's numbers are said, alike on a terminal and in HTML.
 */
import { SEGMENT_MIX_METRIC } from '../../protocol/read/monitoring.ts';
import type { DelayRow } from './delays.ts';
import type { BacktestReport, NamedStream, ReportedStream } from './report.ts';

/** "2026-01-31 13:00", in UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

export function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** "2026-01-31 13:00 (01-30 to 02-02)". */
export function onsetText({ atMs, fromMs, toMs }: { readonly atMs: number; readonly fromMs: number; readonly toMs: number }): string {
  return `${timeText(atMs)} (${dateText(fromMs)} to ${dateText(toMs)})`;
}

export function endText(ms: number | null): string {
  return ms === null ? 'going on' : timeText(ms);
}

export function psiText(psi: number | null): string {
  if (psi === null) return '–';
  return psi === 0 ? '0' : psi >= 0.1 ? psi.toFixed(2) : psi.toPrecision(2);
}

export function signedText(number: number): string {
  return `${number >= 0 ? '+' : ''}${number.toFixed(1)}`;
}

export function numberText(number: number): string {
  return number >= 100 ? number.toFixed(0) : Number(number.toPrecision(2)).toString();
}

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

export function metricText({ metric }: NamedStream): string {
  return metric === SEGMENT_MIX_METRIC ? 'shares of the segments' : metric;
}

/** Segment and arm; nothing where there is one of each. */
export function placeText({ segment, arm }: NamedStream): string {
  return [segment ?? 'all', ...(arm === 'stable' ? [] : [arm])].join(', ');
}

/** Within how many days that part was found. */
export function delayText({ planted }: DelayRow, days: number | null): string {
  if (planted === 0) return '–';
  return days === null ? 'longer than was waited for' : `${numberText(days)} ${days === 1 ? 'day' : 'days'}`;
}

export function foundText({ found, planted }: DelayRow): string {
  return planted === 0 ? 'no stream to tilt' : `${found} of ${planted}`;
}

/** Streams that had no verdict when the history ended, those that lack most first. */
export function unjudged({ streams }: BacktestReport): readonly ReportedStream[] {
  return streams
    .filter(({ verdict }) => verdict === 'not-enough-data')
    .sort((one, other) => other.missingWindows - one.missingWindows || other.missingDays - one.missingDays);
}

export function missingText({ missingWindows, missingDays, watchedFromMs }: ReportedStream): string {
  const parts = [
    ...(missingWindows > 0 ? [countText(missingWindows, 'window')] : []),
    ...(missingDays > 0 ? [countText(missingDays, 'day')] : []),
  ];
  return `${parts.join(' and ')} ${watchedFromMs === null ? 'for a baseline' : 'within a week'}`;
}

/** What was judged, in a sentence. */
export function judgedSentence({ judged, history, falseAlarms, options }: BacktestReport): string {
  if (judged.fromMs === null)
    return `None of ${countText(judged.streams, 'stream')} ever had a baseline, so nothing was judged within ${countText(history.days, 'day')}.`;
  const { incidents, expected } = falseAlarms;
  const watched = `Judged from ${dateText(judged.fromMs)} on, ${countText(judged.days, 'day')}: ${judged.watched} of ${countText(judged.streams, 'stream')} had a baseline.`;
  return `${watched} ${countText(incidents, 'incident')} would have opened; a budget of ${options.budget} a model-year allows for ${numberText(expected)} false ones in that time.`;
}

export function rulesSentence({ options, tolerance }: BacktestReport): string {
  const own = options.tolerance === null ? `${psiText(tolerance)}, which the burn-in proposes` : psiText(options.tolerance);
  return `Budget ${options.budget} false incidents a model-year; tolerance PSI ${own}; burn-in of ${options.burnInDays} days.`;
}

export function historySentence({ history, source }: BacktestReport): string {
  const span = `${dateText(history.fromMs)} to ${dateText(history.toMs - 1)}: ${countText(history.days, 'day')}, ${countText(history.windows, 'marked window')}`;
  if (source.kind === 'collector') return `${span}, as the collector at ${source.url} keeps them.`;
  const { counted, unreadable, outside } = source.rows;
  const left = [
    ...(unreadable > 0 ? [`${unreadable.toLocaleString('en-US')} unreadable`] : []),
    ...(outside > 0 ? [`${outside.toLocaleString('en-US')} outside of it`] : []),
  ];
  return `${span}, of ${countText(counted, 'row')}${left.length === 0 ? '' : `; ${left.join(', ')}`}.`;
}
