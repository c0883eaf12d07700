/**
 * Notifications: what a collector posts about an incident, and how a receiver knows that it is the collector's.
 *
 *     webhook-id         idempotency key: the same for every attempt at one notification, and for no other
 *     Idempotency-Key    the same again, for receivers that look for that name
 *     webhook-timestamp  seconds since 1970 at which this attempt was made
 *     webhook-signature  one or more of `v1,` and the base64 of HMAC-SHA256(secret, id + "." + timestamp + "." + body), apart by spaces
 *
 * Why these names: they are those of Standard Webhooks, so there are libraries that verify them in most languages. A secret that begins
 * with `whsec_` is base64 behind it; any other is taken as it is written.
 *
 * Invariants
 *  - A receiver refuses what is older than WEBHOOK_REPLAY_MS_MAX, or as far ahead, and acts once on each id.
 *  - Bodies hold counts, names that a manifest made public, and times. Nothing of an input or output.
 *
 * Not here: sending (collector/notify/), receiving (cli/commands/retrain-watch.ts).
 * Source: Standard Webhooks specification 1.0.0.
 */
import { WEBHOOK_REPLAY_MS_MAX } from '../alarm-limits.ts';
import type { Incident, IncidentChange, MovedMetric } from './incidents.ts';

export const WEBHOOK_ID = 'webhook-id';
export const WEBHOOK_TIMESTAMP = 'webhook-timestamp';
export const WEBHOOK_SIGNATURE = 'webhook-signature';
export const IDEMPOTENCY_KEY = 'Idempotency-Key';

/** What becomes of an incident and is told outside. */
export const TOLD_CHANGES = ['opened', 'worsened', 'reopened', 'unmuted', 'closed'] as const satisfies readonly IncidentChange[];
export type ToldChange = (typeof TOLD_CHANGES)[number];

export interface Notification {
  readonly type: `incident.${ToldChange}`;
  /** When it happened. */
  readonly atMs: number;
  /** Name and version of the model, from its manifest. */
  readonly model: { readonly name: string; readonly version: string; readonly modelVersion: string };
  readonly incident: Incident;
  /** What is said of it to people, one sentence. */
  readonly sentence: string;
}

/** What a training pipeline gets: why to train again. */
export interface RetrainRequest {
  readonly type: 'retrain';
  readonly atMs: number;
  readonly model: Notification['model'];
  readonly incident: Incident;
  readonly sentence: string;
  readonly evidence: readonly MetricEvidence[];
}

/** One metric that moved, beside what it was before. */
export interface MetricEvidence {
  readonly metric: string;
  readonly title: string;
  readonly unit: string;
  readonly stage: MovedMetric['stage'];
  readonly rule: string | null;
  /** Hours since 1970 of which `observed` is, both inclusive. */
  readonly fromHour: number;
  readonly toHour: number;
  /** How sure: logarithm of the evidence over that of an alarm. null for a rule. */
  readonly evidence: number | null;
  readonly effect: number | null;
  readonly value: number | null;
  readonly limit: number | null;
  /** Sums over all cells. `expected` is of the registered baseline, or of the hours before where there is none. */
  readonly observedCount: number;
  readonly expectedCount: number;
  readonly expectedOf: 'baseline' | 'hours-before' | null;
  /** Those that moved most, first. */
  readonly cells: readonly CellEvidence[];
}

export interface CellEvidence {
  /** Id of the cell in the plan. */
  readonly cell: string;
  readonly observed: number;
  readonly expected: number;
}

/** @returns The value of `webhook-signature`. */
export async function signatureOf(secret: string, id: string, timestampS: number, body: string): Promise<string> {
  const key = await keyOf(secret, 'sign');
  return `v1,${toBase64(new Uint8Array(await crypto.subtle.sign('HMAC', key, signedBytes(id, timestampS, body))))}`;
}

type Verified = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Whether a request is the collector's, and a new one. @param header Value of a header by its name in lower case. */
export async function verifySignature(
  secret: string,
  header: (name: string) => string | null | undefined,
  body: string,
  nowMs: number,
): Promise<Verified> {
  const [id, timestamp, signature] = [WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE].map(header);
  if (!id || !timestamp || !signature) return { ok: false, reason: 'a signature header is missing' };
  if (!/^\d{1,12}$/.test(timestamp)) return { ok: false, reason: `${WEBHOOK_TIMESTAMP} is no number of seconds` };
  if (Math.abs(nowMs - Number(timestamp) * 1000) > WEBHOOK_REPLAY_MS_MAX) {
    return { ok: false, reason: 'it is older than five minutes, or ahead of the clock here' };
  }
  const key = await keyOf(secret, 'verify');
  const bytes = signedBytes(id, Number(timestamp), body);
  for (const one of signature.split(' ')) {
    const given = one.startsWith('v1,') ? fromBase64(one.slice(3)) : null;
    // Compared in constant time, by `verify` itself.
    if (given !== null && (await crypto.subtle.verify('HMAC', key, given, bytes))) return { ok: true };
  }
  return { ok: false, reason: 'it is signed with another secret' };
}

function signedBytes(id: string, timestampS: number, body: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${id}.${timestampS}.${body}`);
}

function keyOf(secret: string, use: 'sign' | 'verify') {
  const coded = secret.startsWith('whsec_') ? fromBase64(secret.slice(6)) : null;
  const bytes = coded ?? new TextEncoder().encode(secret);
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [use]);
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** null for what is no base64. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
