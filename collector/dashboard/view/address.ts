/**
 * Addresses: which page is shown and what is selected in it, as the part of the address behind `#`. Pure.
 *
 *     #/                                   the overview
 *     #/models/{version}?hours=…           one model; `metric`, `part`, `arm`, `segment`, `data`, `software`, `until`
 *     #/incidents?state=…&model=…          incidents, and #/incidents/{id}
 *     #/alarms                             rules and targets
 *     #/collector                          the collector's own load
 *
 * Why behind `#`: whatever stands in front of a collector neither sees nor changes it, and a path prefix does not matter.
 *
 * Invariants
 *  - Whatever a link says, it is read as some page: what is not understood is left out.
 *  - What was written is read as it was.
 */
import { SEGMENT_COUNT_MAX, SERIES_HOUR_COUNT_MAX } from '../../../protocol/limits.ts';
import { INCIDENT_STATES, type IncidentState } from '../../../protocol/read/incidents.ts';
import { ARMS } from '../../../protocol/report/window.ts';
import type { Selection } from './selection.ts';

/** What rows of the overview are put in order by. `look`: those that need a look first. */
export const OVERVIEW_ORDERS = ['look', 'name', 'runs', 'incident'] as const;
export type OverviewOrder = (typeof OVERVIEW_ORDERS)[number];

export interface OverviewAddress {
  readonly page: 'overview';
  /** Part of a name that rows must have; empty: all. */
  readonly find: string;
  readonly order: OverviewOrder;
}

export interface ModelAddress extends Omit<Selection, 'modelVersion'> {
  readonly page: 'model';
  /** null: the first there is. */
  readonly modelVersion: string | null;
  /** Id of the metric whose distribution is shown; null: the headline. */
  readonly metric: string | null;
  /** Id of the section that is gone to; null: the top. */
  readonly part: string | null;
}

export interface IncidentsAddress {
  readonly page: 'incidents';
  /** `unclosed`: open and recovering. */
  readonly state: IncidentState | 'unclosed' | 'all';
  /** null: of all models. */
  readonly modelVersion: string | null;
}

export interface IncidentAddress {
  readonly page: 'incident';
  readonly id: string;
}

export type Address =
  | OverviewAddress
  | ModelAddress
  | IncidentsAddress
  | IncidentAddress
  | { readonly page: 'alarms' }
  | { readonly page: 'collector' };
export type PageName = Address['page'];

export const OVERVIEW: OverviewAddress = { page: 'overview', find: '', order: 'look' };
export const INCIDENTS: IncidentsAddress = { page: 'incidents', state: 'unclosed', modelVersion: null };
const DEFAULT_HOUR_COUNT = 24;
/** 32 bits of hours, as the collector takes them. */
const HOUR_MAX = 0xffff_ffff;
/** Letters of what is looked for, and of a metric's id: four bytes for each that a name may have. */
const TEXT_LENGTH_MAX = 1_024;

/** A model with nothing else chosen. */
export function modelAddress(modelVersion: string | null, chosen: Partial<Omit<ModelAddress, 'page' | 'modelVersion'>> = {}): ModelAddress {
  const all = { arm: null, segment: null, dataPlan: null, softwarePlan: null, metric: null, part: null, untilHour: null };
  return { page: 'model', modelVersion, hourCount: DEFAULT_HOUR_COUNT, ...all, ...chosen };
}

/** @param hash With or without its `#`. */
export function readAddress(hash: string): Address {
  const [path = '', query = ''] = hash.replace(/^#/, '').split(/\?(.*)/s, 2);
  const [, place = '', rest = ''] = /^\/?([a-z]*)\/?(.*)$/s.exec(path) ?? [];
  const given = new URLSearchParams(query);
  switch (place) {
    case 'models':
      return readModel(rest, given);
    case 'incidents':
      if (/^[0-9a-f]{1,64}$/.test(rest)) return { page: 'incident', id: rest };
      return {
        page: 'incidents',
        state: [...INCIDENT_STATES, 'all' as const].find((state) => state === given.get('state')) ?? 'unclosed',
        modelVersion: hexOf(given.get('model')),
      };
    case 'alarms':
      return { page: 'alarms' };
    case 'collector':
      return { page: 'collector' };
    default:
      return {
        page: 'overview',
        find: textOf(given.get('find')) ?? '',
        order: OVERVIEW_ORDERS.find((order) => order === given.get('order')) ?? 'look',
      };
  }
}

function readModel(version: string, given: URLSearchParams): ModelAddress {
  return modelAddress(hexOf(version), {
    hourCount: wholeOf(given.get('hours'), 1, SERIES_HOUR_COUNT_MAX) ?? DEFAULT_HOUR_COUNT,
    untilHour: wholeOf(given.get('until'), 0, HOUR_MAX),
    arm: ARMS.find((arm) => arm === given.get('arm')) ?? null,
    segment: wholeOf(given.get('segment'), 0, SEGMENT_COUNT_MAX - 1),
    dataPlan: hexOf(given.get('data')),
    softwarePlan: hexOf(given.get('software')),
    metric: textOf(given.get('metric')),
    part: /^[a-z][a-z-]{0,63}$/.exec(given.get('part') ?? '')?.[0] ?? null,
  });
}

/** As a link has it, `#` included. */
export function writeAddress(address: Address): string {
  switch (address.page) {
    case 'overview':
      return withQuery('#/', { find: address.find || null, order: address.order === 'look' ? null : address.order });
    case 'model':
      return withQuery(address.modelVersion === null ? '#/models' : `#/models/${address.modelVersion}`, {
        hours: address.hourCount === DEFAULT_HOUR_COUNT ? null : address.hourCount,
        until: address.untilHour,
        arm: address.arm,
        segment: address.segment,
        data: address.dataPlan,
        software: address.softwarePlan,
        metric: address.metric,
        part: address.part,
      });
    case 'incidents':
      return withQuery('#/incidents', { state: address.state === 'unclosed' ? null : address.state, model: address.modelVersion });
    case 'incident':
      return `#/incidents/${address.id}`;
    default:
      return `#/${address.page}`;
  }
}

function withQuery(path: string, values: Readonly<Record<string, string | number | null>>): string {
  const given = Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** 16 hex digits, or null. */
function hexOf(text: string | null): string | null {
  return text !== null && /^[0-9a-f]{16}$/.test(text) ? text : null;
}

function textOf(text: string | null): string | null {
  return text === null || text === '' || text.length > TEXT_LENGTH_MAX ? null : text;
}

function wholeOf(text: string | null, min: number, max: number): number | null {
  const value = text !== null && /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}
