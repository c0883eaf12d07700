/**
 * Incidents, rules and targets: what a collector answers to its owner, and takes from them, as JSON. Every address needs the admin key.
 *
 *     GET    /v1/incidents?model={version}&state={state}   IncidentList, the latest first; both may be left out
 *     GET    /v1/incidents/{id}                            IncidentDetail
 *     POST   /v1/incidents/{id}                            IncidentAct; answers the IncidentDetail after it
 *     GET    /v1/rules                                     RuleEntry[]
 *     PUT    /v1/rules/{id}                                RuleTerms; answers 201 or 200 with the RuleEntry
 *     DELETE /v1/rules/{id}                                204
 *     GET    /v1/targets                                   TargetEntry[]
 *     GET    /v1/audit                                     AuditEntry[], the latest first
 *
 * What is refused has a text body, one sentence, and its code (OwnerErrorCode) in the header `Insitu-Error`.
 *
 * Invariants
 *  - Times are milliseconds since 1970, by the collector's clock.
 *  - An incident's numbers are of sums that readers are shown: of enough reports (SHOWN_REPORT_COUNT_MIN).
 *  - An answer is bounded: INCIDENT_LIST_COUNT_MAX incidents and audit entries, INCIDENT_LISTED_METRIC_COUNT_MAX metrics each; one incident
 *    by itself has INCIDENT_METRIC_COUNT_MAX.
 *
 * Not here: how incidents come about (collector/incidents/), how they are told (collector/notify/).
 */
import { INCIDENT_LISTED_METRIC_COUNT_MAX } from '../alarm-limits.ts';
import type { Arm } from '../report/window.ts';

/** `recovering`: all that moved is as it was, and not yet for long enough. */
export const INCIDENT_STATES = ['open', 'recovering', 'closed'] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];

/** Where a metric stands in the path of a run, in order: what stands further back follows from what stands before it. */
export const STAGES = ['input', 'software', 'output', 'feedback'] as const;
export type Stage = (typeof STAGES)[number];

