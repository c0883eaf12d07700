/**
 * What telemetry needs of the browser in any realm: clock, randomness, one kind of request, storage locks and timers.
 *
 * Why an interface: tests fix the clock and the random source to compare bytes, and a reviewer finds every call
 * that could leave the page in this file.
 *
 * Invariants
 *  - `post` is CORS-simple: no header, no content type, no cookie, no referrer. The answer's body is read to its end,
 *    because Chromium gives the shared keepalive quota back only then (open-telemetry/opentelemetry-js issue 7001).
 *  - Never `sendBeacon` (it carries cookies).
 *  - What a server says of time is bounded before anybody hears of it.
 *  - Nothing here is of a document: a service worker uses it as it is.
 *
 * Not here: what only a page has (page-platform.ts).
 * Source: Fetch standard, "keepalive"; W3C Global Privacy Control.
 */
import { RETRY_AFTER_MS_MAX } from '../../protocol/limits.ts';
import { ANSWER_HEADER } from '../../protocol/report/answer.ts';

export interface Answer {
  /** 0 when no answer came. */
  readonly status: number;
  /** From Retry-After, in milliseconds, at most RETRY_AFTER_MS_MAX; null when there is none. */
  readonly retryAfterMs: number | null;
  /** The header by which the collector proves an answer (protocol/report/answer.ts), as it came. */
  readonly proof: string | null;
  /** How its text begins. */
  readonly text: string;
}

export const NO_ANSWER: Answer = { status: 0, retryAfterMs: null, proof: null, text: '' };

/** Longer than any sentence of the collector by which it is told apart. */
const TEXT_LENGTH_MAX = 64;

export interface Platform {
  now(): number;
  random(count: number): Uint8Array;
  /** In place of `post` of this file, where a test is the network. Apart from the rest because only the files that send carry it. */
  readonly post?: typeof post;
  locks(): LockManager | null;
  /** @returns The way to stop the timer. */
  after(ms: number, run: () => void): () => void;
}

export function realmPlatform(): Platform {
  return {
    now: () => Date.now(),
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
    locks: () => navigator.locks ?? null,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
}

/** Of pages and service workers; the inference worker, which shares no code with them, asks the same line for itself. */
export function hasGlobalPrivacyControl(): boolean {
  return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true;
}

/** Resolves when the work is done, after `ms` at the latest. @throws what the work throws before that. */
export async function atMost<T>({ after }: Pick<Platform, 'after'>, ms: number, work: Promise<T>): Promise<T | undefined> {
  let stopTimer: () => void = () => undefined;
  const late = new Promise<undefined>((resolve) => {
    stopTimer = after(ms, () => resolve(undefined));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stopTimer();
  }
}

/** @param timeoutMs Null: nothing of the page ends the request. Never rejects. */
export async function post(url: string, body: Uint8Array<ArrayBuffer>, timeoutMs: number | null): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      keepalive: true,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      redirect: 'error',
      ...(timeoutMs === null ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
    });
    const text = (await response.text()).slice(0, TEXT_LENGTH_MAX);
    const { status, headers } = response;
    return { status, retryAfterMs: retryAfterMs(headers.get('Retry-After'), Date.now()), proof: headers.get(ANSWER_HEADER), text };
  } catch {
    return NO_ANSWER;
  }
}

/** Both forms of RFC 9110 §10.2.3: seconds, or a date. A date that has passed, or a wait of centuries, is a server's mistake. */
function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const askedMs = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(askedMs) ? null : Math.min(Math.max(0, askedMs), RETRY_AFTER_MS_MAX);
}
