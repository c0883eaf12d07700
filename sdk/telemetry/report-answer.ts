/**
 * What an answer to a report means for the windows that were sent: the one rule of pages, noised reports and the service worker.
 *
 * Invariants
 *  - Nothing is deleted for an answer that is not proved to be the collector's own about these bytes (protocol/report/answer.ts), or a
 *    collector's that is known to be too old to prove it. What anybody else says is "later".
 *  - That a server is busy (408, 429, 5xx) is believed of anybody: it costs a wait, and waits are bounded.
 *
 * Not here: requests, and finding out who answers without a proof (report-post.ts).
 */
import { readProof } from '../../protocol/report/answer.ts';
import type { Answer } from './platform.ts';

/** `skewed`, `too-large` and `refused` are reasons of a loss; all others but `stored` keep the windows. */
type ReportMeaning = 'stored' | 'retry' | 'silent' | 'unproved' | 'unknown-key' | 'skewed' | 'too-large' | 'refused';

export interface ReportAnswer {
  /** Of several windows, a refusal says only that one of them is refused. */
  readonly meaning: ReportMeaning;
  /** The collector said so itself. */
  readonly isProved: boolean;
  /** Its clock, where it refused an hour. */
  readonly collectorMs: number | null;
  readonly isUnregistered: boolean;
}

/** Statuses by which a collector without the header decided about windows. */
const OLDER_STATUSES = [204, 400, 403, 410, 413];

/** @param isOlder The collector there has no proof to give. */
export function reportAnswerOf({ status, proof }: Answer, body: Uint8Array, isOlder: boolean): ReportAnswer {
  const proved = readProof(proof, status, body);
  const isBelieved = proved !== null || (isOlder && isOlderStatus(status));
  const { collectorMs = null, isUnregistered = false } = proved ?? {};
  return { meaning: meaningOf(status, isBelieved), isProved: proved !== null, collectorMs, isUnregistered };
}

/** Whether asking is worth while: a collector without the header may have said that. */
export function isOlderStatus(status: number): boolean {
  return OLDER_STATUSES.includes(status);
}

function meaningOf(status: number, isBelieved: boolean): ReportMeaning {
  if (status === 0) return 'silent';
  if (status === 408 || status === 429 || status >= 500) return 'retry';
  if (!isBelieved) return 'unproved';
  if (status >= 200 && status < 300) return 'stored';
  if (status === 403) return 'unknown-key';
  if (status === 410) return 'skewed';
  return status === 413 ? 'too-large' : 'refused';
}
