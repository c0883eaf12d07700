/**
 * Monitoring: what the monitor says of models, as a collector answers it to its owner, as JSON. Every address needs the admin key.
 *
 *     GET  /v1/monitoring             MonitoringList: an entry for each registered model version
 *     GET  /v1/monitoring/{version}   MonitoringDetail
 *     POST /v1/monitoring/{version}   MonitoringAct; answers the MonitoringDetail after it
 *     GET  /v1/votes                  Votes: what the monitor was given, for a replay (`insitu backtest`)
 *
 * Invariants
 *  - Times are milliseconds since 1970, by the collector's clock; hours are since 1970.
 *  - An answer is bounded: STREAM_LISTED_COUNT_MAX streams, those that say most; a day of votes.
 *
 * Not here: how a verdict comes about (counts/monitor/), when (collector/monitoring/), what people are told (incidents.ts).
 */
import type { Arm, VoteCadence } from '../report/window.ts';
import type { Onset } from './incidents.ts';

/** In place of a metric: the shares of the plan's segments, whose items are windows. */
export const SEGMENT_MIX_METRIC = 'mix.segments';

/** `not-enough-data`: no stream of the model can be judged yet. */
export const MONITORING_VERDICTS = ['alarm', 'quiet', 'not-enough-data'] as const;
export type MonitoringVerdict = (typeof MONITORING_VERDICTS)[number];

export interface MonitoringEntry {
  readonly modelVersion: string;
  readonly name: string;
  readonly version: string;
  readonly verdict: MonitoringVerdict;
  /** End of the last hour that was judged; null before the first. */
  readonly judgedUntilMs: number | null;
  /** Streams (a metric of one plan, arm and segment) that votes came of, those with a baseline, and those that are in alarm. */
  readonly streamCount: number;
  readonly watchedCount: number;
  readonly alarmCount: number;
  /** Votes that found no place among STREAM_COUNT_MAX streams. */
  readonly leftOutCount: number;
  /** What the stream that lacks least is still missing; 0 where one can be judged. */
  readonly missingWindows: number;
  readonly missingDays: number;
}

export interface MonitoringList {
  readonly nowMs: number;
  readonly models: readonly MonitoringEntry[];
}

/** What the owner says, or nobody has said. */
export interface MonitoringOptions {
  /** False incidents that a model-year may have, in the mean. */
  readonly budget: number;
  /** Distance (PSI) from the baseline that is nobody's concern; null: what the burn-in proposes. */
  readonly tolerance: number | null;
  /** Days of a first baseline, at the least. */
  readonly burnInDays: number;
}

/** Where a stream's baseline comes from: its first weeks, or those since a person said that things are well now, or another version. */
export const BASELINE_ORIGINS = ['burn-in', 'rebased', 'inherited'] as const;

/** A stretch of the field itself that later days are held against. */
export interface FieldBaseline {
  /** Rises by one with each of a stream. */
  readonly version: number;
  readonly origin: (typeof BASELINE_ORIGINS)[number];
  /** Which windows vote: the first of a browser's day, or of its week. */
  readonly cadence: VoteCadence;
  readonly fromMs: number;
  readonly toMs: number;
  readonly windows: number;
}

/** The field's baseline differs from the data that the model was trained on. No incident: it was so from the first day. */
export interface TrainingSkew {
  readonly foundAtMs: number;
  /** PSI without what chance adds. */
  readonly effect: number;
  /** Logarithm of the evidence over that of a finding. */
  readonly evidence: number;
}

/** What is found of one stream. The words are those of counts/monitor/finding.ts. */
export interface MonitoredStream {
  readonly plan: string;
  readonly report: 'data' | 'software';
  readonly arm: Arm;
  /** Index in the plan's segments; null: all together. */
  readonly segment: number | null;
  /** Id of the metric in its plan, or SEGMENT_MIX_METRIC. */
  readonly metric: string;
  readonly verdict: MonitoringVerdict;
  readonly evidence: number;
  readonly effect: number | null;
  readonly onset: Onset | null;
  readonly kind: 'sudden' | 'gradual' | 'undecided' | null;
  readonly movement: { readonly perDay: number | null; readonly perWeek: number | null };
  /** Of an alarm over all segments: whether the shares of the segments moved alone, too, or not. */
  readonly mix: 'alone' | 'also' | 'steady' | null;
  readonly missingWindows: number;
  readonly missingDays: number;
  readonly baseline: FieldBaseline | null;
  /** null: not found, or there is nothing to compare with. */
  readonly skew: TrainingSkew | null;
}

/** What a person said of baselines, and when. */
export interface BaselineOrder {
  readonly atMs: number;
  readonly what: 'accepted' | 'rebased' | 'inherited';
  /** Name of the key. */
  readonly by: string;
  /** Model version whose baselines were taken; null otherwise. */
  readonly from: string | null;
  readonly text: string | null;
}

export interface MonitoringDetail extends MonitoringEntry {
  readonly nowMs: number;
  readonly options: MonitoringOptions;
  /** In force: the owner's, or what the burn-in proposes. */
  readonly tolerance: number;
  /** Alarms first, and then what speaks most clearly. */
  readonly streams: readonly MonitoredStream[];
  /** Streams that have no place in this answer. */
  readonly unlistedCount: number;
  /** The latest first. */
  readonly orders: readonly BaselineOrder[];
}

export type MonitoringAct =
  /** The baselines were looked at and are good. */
  | { readonly act: 'accept'; readonly text?: string }
  /** What comes from that time on (default: now) is normal: baselines are made anew, of the named metrics or of all. */
  | { readonly act: 'rebase'; readonly fromMs?: number; readonly metrics?: readonly string[]; readonly text?: string }
  /** Baselines of another version of the model hold for this one, where they share a plan. */
  | { readonly act: 'inherit'; readonly from: string; readonly text?: string };

/** Votes about one metric in one slot (counts/votes/metric-votes.ts), cells that nobody met left out. */
export interface MetricVotesEntry {
  /** Id of the metric in its plan. */
  readonly metric: string;
  readonly windows: number;
  readonly items: number;
  readonly squaredItems: number;
  readonly squaredCells: number;
  /** Indices in the metric, rising, and the items of each. */
  readonly cells: readonly number[];
  readonly counts: readonly number[];
}

/** Votes of one arm and segment in one slot of time. */
export interface VotesSlot {
  readonly arm: Arm;
  readonly segment: number;
  /** First hour of the slot. */
  readonly hour: number;
  /** 24 where the hours of a day were rolled up. */
  readonly slotHours: 1 | 24;
  readonly windows: number;
  readonly metrics: readonly MetricVotesEntry[];
}

export interface Votes {
  readonly plan: string;
  readonly cadence: VoteCadence;
  /** Hours of receipt, both inclusive. */
  readonly fromHour: number;
  readonly toHour: number;
  readonly slots: readonly VotesSlot[];
}
