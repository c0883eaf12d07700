/**
 * What the collector needs of a database. DuckDB implements it on one machine (collector/store/duckdb-store.ts); one
 * conformance suite (test/conformance/store.ts) runs on every implementation.
 *
 * Invariants
 *  - `commit` is one transaction: a group's ids and its summed cells are there together or not at all, durable before it resolves.
 *  - A window id counts once within the ids' horizon, however often it is committed, also within one group.
 *  - Sums are exact 64-bit integers, of one plan each.
 *  - Votes are added in the commit of their window, and only where its id was new.
 *  - Reading holds up neither a commit nor the process: what is long is done elsewhere, in the engine.
 *  - What is kept of a plan never changes: sums of years ago mean what they meant.
 *
 * Not here: the grammar (protocol/report/report.ts), validation against a plan (collector/intake/intake.ts), statistics.
 */
import type { MetricDraw } from '../../counts/votes/draw-votes.ts';
import type { MetricVotes } from '../../counts/votes/metric-votes.ts';
import type { Baseline, CellSum, SlotTotal } from '../../protocol/read/read-api.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import type { Arm, ReportKind, VoteCadence } from '../../protocol/report/window.ts';

/** A window that has passed validation. Cells are of the plan that `plan` names. */
export interface AcceptedWindow {
  readonly id: string;
  readonly modelVersion: string;
  readonly plan: string;
  readonly report: ReportKind;
  readonly hour: number;
  readonly arm: Arm;
  readonly segment: number;
  readonly runs: number;
  readonly cells: Uint32Array;
  readonly counts: Uint32Array;
  /** Of a marked window. */
  readonly votes?: WindowVotes;
}

/** What a marked window votes. */
export interface WindowVotes {
  /** The longest time of which the window is its browser's first: the first of a week votes by day and by week. */
  readonly cadence: VoteCadence;
  /** Hours since 1970 when it was received, by the collector's clock. */
  readonly hour: number;
  readonly metrics: readonly MetricDraw[];
}

export interface Registration {
  readonly modelVersion: string;
  readonly plan: string;
  readonly name: string;
  readonly version: string;
  /** The manifest as served, byte for byte. */
  readonly manifestJson: string;
  readonly baseline: Baseline | null;
  readonly registeredAtMs: number;
}

/** Which series are read, and how their hours are taken together. */
export interface SeriesQuery {
  readonly modelVersion: string;
  /** Hours since 1970, both inclusive. `fromHour` begins a slot. */
  readonly fromHour: number;
  readonly toHour: number;
  /** Hours of one slot; slots begin at multiples of it. */
  readonly slotHours: number;
  /** Data of that segment alone; null: of all. Other reports have none. */
  readonly segment: number | null;
  /** A series (plan, arm, segment and hour) with fewer reports is left out of every sum. */
  readonly reportCountMin: number;
}

export interface CellQuery extends SeriesQuery {
  /** Hashes, of any kind of report. */
  readonly plans: readonly string[];
  /** null: of all. */
  readonly arm: Arm | null;
}

/** Stored cells of one hour: of each arm and segment apart. */
export interface HourCells {
  readonly plan: string;
  readonly hour: number;
  readonly cellCount: number;
  /** Different cells of the plan in all hours of the query: no slot has more, however many hours it takes together. */
  readonly metCellCount: number;
}

export interface Totals {
  /** By slot, arm, plan and kind. */
  readonly totals: readonly SlotTotal[];
  /** Reports that `reportCountMin` leaves out. */
  readonly withheldReports: number;
}

/** Cells of a plan from the first one up to the end, which is no longer among them. */
export interface CellRange {
  readonly plan: string;
  readonly firstCell: number;
  readonly endCell: number;
}

/** Hours of all models that are taken together, and which of their cells are wanted. */
export interface LifetimeQuery {
  /** Hours since 1970, both inclusive. */
  readonly fromHour: number;
  readonly toHour: number;
  /** Ranges of one plan do not overlap. What is counted by another plan is in no sum. */
  readonly cells: readonly CellRange[];
  /** As in a SeriesQuery. */
  readonly reportCountMin: number;
}

/** What all hours and segments of a query come to. */
export interface LifetimeSum {
  readonly modelVersion: string;
  readonly plan: string;
  readonly arm: Arm;
  readonly reports: number;
  readonly runs: number;
  /** By index in the plan. */
  readonly counts: ReadonlyMap<number, number>;
}

