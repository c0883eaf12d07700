/**
 * What telemetry needs of the browser: clock, randomness, one kind of request, storage locks and the page's life.
 *
 * Why an interface: tests fix the clock and the random source to compare bytes, and a reviewer finds every call
 * that could leave the page in this file.
 *
 * Invariants
 *  - `post` is CORS-simple: no header, no content type, no cookie, no referrer. The answer's body is read to its end,
 *    because Chromium gives the shared keepalive quota back only then (open-telemetry/opentelemetry-js issue 7001).
 *  - Never `sendBeacon` (it carries cookies), never `unload` (it breaks the back/forward cache).
 *
 * Source: Fetch standard, "keepalive"; Page Lifecycle; W3C Global Privacy Control.
 */

export interface Answer {
  /** 0 when no answer came. */
  readonly status: number;
  /** From Retry-After, in milliseconds; null when there is none. */
  readonly retryAfterMs: number | null;
}

export type PrivacySignal = 'opted-out' | 'global-privacy-control' | 'do-not-track';

export interface LifeListener {
  /** The page may never be seen again; only synchronous work counts. */
  hidden(): void;
  /** Into the back/forward cache: the page freezes and may come back. */
  frozen(): void;
  /** Seen again, or brought back from the back/forward cache. */
  shown(): void;
  online(): void;
}

export interface Platform {
  now(): number;
  random(count: number): Uint8Array;
  /** Never rejects. */
  post(url: string, body: Uint8Array<ArrayBuffer>, timeoutMs: number | null): Promise<Answer>;
  privacySignal(): PrivacySignal | null;
  /** Keeps or forgets the one bit that says that the person does not want this here. */
  rememberOptOut(isOut: boolean): void;
  /** A prerendered page that nobody has seen yet. */
  isPrerendering(): boolean;
  locks(): LockManager | null;
  after(ms: number, run: () => void): () => void;
  onLife(listener: LifeListener): () => void;
}

export function browserPlatform(): Platform {
  // Added once, however many clients there are: it is the same function. There is no page in a test that runs in Node.
  globalThis.addEventListener?.('storage', forgetStored);
  globalThis.addEventListener?.('pageshow', forgetStored);
  return {
    now: () => Date.now(),
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
    post,
    privacySignal,
    rememberOptOut,
    isPrerendering: () => (document as { prerendering?: boolean }).prerendering === true,
    locks: () => navigator.locks ?? null,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    onLife,
  };
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

/** Kept in Web Storage because it is read before each run, synchronously. */
const OPT_OUT_KEY = 'insitu-opt-out';
/** Where storage is refused the choice lasts as long as the page. */
let isOptedOut = false;
/**
 * What storage said last; null when it has to be asked, because another page wrote to it or this one was frozen meanwhile. Asking takes
 * 12 µs in a page that has just woken up, twice per run.
 */
let isStoredOut: boolean | null = null;

function forgetStored(): void {
  isStoredOut = null;
}

function rememberOptOut(isOut: boolean): void {
  isOptedOut = isOut;
  forgetStored();
  try {
    if (isOut) localStorage.setItem(OPT_OUT_KEY, '1');
    else localStorage.removeItem(OPT_OUT_KEY);
  } catch {
    // A browser that stores nothing has no later visit to remember it for.
  }
}

function hasOptedOut(): boolean {
  try {
    isStoredOut ??= localStorage.getItem(OPT_OUT_KEY) !== null;
    return isOptedOut || isStoredOut;
  } catch {
    return isOptedOut;
  }
}

function privacySignal(): PrivacySignal | null {
  if (hasOptedOut()) return 'opted-out';
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
  if (globalPrivacyControl === true) return 'global-privacy-control';
  return doNotTrack === '1' ? 'do-not-track' : null;
}

function onLife(listener: LifeListener): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? listener.hidden() : listener.shown()), {
    signal,
  });
  // Two listeners: what the first one queues (the last write of a rest) starts before the second gives the page's name up.
  addEventListener('pagehide', () => listener.hidden(), { signal });
  addEventListener('pagehide', (event) => event.persisted && listener.frozen(), { signal });
  addEventListener('pageshow', (event) => event.persisted && listener.shown(), { signal });
  addEventListener('online', () => listener.online(), { signal });
  document.addEventListener('prerenderingchange', () => listener.shown(), { signal });
  return () => ended.abort();
}
