/**
 * Sentences: what people are told of an incident.
 *
 * Invariants
 *  - Names are anybody's: they are kept short and on one line. A metric of a stranger's manifest cannot write a second line into a mail.
 */
import type { Incident, MovedMetric } from '../../protocol/read/incidents.ts';
import { SEGMENT_MIX_METRIC } from '../../protocol/read/monitoring.ts';
import type { Notification, ToldChange } from '../../protocol/read/notification.ts';

const NAME_LENGTH_MAX = 120;
const LISTED_COUNT_MAX = 10;

/** One line, and not longer than a name needs. */
export function plainName(name: string): string {
  // Controls, line ends, and marks that turn the direction of what follows.
  const line = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > NAME_LENGTH_MAX ? `${line.slice(0, NAME_LENGTH_MAX - 1)}…` : line;
}

const BEGINNINGS: Readonly<Record<ToldChange, string>> = {
  opened: 'New incident',
  worsened: 'Worse',
  reopened: 'Back again',
  unmuted: 'Still open',
  closed: 'Over',
};

export function sentenceOf(change: ToldChange, { name, version }: Notification['model'], incident: Incident): string {
  const [first] = incident.metrics;
  const further = incident.metrics.length + incident.leftOutCount - 1;
  const more = further > 0 ? `, and ${further} more` : '';
  const end = incident.closedBecause === null ? '' : ` (${incident.closedBecause})`;
  return `${BEGINNINGS[change]}${end}: ${plainName(`${name} ${version}`)}: ${first === undefined ? 'nothing' : movedText(first)}${more}.`;
}

function movedText(moved: MovedMetric): string {
  const since = ` since ${minuteText(moved.onset.atMs)}`;
  if (moved.rule !== null) {
    const value = moved.value === null ? '' : `: ${figure(moved.value)}, limit ${figure(moved.limit ?? 0)}`;
    return `${plainName(moved.metric)} passed rule ${moved.rule}${value}${since}`;
  }
  const effect = moved.effect === null ? '' : `PSI ${figure(moved.effect)}`;
  const mix = moved.mix === 'alone' ? 'only the shares of the segments' : '';
  const how = [effect, moved.kind ?? '', mix].filter((text) => text !== '').join(', ');
  const what = moved.metric === SEGMENT_MIX_METRIC ? 'the shares of the segments' : plainName(moved.metric);
  return `${what} moved${since}${how === '' ? '' : ` (${how})`}`;
}

/** A line for each metric, the first of them. */
export function movedLines({ metrics, leftOutCount }: Incident): string[] {
  const lines = metrics.slice(0, LISTED_COUNT_MAX).map(movedText);
  const further = metrics.length + leftOutCount - lines.length;
  return further > 0 ? [...lines, `and ${further} more`] : lines;
}

export function minuteText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}
