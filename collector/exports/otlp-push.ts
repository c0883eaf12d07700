/**
 * OTLP push: sends what is exported to a receiver of OpenTelemetry's protocol over HTTP, once in an interval.
 *
 * Why nothing is queued: numbers are cumulative, so what could not be sent is told whole by what is sent next. Until then the rest of the last
 * snapshot is tried again as the protocol asks.
 *
 * Invariants
 *  - 429, 502, 503, 504 and no answer are tried again, after `Retry-After` or a backoff with jitter; every other refusal is final for that
 *    message. What the receiver rejected of a message it took is not sent again.
 *  - A redirection is not followed: headers may hold a secret, and its target is not the address that the operator named.
 *  - A sentence is logged when the outcome changes, and not at each push. It holds no header and no credential of the address.
 *  - Nothing here throws; `close` ends what is under way.
 *
 * Not here: what is sent (otlp-message.ts), what the environment says (collector/operator/otlp-environment.ts).
 * Source: OTLP/HTTP, opentelemetry.io/docs/specs/otlp.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN, RETRY_AFTER_MS_MAX } from '../../protocol/limits.ts';
import { OTLP_ANSWER_BYTES_MAX } from '../../protocol/read/export-limits.ts';
import type { OtlpTarget } from '../operator/otlp-environment.ts';
import type { Snapshot } from './exports.ts';
import { type OtlpMessage, otlpMessages } from './otlp-message.ts';
import { otlpProtobuf, type PartialSuccess, readOtlpAnswer } from './otlp-protobuf.ts';

interface OtlpPushOptions {
  readonly target: OtlpTarget;
  readonly release: string;
  /** null when too many others are reading. */
  readonly read: () => Promise<Snapshot> | null;
  /** Milliseconds by the monotonic clock. */
  readonly elapsedMs: () => number;
  /** Milliseconds since 1970, for a `Retry-After` that is a date. */
  readonly now: () => number;
  /** 0 … 1. */
  readonly chance: () => number;
  readonly log: (sentence: string) => void;
}

type Outcome =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly sentence: string }
  /** @param afterMs What the receiver asked for; null when it asked for nothing. */
  | { readonly kind: 'later'; readonly sentence: string; readonly afterMs: number | null };

const RETRIED = [429, 502, 503, 504];
const zipped = promisify(gzip);

export class OtlpPush {
  private readonly options: OtlpPushOptions;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private told = '';

