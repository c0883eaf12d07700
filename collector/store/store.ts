/**
 * What the collector needs of a database. DuckDB implements it on one machine (collector/store/duckdb-store.ts); one
 * conformance suite (test/conformance/store.ts) runs on every implementation.
 *
 * Invariants
 *  - `commit` is one transaction: a group's ids and its summed cells are there together or not at all, durable before it resolves.
 *  - A window id counts once within the ids' horizon, however often it is committed, also within one group.
 *  - Sums are exact 64-bit integers.
 *
 * Not here: the grammar (protocol/report/report.ts), validation against a plan (collector/intake/intake.ts), statistics.
 */
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

/** `n` inputs counted by the same kernels on the validation set; sparse, of the model's data plan. */
export interface Baseline {
  readonly modelVersion: string;
  readonly plan: string;
  readonly n: number;
  readonly cells: readonly number[];
  readonly counts: readonly number[];
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

/** One summed cell. */
export interface CellSum {
  readonly hour: number;
  readonly arm: Arm;
  readonly segment: number;
  readonly plan: string;
  readonly cell: number;
  readonly count: number;
}

/** Reports and runs of one hour. */
export interface HourTotal {
  readonly hour: number;
  readonly arm: Arm;
  readonly segment: number;
  readonly report: ReportKind;
  readonly reports: number;
  readonly runs: number;
}

export interface Store {
  /** Result i says whether window i was counted now or its id was known. */
  commit(group: readonly AcceptedWindow[], nowMs: number): Promise<readonly ('stored' | 'duplicate')[]>;
  /** Insert or replace by model version. */
  register(registration: Registration): Promise<void>;
  registrations(): Promise<readonly Registration[]>;
  cellSums(query: CellQuery): Promise<readonly CellSum[]>;
  hourTotals(query: Omit<CellQuery, 'report'>): Promise<readonly HourTotal[]>;
  /** Drops ids received before that time; resolves to how many. */
  forgetIds(beforeMs: number): Promise<number>;
  close(): Promise<void>;
}
