/**
 * The answer to a report: one header by which the collector proves that an answer is its own and is about these very bytes.
 *
 *     Insitu-Answer: 204 9f3c02d1                 status and digest of the body that was answered
 *     Insitu-Answer: 410 9f3c02d1 1795435200      with the collector's clock, in seconds, where it refused an hour
 *     Insitu-Answer: 503 9f3c02d1 unregistered    it does not know the model version, or not this plan of it
 *     Insitu-Answer: 413 -                        a body that was not read to its end has no digest
 *
 * Why: a status alone can be anybody's. A sign-in page answers 200, an ingress without a backend 404, a proxy 401, 405 or 413, and a cache what
 * somebody else was told. Only what the collector said about these bytes may end in their deletion.
 *
 * Why this digest: it tells whose an answer is, and keeps nobody out who speaks the protocol; TLS does that. FNV-1a is there without WebCrypto
 * (a page that is not served over HTTPS reports that it cannot load) and costs less than 0.1 ms for the longest body. Each step is a
 * bijection, so one changed byte always changes it; ids are random, so two bodies share it by chance once in four billion.
 *
 * Invariants
 *  - The status is part of it: who rewrites a 503 into a 200 cannot make it an ack.
 *  - EMPTY_ANSWER is a sentence that no older collector answers to an empty body, and OLDER_EMPTY_ANSWER one that this one never does:
 *    by these two a page tells what is behind answers without the header.
 *
 * Not here: what an answer means for a page (sdk/telemetry/report-answer.ts).
 */
export const ANSWER_HEADER = 'Insitu-Answer';

/** What the collector answers to a body of no bytes. */
export const EMPTY_ANSWER = 'Not a report: the body is empty.';
/** What collectors answered to it that did not have the header yet. */
export const OLDER_EMPTY_ANSWER = 'Not a report: the body is cut off.';

const UNREAD = '-';

const UNREGISTERED = 'unregistered';

/** What the header says beside status and digest. */
interface AnswerDetail {
  /** The collector's clock, where it refuses an hour: what the page needs to set its own by. Null where it does not tell, or tells no time. */
  readonly collectorMs: number | null;
  /** A person has to register the model version first, or its plan. */
  readonly isUnregistered: boolean;
}

/** The header's value. @param body Null when it was not read to its end. */
export function answerProof(
  status: number,
  body: Uint8Array | null,
  { collectorMs = null, isUnregistered = false }: Partial<AnswerDetail> = {},
): string {
  const proof = `${status} ${body === null ? UNREAD : digestOf(body)}`;
  if (isUnregistered) return `${proof} ${UNREGISTERED}`;
  return collectorMs === null ? proof : `${proof} ${Math.floor(collectorMs / 1000)}`;
}

/** Null when the collector did not say this about this body. @param proof The header as it came. */
export function readProof(proof: string | null, status: number, body: Uint8Array): AnswerDetail | null {
  const [, stated, digest, detail = ''] = /^(\d{3}) ([0-9a-f]{8}|-)(?: (\d{1,12}|unregistered))?$/.exec(proof ?? '') ?? [];
  if (stated !== String(status) || digest === undefined) return null;
  // Of a body that was not read nothing can be said but that it is too long, or that its sender is not known.
  const isAboutIt = digest === UNREAD ? status === 413 || status === 403 || status >= 500 : digest === digestOf(body);
  if (!isAboutIt) return null;
  return { collectorMs: /^\d/.test(detail) ? Number(detail) * 1000 : null, isUnregistered: detail === UNREGISTERED };
}

/** FNV-1a, 32 bits, as 8 hex digits. */
function digestOf(body: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of body) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
