/**
 * Collector client: asks a collector from Node or a page, one method for each endpoint that answers JSON.
 *
 * The public entry `insitu/collector-client`. Needs `fetch` alone: Node 20, browsers, workers.
 *
 * Invariants
 *  - Methods, parameters and answers are those of the table that the router is made of (protocol/read/endpoints.ts).
 *  - A call ends: after `timeoutMs`, with the caller's signal, or with an answer.
 *  - Every failure is a CollectorError with a code and a sentence; 503 says after how long to ask again.
 *
 * Not here: reports of pages (`insitu`), the live feed (an EventSource on `/v1/live`).
 */
import { RETRY_AFTER_MS_MAX } from '../../protocol/limits.ts';
import { type BodyTypes, ENDPOINTS, type Endpoint, type Given, type Parameter } from '../../protocol/read/endpoints.ts';
import { CLIENT_TIMEOUT_MS } from '../../protocol/read/export-limits.ts';

type Table = typeof ENDPOINTS;
/** Endpoints that answer JSON of the table, or that only the owner asks. */
type AskedName = {
  [N in keyof Table]: Table[N]['answer'] extends { body: { json: keyof BodyTypes } }
    ? N
    : Table[N] extends { needsAdminKey: true }
      ? N
      : never;
}[keyof Table];

type JsonOf<B> = B extends { readonly json: infer N extends keyof BodyTypes } ? BodyTypes[N] : never;
/** null where there is nothing to answer. */
type AnswerOf<N extends AskedName> = Table[N]['answer'] extends { body: infer B } ? JsonOf<B> : null;
type PathOf<N extends AskedName> = Table[N] extends { inPath: infer P extends Readonly<Record<string, Parameter>> } ? Given<P> : unknown;
type QueryOf<N extends AskedName> = Table[N] extends { query: infer P extends Readonly<Record<string, Parameter>> } ? Given<P> : unknown;
type SentOf<N extends AskedName> = Table[N] extends { body: infer B } ? { readonly body: JsonOf<B> } : unknown;
/** What the caller gives for an endpoint. */
type Asked<N extends AskedName> = PathOf<N> & QueryOf<N> & SentOf<N>;

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A method without anything to ask takes its options alone. */
export type CollectorClient = {
  readonly [N in AskedName]: unknown extends Asked<N>
    ? (options?: CallOptions) => Promise<AnswerOf<N>>
    : (asked: Asked<N>, options?: CallOptions) => Promise<AnswerOf<N>>;
};

export interface CollectorClientOptions {
  /** Of the collector, with the path prefix that a proxy puts in front of it. */
  readonly url: string;
  /** For what is the owner's: registering models, incidents, rules. */
  readonly adminKey?: string;
  /** Of one call, its answer's body included. Default CLIENT_TIMEOUT_MS. */
  readonly timeoutMs?: number;
}

export type CollectorErrorCode = 'unreachable' | 'timeout' | 'aborted' | 'refused' | 'busy' | 'not-the-collector';

/** Recognise it by its name and `code`. */
export class CollectorError extends Error {
  override readonly name = 'CollectorError';
  readonly code: CollectorErrorCode;
  /** HTTP status; null without an answer. */
  readonly status: number | null;
  /** Of `busy`: when to ask again. */
  readonly retryAfterMs: number | null;

