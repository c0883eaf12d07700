/**
 * What the collector needs of a database. DuckDB implements it on one machine (collector/store/duckdb-store.ts); one
 * conformance suite (test/conformance/store.ts) runs on every implementation.
 *
 * Invariants
 *  - `commit` is one transaction: a group's ids and its summed cells are there together or not at all, durable before it resolves.
 *  - A window id counts once within the ids' horizon, however often it is committed, also within one group.
 *  - Sums are exact 64-bit integers, of one plan each.
 *  - What is kept of a plan never changes: sums of years ago mean what they meant.
 *
 * Not here: the grammar (protocol/report/report.ts), validation against a plan (collector/intake/intake.ts), statistics.
 */
import type { Baseline, CellSum, HourTotal } from '../../protocol/read/read-api.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { Arm, ReportKind } from '../../protocol/report/window.ts';

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

export interface CellQuery {
  readonly modelVersion: string;
  readonly report: ReportKind;
  /** Hours since 1970, both inclusive. */
  readonly fromHour: number;
  readonly toHour: number;
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

export interface Store {
  /** Result i says whether window i was counted now or its id was known. */
  commit(group: readonly AcceptedWindow[], nowMs: number): Promise<readonly ('stored' | 'duplicate')[]>;
  /** Insert or replace by model version. */
  register(registration: Registration): Promise<void>;
  registrations(): Promise<readonly Registration[]>;
  /** All of them or none. One whose model version and hash are kept already stays as it is. */
  keepPlans(plans: readonly KeptPlan[]): Promise<void>;
  /** Those kept first come first. */
  plans(): Promise<readonly KeptPlan[]>;
  /** Sums of that plan stay. */
  dropPlan(modelVersion: string, hash: string): Promise<void>;
  cellSums(query: CellQuery): Promise<readonly CellSum[]>;
  /** Plans, arms and segments apart. */
  hourTotals(query: Omit<CellQuery, 'report'>): Promise<readonly HourTotal[]>;
  /** Drops ids received before that time; resolves to how many. */
  forgetIds(beforeMs: number): Promise<number>;
  close(): Promise<void>;
}
