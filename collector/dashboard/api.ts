/**
 * The collector, as the dashboard asks it: the read API over fetch and server-sent events.
 *
 * Invariants
 *  - Addresses are found from where the page is, so that a collector behind a path prefix is asked behind it.
 *  - A failed request rejects with a sentence, an answer that never comes within ANSWER_MS_MAX; the page shows it and goes on trying.
 *
 * Not here: what the answers mean (protocol/read/read-api.ts).
 */
import type { CommitEvent, ModelDetail, ModelEntry, NoisedEstimates, PlanDocument, Series } from '../../protocol/read/read-api.ts';
import type { Arm } from '../../protocol/report/window.ts';

/** Between two tries to reach a collector that does not answer. */
export const RETRY_MS = 5_000;
/** From a request to the end of its answer. Sums of a quarter of a year took seconds on a busy machine. */
const ANSWER_MS_MAX = 30_000;
/** Letters of a refusal that are shown: the collector's own are one sentence. */
const SENTENCE_LENGTH_MAX = 200;

const API = new URL('../v1/', document.baseURI);

async function get<T>(path: string): Promise<T> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  try {
    const response = await fetch(new URL(path, API), { signal });
    const type = response.headers.get('Content-Type') ?? 'no type';
    if (!response.ok) {
      const sentence = type.startsWith('text/plain') ? `: ${(await response.text()).slice(0, SENTENCE_LENGTH_MAX)}` : '.';
      throw new Error(`The collector answered ${response.status}${sentence}`);
    }
    if (!type.startsWith('application/json')) {
      throw new Error(`What answers at ${API.href} is no Insitu collector: it sent ${type.slice(0, SENTENCE_LENGTH_MAX)} instead of JSON.`);
    }
    return (await response.json()) as T;
  } catch (error) {
    if (signal.aborted) throw new Error(`The collector has not answered within ${ANSWER_MS_MAX / 1000} s.`);
    if (error instanceof SyntaxError) throw new Error(`What answers at ${API.href} is no Insitu collector: its JSON is cut or broken.`);
    if (error instanceof TypeError) throw new Error('The collector cannot be reached.');
    throw error;
  }
}

export async function fetchModels(): Promise<readonly ModelEntry[]> {
  const models = await get<unknown>('models');
  if (!Array.isArray(models)) throw new Error(`What answers at ${API.href} is no Insitu collector: its models are no list.`);
  return models as readonly ModelEntry[];
}

export const fetchModel = (version: string) => get<ModelDetail>(`models/${version}`);
export const fetchPlan = (version: string, hash: string) => get<PlanDocument>(`models/${version}/plans/${hash}`);

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
  return get<Series>(`series?${query}`);
}

export const fetchNoised = (version: string, hourCount: number) => get<NoisedEstimates>(`noised?model=${version}&hours=${hourCount}`);

/** Calls back after commits of any model, and connects again for as long as the page lives. */
export function listen(committed: (modelVersion: string) => void, connection: (isUp: boolean) => void): void {
  const source = new EventSource(new URL('live', API));
  // A proxy that holds small answers back never opens it.
  const silence = setTimeout(() => connection(false), ANSWER_MS_MAX);
  source.addEventListener('open', () => {
    clearTimeout(silence);
    connection(true);
  });
  source.addEventListener('error', () => {
    clearTimeout(silence);
    connection(false);
    // A lost connection is the browser's to renew; after an answer other than 200 it gives up, and we do not.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(committed, connection), RETRY_MS);
  });
  source.addEventListener('commit', (event) => committed((JSON.parse(event.data) as CommitEvent).modelVersion));
}