  constructor(code: CollectorErrorCode, message: string, details: { status?: number; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.status = details.status ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** @throws {TypeError} when `url` is no http or https address, and for options that there are not; its methods reject with one for what they do not take. */
export function createCollectorClient(options: CollectorClientOptions): CollectorClient {
  requireKnown('createCollectorClient', options, ['url', 'adminKey', 'timeoutMs']);
  const { url, adminKey, timeoutMs = CLIENT_TIMEOUT_MS } = options;
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  if (!/^https?:$/.test(base.protocol)) throw new TypeError(`The address of a collector begins with http: or https:, not ${base.protocol}`);
  const methods = Object.entries(ENDPOINTS as Readonly<Record<string, Endpoint>>).flatMap(([name, endpoint]) => {
    const { body } = endpoint.answer;
    if (body === undefined ? endpoint.needsAdminKey !== true : !('json' in body)) return [];
    const asks = endpoint.inPath !== undefined || endpoint.query !== undefined || endpoint.body !== undefined;
    const names = [...Object.keys({ ...endpoint.inPath, ...endpoint.query }), ...(endpoint.body === undefined ? [] : ['body'])];
    const method = async (...args: unknown[]) => {
      const asked = (asks ? args[0] : {}) as Readonly<Record<string, unknown>>;
      const called = ((asks ? args[1] : args[0]) ?? {}) as CallOptions;
      requireKnown(name, asked, names);
      requireKnown(name, called, ['signal']);
      const { signal } = called;
      return call(requestOf(endpoint, asked, base, adminKey), timeoutMs, signal);
    };
    return [[name, method] as const];
  });
  return Object.fromEntries(methods) as unknown as CollectorClient;
}

/** @throws {TypeError} for a name that is written otherwise: it would be passed over. */
function requireKnown(what: string, given: object, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) throw new TypeError(`${what} takes an object with ${known.join(', ')}.`);
  if (Object.keys(given).some((name) => !known.includes(name))) {
    throw new TypeError(`${what}: one of its names is unknown; known are ${known.join(', ')}.`);
  }
}

function requestOf(endpoint: Endpoint, asked: Readonly<Record<string, unknown>>, base: URL, adminKey: string | undefined): Request {
  const path = endpoint.path.slice(1).replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(asked[name])));
  const address = new URL(path, base);
  for (const name of Object.keys(endpoint.query ?? {})) {
    if (asked[name] !== undefined) address.searchParams.set(name, String(asked[name]));
  }
  const headers = new Headers(endpoint.needsAdminKey && adminKey !== undefined ? { Authorization: `Bearer ${adminKey}` } : {});
  const { method } = endpoint;
  if (endpoint.body === undefined) return new Request(address, { method, headers });
  headers.set('Content-Type', 'application/json');
  return new Request(address, { method, headers, body: JSON.stringify(asked.body) });
}

async function call(request: Request, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
  const late = AbortSignal.timeout(timeoutMs);
  const { origin } = new URL(request.url);
  try {
    const response = await fetch(request, { signal: signal === undefined ? late : AbortSignal.any([late, signal]) });
    const text = await response.text();
    if (!response.ok) throw refusalOf(response, text);
    return response.status === 204 ? null : parsed(text, origin);
  } catch (error) {
    if (error instanceof CollectorError) throw error;
    if (signal?.aborted) throw new CollectorError('aborted', 'The call was aborted.', { cause: error });
    if (late.aborted)
      throw new CollectorError('timeout', `The collector at ${origin} did not answer within ${timeoutMs} ms.`, { cause: error });
    throw new CollectorError('unreachable', `The collector at ${origin} cannot be reached. Check the address, and that it runs.`, {
      cause: error,
    });
  }
}

function parsed(text: string, origin: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CollectorError(
      'not-the-collector',
      `What answers at ${origin} is no collector. Check the address and what stands in front of it.`,
      {
        cause,
      },
    );
  }
}

function refusalOf({ status, headers }: Response, text: string): CollectorError {
  // A collector's refusal is one sentence; a proxy's is a page.
  const sentence = /^[^<\n]{1,500}$/.test(text) ? text : `Status ${status}.`;
  if (status !== 503) return new CollectorError('refused', sentence, { status });
  const seconds = Number(headers.get('Retry-After') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MS_MAX) : 0;
  return new CollectorError('busy', sentence, { status, retryAfterMs });
}

export type {
  AuditEntry,
  Incident,
  IncidentAct,
  IncidentDetail,
  IncidentList,
  RuleEntry,
  RuleTerms,
  TargetEntry,
} from '../../protocol/read/incidents.ts';
export type {
  Baseline,
  CellSum,
  Devices,
  Health,
  ModelDetail,
  ModelEntry,
  NoisedEstimates,
  Overview,
  OverviewEntry,
  PlanDocument,
  RegistrationAnswer,
  RegistrationRequest,
  RemovalAnswer,
  Series,
  SlotTotal,
} from '../../protocol/read/read-api.ts';
