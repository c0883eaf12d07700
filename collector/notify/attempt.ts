/**
 * An attempt at a delivery: one POST, and what became of it.
 *
 * Invariants
 *  - No redirect is followed: a signature, and what it signs, go to the address that the owner wrote and to no other.
 *  - An attempt takes DELIVERY_TIMEOUT_MS at the most, its answer included, of which DELIVERY_ANSWER_BYTES_MAX are read.
 *  - A failure is a sentence without address and secret: an address may be one.
 */
import { DELIVERY_ANSWER_BYTES_MAX, DELIVERY_BACKOFF_MS_MAX, DELIVERY_TIMEOUT_MS } from '../../protocol/alarm-limits.ts';
import { plainName } from './sentences.ts';

export type Outcome =
  | { readonly ok: true }
  /** `retryAfterMs`: what the receiver asks for; 0 where it does not. */
  | { readonly ok: false; readonly sentence: string; readonly retryAfterMs: number };

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @param signal Aborted when the collector stops. */
export async function post({ url, headers, body }: Post, signal: AbortSignal): Promise<Outcome> {
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', body, redirect: 'manual', headers: { 'Content-Type': 'application/json', ...headers } },
      signal: AbortSignal.any([signal, AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]),
    });
    const text = await firstOf(response);
    if (response.ok) return { ok: true };
    if (response.status >= 300 && response.status < 400) {
      return failed(`It answered ${response.status}, and redirects are not followed. Name the address that it leads to.`);
    }
    const said = text === '' ? '' : `: ${text}`;
    return failed(`It answered ${response.status}${said}.`, retryAfterOf(response));
  } catch (error) {
    return failed(signal.aborted ? 'The collector was stopped meanwhile.' : reasonOf(error));
  }
}

export function failed(sentence: string, retryAfterMs = 0): Outcome {
  return { ok: false, sentence, retryAfterMs };
}

/** Why a connection came to nothing, without an address. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `It did not answer within ${DELIVERY_TIMEOUT_MS / 1000} s.`;
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const told = [cause?.code, code].find((candidate) => typeof candidate === 'string');
  return `It cannot be reached (${told ?? 'no reason is known'}).`;
}

/** The answer's first line; the rest is left unread. */
async function firstOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const pieces: Uint8Array[] = [];
  let length = 0;
  while (length < DELIVERY_ANSWER_BYTES_MAX) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.length;
  }
  await reader.cancel().catch(() => undefined);
  const text = Buffer.concat(pieces).subarray(0, DELIVERY_ANSWER_BYTES_MAX).toString('utf8');
  return plainName(text.split('\n', 1)[0] ?? '');
}

function retryAfterOf(response: Response): number {
  const seconds = response.headers.get('Retry-After') ?? '';
  return /^\d{1,6}$/.test(seconds) ? Math.min(DELIVERY_BACKOFF_MS_MAX, Number(seconds) * 1000) : 0;
}
