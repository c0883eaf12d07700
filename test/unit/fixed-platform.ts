/**
 * A platform that stands still: clock, randomness and network in the test's hands, so that bytes can be compared.
 *
 * Only `Platform` is replaced. Node has no IndexedDB, so the outbox is the one of pages without storage.
 */
import type { Answer, LifeListener, Platform, PrivacySignal } from '../../sdk/platform.ts';

export interface Request {
  readonly url: string;
  readonly hex: string;
}

export interface FixedPlatform extends Platform {
  readonly requests: Request[];
  /** What the next requests are answered with. */
  answer: Answer;
  signal: PrivacySignal | null;
  nowMs: number;
  /** What the page's life tells telemetry; null while nobody listens. */
  life: LifeListener | null;
}

export function fixedPlatform(): FixedPlatform {
  let seed = 1;
  const platform: FixedPlatform = {
    requests: [],
    answer: { status: 204, retryAfterMs: null },
    signal: null,
    nowMs: Date.UTC(2026, 10, 23, 12),
    life: null,
    now: () => platform.nowMs,
    random: (count) =>
      Uint8Array.from({ length: count }, () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed & 0xff;
      }),
    post: async (url, body) => {
      platform.requests.push({ url, hex: Buffer.from(body).toString('hex') });
      return platform.answer;
    },
    privacySignal: () => platform.signal,
    rememberOptOut: (isOut) => {
      platform.signal = isOut ? 'opted-out' : null;
    },
    isPrerendering: () => false,
    locks: () => null,
    after: () => () => undefined,
    onLife: (listener) => {
      platform.life = listener;
      return () => {
        platform.life = null;
      };
    },
  };
  return platform;
}
