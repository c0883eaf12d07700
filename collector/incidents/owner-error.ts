/**
 * What an owner asked for and cannot have: a code for programs, and a sentence that says what to do.
 *
 * Invariants
 *  - A sentence holds what the owner wrote, names of plans and limits; never a secret.
 *
 * Not here: which status it is answered with (collector/http/owner-routes.ts).
 */
import type { OwnerErrorCode } from '../../protocol/read/incidents.ts';

export interface OwnerError {
  readonly ok: false;
  readonly code: OwnerErrorCode;
  readonly sentence: string;
}

export function ownerError(code: OwnerErrorCode, sentence: string): OwnerError {
  return { ok: false, code, sentence };
}

/** What JSON calls an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
