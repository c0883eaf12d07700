/**
 * Routes for reports: `POST /v1/report/{writeKey}` and its preflight.
 *
 *     204  counted, or counted before                400  no report, or one that no page can have made
 *     403  the key is unknown, or not this model's   410  of an hour that is over, or ahead of the clock here
 *     413  longer than a report may be               503  not now: send it again after `Retry-After`
 *
 * Invariants
 *  - The answer comes after the commit, is empty and cacheable: `no-store` would hold the page's keepalive quota.
 *  - A report needs no preflight, and any origin may read its status and the headers of protocol/report/answer.ts.
 *  - A body that is longer than its limit is refused before all of it was read.
 *  - A refusal takes REFUSAL_WAIT_MS, and is counted by its reason.
 *  - Every answer to a report proves whose it is and what it is about; a refused hour tells the time here, a model that is not registered that it is not.
 *
 * Not here: what a body may say (collector/intake/intake.ts), who waits for whom (collector/intake/group-commit.ts).
 */
import type { Context, Hono } from 'hono';
import { BODY_BYTES_MAX, REFUSAL_WAIT_MS, RETRY_AFTER_BUSY_S, RETRY_AFTER_UNKNOWN_S } from '../../protocol/limits.ts';
import { ENDPOINTS } from '../../protocol/read/endpoints.ts';
import { ANSWER_HEADER, answerProof, EMPTY_ANSWER } from '../../protocol/report/answer.ts';
import { UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import type { SubmitOutcome } from '../intake/group-commit.ts';
import { judgeBody } from '../intake/intake.ts';
import type { RefusalReason } from '../intake/refusals.ts';
import type { AcceptedWindow } from '../store/store.ts';
import { addEndpoint } from './endpoint.ts';
import { readBody } from './request-body.ts';
import type { ServerDeps } from './server-deps.ts';

/** When to send the report again, and whether a person has to act first. */
interface Retry {
  readonly afterS: number;
  readonly isUnregistered: boolean;
}

const BUSY: Retry = { afterS: RETRY_AFTER_BUSY_S, isUnregistered: false };
const UNREGISTERED: Retry = { afterS: RETRY_AFTER_UNKNOWN_S, isUnregistered: true };

const NOT_STORED: Readonly<Record<Exclude<SubmitOutcome, 'committed'>, { readonly why: RefusalReason; readonly reason: string }>> = {
  full: { why: 'full', reason: 'The intake is full.' },
  failed: { why: 'failed', reason: 'The store failed; nothing was counted.' },
  closing: { why: 'stopping', reason: 'The collector is stopping.' },
};

export function addReportRoutes(app: Hono, { registry, group, writeKeys, now, closing, refusals }: ServerDeps): void {
  /** What could not read its manifest is no model's, and any key may say so. */
  const mayReport = (bound: ReadonlySet<string> | null, [first]: readonly AcceptedWindow[]): boolean => {
    if (bound === null || first === undefined || first.modelVersion === UNKNOWN_MODEL_VERSION) return true;
    return bound.has(first.modelVersion) || bound.has(registry.find(first.modelVersion)?.registration.name ?? '');
  };
  type Status = 204 | 400 | 403 | 410 | 413 | 503;
  /** @param body What is answered; null when it was not read to its end. */
  const answer = async (c: Context, body: Uint8Array | null, status: Status, reason = '', retry: Retry | null = null) => {
    if (status !== 204) await new Promise((resolve) => setTimeout(resolve, REFUSAL_WAIT_MS));
    const detail = { collectorMs: status === 410 ? now() : null, isUnregistered: retry?.isUnregistered === true };
    c.header(ANSWER_HEADER, answerProof(status, body, detail));
    if (retry !== null) c.header('Retry-After', String(retry.afterS));
    return status === 204 ? c.body(null, status) : c.text(reason, status);
  };
  app.use('/v1/report/*', async (c, next) => {
    c.header('Access-Control-Allow-Origin', '*');
    c.header('Access-Control-Expose-Headers', `Retry-After, ${ANSWER_HEADER}`);
    c.header('Cross-Origin-Resource-Policy', 'cross-origin');
    await next();
  });
  app.options('/v1/report/*', (c) => {
    c.header('Access-Control-Allow-Methods', 'POST');
    c.header('Access-Control-Allow-Headers', 'Content-Type');
    c.header('Access-Control-Max-Age', '86400');
    return c.body(null, 204);
  });
  /** Counts it, and answers. */
  const refuse = (
    c: Context,
    why: RefusalReason,
    ...answered: [body: Uint8Array | null, status: Status, reason: string, retry?: Retry]
  ) => {
    refusals.refused(why);
    return answer(c, ...answered);
  };
  addEndpoint(app, ENDPOINTS.report, async (c) => {
    const bound = writeKeys.get(c.req.param('writeKey') ?? '');
    if (bound === undefined) return refuse(c, 'write-key-unknown', null, 403, 'This write key is unknown here.');
    if (closing.aborted) return refuse(c, 'stopping', null, 503, 'The collector is stopping.', BUSY);
    const body = await readBody(c, BODY_BYTES_MAX);
    if (body === 'too-long') return refuse(c, 'too-long', null, 413, `A report has at most ${BODY_BYTES_MAX} bytes.`);
    if (body === 'cut-off') return refuse(c, 'cut-off', null, 400, 'The body is cut off.');
    // What a page asks to learn who answers here, and no report.
    if (body.length === 0) return answer(c, body, 400, EMPTY_ANSWER);
    const judged = judgeBody(body, registry, now());
    if (!judged.ok && judged.about !== undefined) {
      refusals.unregistered(judged.about);
      return answer(c, body, judged.status, judged.reason, UNREGISTERED);
    }
    if (!judged.ok) return refuse(c, judged.why, body, judged.status, judged.reason);
    if (!mayReport(bound, judged.windows)) return refuse(c, 'write-key-not-for-model', body, 403, 'This write key is not for this model.');
    const outcome = await group.submit(judged.windows);
    if (outcome === 'committed') return answer(c, body, 204);
    const { why, reason } = NOT_STORED[outcome];
    return refuse(c, why, body, 503, reason, BUSY);
  });
}
