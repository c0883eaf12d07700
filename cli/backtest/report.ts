/**
 * Report: what a replay says to a person, as one JSON value. Terminal and HTML are made of it and of nothing else.
 *
 * Invariants
 *  - `format` rises when a field changes its meaning or goes; new fields may come without it.
 *  - Times are milliseconds since 1970. Every number follows from the replay: nothing is measured of this machine.
 *  - It holds counts, names of the manifest and of files, and no value of a row.
 *
 * Not here: words and drawings (report-text.ts, html/), delays (delays.ts).
 */
import { type Finding, type StreamName, shownSegment } from '../../counts/monitor/finding.ts';
import type { MonitorOptions } from '../../counts/monitor/monitor.ts';
import type { Onset } from '../../protocol/read/incidents.ts';
import type { Arm } from '../../protocol/report/window.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';
import type { DelayTable } from './delays.ts';
import type { IncidentTrack } from './incident-replay.ts';
import { keyOf, type Replayed } from './replay.ts';
import type { DayEvidence, StreamTrack, TrackedAlarm } from './stream-track.ts';
import type { HistoryPlan } from './vote-history.ts';

const REPORT_FORMAT = 1;
const DAYS_PER_YEAR = 365;
/** What the table of budgets tells of, beside the owner's own. */
const BUDGETS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];

interface TableSource {
  readonly kind: 'table';
  readonly files: readonly string[];
  readonly timeColumn: string;
  /** null: each row is a visit of its own. */
  readonly visitColumn: string | null;
  /** `outside`: their time is not between --from and --to. */
  readonly rows: { readonly counted: number; readonly unreadable: number; readonly outside: number };
}

interface CollectorSource {
  readonly kind: 'collector';
  readonly url: string;
}

/** A metric of a plan in one arm and segment, as people know it. */
export interface NamedStream {
  readonly plan: string;
  readonly report: 'data' | 'software';
  readonly arm: Arm;
  /** As the manifest names it; null: all together. */
  readonly segment: string | null;
  /** Id of the metric in its plan, or SEGMENT_MIX_METRIC (protocol/read/monitoring.ts). */
  readonly metric: string;
}

export interface ReportedAlarm extends NamedStream {
  /** When it would have begun and ended: ends of hours. null: it went on until the history ended. */
  readonly openedAtMs: number;
  readonly closedAtMs: number | null;
  readonly onset: Onset;
  readonly kind: Finding['kind'];
  /** PSI without what chance adds, the largest of the alarm. */
  readonly effect: number | null;
  /** Highest logarithm of the evidence over that of an alarm. */
  readonly evidence: number;
  readonly mix: Finding['mix'];
  /** The alarm would have been there with every budget down to this one. */
  readonly budgetMin: number;
  /** Number of its incident; null: none tells of it. */
  readonly incident: number | null;
}

export interface ReportedIncident {
  /** Rises from 1. */
  readonly number: number;
  readonly state: 'open' | 'recovering' | 'closed';
  readonly openedAtMs: number;
  readonly closedAtMs: number | null;
  readonly closedBecause: string | null;
  readonly onset: Onset;
  /** Ranked: inputs before what follows from them, and what moved most first. */
  readonly metrics: readonly (NamedStream & {
    readonly stage: string;
    readonly isMoved: boolean;
    readonly kind: Finding['kind'];
    readonly effect: number | null;
  })[];
  readonly leftOutCount: number;
  readonly changes: readonly { readonly atMs: number; readonly what: string; readonly text: string | null }[];
}

export interface ReportedStream extends NamedStream {
  /** At the end of the history. */
  readonly verdict: Finding['verdict'];
  /** null: it never had a baseline. */
  readonly watchedFromMs: number | null;
  readonly alarmCount: number;
  /** Highest logarithm of the evidence over that of an alarm; null without a baseline. */
  readonly evidence: number | null;
  /** The lowest budget with which it would have alarmed at least once; null without a baseline. */
  readonly budgetMin: number | null;
  /** What it lacks for a verdict; both 0 where there is one. */
  readonly missingWindows: number;
  readonly missingDays: number;
  /** Of each day with a baseline. Where streams alarmed or came near to it; null for all others. */
  readonly evidenceByDay: readonly DayEvidence[] | null;
}

