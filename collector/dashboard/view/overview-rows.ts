/**
 * Overview rows: what is said of each model in one line, and which of them needs a look first. Pure.
 *
 * Invariants
 *  - Each registered model has a row, whatever else is known of it. Without the admin key a row says whether reports come,
 *    and nothing of health.
 *  - What a person has to do something about comes first; rows that are equal in that are in order of their runs, and then of their names.
 */
import type { Incident } from '../../../protocol/read/incidents.ts';
import type { MonitoringEntry, MonitoringList } from '../../../protocol/read/monitoring.ts';
import type { ModelEntry, Overview, OverviewEntry } from '../../../protocol/read/read-api.ts';
import { HOUR_MS } from '../../../protocol/report/window.ts';
import { counted, nameText, whole } from '../charts/figures.ts';
import type { OverviewOrder } from './address.ts';
import { movedText } from './incident-words.ts';
import { agoText } from './when.ts';

/** `bad` and `warn` ask for a look; `good`: looked at, and nothing moved; `none`: nothing is known. */
export type Tone = 'bad' | 'warn' | 'good' | 'none';

interface ModelVerdict {
  readonly tone: Tone;
  readonly text: string;
  /** What stands under it; null: nothing. */
  readonly detail: string | null;
}

export interface OverviewRow {
  readonly modelVersion: string;
  readonly name: string;
  readonly version: string;
  readonly verdict: ModelVerdict;
  /** Rises with how much it needs a look. */
  readonly urgency: number;
  readonly runCount: number;
  /** Seconds since 1970: begins of slots. */
  readonly times: readonly number[];
  readonly runs: readonly number[];
  readonly reports: readonly number[];
  /** In percent; null where no output was counted. */
  readonly usable: readonly (number | null)[];
  readonly usableRatio: number | null;
  /** The last one; null when none is known. */
  readonly incident: Incident | null;
}

export interface OverviewData {
  readonly models: readonly ModelEntry[];
  /** null: of a collector that has no such answer. */
  readonly overview: Overview | null;
  /** null: without the admin key, or of a collector without a monitor. */
  readonly monitoring: MonitoringList | null;
  /** The latest first; null without the admin key. */
  readonly incidents: readonly Incident[] | null;
}

export function overviewRows({ models, overview, monitoring, incidents }: OverviewData, nowMs: number): readonly OverviewRow[] {
  const counts = new Map(overview?.models.map((entry) => [entry.modelVersion, entry]));
  const monitored = new Map(monitoring?.models.map((entry) => [entry.modelVersion, entry]));
  const byModel = new Map<string, Incident[]>();
  for (const incident of incidents ?? []) byModel.set(incident.modelVersion, [...(byModel.get(incident.modelVersion) ?? []), incident]);
  return models.map(({ modelVersion, name, version }) => {
    const known = byModel.get(modelVersion) ?? [];
    const trend = trendOf(overview, counts.get(modelVersion));
    const judged = worst([
      reporting(trend, nowMs),
      ...(incidents === null ? [] : [judgeIncidents(known), judgeEntry(monitored.get(modelVersion) ?? null)]),
    ]);
    return { modelVersion, name: nameText(name), version: nameText(version), ...judged, ...trend, incident: lastOf(known) };
  });
}

interface Judged {
  readonly urgency: number;
  readonly verdict: ModelVerdict;
}

/** What asks the most for a look; of equals the last, which knows more. */
function worst(all: readonly (Judged | null)[]): Judged {
  const known = all.filter((judged) => judged !== null);
  return known.reduce((most, judged) => (judged.urgency >= most.urgency ? judged : most));
}

/** What everybody may know: whether reports come. */
function reporting({ times, reports }: Pick<Trend, 'times' | 'reports'>, nowMs: number): Judged {
  const last = reports.findLastIndex((count) => count > 0);
  if (last === -1 && times.length > 0) return { urgency: 1, verdict: { tone: 'none', text: 'No report', detail: 'in seven days' } };
  if (times.length === 0) return { urgency: 0, verdict: { tone: 'none', text: 'No report seen', detail: null } };
  const isSilent = last < times.length - SILENT_SLOT_COUNT;
  if (!isSilent) return { urgency: 0, verdict: { tone: 'none', text: 'Reporting', detail: null } };
  // The end of the slot that the last report is in.
  const untilMs = (times[last + 1] ?? 0) * 1_000;
  return { urgency: LOOK_URGENCY, verdict: { tone: 'warn', text: 'Silent', detail: `The last report came ${agoText(untilMs, nowMs)}` } };
}

/** From here on somebody has to look. */
const LOOK_URGENCY = 5;
/** Slots without a report, the present one among them, from which on a model is silent: 24 to 36 hours. */
const SILENT_SLOT_COUNT = 3;

