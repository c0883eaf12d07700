/**
 * Incidents in words: what moved, how far, since when, how sure. Pure.
 *
 * Invariants
 *  - Names of metrics are a stranger's: they are cut and fenced in (nameText).
 *  - Evidence is told as a multiple of what an alarm needs, never as a probability.
 *
 * Not here: an incident's place in a list, and what can be done with it (pages/).
 */
import type { AuditEntry, ClosedBecause, Incident, IncidentState, MovedMetric } from '../../../protocol/read/incidents.ts';
import { SEGMENT_MIX_METRIC } from '../../../protocol/read/monitoring.ts';
import { axisNumber, decimal, nameText } from '../charts/figures.ts';
import { timeText } from '../charts/time-text.ts';
import { spanText } from './when.ts';

export const STATE_TEXTS: { readonly [S in IncidentState]: string } = { open: 'Open', recovering: 'Recovering', closed: 'Closed' };

const CLOSED_TEXTS: { readonly [B in ClosedBecause]: string } = {
  recovered: 'It was as before for long enough',
  rebased: 'This is the new normal, a person said',
  silent: 'Nothing was heard of it for a week',
  unregistered: 'The model version was removed',
};

/** "input.image.brightness moved, PSI 0.31", "run.latency at 250, limit 200". */
export function movedText(metric: MovedMetric): string {
  const name = metricText(metric.metric);
  if (metric.rule !== null) {
    return metric.value === null ? `${name} is beyond its limit` : `${name} at ${axisNumber(metric.value)}, limit ${number(metric.limit)}`;
  }
  return metric.effect === null ? `${name} moved` : `${name} moved, PSI ${decimal(metric.effect)}`;
}

/** What a metric is called by itself: its id, or words where it is none of a plan. */
export function metricText(metric: string): string {
  return metric === SEGMENT_MIX_METRIC ? 'Shares of the segments' : nameText(metric);
}

const MIX_TEXTS = {
  alone: 'Only the shares of the segments moved',
  also: 'The shares of the segments moved, too',
  steady: 'The shares of the segments are as they were',
} as const;

/** Of an alarm over all segments, what the shares of the segments did; null where there is nothing to tell apart. */
export function mixText(mix: MovedMetric['mix'] | undefined): string | null {
  return mix === null || mix === undefined ? null : MIX_TEXTS[mix];
}

/** What the incident is about, and how much more of it there is. */
export function titleOf({ metrics, leftOutCount }: Incident): string {
  const [first] = metrics;
  if (first === undefined) return 'An incident without a metric';
  const more = metrics.length - 1 + leftOutCount;
  return `${movedText(first)}${more === 0 ? '' : `, and ${more} more`}`;
}

/** "28 Nov 2026, 09:00 CET, give or take 5 hours". */
export function onsetText({ atMs, fromMs, toMs }: Incident['onset']): string {
  const halfMs = Math.max(atMs - fromMs, toMs - atMs);
  return halfMs < 60_000 ? timeText(atMs) : `${timeText(atMs)}, give or take ${spanText(halfMs)}`;
}

/** Against what an alarm needs: "24 ×", "3 %"; a dash where there is none. @param evidence Logarithm over that of an alarm. */
export function evidenceText(evidence: number | null): string {
  if (evidence === null || Number.isNaN(evidence)) return '–';
  if (evidence >= Math.log(1e6)) return '> 1,000,000 ×';
  const times = Math.exp(evidence);
  if (times >= 1) return `${times < 10 ? times.toFixed(1) : Math.round(times).toLocaleString('en')} ×`;
  return times < 0.001 ? '< 0.1 %' : `${(times * 100).toFixed(times < 0.1 ? 1 : 0)} %`;
}

/** Why it is over; null while it is not. */
export function closedText({ closedBecause, closedAtMs }: Incident): string | null {
  return closedBecause === null || closedAtMs === null ? null : `${CLOSED_TEXTS[closedBecause]}: ${timeText(closedAtMs)}`;
}

/** What counts of the metric: PSI of a distribution, value and limit of a rule. */
export function effectText({ rule, effect, value, limit }: MovedMetric): string {
  if (rule === null) return effect === null ? '–' : `PSI ${decimal(effect)}`;
  return `${number(value)}, limit ${number(limit)}`;
}

/** Where it moved: arm and segment; null where all are taken together. */
export function whereText({ arm, segment }: Pick<MovedMetric, 'arm' | 'segment'>, segments: readonly string[] = []): string | null {
  const parts = [arm === null || arm === 'stable' ? null : arm, segment === null || segment < 0 ? null : segmentText(segment, segments)];
  const told = parts.filter((part) => part !== null);
  return told.length === 0 ? null : told.join(', ');
}

function segmentText(segment: number, segments: readonly string[]): string {
  const name = segments[segment];
  return name === undefined ? `segment ${segment}` : nameText(name);
}

const AUDIT_TEXTS: { readonly [W in AuditEntry['what']]: string } = {
  opened: 'Opened',
  joined: 'Another metric joined',
  worsened: 'Worsened',
  recovering: 'Recovering',
  relapsed: 'Relapsed',
  reopened: 'Open again',
  closed: 'Closed',
  acknowledged: 'Acknowledged',
  noted: 'Note',
  muted: 'Muted',
  unmuted: 'No longer muted',
  rebased: 'Declared the new normal',
  'baseline-accepted': 'Baselines accepted',
  'baseline-rebased': 'Baselines made anew',
  'baseline-inherited': 'Baselines inherited',
  'rule-put': 'Rule set',
  'rule-removed': 'Rule removed',
  'model-removed': 'Model version removed',
  'delivery-given-up': 'A delivery was given up',
  'retrain-asked': 'Training was asked for',
  'retrain-left-out': 'Training was not asked for',
};

/** What one entry of the audit says, without its time. An entry of a later release by its own word. */
export function auditText({ what, by, text }: AuditEntry): string {
  const said = AUDIT_TEXTS[what] ?? what;
  const who = by === 'collector' ? '' : ` by ${nameText(by)}`;
  const about = what === 'muted' && text !== null && !Number.isNaN(Date.parse(text)) ? `until ${timeText(Date.parse(text))}` : text;
  return `${said}${who}${about === null || about === '' ? '' : `: ${about}`}`;
}

function number(value: number | null): string {
  return value === null || !Number.isFinite(value) ? '–' : axisNumber(value);
}
