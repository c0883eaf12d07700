/**
 * The collector's read API, as the dashboard uses it.
 *
 * Invariants
 *  - A failed request rejects with a sentence; the page shows it and goes on trying.
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Arm, ReportKind } from '../../protocol/report/window.ts';

export interface ModelEntry {
  readonly modelVersion: string;
  readonly name: string;
  readonly version: string;
  readonly baselineRuns: number;
}

export interface ModelDetail {
  readonly modelVersion: string;
  readonly plan: string;
  readonly manifest: Manifest;
  readonly baseline: { readonly n: number; readonly cells: readonly number[]; readonly counts: readonly number[] } | null;
}

export interface CellSum {
  readonly hour: number;
  readonly arm: Arm;
  readonly segment: number;
  readonly plan: string;
  readonly cell: number;
  readonly count: number;
}

export interface HourTotal {
  readonly hour: number;
  readonly report: ReportKind;
  readonly reports: number;
  readonly runs: number;
}

export interface Series {
  readonly nowMs: number;
  readonly totals: readonly HourTotal[];
  readonly data: readonly CellSum[];
  readonly software: readonly CellSum[];
}

/** Between two tries to reach a collector that does not answer. */
export const RETRY_MS = 5_000;

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`The collector answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
  return (await response.json()) as T;
}

export const fetchModels = () => get<readonly ModelEntry[]>('/v1/models');
export const fetchModel = (version: string) => get<ModelDetail>(`/v1/models/${version}`);
export const fetchSeries = (version: string, hours: number) => get<Series>(`/v1/series?model=${version}&hours=${hours}`);

/** Calls back after commits of any model, and connects again for as long as the page lives. */
export function listen(committed: (modelVersion: string) => void, connection: (isUp: boolean) => void): void {
  const source = new EventSource('/v1/live');
  source.addEventListener('open', () => connection(true));
  source.addEventListener('error', () => {
    connection(false);
    // A lost connection is the browser's to renew; after an answer other than 200 it gives up, and we do not.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(committed, connection), RETRY_MS);
  });
  source.addEventListener('commit', (event) => committed((JSON.parse(event.data) as { modelVersion: string }).modelVersion));
}