  /** Begins at once. */
  constructor(options: OtlpPushOptions) {
    this.options = options;
    this.running = this.run();
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { target, elapsedMs } = this.options;
    let remaining: OtlpMessage[] = [];
    let madeMs = -Infinity;
    let failureCount = 0;
    while (!this.stopping.signal.aborted) {
      if (elapsedMs() - madeMs >= target.intervalMs) {
        madeMs = elapsedMs();
        remaining = await this.messages();
      }
      const later = await this.sendAll(remaining);
      failureCount = later === null ? 0 : failureCount + 1;
      const waitMs =
        later === null ? Math.max(0, madeMs + target.intervalMs - elapsedMs()) : (later.afterMs ?? this.backoffMs(failureCount));
      await pause(waitMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  private async messages(): Promise<OtlpMessage[]> {
    const { read, release, target, log } = this.options;
    try {
      const snapshot = await read();
      return snapshot === null ? [] : otlpMessages(snapshot.families, snapshot.madeAtMs, { release, attributes: target.attributes });
    } catch (error) {
      log(`What is exported could not be read for OTLP; it is tried again: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }

  /** Takes off what is done with. @returns The first that has to wait; null when none has. */
  private async sendAll(remaining: OtlpMessage[]): Promise<Extract<Outcome, { kind: 'later' }> | null> {
    for (let message = remaining[0]; message !== undefined && !this.stopping.signal.aborted; message = remaining[0]) {
      const outcome = await this.send(message);
      this.tell(outcome);
      if (outcome.kind === 'later') return outcome;
      remaining.shift();
    }
    return null;
  }

  private async send(message: OtlpMessage): Promise<Outcome> {
    const { target, now } = this.options;
    const isJson = target.encoding === 'json';
    const plain = isJson ? Buffer.from(JSON.stringify(message)) : otlpProtobuf(message);
    const headers = new Headers(target.headers);
    headers.set('Content-Type', isJson ? 'application/json' : 'application/x-protobuf');
    if (target.isCompressed) headers.set('Content-Encoding', 'gzip');
    const signal = AbortSignal.any([AbortSignal.timeout(target.timeoutMs), this.stopping.signal]);
    try {
      const body = Uint8Array.from(target.isCompressed ? await zipped(plain) : plain);
      const response = await fetch(target.url, { method: 'POST', headers, body, redirect: 'manual', signal });
      const answer = await readUpTo(response, OTLP_ANSWER_BYTES_MAX);
      if (response.ok) return takenOutcome(isJson ? readJsonAnswer(answer) : readOtlpAnswer(answer));
      if (!RETRIED.includes(response.status)) return { kind: 'refused', sentence: refusalOf(response.status) };
      const afterMs = retryAfterMs(response.headers.get('Retry-After'), now());
      return { kind: 'later', sentence: `The OTLP receiver answered ${response.status}; it is tried again.`, afterMs };
    } catch {
      const sentence = 'The OTLP receiver does not answer; it is tried again. Check the address of --otlp, and that it runs.';
      return { kind: 'later', sentence, afterMs: null };
    }
  }

  private tell(outcome: Outcome): void {
    if (this.stopping.signal.aborted) return;
    const sentence = outcome.kind === 'taken' ? '' : outcome.sentence;
    if (sentence === this.told) return;
    this.options.log(sentence === '' ? 'The OTLP receiver takes what is exported again.' : sentence);
    this.told = sentence;
  }

  /** Exponential, of which chance takes up to half. */
  private backoffMs(failureCount: number): number {
    const mostMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failureCount, 20));
    return mostMs * (0.5 + this.options.chance() / 2);
  }
}

function takenOutcome({ rejectedCount, sentence }: PartialSuccess): Outcome {
  if (rejectedCount === 0) return { kind: 'taken' };
  return {
    kind: 'refused',
    sentence: `The OTLP receiver rejected ${rejectedCount} numbers${sentence === '' ? '.' : `: ${shortLine(sentence)}`}`,
  };
}

function refusalOf(status: number): string {
  if (status >= 300 && status < 400) return `The OTLP receiver redirects (${status}), which is not followed. Name its final address.`;
  if (status === 401 || status === 403) return `The OTLP receiver answered ${status}. Give its key in OTEL_EXPORTER_OTLP_HEADERS.`;
  if (status === 404) return 'The OTLP receiver answered 404. Check the path of --otlp: /v1/metrics is added to it.';
  if (status === 415) return 'The OTLP receiver answered 415. Try OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.';
  return `The OTLP receiver refused with ${status}; what it refused is not sent again.`;
}

/** What a stranger wrote, on one line of a log. */
function shortLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 200);
}

async function readUpTo(response: Response, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > bytesMax) break;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function readJsonAnswer(bytes: Uint8Array): PartialSuccess {
  try {
    const { partialSuccess } = JSON.parse(new TextDecoder().decode(bytes)) as { partialSuccess?: Record<string, unknown> };
    const rejectedCount = Number(partialSuccess?.rejectedDataPoints ?? 0);
    return { rejectedCount: Number.isFinite(rejectedCount) ? rejectedCount : 0, sentence: String(partialSuccess?.errorMessage ?? '') };
  } catch {
    return { rejectedCount: 0, sentence: '' };
  }
}

/** Seconds, or a date. */
function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const askedMs = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(askedMs) ? null : Math.min(Math.max(0, askedMs), RETRY_AFTER_MS_MAX);
}
