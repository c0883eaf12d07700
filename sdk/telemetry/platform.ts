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
 *  - Nothing here is of a document: a service worker uses it as it is.
 *
 * Not here: what only a page has (page-platform.ts).
 * Source: Fetch standard, "keepalive"; W3C Global Privacy Control.
 */

export interface Answer {
  /** 0 when no answer came. */
  readonly status: number;
  /** From Retry-After, in milliseconds; null when there is none. */
  readonly retryAfterMs: number | null;
}

export interface Platform {
  now(): number;
  random(count: number): Uint8Array;
  /** Never rejects. */
  post(url: string, body: Uint8Array<ArrayBuffer>, timeoutMs: number | null): Promise<Answer>;
  locks(): LockManager | null;
  /** @returns The way to stop the timer. */
  after(ms: number, run: () => void): () => void;
}

export function realmPlatform(): Platform {
  return {
    now: () => Date.now(),
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
    post,
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
export async function atMost({ after }: Pick<Platform, 'after'>, ms: number, work: Promise<unknown>): Promise<void> {
  let stopTimer: () => void = () => undefined;
  const late = new Promise<void>((resolve) => {
    stopTimer = after(ms, resolve);
  });
  await Promise.race([work, late]);
  stopTimer();
}

async function post(url: string, body: Uint8Array<ArrayBuffer>, timeoutMs: number | null): Promise<Answer> {
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
    await response.arrayBuffer();
    return { status: response.status, retryAfterMs: retryAfterMs(response.headers.get('Retry-After'), Date.now()) };
  } catch {
    return { status: 0, retryAfterMs: null };
  }
}

/** Both forms of RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}
