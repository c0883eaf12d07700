/**
 * The collector, as the dashboard asks it: the read API over fetch.
 *
 * Invariants
 *  - Addresses are found from where the page is, so that a collector behind a path prefix is asked behind it.
 *  - A failed request rejects with a sentence, an answer that never comes within ANSWER_MS_MAX; the page shows it and goes on trying.
 *  - What nobody waits for any more is broken off.
 *
 * Not here: what the answers mean (protocol/read/read-api.ts), what only the owner may ask (owner-api.ts), live updates (live.ts).
 */
import type { Devices, ModelDetail, ModelEntry, NoisedEstimates, Overview, PlanDocument, Series } from '../../../protocol/read/read-api.ts';
import type { Arm } from '../../../protocol/report/window.ts';

/** Between two tries to reach a collector that does not answer. */
export const RETRY_MS = 5_000;
/** From a request to the end of its answer. Sums of a quarter of a year took seconds on a busy machine. */
export const ANSWER_MS_MAX = 30_000;
/** Letters of a refusal that are shown: the collector's own are one sentence. */
const SENTENCE_LENGTH_MAX = 300;

export const API = new URL('../v1/', document.baseURI);

/** What a collector refused, with its own sentence where it has one. */
export class RefusedError extends Error {
  readonly status: number;
  /** The collector's sentence alone; null where there is none. */
  readonly sentence: string | null;

  constructor(status: number, sentence: string | null) {
    super(sentence === null ? `The collector answered ${status}.` : `The collector answered ${status}: ${sentence}`);
    this.status = status;
    this.sentence = sentence;
  }
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves to null for an answer without a body. */
export async function ask<T>(path: string, { method = 'GET', headers = {}, body, signal }: Asked = {}): Promise<T> {
  const late = AbortSignal.timeout(ANSWER_MS_MAX);
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  try {
    const response = await fetch(new URL(path, API), {
      ...{ method, headers: { ...headers, ...type }, ...sent },
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    });
    return (await answerOf(response)) as T;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (late.aborted) throw new Error(`The collector has not answered within ${ANSWER_MS_MAX / 1000} s.`);
    if (error instanceof SyntaxError) throw new Error(`What answers at ${API.href} is no Insitu collector: its JSON is cut or broken.`);
    if (error instanceof TypeError) throw new Error('The collector cannot be reached.');
    throw error;
  }
}

async function answerOf(response: Response): Promise<unknown> {
  const type = response.headers.get('Content-Type') ?? 'no type';
  if (!response.ok) {
    const sentence = type.startsWith('text/plain') ? (await response.text()).slice(0, SENTENCE_LENGTH_MAX) : null;
    throw new RefusedError(response.status, sentence);
  }
  if (response.status === 204) return null;
  if (!type.startsWith('application/json')) {
    throw new Error(`What answers at ${API.href} is no Insitu collector: it sent ${type.slice(0, SENTENCE_LENGTH_MAX)} instead of JSON.`);
  }
  return await response.json();
}

export async function fetchModels(signal?: AbortSignal): Promise<readonly ModelEntry[]> {
  const models = await ask<unknown>('models', { signal });
  if (!Array.isArray(models)) throw new Error(`What answers at ${API.href} is no Insitu collector: its models are no list.`);
  return models as readonly ModelEntry[];
}

export const fetchModel = (version: string, signal?: AbortSignal) => ask<ModelDetail>(`models/${version}`, { signal });
export const fetchPlan = (version: string, hash: string) => ask<PlanDocument>(`models/${version}/plans/${hash}`);
export const fetchNoised = (version: string, hourCount: number, signal?: AbortSignal) =>
  ask<NoisedEstimates>(`noised?model=${version}&hours=${hourCount}`, { signal });
export const fetchOverview = (signal?: AbortSignal) => ask<Overview>('overview', { signal });
export const fetchDevices = (version: string, hourCount: number, signal?: AbortSignal) =>
  ask<Devices>(`devices?model=${version}&hours=${hourCount}`, { signal });

/** What the collector tells monitoring systems of itself and of models, as text (OpenMetrics' older brother, exposition 0.0.4). */
export async function fetchMetrics(signal: AbortSignal): Promise<string> {
  const response = await fetch(new URL('../metrics', API), { signal: AbortSignal.any([AbortSignal.timeout(ANSWER_MS_MAX), signal]) });
  if (!response.ok) throw new RefusedError(response.status, null);
  return response.text();
}

/** What of a model's sums is asked for; null: all arms, all segments. */
interface SeriesAsked {
  readonly modelVersion: string;
  readonly hourCount: number;
  /** The last hour; null: the present one. */
  readonly untilHour: number | null;
  readonly arm: Arm | null;
  readonly segment: number | null;
  /** Hashes; null: the present plan. */
  readonly data: string | null;
  readonly software: string | null;
}

export function fetchSeries({ modelVersion, hourCount, untilHour, ...narrowed }: SeriesAsked, signal?: AbortSignal): Promise<Series> {
  const query = new URLSearchParams({ model: modelVersion, hours: String(hourCount) });
  for (const [name, value] of Object.entries({ until: untilHour, ...narrowed })) if (value !== null) query.set(name, String(value));
  return ask<Series>(`series?${query}`, { signal });
}
