/**
 * Timeline: what happened to a model, on one axis of time: its incidents, and what people did. Pure.
 *
 * Invariants
 *  - A mark is a time that somebody wrote down: a registration, an order, an acknowledgement.
 */
import type { Incident } from '../../../protocol/read/incidents.ts';
import type { MonitoringDetail } from '../../../protocol/read/monitoring.ts';
import type { ModelEntry } from '../../../protocol/read/read-api.ts';
import { nameText } from '../charts/figures.ts';
import { writeAddress } from './address.ts';
import { titleOf } from './incident-words.ts';
import { orderText } from './monitor-words.ts';

interface TimelineIncident {
  readonly id: string;
  readonly label: string;
  readonly fromMs: number;
  /** null: it goes on. */
  readonly toMs: number | null;
  readonly state: Incident['state'];
  readonly href: string;
}

interface TimelineMark {
  readonly atMs: number;
  readonly label: string;
  readonly kind: 'release' | 'rebase' | 'acknowledged';
}

interface Timeline {
  readonly fromMs: number;
  readonly toMs: number;
  readonly incidents: readonly TimelineIncident[];
  /** In order of time. */
  readonly marks: readonly TimelineMark[];
}

/** As far as the axis goes back at the most: a quarter of a year, which is what sums are shown of. */
const LENGTH_MS_MAX = 92 * 24 * 3_600_000;
/** And at the least. */
const LENGTH_MS_MIN = 7 * 24 * 3_600_000;

interface TimelineOf {
  readonly nowMs: number;
  readonly modelVersion: string;
  readonly models: readonly ModelEntry[];
  readonly incidents: readonly Incident[];
  readonly orders: MonitoringDetail['orders'];
}

export function timelineOf({ nowMs, modelVersion, models, incidents, orders }: TimelineOf): Timeline {
  const name = models.find((model) => model.modelVersion === modelVersion)?.name;
  const releases = models.filter((model) => model.name === name);
  const marks: TimelineMark[] = [
    ...releases.map(({ registeredAtMs, version }) => ({
      atMs: registeredAtMs,
      label: `Version ${nameText(version)} registered`,
      kind: 'release' as const,
    })),
    ...orders.map((order) => ({ atMs: order.atMs, label: orderText(order), kind: 'rebase' as const })),
    ...incidents.flatMap(({ acknowledged, id }) =>
      acknowledged === null
        ? []
        : [
            {
              atMs: acknowledged.atMs,
              label: `Incident ${id.slice(0, 8)} acknowledged by ${nameText(acknowledged.by)}`,
              kind: 'acknowledged' as const,
            },
          ],
    ),
  ];
  const earliest = nowMs - LENGTH_MS_MAX;
  const shown = incidents
    .filter(({ closedAtMs }) => closedAtMs === null || closedAtMs >= earliest)
    .map((incident) => ({
      ...{ id: incident.id, label: titleOf(incident), state: incident.state, href: writeAddress({ page: 'incident', id: incident.id }) },
      ...{ fromMs: incident.onset.atMs, toMs: incident.closedAtMs },
    }));
  const times = [...shown.map(({ fromMs }) => fromMs), ...marks.map(({ atMs }) => atMs)].filter((atMs) => atMs >= earliest);
  const fromMs = Math.max(earliest, Math.min(nowMs - LENGTH_MS_MIN, ...times));
  return {
    ...{ fromMs, toMs: nowMs, incidents: shown },
    marks: marks.filter(({ atMs }) => atMs >= fromMs).sort((one, other) => one.atMs - other.atMs),
  };
}