function judgeIncidents(incidents: readonly Incident[]): Judged | null {
  const open = incidents.filter(({ state }) => state === 'open');
  const [first] = [...open].sort((one, other) => Number(one.acknowledged !== null) - Number(other.acknowledged !== null));
  if (first !== undefined) {
    const [metric] = first.metrics;
    const detail = metric === undefined ? null : movedText(metric);
    const more = open.length > 1 ? ` and ${open.length - 1} more` : '';
    if (first.acknowledged !== null) return { urgency: 4, verdict: { tone: 'warn', text: `Incident, acknowledged${more}`, detail } };
    return { urgency: 7, verdict: { tone: 'bad', text: `Incident open${more}`, detail } };
  }
  if (!incidents.some(({ state }) => state === 'recovering')) return null;
  return { urgency: 3, verdict: { tone: 'warn', text: 'Recovering', detail: 'All is as it was, not yet for long enough' } };
}

function judgeEntry(entry: MonitoringEntry | null): Judged | null {
  if (entry === null) return null;
  const watched = counted(entry.watchedCount, 'stream');
  if (entry.verdict === 'alarm')
    return { urgency: 6, verdict: { tone: 'bad', text: 'Moved', detail: `${whole(entry.alarmCount)} of ${watched} moved` } };
  if (entry.verdict === 'quiet') return { urgency: 0, verdict: { tone: 'good', text: 'Healthy', detail: `Nothing moved in ${watched}` } };
  return { urgency: 2, verdict: { tone: 'none', text: 'Not enough data', detail: missingText(entry) } };
}

/** What is missing for a verdict, in words; null when nothing is told to be. */
export function missingText({ missingWindows, missingDays }: Pick<MonitoringEntry, 'missingWindows' | 'missingDays'>): string | null {
  const parts = [missingWindows > 0 ? counted(missingWindows, 'visit') : null, missingDays > 0 ? counted(missingDays, 'day') : null];
  const told = parts.filter((part) => part !== null);
  return told.length === 0 ? null : `${told.join(' and ')} missing`;
}

type Trend = Pick<OverviewRow, 'times' | 'runs' | 'reports' | 'runCount' | 'usable' | 'usableRatio'>;

function trendOf(overview: Overview | null, entry: OverviewEntry | undefined): Trend {
  const slots = overview === null ? [] : Array.from({ length: overview.slotCount }, (_, slot) => slot);
  const times = slots.map((slot) => (((overview?.fromHour ?? 0) + slot * (overview?.slotHours ?? 1)) * HOUR_MS) / 1000);
  const at = (numbers: readonly number[] | undefined, slot: number) => numbers?.[slot] ?? 0;
  const ratio = (usable: number, all: number) => (all === 0 ? null : usable / all);
  const usable = slots.map((slot) => {
    const share = ratio(at(entry?.usableOutputs, slot), at(entry?.outputs, slot));
    return share === null ? null : share * 100;
  });
  return {
    ...{ times, runs: slots.map((slot) => at(entry?.runs, slot)), runCount: sum(entry?.runs), usable },
    reports: slots.map((slot) => at(entry?.reports, slot)),
    usableRatio: ratio(sum(entry?.usableOutputs), sum(entry?.outputs)),
  };
}

/** What is not closed comes first, and then the latest. */
function lastOf(incidents: readonly Incident[]): Incident | null {
  return incidents.find(({ state }) => state !== 'closed') ?? incidents[0] ?? null;
}

/** @param find Part of a name or version that a row must have. */
export function ordered(rows: readonly OverviewRow[], order: OverviewOrder, find: string): readonly OverviewRow[] {
  const wanted = find.trim().toLowerCase();
  const found = rows.filter(({ name, version, modelVersion }) => `${name} ${version} ${modelVersion}`.toLowerCase().includes(wanted));
  const byName = (one: OverviewRow, other: OverviewRow) =>
    collator.compare(one.name, other.name) || collator.compare(one.version, other.version);
  const byRuns = (one: OverviewRow, other: OverviewRow) => other.runCount - one.runCount;
  const openedAt = ({ incident }: OverviewRow) => incident?.openedAtMs ?? -1;
  const orders: { readonly [O in OverviewOrder]: (one: OverviewRow, other: OverviewRow) => number } = {
    look: (one, other) => other.urgency - one.urgency || byRuns(one, other) || byName(one, other),
    name: byName,
    runs: (one, other) => byRuns(one, other) || byName(one, other),
    incident: (one, other) => openedAt(other) - openedAt(one) || byName(one, other),
  };
  return [...found].sort(orders[order]);
}

const collator = new Intl.Collator('en', { numeric: true });

/** One sentence over all rows, for the head of the page. */
export function overviewSentence(rows: readonly OverviewRow[], isOwner: boolean): string {
  const models = counted(rows.length, 'model');
  if (!isOwner) return `${models}.`;
  const look = rows.filter(({ urgency }) => urgency >= LOOK_URGENCY).length;
  const healthy = rows.filter(({ verdict }) => verdict.tone === 'good').length;
  const undecided = rows.filter(({ verdict }) => verdict.text === 'Not enough data').length;
  const parts = [look === 0 ? 'none needs a look' : `${whole(look)} ${look === 1 ? 'needs' : 'need'} a look`];
  if (healthy > 0) parts.push(`${whole(healthy)} healthy`);
  if (undecided > 0) parts.push(`${whole(undecided)} without enough data`);
  return `${models}: ${parts.join(', ')}.`;
}

function sum(numbers: readonly number[] = []): number {
  return numbers.reduce((total, number) => total + number, 0);
}
