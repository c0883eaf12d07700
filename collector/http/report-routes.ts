/**
 * Routes for reports: `POST /v1/report/{writeKey}` and its preflight.
 *
 *     204  counted, or counted before            400  no report, or one that no page can have made
 *     403  the write key is not one of ours      410  of an hour that is over, or ahead of the clock here
 *     413  longer than a report may be           503  not now: send it again after `Retry-After`
 *
 * Invariants
 *  - The answer comes after the commit, is empty and cacheable: `no-store` would hold the page's keepalive quota.
 *  - A report needs no preflight, and any origin may read its status.
 *  - A body that is longer than its limit is refused before all of it was read.
 *
 * Not here: what a body may say (collector/intake/intake.ts), who waits for whom (collector/intake/group-commit.ts).
 */
import type { Context, Hono } from 'hono';
import { BODY_BYTES_MAX, RETRY_AFTER_BUSY_S, RETRY_AFTER_UNKNOWN_S } from '../../protocol/limits.ts';
import { judgeBody } from '../intake/intake.ts';
import { readBody } from './request-body.ts';
import type { ServerDeps } from './server-deps.ts';

export function addReportRoutes(app: Hono, { registry, group, writeKeys, now, closing }: ServerDeps): void {
  const refuse = (c: Context, status: 400 | 403 | 410 | 413 | 503, reason: string, retryAfterS = 0) => {
    if (retryAfterS > 0) c.header('Retry-After', String(retryAfterS));
    return c.text(reason, status);
  };
  app.use('/v1/report/*', async (c, next) => {
    c.header('Access-Control-Allow-Origin', '*');
    c.header('Access-Control-Expose-Headers', 'Retry-After');
    c.header('Cross-Origin-Resource-Policy', 'cross-origin');
    await next();
  });
  app.options('/v1/report/*', (c) => {
    c.header('Access-Control-Allow-Methods', 'POST');
    c.header('Access-Control-Allow-Headers', 'Content-Type');
    c.header('Access-Control-Max-Age', '86400');
    return c.body(null, 204);
  });
  app.post('/v1/report/:writeKey', async (c) => {
    if (!writeKeys.has(c.req.param('writeKey'))) return refuse(c, 403, 'This write key is unknown here.');
    if (closing.aborted) return refuse(c, 503, 'The collector is stopping.', RETRY_AFTER_BUSY_S);
    const body = await readBody(c, BODY_BYTES_MAX);
    if (body === 'too-long') return refuse(c, 413, `A report has at most ${BODY_BYTES_MAX} bytes.`);
    if (body === 'cut-off') return refuse(c, 400, 'The body is cut off.');
    const answer = judgeBody(body, registry, now());
    if (!answer.ok) return refuse(c, answer.status, answer.reason, answer.status === 503 ? RETRY_AFTER_UNKNOWN_S : 0);
    const outcome = await group.submit(answer.windows);
    if (outcome === 'committed') return c.body(null, 204);
    const reason = { full: 'The intake is full.', failed: 'The store failed; nothing was counted.', closing: 'The collector is stopping.' };
    return refuse(c, 503, reason[outcome], RETRY_AFTER_BUSY_S);
  });
}
