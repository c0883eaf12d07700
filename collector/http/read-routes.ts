/**
 * Routes that read: health, summed cells, noised estimates and the live feed. Their answers are those of protocol/read/read-api.ts.
 *
 * Invariants
 *  - A live listener that does not read has at most LIVE_BACKLOG_COUNT_MAX events waiting; what comes after is left out.
 */
import type { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import {
  CLOCK_AHEAD_MS_MAX,
  LIVE_BACKLOG_COUNT_MAX,
  LIVE_KEEPALIVE_MS,
  LIVE_LISTENER_COUNT_MAX,
  SERIES_HOUR_COUNT_MAX,
} from '../../protocol/limits.ts';
import type { Health, NoisedEstimates, Series } from '../../protocol/read/read-api.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import { noisedEstimates } from '../views/noised-estimates.ts';
import type { ServerDeps } from './server-deps.ts';

export function addReadRoutes(app: Hono, { store, registry, live, release, now, closing }: ServerDeps): void {
  const startedAtMs = now();
  app.get('/v1/health', (c) => {
    const uptimeS = Math.floor((now() - startedAtMs) / 1000);
    return c.json<Health>({ ok: true, release, models: registry.models.length, uptimeS });
  });
  app.get('/v1/series', async (c) => {
    const range = readRange(c.req.query(), now());
    if (typeof range === 'string') return c.text(range, 400);
    const [totals, data, software] = await Promise.all([
      store.hourTotals(range),
      store.cellSums({ ...range, report: 'data' }),
      store.cellSums({ ...range, report: 'software' }),
    ]);
    return c.json<Series>({ nowMs: range.nowMs, totals, data, software });
  });
  app.get('/v1/noised', async (c) => {
    const range = readRange(c.req.query(), now());
    if (typeof range === 'string') return c.text(range, 400);
    const model = registry.find(range.modelVersion);
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    const noised = registry.noisedPlanOf(model, c.req.query('plan') ?? null);
    if (noised === undefined) return c.text('`plan` must be a noised plan of this model; GET /v1/models/{version} lists them.', 404);
    // A noised report has a day and no hour: the day in which the range begins counts whole.
    const fromHour = range.fromHour - (range.fromHour % 24);
    return c.json<NoisedEstimates>(await noisedEstimates(store, noised, { ...range, fromHour }));
  });
  app.get('/v1/live', (c) => {
    if (live.listenerCount >= LIVE_LISTENER_COUNT_MAX) return c.text('Too many dashboards are listening.', 503);
    return streamSSE(c, async (stream) => {
      let backlogCount = 0;
      let tail: Promise<unknown> = Promise.resolve();
      const write = (text: string) => {
        if (backlogCount >= LIVE_BACKLOG_COUNT_MAX) return;
        backlogCount++;
        tail = tail.then(() => stream.write(text)).finally(() => backlogCount--);
      };
      const stop = live.subscribe((event) => write(`event: commit\ndata: ${JSON.stringify(event)}\n\n`));
      const keepalive = setInterval(() => write(':\n\n'), LIVE_KEEPALIVE_MS);
      write(':\n\n');
      await new Promise<void>((resolve) => {
        stream.onAbort(resolve);
        if (closing.aborted) resolve();
        closing.addEventListener('abort', () => resolve(), { once: true, signal: c.req.raw.signal });
      });
      clearInterval(keepalive);
      stop();
    });
  });
}

/** Model and hours of a query, or what is wrong with it. */
function readRange({ model = '', hours: asked = '24' }: Readonly<Record<string, string>>, nowMs: number) {
  const hours = Number(asked);
  if (!/^[0-9a-f]{16}$/.test(model)) return '`model` must be a model version: 16 hex digits.';
  if (!Number.isInteger(hours) || hours < 1 || hours > SERIES_HOUR_COUNT_MAX) {
    return `\`hours\` must be a whole number from 1 to ${SERIES_HOUR_COUNT_MAX}.`;
  }
  // Pages whose clock is ahead are shown where they say they are, rather than not at all.
  const toHour = Math.floor((nowMs + CLOCK_AHEAD_MS_MAX) / HOUR_MS);
  return { nowMs, modelVersion: model, fromHour: Math.floor(nowMs / HOUR_MS) - hours + 1, toHour };
}
