/**
 * Routes for other systems: `GET /metrics` for Prometheus, and the document of this API.
 *
 * Invariants
 *  - Who may read is who may read the dashboard: there is no key, and a sum of few reports is in neither.
 *  - HEAD is answered with headers alone.
 *
 * Not here: what is exported (collector/exports/), how often it is made (collector/exports/exports.ts).
 */
import type { Hono } from 'hono';
import { ENDPOINTS } from '../../protocol/read/endpoints.ts';
import { CONTENT_TYPES, formatFor } from '../exports/exposition.ts';
import { openApiDocument } from '../exports/openapi.ts';
import { addEndpoint, askAgain, headOf } from './endpoint.ts';
import type { ServerDeps } from './server-deps.ts';

export function addExportRoutes(app: Hono, { exports, reads, release }: ServerDeps): void {
  addEndpoint(app, ENDPOINTS.metrics, async (c) => {
    const format = formatFor(c.req.header('Accept'));
    if (c.req.method === 'HEAD') return headOf(c, CONTENT_TYPES[format]);
    const isZipped = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(c.req.header('Accept-Encoding') ?? '');
    const answered = reads.ask(`/metrics ${format} ${isZipped}`, c.req.raw.signal, () => exports.text(format, isZipped));
    if (answered === null) return askAgain(c);
    const text = await answered;
    if (text === null) return c.body(null, 503);
    const body = new Uint8Array(text);
    return c.body(body, 200, {
      ...{ 'Content-Type': CONTENT_TYPES[format], 'Cache-Control': 'no-store', Vary: 'Accept, Accept-Encoding' },
      ...(isZipped ? { 'Content-Encoding': 'gzip' } : {}),
    });
  });
  let document: string | null = null;
  addEndpoint(app, ENDPOINTS.document, (c) => {
    document ??= JSON.stringify(openApiDocument(release));
    return c.body(document, 200, { 'Content-Type': 'application/json' });
  });
}