interface FalseAlarms {
  /** Time in which at least one stream was watched. */
  readonly modelYears: number;
  /** False incidents that the budget allows for in that time, in the mean. */
  readonly expected: number;
  readonly incidents: number;
  readonly incidentsPerYear: number | null;
  /** How many streams would have alarmed at least once with another budget. */
  readonly budgets: readonly { readonly budget: number; readonly streams: number }[];
}

export interface BacktestReport {
  readonly format: typeof REPORT_FORMAT;
  readonly model: { readonly modelVersion: string; readonly name: string; readonly version: string };
  readonly source: TableSource | CollectorSource;
  readonly options: MonitorOptions;
  /** The owner's tolerance, or what the baselines propose, at the end. */
  readonly tolerance: number;
  /** `windows`: marked ones, of all plans. */
  readonly history: { readonly fromMs: number; readonly toMs: number; readonly days: number; readonly windows: number };
  readonly judged: {
    /** null: no stream ever had a baseline. */
    readonly fromMs: number | null;
    readonly days: number;
    readonly hours: number;
    /** Of all streams, days with a baseline. */
    readonly streamDays: number;
    readonly streams: number;
    readonly watched: number;
    readonly leftOut: number;
  };
  readonly incidents: readonly ReportedIncident[];
  readonly alarms: readonly ReportedAlarm[];
  readonly streams: readonly ReportedStream[];
  readonly falseAlarms: FalseAlarms;
  /** null: not asked for, or nothing was watched. */
  readonly delays: DelayTable | null;
  /** What a person should know about the numbers, a sentence each. */
  readonly notes: readonly string[];
}

interface ReportParts {
  readonly model: BacktestReport['model'];
  readonly source: BacktestReport['source'];
  readonly options: MonitorOptions;
  readonly plans: readonly HistoryPlan[];
  /** Hours, both inclusive. */
  readonly range: { readonly fromHour: number; readonly toHour: number };
  readonly windows: number;
  readonly replayed: Replayed;
  readonly delays: DelayTable | null;
  readonly notes: readonly string[];
  /** Streams without an alarm of which evidence is told day by day. */
  readonly nearStreamCount: number;
}

export function reportOf(parts: ReportParts): BacktestReport {
  const { model, source, options, plans, range, windows, replayed, delays, notes } = parts;
  const { fromHour, toHour } = range;
  const nameOf = namerOf(plans);
  const near = nearest(replayed.streams, parts.nearStreamCount);
  const { watchedFromDay, watchedDays, judgedHours, streamDays, watchedCount, leftOutCount } = replayed;
  return {
    ...{ format: REPORT_FORMAT, model, source, options, tolerance: replayed.tolerance },
    history: {
      ...{ fromMs: fromHour * HOUR_MS, toMs: (toHour + 1) * HOUR_MS, windows },
      days: Math.floor(toHour / DAY_HOURS) - Math.floor(fromHour / DAY_HOURS) + 1,
    },
    judged: {
      fromMs: watchedFromDay === null ? null : watchedFromDay * DAY_HOURS * HOUR_MS,
      ...{
        days: watchedDays,
        hours: judgedHours,
        streamDays,
        streams: replayed.streams.length,
        watched: watchedCount,
        leftOut: leftOutCount,
      },
    },
    incidents: replayed.incidents.map((track, index) => incidentOf(track, index + 1, nameOf)),
    alarms: alarmsOf(replayed, options.budget, nameOf),
    streams: replayed.streams.map((track) => streamOf(track, options.budget, near.has(track), nameOf)),
    falseAlarms: falseAlarmsOf(replayed, options.budget),
    ...{ delays, notes },
  };
}

/** A stream whose segment is as people are shown it. */
type ShownStream = Omit<StreamName, 'segment' | 'arm'> & { readonly segment: number | null; readonly arm: Arm | null };

interface Namer {
  readonly ofStream: (name: StreamName) => NamedStream;
  readonly ofShown: (name: ShownStream) => NamedStream;
}

