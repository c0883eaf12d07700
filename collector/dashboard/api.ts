/**
 * The collector, as the dashboard asks it: the read API over fetch and server-sent events.
 *
 * Invariants
 *  - A failed request rejects with a sentence; the page shows it and goes on trying.
 *
 * Not here: what the answers mean (protocol/read/read-api.ts).
 */
import type { CommitEvent, ModelDetail, ModelEntry, PlanDocument, Series } from '../../protocol/read/read-api.ts';
import type { Arm } from '../../protocol/report/window.ts';

/** Between two tries to reach a collector that does not answer. */
export const RETRY_MS = 5_000;

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`The collector answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
  return (await response.json()) as T;
}

export const fetchModels = () => get<readonly ModelEntry[]>('/v1/models');
export const fetchModel = (version: string) => get<ModelDetail>(`/v1/models/${version}`);
export const fetchPlan = (version: string, hash: string) => get<PlanDocument>(`/v1/models/${version}/plans/${hash}`);

/** What of a model's sums is asked for; null: all arms, all segments. */
interface SeriesAsked {
  readonly modelVersion: string;
  readonly hourCount: number;
  readonly arm: Arm | null;
  readonly segment: number | null;
  /** Hashes; null: the present plan. */
  readonly data: string | null;
  readonly software: string | null;
}

export function fetchSeries({ modelVersion, hourCount, ...narrowed }: SeriesAsked): Promise<Series> {
  const query = new URLSearchParams({ model: modelVersion, hours: String(hourCount) });
  for (const [name, value] of Object.entries(narrowed)) if (value !== null) query.set(name, String(value));
  return get<Series>(`/v1/series?${query}`);
}

/** Calls back after commits of any model, and connects again for as long as the page lives. */
export function listen(committed: (modelVersion: string) => void, connection: (isUp: boolean) => void): void {
  const source = new EventSource('/v1/live');
  source.addEventListener('open', () => connection(true));
  source.addEventListener('error', () => {
    connection(false);
    // A lost connection is the browser's to renew; after an answer other than 200 it gives up, and we do not.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(committed, connection), RETRY_MS);
  });
  source.addEventListener('commit', (event) => committed((JSON.parse(event.data) as CommitEvent).modelVersion));
}
