/**
 * Routes that read: health, summed cells, noised estimates, devices and the overview. Their answers are those of protocol/read/read-api.ts.
 *
 * Invariants
 *  - HEAD is answered with headers alone: nothing is read.
 *  - A read waits its turn (collector/views/read-queue.ts); one whose reader is gone by then is not made.
 */
import type { Hono } from 'hono';
import { CLOCK_AHEAD_MS_MAX } from '../../protocol/limits.ts';
import { ENDPOINTS, type Taken } from '../../protocol/read/endpoints.ts';
import type { Devices, Health, NoisedEstimates, Overview, Series } from '../../protocol/read/read-api.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { Registry } from '../models/registry.ts';
import { devicesOf } from '../views/devices.ts';
import { noisedEstimates } from '../views/noised-estimates.ts';
import { OverviewReader } from '../views/overview.ts';
import { type SeriesAsked, seriesOf } from '../views/series.ts';
import { addEndpoint, headOf, readQuery, wrong } from './endpoint.ts';
import { answerInTurn } from './json-answer.ts';
import type { ServerDeps } from './server-deps.ts';

export function addReadRoutes(app: Hono, deps: ServerDeps): void {
  const { store, registry, release, now, reads, shownReportsMin } = deps;
  const startedAtMs = now();
  const overview = new OverviewReader({ store, registry, shownReportsMin });
  addEndpoint(app, ENDPOINTS.health, (c) => {
    const uptimeS = Math.floor((now() - startedAtMs) / 1000);
    return c.json<Health>({ ok: true, release, models: registry.models.length, uptimeS });
  });
  addEndpoint(app, ENDPOINTS.series, async (c) => {
    const asked = readSeriesQuery(c.req.query(), registry, now());
    if (typeof asked === 'string') return c.text(asked, 400);
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    // Those who ask within a second share the answer.
    const { data, software, nowMs, ...rest } = asked;
    const question = { ...rest, data: data?.hash, software: software?.hash };
    return answerInTurn<Series>(c, reads, question, () => seriesOf(store, { ...asked, nowMs: now() }, shownReportsMin));
  });
  addEndpoint(app, ENDPOINTS.noised, async (c) => {
    const { query } = ENDPOINTS.noised;
    const taken = readQuery(query, c.req.query());
    if (typeof taken === 'string') return c.text(taken, 400);
    const range = rangeOf(taken, now());
    const model = registry.find(range.modelVersion);
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    const noised = registry.noisedPlanOf(model, taken.plan);
    if (noised === undefined) return c.text(wrong('plan', query.plan), 404);
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    // A noised report has a day and no hour: the day in which the range begins counts whole.
    const asked = { modelVersion: range.modelVersion, fromHour: range.fromHour - (range.fromHour % 24), toHour: range.toHour };
    return answerInTurn<NoisedEstimates>(c, reads, { ...asked, plan: noised?.hash }, () => noisedEstimates(store, noised, asked));
  });
  addEndpoint(app, ENDPOINTS.devices, async (c) => {
    const taken = readQuery(ENDPOINTS.devices.query, c.req.query());
    if (typeof taken === 'string') return c.text(taken, 400);
    const { modelVersion, fromHour, toHour } = rangeOf(taken, now());
    const model = registry.find(modelVersion);
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    const plans = registry.plansOf(model).flatMap(({ hash, report }) => (report === 'software' ? [hash] : []));
    return answerInTurn<Devices>(c, reads, { modelVersion, fromHour }, () =>
      devicesOf(store, { modelVersion, fromHour, toHour, plans }, shownReportsMin),
    );
  });
  addEndpoint(app, ENDPOINTS.overview, (c) => {
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    return answerInTurn<Overview>(c, reads, {}, () => overview.read(now()));
  });
}

/** Pages whose clock is ahead are shown where they say they are, rather than not at all. */
function rangeOf({ model, hours }: { readonly model: string; readonly hours: number }, nowMs: number) {
  const toHour = Math.floor((nowMs + CLOCK_AHEAD_MS_MAX) / HOUR_MS);
  return { nowMs, modelVersion: model, fromHour: Math.floor(nowMs / HOUR_MS) - hours + 1, toHour };
}

function endedRange(modelVersion: string, hours: number, toHour: number, nowMs: number) {
  return { nowMs, modelVersion, fromHour: Math.max(0, toHour - hours + 1), toHour };
}

/** What a query of series asks for, or what is wrong with it. */
function readSeriesQuery(given: Readonly<Record<string, string>>, registry: Registry, nowMs: number): SeriesAsked | string {
  const { query } = ENDPOINTS.series;
  const taken: Taken<typeof query> | string = readQuery(query, given);
  if (typeof taken === 'string') return taken;
  const data = registry.namedPlan(taken.model, 'data', taken.data);
  if (data === undefined) return wrong('data', query.data);
  const software = registry.namedPlan(taken.model, 'software', taken.software);
  if (software === undefined) return wrong('software', query.software);
  const range = taken.until === null ? rangeOf(taken, nowMs) : endedRange(taken.model, taken.hours, taken.until, nowMs);
  return { ...range, arm: taken.arm, segment: taken.segment, data, software };
}
