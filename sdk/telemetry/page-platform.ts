/**
 * What telemetry needs of a page beside what every realm has: the person's signals, the page's life, and whether it has been shown.
 *
 * Invariants
 *  - Never `unload` (it breaks the back/forward cache).
 *  - The opt-out is one bit in Web Storage, and nothing else is kept there. Where there is none to ask, telemetry is off.
 *
 * Not here: clock, chance and requests (platform.ts).
 * Source: Page Lifecycle; W3C Global Privacy Control; HTML standard, prerendering.
 */
import type { LifeListener } from './level.ts';
import { hasGlobalPrivacyControl, type Platform, realmPlatform } from './platform.ts';

export type PrivacySignal = 'no-document' | 'opted-out' | 'global-privacy-control' | 'do-not-track';

export interface PagePlatform extends Platform {
  privacySignal(): PrivacySignal | null;
  /** Keeps or forgets the one bit that says that the person does not want this here. */
  rememberOptOut(isOut: boolean): void;
  /** A prerendered page that has not been shown yet. */
  isPrerendering(): boolean;
  /** @returns The way to stop listening. */
  onLife(listener: LifeListener): () => void;
}

export function pagePlatform(): PagePlatform {
  // Added once, however many clients there are: it is the same function. There is no page in a test that runs in Node.
  globalThis.addEventListener?.('storage', forgetStored);
  globalThis.addEventListener?.('pageshow', forgetStored);
  return {
    ...realmPlatform(),
    privacySignal,
    rememberOptOut,
    isPrerendering: () => (document as { prerendering?: boolean }).prerendering === true,
    onLife,
  };
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
  // No worker can read that bit, and none learns when its page is hidden.
  if (globalThis.document === undefined) return 'no-document';
  if (hasOptedOut()) return 'opted-out';
  if (hasGlobalPrivacyControl()) return 'global-privacy-control';
  return navigator.doNotTrack === '1' ? 'do-not-track' : null;
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
