/**
 * What a person does with an incident: acknowledge, note, mute, say that this is the new normal. Pure.
 *
 * Invariants
 *  - An incident that is closed takes notes, and nothing else.
 *  - A mute ends by itself, and INCIDENT_MUTE_MS_MAX ahead at the latest.
 *  - Re-basing is for distributions. A threshold that a person set is changed by that person.
 *
 * Not here: who may (collector/http/owner-routes.ts), taking the order (the baseline of the field).
 */
import { INCIDENT_MUTE_MS_MAX, NOTE_LENGTH_MAX } from '../../protocol/alarm-limits.ts';
import type { Incident, IncidentAct, MovedMetric, RebaseOrder } from '../../protocol/read/incidents.ts';
import type { Change } from './machine.ts';
import { isRecord, type OwnerError, ownerError } from './owner-error.ts';

interface Acted {
  readonly ok: true;
  readonly incident: Incident;
  readonly changes: readonly Change[];
  /** null unless it is a re-basing. */
  readonly order: RebaseOrder | null;
}

interface Actor {
  /** Name of the key. */
  readonly by: string;
  readonly nowMs: number;
}

const ACTS = 'One of {"act": "acknowledge"}, {"act": "note", "text": …}, {"act": "mute", "untilMs": …}, {"act": "rebase"} was expected.';

/** What a body asks for. */
export function readAct(json: unknown, nowMs: number): { readonly ok: true; readonly act: IncidentAct } | OwnerError {
  const invalid = (sentence: string) => ownerError('body-invalid', sentence);
  if (!isRecord(json)) return invalid(ACTS);
  const { act, text, untilMs, ...more } = json;
  const [stranger] = Object.keys(more);
  if (stranger !== undefined) return invalid(`"${stranger}" is no field here. ${ACTS}`);
  const isText = typeof text === 'string' && text.trim() !== '' && text.length <= NOTE_LENGTH_MAX;
  if (text !== undefined && !isText) return invalid(`"text" must be a text of 1 to ${NOTE_LENGTH_MAX} letters.`);
  if (act === 'acknowledge') return { ok: true, act: { act } };
  if (act === 'rebase') return { ok: true, act: isText ? { act, text } : { act } };
  if (act === 'note') return isText ? { ok: true, act: { act, text } } : invalid('A note needs its "text".');
  if (act !== 'mute') return invalid(ACTS);
  if (untilMs === null) return { ok: true, act: { act, untilMs } };
  const isAhead = Number.isSafeInteger(untilMs) && (untilMs as number) > nowMs && (untilMs as number) <= nowMs + INCIDENT_MUTE_MS_MAX;
  const days = INCIDENT_MUTE_MS_MAX / (24 * 3_600_000);
  if (!isAhead) return invalid(`"untilMs" must be a time ahead in milliseconds since 1970, ${days} days at the most, or null.`);
  return { ok: true, act: { act, untilMs: untilMs as number } };
}

export function perform(incident: Incident, act: IncidentAct, actor: Actor): Acted | OwnerError {
  if (incident.state === 'closed' && act.act !== 'note') {
    return ownerError('incident-closed', 'This incident is closed; it takes notes, and nothing else.');
  }
  if (act.act === 'rebase') return rebase(incident, act.text ?? null, actor);
  const [next, change] = simple(incident, act, actor);
  return { ok: true, incident: { ...incident, ...next, sequence: incident.sequence + 1 }, changes: [change], order: null };
}

type SimpleAct = Exclude<IncidentAct, { readonly act: 'rebase' }>;

function simple(incident: Incident, act: SimpleAct, { by, nowMs }: Actor): [Partial<Incident>, Change] {
  if (act.act === 'note') return [{}, { what: 'noted', text: act.text }];
  if (act.act === 'acknowledge') {
    return [{ acknowledged: incident.acknowledged ?? { atMs: nowMs, by } }, { what: 'acknowledged', text: null }];
  }
  const { untilMs } = act;
  const change: Change = untilMs === null ? { what: 'unmuted', text: null } : { what: 'muted', text: new Date(untilMs).toISOString() };
  return [{ mutedUntilMs: untilMs }, change];
}

/** Its distributions are at rest from now on; with nothing else moved, the incident is over. */
function rebase(incident: Incident, text: string | null, { by, nowMs }: Actor): Acted | OwnerError {
  const drifted = incident.metrics.filter(({ rule }) => rule === null);
  if (drifted.length === 0) {
    return ownerError('nothing-to-rebase', 'Only thresholds were passed in this incident. Change the rule, or mute the incident.');
  }
  const atRest = (metric: MovedMetric): MovedMetric =>
    metric.rule === null ? { ...metric, isMoved: false, quietSinceMs: nowMs, recoverMs: 0 } : metric;
  const metrics = incident.metrics.map(atRest);
  const isOver = !metrics.some(({ isMoved }) => isMoved);
  const over = { state: 'closed', closedAtMs: nowMs, closedBecause: 'rebased', mutedUntilMs: null } as const;
  const changes: Change[] = [{ what: 'rebased', text }, ...(isOver ? [{ what: 'closed', text: 'rebased' } as const] : [])];
  const next = { ...incident, metrics, ...(isOver ? over : {}), sequence: incident.sequence + changes.length };
  const order: RebaseOrder = {
    ...{ incident: incident.id, modelVersion: incident.modelVersion, atMs: nowMs, by },
    fromMs: Math.min(...drifted.map(({ onset }) => onset.atMs)),
    streams: drifted.map(({ plan, arm, segment, metric }) => ({ plan, arm: arm ?? 'stable', segment, metric })),
  };
  return { ok: true, incident: next, changes, order };
}