function namerOf(plans: readonly HistoryPlan[]): Namer {
  const byHash = new Map(plans.map(({ hash, plan }) => [hash, plan]));
  const ofShown = ({ plan: hash, arm, segment, metric }: ShownStream): NamedStream => {
    const plan = byHash.get(hash);
    return {
      ...{ plan: hash, report: plan?.report === 'software' ? 'software' : 'data', arm: arm ?? 'stable', metric },
      segment: segment === null ? null : (plan?.segments[segment] ?? String(segment)),
    };
  };
  const ofStream = (name: StreamName) =>
    ofShown({ ...name, segment: shownSegment(byHash.get(name.plan) ?? { segments: [] }, name.segment) });
  return { ofStream, ofShown };
}

/** In the order in which they would have opened. */
function alarmsOf({ streams, incidents }: Replayed, budget: number, nameOf: Namer): ReportedAlarm[] {
  const alarms = streams.flatMap((track) =>
    track.alarms.map((alarm): ReportedAlarm => {
      const { openedAtMs, closedAtMs, onset, kind, effect, evidence, mix } = alarm;
      return {
        ...nameOf.ofStream(track.name),
        ...{ openedAtMs, closedAtMs, kind, effect, evidence, mix },
        onset: { atMs: onset.hour * HOUR_MS, fromMs: onset.fromHour * HOUR_MS, toMs: (onset.toHour + 1) * HOUR_MS },
        budgetMin: budget * Math.exp(-evidence),
        incident: incidentNumberOf(incidents, track.name, alarm),
      };
    }),
  );
  return alarms.sort((one, other) => one.openedAtMs - other.openedAtMs || other.evidence - one.evidence);
}

/** The last incident that was there when the alarm began and that has its metric. */
function incidentNumberOf(incidents: readonly IncidentTrack[], name: StreamName, { openedAtMs }: TrackedAlarm): number | null {
  const key = keyOf(name);
  const index = incidents.findLastIndex(
    ({ incident }) => incident.openedAtMs <= openedAtMs && incident.metrics.some((metric) => metric.key === key),
  );
  return index < 0 ? null : index + 1;
}

function incidentOf({ incident, changes }: IncidentTrack, number: number, nameOf: Namer): ReportedIncident {
  const { state, openedAtMs, closedAtMs, closedBecause, onset, metrics, leftOutCount } = incident;
  return {
    ...{ number, state, openedAtMs, closedAtMs, closedBecause, onset, leftOutCount, changes },
    metrics: metrics.map((moved) => {
      const { stage, isMoved, kind, effect } = moved;
      return { ...nameOf.ofShown(moved), stage, isMoved, kind, effect };
    }),
  };
}

function streamOf(track: StreamTrack, budget: number, isTold: boolean, nameOf: Namer): ReportedStream {
  const { last, watchedFromMs, alarms, peak, evidence } = track;
  return {
    ...nameOf.ofStream(track.name),
    ...{ verdict: last.verdict, watchedFromMs, alarmCount: alarms.length, evidence: peak },
    budgetMin: peak === null ? null : budget * Math.exp(-peak),
    ...{ missingWindows: last.missingWindows, missingDays: last.missingDays, evidenceByDay: isTold ? evidence : null },
  };
}

/** Streams that alarmed, and those that came nearest to it. */
function nearest(streams: readonly StreamTrack[], count: number): ReadonlySet<StreamTrack> {
  const quiet = streams.filter(({ alarms, peak }) => alarms.length === 0 && peak !== null);
  const near = quiet.sort((one, other) => (other.peak as number) - (one.peak as number)).slice(0, count);
  return new Set([...streams.filter(({ alarms }) => alarms.length > 0), ...near]);
}

function falseAlarmsOf({ streams, incidents, watchedDays }: Replayed, own: number): FalseAlarms {
  const modelYears = watchedDays / DAYS_PER_YEAR;
  const peaks = streams.flatMap(({ peak }) => (peak === null ? [] : [own * Math.exp(-peak)]));
  const budgets = [...new Set([...BUDGETS, own])].sort((one, other) => one - other);
  return {
    ...{ modelYears, expected: own * modelYears, incidents: incidents.length },
    incidentsPerYear: modelYears === 0 ? null : incidents.length / modelYears,
    budgets: budgets.map((budget) => ({ budget, streams: peaks.filter((least) => least <= budget).length })),
  };
}