/** A stretch of time in which something began. */
export interface Onset {
  readonly atMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** One metric that moved. */
export interface MovedMetric {
  /** What is told apart: a stream of counts, or a rule on one model version and plan. */
  readonly key: string;
  /** Id of the rule; null where a distribution moved. */
  readonly rule: string | null;
  readonly plan: string;
  /** null where all are taken together. */
  readonly arm: Arm | null;
  readonly segment: number | null;
  /** Id of the metric in its plan, or SEGMENT_MIX_METRIC (monitoring.ts). */
  readonly metric: string;
  readonly stage: Stage;
  /** false: it is as it was. */
  readonly isMoved: boolean;
  readonly onset: Onset;
  readonly kind: 'sudden' | 'gradual' | 'undecided' | null;
  /**
   * Of a distribution over all segments: whether the shares of the segments moved alone, so that each segment is as it was, or too, or not;
   * null where there is nothing to tell apart.
   */
  readonly mix: 'alone' | 'also' | 'steady' | null;
  /** PSI against the baseline of the field; null for a rule, and where too little was seen. */
  readonly effect: number | null;
  /** Logarithm of the evidence over that of an alarm; null for a rule. */
  readonly evidence: number | null;
  /** Of a rule, as last seen: the statistic and what it is held against. */
  readonly value: number | null;
  readonly limit: number | null;
  /** How far it has moved: PSI, or the logarithm of value over limit. What metrics of one stage are ranked by. */
  readonly strength: number;
  /** The strength that was told last; null while it was not told. */
  readonly toldStrength: number | null;
  /** When it last had a verdict. */
  readonly seenAtMs: number;
  /** Since when it is as it was; null while it is not. */
  readonly quietSinceMs: number | null;
  /** How long it must be as it was until it is over. */
  readonly recoverMs: number;
}

export interface Incident {
  /** 32 hex digits. */
  readonly id: string;
  readonly modelVersion: string;
  readonly state: IncidentState;
  readonly openedAtMs: number;
  readonly onset: Onset;
  /** Ranked: inputs before what follows from them, in each stage what moved most first. */
  readonly metrics: readonly MovedMetric[];
  /** Metrics that moved too, at the most at a time, and have no place here. */
  readonly leftOutCount: number;
  readonly closedAtMs: number | null;
  readonly closedBecause: ClosedBecause | null;
  /** Who has seen it. */
  readonly acknowledged: { readonly atMs: number; readonly by: string } | null;
  /** No news of it before then; null when it is not muted. */
  readonly mutedUntilMs: number | null;
  /** Rises by one with every change. */
  readonly sequence: number;
  /** When its news was last told, or would have been while it is muted. */
  readonly toldAtMs: number;
}

/** With the first of its metrics alone. */
export function shortIncident(incident: Incident): Incident {
  const metrics = incident.metrics.slice(0, INCIDENT_LISTED_METRIC_COUNT_MAX);
  return { ...incident, metrics, leftOutCount: incident.leftOutCount + incident.metrics.length - metrics.length };
}

/** `rebased`: a person said that this is the new normal. `silent`: nothing more was heard of it. `unregistered`: a person removed the model version. */
export type ClosedBecause = 'recovered' | 'rebased' | 'silent' | 'unregistered';

/** What can become of an incident. */
export type IncidentChange =
  | 'opened'
  | 'joined'
  | 'worsened'
  | 'recovering'
  | 'relapsed'
  | 'reopened'
  | 'closed'
  | 'acknowledged'
  | 'noted'
  | 'muted'
  | 'unmuted'
  | 'rebased';

/** What a person said of the baselines of a model. */
type BaselineChange = 'baseline-accepted' | 'baseline-rebased' | 'baseline-inherited';

/** Who did what, and when. */
export interface AuditEntry {
  readonly atMs: number;
  readonly what:
    | IncidentChange
    | BaselineChange
    | 'rule-put'
    | 'rule-removed'
    | 'model-removed'
    | 'delivery-given-up'
    | 'retrain-asked'
    | 'retrain-left-out';
  /** Name of the key that it was done with; `collector` for what it did itself. */
  readonly by: string;
  /** Id of the incident or of the rule, or the model version. */
  readonly subject: string;
  readonly text: string | null;
}

export interface IncidentList {
  readonly nowMs: number;
  /** Each with its first metrics (`shortIncident`). */
  readonly incidents: readonly Incident[];
}

export interface IncidentDetail {
  readonly nowMs: number;
  readonly incident: Incident;
  /** Of this incident, the earliest first. */
  readonly audit: readonly AuditEntry[];
}

export type IncidentAct =
  | { readonly act: 'acknowledge' }
  | { readonly act: 'note'; readonly text: string }
  /** null ends it. */
  | { readonly act: 'mute'; readonly untilMs: number | null }
  /** "This is the new normal". */
  | { readonly act: 'rebase'; readonly text?: string };

/** An order that a person gave the baseline of the field at an incident. */
export interface RebaseOrder {
  readonly incident: string;
  readonly modelVersion: string;
  readonly atMs: number;
  readonly by: string;
  /** From when on the field is as it should be: the onset of the earliest. */
  readonly fromMs: number;
  /** Segment null: all together. */
  readonly streams: readonly { readonly plan: string; readonly arm: Arm; readonly segment: number | null; readonly metric: string }[];
}

export const RULE_STATISTICS = ['p50', 'p95', 'p99', 'share', 'count-per-minute'] as const;
export const RULE_COMPARISONS = ['above', 'below'] as const;

/** A threshold, as a person sets it. docs/incidents.md has the grammar in words. */
export interface RuleTerms {
  /** Name of a model, in all its versions, or one version by its 16 hex digits. */
  readonly model: string;
  /** Id of a metric in the data plan or the software plan. */
  readonly metric: string;
  readonly statistic: (typeof RULE_STATISTICS)[number];
  /** Ids of cells: whose share, or whose count. All cells where a count names none. */
  readonly cells?: readonly string[];
  readonly comparison: (typeof RULE_COMPARISONS)[number];
  readonly value: number;
  /** Where it is over again; default `value`. */
  readonly clearValue?: number;
  /** For how many minutes. */
  readonly minutes: number;
  /** Of fewer reports nothing is said; never fewer than readers are shown. */
  readonly reportCountMin?: number;
}

export interface Rule extends RuleTerms {
  /** Lower-case letters, digits and hyphens. */
  readonly id: string;
}

export interface RuleEntry {
  readonly rule: Rule;
  /** `file`: it is in the configuration file, and is changed there. */
  readonly origin: 'file' | 'api';
  /** One for each model version and plan of which a report came since the collector started. */
  readonly states: readonly RuleStateEntry[];
  /** Why it cannot alarm; null when it can. */
  readonly problem: string | null;
}

export interface RuleStateEntry {
  readonly modelVersion: string;
  readonly plan: string;
  readonly verdict: 'quiet' | 'alarm' | 'not-enough-data';
  /** null without enough reports. */
  readonly value: number | null;
  /** Reports of the last minutes in series of which enough came. */
  readonly reports: number;
}

export const TARGET_TYPES = ['webhook', 'slack', 'alertmanager', 'smtp', 'retrain'] as const;
export type TargetType = (typeof TARGET_TYPES)[number];

/** How it stands with a target, since the collector started. */
export interface TargetEntry {
  readonly name: string;
  readonly type: TargetType;
  readonly waitingCount: number;
  readonly deliveredCount: number;
  readonly givenUpCount: number;
  readonly deliveredAtMs: number | null;
  readonly failure: { readonly atMs: number; readonly sentence: string } | null;
}

/** Codes of what is refused, in the header `Insitu-Error`. */
export type OwnerErrorCode =
  | 'key-missing'
  | 'body-invalid'
  | 'query-invalid'
  | 'too-long'
  | 'incident-unknown'
  | 'model-unknown'
  | 'plan-unknown'
  | 'metric-unknown'
  | 'nothing-to-inherit'
  | 'incident-closed'
  | 'nothing-to-rebase'
  | 'rule-invalid'
  | 'rule-unknown'
  | 'rule-of-file'
  | 'rule-metric-unknown'
  | 'rule-cell-unknown'
  | 'rules-full';
