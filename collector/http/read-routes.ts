/**
 * Routes that read: health, summed cells, noised estimates and devices. Their answers are those of protocol/read/read-api.ts.
 *
 * Invariants
 *  - HEAD is answered with headers alone: nothing is read.
 *  - A read waits its turn (collector/views/read-queue.ts); one whose reader is gone by then is not made.
 */
import type { Context, Hono } from 'hono';
import { CLOCK_AHEAD_MS_MAX, RETRY_AFTER_READ_S, SEGMENT_COUNT_MAX, SERIES_HOUR_COUNT_MAX } from '../../protocol/limits.ts';
import type { Devices, Health, NoisedEstimates, Series } from '../../protocol/read/read-api.ts';
import { ARMS, HOUR_MS } from '../../protocol/report/window.ts';
import type { Registry } from '../models/registry.ts';
import { devicesOf } from '../views/devices.ts';
import { noisedEstimates } from '../views/noised-estimates.ts';
import { type SeriesAsked, seriesOf } from '../views/series.ts';
import type { ServerDeps } from './server-deps.ts';

const NOT_A_PLAN = 'must be a plan of this model; GET /v1/models/{version} lists them.';

export function addReadRoutes(app: Hono, deps: ServerDeps): void {
  const { store, registry, release, now, reads, shownReportsMin } = deps;
  const startedAtMs = now();
  const answer = async <T extends object>(c: Context, question: object, read: () => Promise<T>) => {
    const answered = reads.ask(`${c.req.path} ${JSON.stringify(question)}`, read);
    if (answered !== null) return c.json(await answered);
    c.header('Retry-After', String(RETRY_AFTER_READ_S));
    return c.text('Others are being answered; ask again.', 503);
  };
  app.get('/v1/health', (c) => {
    const uptimeS = Math.floor((now() - startedAtMs) / 1000);
    return c.json<Health>({ ok: true, release, models: registry.models.length, uptimeS });
  });
  app.get('/v1/series', async (c) => {
    const asked = readSeriesQuery(c.req.query(), registry, now());
    if (typeof asked === 'string') return c.text(asked, 400);
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    // Those who ask within a second share the answer.
    const { data, software, nowMs, ...rest } = asked;
    const question = { ...rest, data: data?.hash, software: software?.hash };
    return answer<Series>(c, question, () => seriesOf(store, { ...asked, nowMs: now() }, shownReportsMin));
  });
  app.get('/v1/noised', async (c) => {
    const range = readRange(c.req.query(), now());
    if (typeof range === 'string') return c.text(range, 400);
    const model = registry.find(range.modelVersion);
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    const noised = registry.noisedPlanOf(model, c.req.query('plan') ?? null);
    if (noised === undefined) return c.text('`plan` must be a noised plan of this model; GET /v1/models/{version} lists them.', 404);
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    // A noised report has a day and no hour: the day in which the range begins counts whole.
    const asked = { modelVersion: range.modelVersion, fromHour: range.fromHour - (range.fromHour % 24), toHour: range.toHour };
    return answer<NoisedEstimates>(c, { ...asked, plan: noised?.hash }, () => noisedEstimates(store, noised, asked));
  });
  app.get('/v1/devices', async (c) => {
    const range = readRange(c.req.query(), now());
    if (typeof range === 'string') return c.text(range, 400);
    const model = registry.find(range.modelVersion);
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    const plans = registry.plansOf(model).flatMap(({ hash, report }) => (report === 'software' ? [hash] : []));
    const { modelVersion, fromHour, toHour } = range;
    return answer<Devices>(c, { modelVersion, fromHour }, () =>
      devicesOf(store, { modelVersion, fromHour, toHour, plans }, shownReportsMin),
    );
  });
}

function headOf(c: Context, contentType: string): Response {
  return c.body(null, 200, { 'Content-Type': contentType });
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

/** What a query of series asks for, or what is wrong with it. */
function readSeriesQuery(query: Readonly<Record<string, string>>, registry: Registry, nowMs: number): SeriesAsked | string {
  const range = readRange(query, nowMs);
  if (typeof range === 'string') return range;
  const { modelVersion } = range;
  const arm = query.arm === undefined ? null : ARMS.find((known) => known === query.arm);
  if (arm === undefined) return `\`arm\` must be one of ${ARMS.join(', ')}.`;
  const segment = query.segment === undefined ? null : Number(query.segment);
  if (segment !== null && !(Number.isInteger(segment) && segment >= 0 && segment < SEGMENT_COUNT_MAX)) {
    return `\`segment\` must be a whole number from 0 to ${SEGMENT_COUNT_MAX - 1}.`;
  }
  const data = registry.namedPlan(modelVersion, 'data', query.data ?? null);
  if (data === undefined) return `\`data\` ${NOT_A_PLAN}`;
  const software = registry.namedPlan(modelVersion, 'software', query.software ?? null);
  if (software === undefined) return `\`software\` ${NOT_A_PLAN}`;
  return { ...range, arm, segment, data, software };
}
