/**
 * Orders: what a person asks of the baselines of the field, read from a body and held against what there is. Pure.
 *
 * Invariants
 *  - A re-basing reaches back as far as days are kept, and never ahead.
 *  - An inheritance that would bring nothing is refused.
 *
 * Not here: keeping them (baseline-orders.ts), who may (collector/http/owner-routes.ts).
 */
import type { StreamName } from '../../counts/monitor/finding.ts';
import { NOTE_LENGTH_MAX } from '../../protocol/alarm-limits.ts';
import { DETECTOR_DAY_COUNT_MAX } from '../../protocol/monitor-limits.ts';
import type { MonitoringAct } from '../../protocol/read/monitoring.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';
import { isRecord, type OwnerError, ownerError } from '../incidents/owner-error.ts';
import type { NewOrder } from './baseline-orders.ts';
import type { ModelMonitor } from './model-monitor.ts';
import type { Watched } from './monitoring-view.ts';

const ACTS = 'One of {"act": "accept"}, {"act": "rebase", "fromMs": …, "metrics": […]}, {"act": "inherit", "from": …} was expected.';
const METRIC_COUNT_MAX = 1_000;

/** What a body asks for. */
export function readMonitoringAct(json: unknown): { readonly ok: true; readonly act: MonitoringAct } | OwnerError {
  const invalid = (sentence: string) => ownerError('body-invalid', sentence);
  if (!isRecord(json)) return invalid(ACTS);
  const { act, text, ...more } = json;
  const isText = typeof text === 'string' && text.trim() !== '' && text.length <= NOTE_LENGTH_MAX;
  if (text !== undefined && !isText) return invalid(`"text" must be a text of 1 to ${NOTE_LENGTH_MAX} letters.`);
  const known: readonly string[] = act === 'rebase' ? ['fromMs', 'metrics'] : act === 'inherit' ? ['from'] : [];
  const stranger = Object.keys(more).find((field) => !known.includes(field));
  if (stranger !== undefined) return invalid(`"${stranger.slice(0, 64)}" is no field here. ${ACTS}`);
  const said = isText ? { text } : {};
  if (act === 'accept') return { ok: true, act: { act, ...said } };
  if (act === 'inherit') {
    const { from } = more;
    return typeof from === 'string' && from !== '' ? { ok: true, act: { act, from, ...said } } : invalid('"from" must be a model version.');
  }
  if (act !== 'rebase') return invalid(ACTS);
  const { fromMs, metrics } = more;
  if (fromMs !== undefined && !Number.isSafeInteger(fromMs)) return invalid('"fromMs" must be milliseconds since 1970.');
  const isList = Array.isArray(metrics) && metrics.length > 0 && metrics.length <= METRIC_COUNT_MAX;
  if (metrics !== undefined && !(isList && metrics.every((id) => typeof id === 'string')))
    return invalid(`"metrics" must be a list of 1 to ${METRIC_COUNT_MAX} ids of metrics.`);
  return {
    ok: true,
    act: {
      act,
      ...said,
      ...(fromMs !== undefined && { fromMs: fromMs as number }),
      ...(metrics !== undefined && { metrics: metrics as string[] }),
    },
  };
}

interface Asked {
  readonly watched: Watched;
  /** Of any model version; undefined where there is none. */
  readonly monitorOf: (modelVersion: string) => ModelMonitor | undefined;
  readonly act: MonitoringAct;
  readonly by: string;
  readonly nowMs: number;
}

/** The order as it is to be kept. */
export function newOrder({ watched, monitorOf, act, by, nowMs }: Asked): NewOrder | OwnerError {
  const { modelVersion } = watched.registration;
  const order = { modelVersion, atMs: nowMs, by, from: null, text: act.text ?? null, fromHour: null, streams: null, earlier: null };
  if (act.act === 'accept') return { ...order, what: 'accepted' };
  if (act.act === 'inherit') return inheritance({ ...order, what: 'inherited', from: act.from }, watched, monitorOf(act.from));
  const { fromMs = nowMs, metrics } = act;
  const earliestMs = nowMs - DETECTOR_DAY_COUNT_MAX * DAY_HOURS * HOUR_MS;
  if (fromMs > nowMs || fromMs < earliestMs)
    return ownerError('body-invalid', `"fromMs" must be a time of the last ${DETECTOR_DAY_COUNT_MAX} days: days before that are not kept.`);
  const { findings } = watched.monitor;
  const unknown = metrics?.find((id) => !findings.some(({ metric }) => metric === id));
  if (unknown !== undefined)
    return ownerError(
      'metric-unknown',
      `No votes came about a metric "${unknown.slice(0, 64)}"; GET /v1/monitoring/${modelVersion} lists those that there are.`,
    );
  const named = ({ metric }: StreamName) => metrics?.includes(metric) ?? false;
  const nameOf = ({ plan, arm, segment, metric }: StreamName): StreamName => ({ plan, arm, segment, metric });
  const streams = metrics === undefined ? null : findings.filter(named).map(nameOf);
  return {
    ...{ ...order, what: 'rebased', fromHour: Math.floor(fromMs / HOUR_MS) },
    streams,
  };
}

/** The other's baselines alone: its days are of its own visits. */
function inheritance(order: NewOrder, { registration }: Watched, earlier: ModelMonitor | undefined): NewOrder | OwnerError {
  if (earlier === undefined || earlier.modelVersion === registration.modelVersion)
    return ownerError('model-unknown', '"from" must be another registered model version; GET /v1/models lists them.');
  const monitor = earlier.state?.monitor;
  const streams = (monitor?.streams ?? []).filter(({ plan, baseline }) => plan === registration.plan && baseline !== null);
  if (monitor === undefined || streams.length === 0)
    return ownerError(
      'nothing-to-inherit',
      'That version has no baseline of this version’s plan: wait for one, or let this version make its own.',
    );
  return { ...order, earlier: { ...monitor, streams: streams.map((stream) => ({ ...stream, burnIn: null, days: [], alarm: null })) } };
}
