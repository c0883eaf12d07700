/**
 * What only the owner may ask and do: verdicts, incidents, rules and targets, with the admin key.
 *
 * Invariants
 *  - Without a key nothing is asked.
 *  - A key that the collector refuses is forgotten, and the caller learns it (KeyRefusedError).
 *  - An older collector has no monitor: what it would say is null.
 */
import type {
  IncidentAct,
  IncidentDetail,
  IncidentList,
  IncidentState,
  RuleEntry,
  RuleTerms,
  TargetEntry,
} from '../../../protocol/read/incidents.ts';
import type { MonitoringAct, MonitoringDetail, MonitoringList } from '../../../protocol/read/monitoring.ts';
import { ask, RefusedError } from './api.ts';
import { ownerKey } from './owner-key.ts';

/** The collector knows another key, or none is there. */
export class KeyRefusedError extends Error {}

export const KEY_REFUSED = 'The collector does not take the admin key that this page had. Sign in with the present one.';

interface OwnerAsked {
  readonly method?: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

async function askAsOwner<T>(path: string, { signal, ...asked }: OwnerAsked): Promise<T> {
  const key = ownerKey.value;
  if (key === null) throw new KeyRefusedError('This needs the admin key. Sign in with it.');
  try {
    return await ask<T>(path, { ...asked, headers: { Authorization: `Bearer ${key}` }, signal });
  } catch (error) {
    if (!(error instanceof RefusedError && error.status === 401)) throw error;
    // Unless another one was given meanwhile.
    if (ownerKey.value === key) ownerKey.refuse(key);
    throw new KeyRefusedError(KEY_REFUSED);
  }
}

/** Whether the collector takes that key. @throws what `ask` throws when nobody can tell. */
export async function isKeyTaken(key: string): Promise<boolean> {
  try {
    await ask('targets', { headers: { Authorization: `Bearer ${key}` } });
    return true;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 401) return false;
    throw error;
  }
}

/** @returns null of a collector that has no such address. */
async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return null;
    throw error;
  }
}

interface IncidentsAsked {
  readonly modelVersion?: string | null;
  readonly state?: IncidentState | null;
}

export function fetchIncidents({ modelVersion = null, state = null }: IncidentsAsked, signal?: AbortSignal): Promise<IncidentList> {
  const query = new URLSearchParams();
  if (modelVersion !== null) query.set('model', modelVersion);
  if (state !== null) query.set('state', state);
  return askAsOwner<IncidentList>(`incidents?${query}`, { signal });
}

export const fetchIncident = (id: string, signal?: AbortSignal) => askAsOwner<IncidentDetail>(`incidents/${id}`, { signal });
export const actOnIncident = (id: string, act: IncidentAct) => askAsOwner<IncidentDetail>(`incidents/${id}`, { method: 'POST', body: act });

export const fetchMonitoring = (signal?: AbortSignal) => orNull(askAsOwner<MonitoringList>('monitoring', { signal }));
export const fetchMonitored = (version: string, signal?: AbortSignal) =>
  orNull(askAsOwner<MonitoringDetail>(`monitoring/${version}`, { signal }));
export const actOnBaselines = (version: string, act: MonitoringAct) =>
  askAsOwner<MonitoringDetail>(`monitoring/${version}`, { method: 'POST', body: act });

export const fetchRules = (signal?: AbortSignal) => askAsOwner<readonly RuleEntry[]>('rules', { signal });
export const fetchTargets = (signal?: AbortSignal) => askAsOwner<readonly TargetEntry[]>('targets', { signal });
export const putRule = (id: string, terms: RuleTerms) =>
  askAsOwner<RuleEntry>(`rules/${encodeURIComponent(id)}`, { method: 'PUT', body: terms });
export const removeRule = (id: string) => askAsOwner<null>(`rules/${encodeURIComponent(id)}`, { method: 'DELETE' });
