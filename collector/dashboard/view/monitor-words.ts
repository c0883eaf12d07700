/**
 * The monitor in words: each stream's verdict, evidence, effect, onset and baseline, as a row of a table. Pure.
 *
 * Invariants
 *  - Days of a baseline are the monitor's, in UTC, and are told so.
 *  - A skew against the training data is told beside the verdict and never in its place: it is no incident.
 */
import type { BaselineOrder, MonitoredStream, MonitoringDetail } from '../../../protocol/read/monitoring.ts';
import { counted, decimal, nameText, whole } from '../charts/figures.ts';
import { timeText } from '../charts/time-text.ts';
import { evidenceText, metricText, mixText, onsetText, whereText } from './incident-words.ts';
import { missingText, type Tone } from './overview-rows.ts';
import { utcDayText } from './when.ts';

export interface StreamRow {
  /** Unique among the streams of a model. */
  readonly key: string;
  readonly title: string;
  /** Arm and segment; null: all together. */
  readonly where: string | null;
  readonly verdict: { readonly tone: Tone; readonly text: string };
  readonly evidence: string;
  readonly effect: string;
  readonly since: string;
  readonly kind: string;
  readonly movement: string;
  readonly mix: string | null;
  readonly baseline: string;
  readonly skew: string | null;
}

const KIND_TEXTS = { sudden: 'sudden', gradual: 'gradual', undecided: 'not to tell yet' } as const;
const ORIGIN_TEXTS = { 'burn-in': 'first weeks', rebased: 're-based', inherited: 'inherited' } as const;

/** @param segments Names by index, of the plan that streams are of; others are told by number. */
export function streamRow(stream: MonitoredStream, segments: readonly string[]): StreamRow {
  const { plan, report, arm, segment, metric, evidence, effect, onset, kind, mix, baseline, skew } = stream;
  return {
    key: JSON.stringify([plan, arm, segment, metric]),
    title: metricText(metric),
    where: whereText({ arm, segment: report === 'data' ? segment : null }, segments),
    verdict: verdictOf(stream),
    evidence: stream.verdict === 'not-enough-data' ? '–' : evidenceText(evidence),
    effect: effect === null ? '–' : decimal(effect),
    since: onset === null ? '–' : onsetText(onset),
    kind: kind === null ? '–' : KIND_TEXTS[kind],
    movement: movementText(stream.movement),
    mix: mixText(mix),
    baseline: baseline === null ? 'none yet' : baselineText(baseline),
    skew:
      skew === null
        ? null
        : `Differs from the training data since the first day: PSI ${decimal(skew.effect)}, found ${timeText(skew.foundAtMs)}`,
  };
}

function verdictOf(stream: MonitoredStream): StreamRow['verdict'] {
  if (stream.verdict === 'alarm') return { tone: 'bad', text: 'Moved' };
  if (stream.verdict === 'quiet') return { tone: 'good', text: 'As it was' };
  return { tone: 'none', text: missingText(stream) ?? 'Not enough data' };
}

/** One sentence, to stand beside the metric's chart. */
export function streamSentence(stream: MonitoredStream): string {
  const { effect, evidence, onset, kind, mix } = stream;
  if (stream.verdict === 'not-enough-data') return `Not enough data for a verdict: ${missingText(stream) ?? 'more has to come'}.`;
  const told = evidenceText(evidence);
  const sure = `evidence ${told}${told.endsWith('%') ? ' of' : ''} what an alarm needs`;
  if (stream.verdict === 'quiet') return `As it was: ${effect === null ? '' : `PSI ${decimal(effect)}, `}${sure}.`;
  const since = onset === null ? '' : `, since ${onsetText(onset)}`;
  const how = kind === null || kind === 'undecided' ? 'Moved' : `Moved, ${KIND_TEXTS[kind]}`;
  const shares = mixText(mix);
  return `${how}${since}${effect === null ? '' : `: PSI ${decimal(effect)}`}; ${sure}.${shares === null ? '' : ` ${shares}.`}`;
}

function movementText({ perDay, perWeek }: MonitoredStream['movement']): string {
  return perDay === null && perWeek === null ? '–' : `${decimal(perDay)} / ${decimal(perWeek)}`;
}

function baselineText({ version, origin, fromMs, toMs, windows, cadence }: NonNullable<MonitoredStream['baseline']>): string {
  const days = `${utcDayText(fromMs)} – ${utcDayText(toMs - 1)}`;
  return `v${whole(version)}, ${ORIGIN_TEXTS[origin]}: ${days}, ${counted(windows, cadence === 'day' ? 'daily visit' : 'weekly visit')}`;
}

/** What the monitor says of the model as a whole. */
export function monitorSentence(detail: MonitoringDetail): string {
  const { streamCount, watchedCount, alarmCount, judgedUntilMs, verdict } = detail;
  if (streamCount === 0) return 'No vote has come yet: pages of release 0.2.0 and later mark the first report of a day, and those vote.';
  const judged = judgedUntilMs === null ? 'Nothing was judged yet.' : `Judged until ${timeText(judgedUntilMs)}.`;
  if (verdict === 'alarm') return `${whole(alarmCount)} of ${counted(watchedCount, 'watched stream')} moved. ${judged}`;
  if (verdict === 'quiet') return `Nothing moved in ${counted(watchedCount, 'watched stream')}. ${judged}`;
  const missing = missingText(detail);
  return `Not enough data for a verdict${missing === null ? '' : `: ${missing}`}. ${judged}`;
}

/** What the owner has set, and what is in force. */
export function optionsSentence({ options, tolerance }: MonitoringDetail): string {
  const budget = `The budget is ${counted(options.budget, 'false incident')} a year in the mean`;
  const from = options.tolerance === null ? 'as the baseline proposes' : 'as the configuration says';
  return `${budget}; a distance up to PSI ${decimal(tolerance)} is nobody’s concern, ${from}. A first baseline takes ${counted(options.burnInDays, 'day')}.`;
}

/** Votes and streams that found no place; null when all have one. */
export function leftOutSentence({ leftOutCount, unlistedCount }: MonitoringDetail): string | null {
  const parts: string[] = [];
  if (leftOutCount > 0) parts.push(`${counted(leftOutCount, 'vote')} found no place: the model has more streams than are watched.`);
  if (unlistedCount > 0)
    parts.push(`${counted(unlistedCount, 'stream')} of those that say least ${unlistedCount === 1 ? 'is' : 'are'} not listed.`);
  return parts.length === 0 ? null : parts.join(' ');
}

const ORDER_TEXTS = { accepted: 'Baselines accepted', rebased: 'Re-based', inherited: 'Baselines inherited' } as const;

export function orderText({ what, by, from, text }: BaselineOrder): string {
  const of = from === null ? '' : ` from version ${from.slice(0, 8)}`;
  return `${ORDER_TEXTS[what] ?? what}${of} by ${nameText(by)}${text === null || text === '' ? '' : `: ${text}`}`;
}
