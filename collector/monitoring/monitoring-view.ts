/**
 * Monitoring view: what a monitor found, as its owner is answered (protocol/read/monitoring.ts). Pure.
 *
 * Not here: routes (collector/http/owner-routes.ts).
 */
import type { Baseline } from '../../counts/monitor/baseline.ts';
import { type Finding, type StreamName, shownSegment } from '../../counts/monitor/finding.ts';
import { STREAM_LISTED_COUNT_MAX } from '../../protocol/monitor-limits.ts';
import type {
  BaselineOrder,
  FieldBaseline,
  MonitoredStream,
  MonitoringDetail,
  MonitoringEntry,
  MonitoringOptions,
  MonitoringVerdict,
  TrainingSkew,
} from '../../protocol/read/monitoring.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';
import type { Registration } from '../store/store.ts';
import type { KeptOrder } from './baseline-orders.ts';
import type { ModelMonitor } from './model-monitor.ts';

/** A model as it is watched. */
export interface Watched {
  readonly registration: Registration;
  readonly planOf: (hash: string) => Plan | null | undefined;
  readonly monitor: ModelMonitor;
  readonly skewOf: (name: StreamName) => TrainingSkew | null;
  readonly options: MonitoringOptions;
  /** The earliest first. */
  readonly orders: readonly KeptOrder[];
}

const DAY_MS = DAY_HOURS * HOUR_MS;

export function entryOf({ registration, monitor, options }: Watched): MonitoringEntry {
  const { modelVersion, name, version } = registration;
  const { findings, judgedHour } = monitor;
  const alarmCount = findings.filter(({ verdict }) => verdict === 'alarm').length;
  const judged = findings.filter(({ verdict }) => verdict !== 'not-enough-data');
  // What lacks least comes first: when the first metric can be judged, the owner knows something.
  const [next] = [...findings].sort((one, other) => one.missingDays - other.missingDays || one.missingWindows - other.missingWindows);
  const verdict: MonitoringVerdict = alarmCount > 0 ? 'alarm' : judged.length > 0 ? 'quiet' : 'not-enough-data';
  return {
    ...{ modelVersion, name, version, verdict, alarmCount, ...monitor.counts },
    judgedUntilMs: judgedHour === null ? null : (judgedHour + 1) * HOUR_MS,
    missingWindows: verdict === 'not-enough-data' ? (next?.missingWindows ?? 0) : 0,
    missingDays: verdict === 'not-enough-data' ? (next?.missingDays ?? options.burnInDays) : 0,
  };
}

export function detailOf(watched: Watched, nowMs: number): MonitoringDetail {
  const { monitor, options, orders } = watched;
  const listed = monitor.findings.slice(0, STREAM_LISTED_COUNT_MAX);
  return {
    ...entryOf(watched),
    ...{ nowMs, options, tolerance: monitor.tolerance },
    streams: listed.map((finding) => streamOf(watched, finding)),
    unlistedCount: monitor.findings.length - listed.length,
    orders: orders.map(publicOrder).reverse(),
  };
}

function publicOrder({ atMs, what, by, from, text }: KeptOrder): BaselineOrder {
  return { atMs, what, by, from, text };
}

function streamOf(watched: Watched, finding: Finding): MonitoredStream {
  const { plan: hash, arm, segment, metric, onset } = finding;
  const plan = watched.planOf(hash);
  const { verdict, evidence, effect, kind, movement, mix, missingWindows, missingDays } = finding;
  const baseline = watched.monitor.baselineOf(finding);
  return {
    ...{ plan: hash, report: plan?.report === 'software' ? 'software' : 'data', arm, metric },
    segment: plan ? shownSegment(plan, segment) : segment,
    ...{ verdict, evidence, effect, kind, movement, mix, missingWindows, missingDays },
    onset: onset && { atMs: onset.hour * HOUR_MS, fromMs: onset.fromHour * HOUR_MS, toMs: (onset.toHour + 1) * HOUR_MS },
    baseline: baseline && fieldBaselineOf(baseline, originOf(watched.orders, finding, baseline)),
    skew: watched.skewOf(finding),
  };
}

function fieldBaselineOf({ version, cadence, days }: Baseline, origin: FieldBaseline['origin']): FieldBaseline {
  const [first, last] = [days[0]?.day ?? 0, days.at(-1)?.day ?? 0];
  const windows = days.reduce((sum, day) => sum + day.windows, 0);
  return { version, origin, cadence, fromMs: first * DAY_MS, toMs: (last + 1) * DAY_MS, windows };
}

/** A first baseline is a burn-in's; a later one of an earlier version's if an order brought the very same. */
function originOf(orders: readonly KeptOrder[], name: StreamName, baseline: Baseline): FieldBaseline['origin'] {
  const isSame = (stream: StreamName & { readonly baseline: Baseline | null }) =>
    ['plan', 'arm', 'segment', 'metric'].every((field) => stream[field as keyof StreamName] === name[field as keyof StreamName]) &&
    stream.baseline?.version === baseline.version &&
    stream.baseline.days[0]?.day === baseline.days[0]?.day;
  if (orders.some(({ earlier }) => earlier?.streams.some(isSame))) return 'inherited';
  return baseline.version > 1 ? 'rebased' : 'burn-in';
}