export interface VotesQuery {
  readonly modelVersion: string;
  /** Hash, of data or software. */
  readonly plan: string;
  readonly cadence: VoteCadence;
  /** Hours of receipt since 1970, both inclusive. A day that was rolled up counts to its first hour. */
  readonly fromHour: number;
  readonly toHour: number;
  /** Votes by hour, as far as they are kept so, or all of them by UTC day. */
  readonly slotHours: 1 | 24;
  /** null: each. */
  readonly arm: Arm | null;
  readonly segment: number | null;
  /** Metrics of the plan that are asked for; without any, windows alone are counted. */
  readonly metrics: readonly VotedMetric[];
}

export type VotedMetric = Pick<PlacedMetric, 'id' | 'offset' | 'cells'>;

/** Votes of one arm and segment in one slot of time. */
export interface SlotVotes {
  readonly arm: Arm;
  readonly segment: number;
  /** First hour of the slot, since 1970. */
  readonly hour: number;
  /** 24 where the hours of a day were asked for, or rolled up. */
  readonly slotHours: 1 | 24;
  /** Marked windows, also those that have no item of any metric. */
  readonly windows: number;
  /** By metric id. Those that nobody has voted about are left out. */
  readonly metrics: ReadonlyMap<string, MetricVotes>;
}

/** A plan by which windows were, or may be, counted: what is needed to say what a stored cell means. */
export interface KeptPlan {
  /** UNKNOWN_MODEL_VERSION for a software plan, which is the same for every model. */
  readonly modelVersion: string;
  readonly hash: string;
  /** The first release of insitu that is known to count by it. */
  readonly release: string;
  /** As JSON can hold it; a noised plan with what its noise needs (counts/noise/local-dp-plan.ts). */
  readonly plan: Plan;
  readonly keptAtMs: number;
}

/** What the owner keeps: an incident, a rule, a delivery that waits. The store knows nothing of its meaning. */
export interface OwnerRecord {
  readonly kind: string;
  /** Unique in its kind. */
  readonly key: string;
  /** As JSON can hold it. */
  readonly value: object;
}

export interface RecordChange {
  readonly kind: string;
  readonly key: string;
  /** null deletes. */
  readonly value: object | null;
}

export interface Store {
  /** Result i says whether window i was counted now or its id was known. @param receivedMs Stamp of the ids, kept with them. */
  commit(group: readonly AcceptedWindow[], receivedMs: number): Promise<readonly ('stored' | 'duplicate')[]>;
  /** Insert or replace by model version. */
  register(registration: Registration): Promise<void>;
  registrations(): Promise<readonly Registration[]>;
  /** Its sums, votes and plans stay: they are read again once the version is registered again. */
  unregister(modelVersion: string): Promise<void>;
  /** All of them or none. One whose model version and hash are kept already stays as it is. */
  keepPlans(plans: readonly KeptPlan[]): Promise<void>;
  /** Of that model version, or of all. Those kept first come first. */
  plans(modelVersion?: string): Promise<readonly KeptPlan[]>;
  /** Sums of that plan stay. */
  dropPlan(modelVersion: string, hash: string): Promise<void>;
  /**
   * By plan; in order of slot and cell. Adding up is the store's: an answer has a sum for each cell of each slot, and not one for each that is
   * stored. A plan without cells is left out.
   */
  cellSums(query: CellQuery): Promise<ReadonlyMap<string, readonly CellSum[]>>;
  /** What each hour that has cells would add to an answer at the most, in order of plan and hour. `slotHours` does not matter. */
  hourCells(query: CellQuery): Promise<readonly HourCells[]>;
  totals(query: SeriesQuery): Promise<Totals>;
  /** Of every model at once, one for each model version, plan and arm of which something is shown. */
  lifetimes(query: LifetimeQuery): Promise<readonly LifetimeSum[]>;
  /** In order of hour, arm and segment; slots without a marked window are left out. */
  votes(query: VotesQuery): Promise<readonly SlotVotes[]>;
  /**
   * Makes days of votes by the hour that were received before: the oldest such day of VOTE_ROLL_UP_STREAM_COUNT streams (model version, plan, arm
   * and segment) at the most. Resolves to whether there was one; there may be more.
   *
   * @param beforeHour Begins a UTC day.
   */
  rollUpVotes(beforeHour: number): Promise<boolean>;
  /** The latest stamp that `commit` gave an id, null without any. */
  lastReceivedMs(): Promise<number | null>;
  /** All of that kind, in order of their keys. */
  records(kind: string): Promise<readonly OwnerRecord[]>;
  /** All of them or none, durable before it resolves. Inserts or replaces by kind and key; of the same key twice, the last counts. */
  putRecords(changes: readonly RecordChange[]): Promise<void>;
  /** Drops ids received before that time; resolves to how many. */
  forgetIds(beforeMs: number): Promise<number>;
  close(): Promise<void>;
}
