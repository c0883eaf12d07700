/**
 * Endpoints: every public address of a collector, one row each. The collector's router, its OpenAPI document and its client are made of it.
 *
 * Invariants
 *  - What a row says of a parameter is what the router checks, and the sentence that it refuses with.
 *  - A row holds data alone, so that a client bundles it with nothing else.
 *
 * Not here: what the answers hold (read-api.ts for people and the compiler, answer-schemas.ts for other languages), how a row is answered
 * (collector/http/).
 */
import { RULE_BYTES_MAX } from '../alarm-limits.ts';
import { BODY_BYTES_MAX, REGISTRATION_BYTES_MAX, SEGMENT_COUNT_MAX, SERIES_HOUR_COUNT_MAX } from '../limits.ts';
import { VOTES_HOUR_COUNT_MAX } from '../monitor-limits.ts';
import { ARMS, VOTE_CADENCES } from '../report/window.ts';
import {
  type AuditEntry,
  INCIDENT_STATES,
  type IncidentAct,
  type IncidentDetail,
  type IncidentList,
  type RuleEntry,
  type RuleTerms,
  type TargetEntry,
} from './incidents.ts';
import type { MonitoringAct, MonitoringDetail, MonitoringList, Votes } from './monitoring.ts';
import type {
  Devices,
  Health,
  ModelDetail,
  ModelEntry,
  NoisedEstimates,
  Overview,
  PlanDocument,
  RegistrationAnswer,
  RegistrationRequest,
  RemovalAnswer,
  Series,
} from './read-api.ts';

/** By the name under which the document has their schemas. */
export interface BodyTypes {
  Health: Health;
  ModelList: readonly ModelEntry[];
  ModelDetail: ModelDetail;
  PlanDocument: PlanDocument;
  RegistrationRequest: RegistrationRequest;
  RegistrationAnswer: RegistrationAnswer;
  RemovalAnswer: RemovalAnswer;
  Series: Series;
  NoisedEstimates: NoisedEstimates;
  Devices: Devices;
  Overview: Overview;
  IncidentList: IncidentList;
  IncidentDetail: IncidentDetail;
  IncidentAct: IncidentAct;
  RuleList: readonly RuleEntry[];
  RuleTerms: RuleTerms;
  RuleEntry: RuleEntry;
  TargetList: readonly TargetEntry[];
  AuditList: readonly AuditEntry[];
  MonitoringList: MonitoringList;
  MonitoringDetail: MonitoringDetail;
  MonitoringAct: MonitoringAct;
  Votes: Votes;
}

export type BodyName = keyof BodyTypes;

/** What a parameter may be, in the words of JSON Schema. */
type ParameterSchema =
  | { readonly type: 'string'; readonly pattern?: string; readonly enum?: readonly string[] }
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: number; readonly default?: number };

export interface Parameter {
  /** Goes on from its name: "must be …". */
  readonly must: string;
  readonly schema: ParameterSchema;
  readonly isRequired?: true;
}

/** Bytes without a schema are named by their media type. */
type BodyOf<T extends string> = { readonly json: BodyName } | { readonly mediaType: T };

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';
  /** With its parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly inPath?: Readonly<Record<string, Parameter>>;
  readonly query?: Readonly<Record<string, Parameter>>;
  readonly body?: BodyOf<string> & { readonly bytesMax: number };
  readonly needsAdminKey?: true;
  /** The one good answer; without a body where it has none. `newStatus`: in its place where something is made that was not there. */
  readonly answer: { readonly status: number; readonly newStatus?: number; readonly body?: BodyOf<string> };
  /** All others: one sentence as text, which says what was wrong. */
  readonly refusals: Readonly<Record<number, string>>;
}

/** 32 bits, which reach to the year 491,000. */
const HOUR_MAX = 0xffff_ffff;

const HEX_16 = { type: 'string', pattern: '^[0-9a-f]{16}$' } as const;
const VERSION = { must: 'be a model version: 16 hex digits', schema: HEX_16, isRequired: true } as const;
const HOURS = {
  must: `be a whole number from 1 to ${SERIES_HOUR_COUNT_MAX}`,
  schema: { type: 'integer', minimum: 1, maximum: SERIES_HOUR_COUNT_MAX, default: 24 },
} as const;
const UNTIL = {
  must: `be a whole number of hours since 1970, up to ${HOUR_MAX}`,
  schema: { type: 'integer', minimum: 0, maximum: HOUR_MAX },
} as const;
const PLAN = { must: 'be a plan of this model; GET /v1/models/{version} lists them', schema: { type: 'string' } } as const;
const NOISED_PLAN = { must: 'be a noised plan of this model; GET /v1/models/{version} lists them', schema: { type: 'string' } } as const;
const WRITE_KEY = { must: 'be a key that this collector knows', schema: { type: 'string' }, isRequired: true } as const;

const INCIDENT = { id: { must: 'be the id of an incident', schema: { type: 'string' }, isRequired: true } } as const;
const RULE = { id: { must: 'be the id of a rule', schema: { type: 'string' }, isRequired: true } } as const;
const KEY_MISSING = 'The admin key is missing or wrong.';

const NOT_REGISTERED = 'The model version is not registered.';
const ASK_AGAIN = 'Others are being answered; ask again after Retry-After seconds.';

export const ENDPOINTS = {
  health: {
    ...{ method: 'GET', path: '/v1/health', summary: 'Whether the collector runs, and which release of it.' },
    ...{ answer: { status: 200, body: { json: 'Health' } }, refusals: {} },
  },
  models: {
    ...{ method: 'GET', path: '/v1/models', summary: 'Every registered model version.' },
    ...{ answer: { status: 200, body: { json: 'ModelList' } }, refusals: {} },
  },
  register: {
    ...{
      method: 'POST',
      path: '/v1/models',
      summary: 'Registers a model version, or gives a registered one another baseline or more plans.',
    },
    ...{ needsAdminKey: true, body: { json: 'RegistrationRequest', bytesMax: REGISTRATION_BYTES_MAX } },
    answer: { status: 201, body: { json: 'RegistrationAnswer' } },
    refusals: { 400: 'The registration is not usable.', 401: 'The admin key is missing or wrong.', 413: 'The body is too long.' },
  },
  model: {
    ...{ method: 'GET', path: '/v1/models/{version}', summary: 'One registered model version, with what its sums are read by.' },
    ...{ inPath: { version: VERSION }, answer: { status: 200, body: { json: 'ModelDetail' } }, refusals: { 404: NOT_REGISTERED } },
  },
  unregister: {
    ...{ method: 'DELETE', path: '/v1/models/{version}', summary: 'Removes a model version. What was counted of it stays in the store.' },
    ...{ needsAdminKey: true, inPath: { version: VERSION }, answer: { status: 200, body: { json: 'RemovalAnswer' } } },
    refusals: { 401: KEY_MISSING, 404: NOT_REGISTERED },
  },
  plan: {
    ...{ method: 'GET', path: '/v1/models/{version}/plans/{hash}', summary: 'One plan of a model, with every cell by name.' },
    inPath: { version: VERSION, hash: { must: 'be the hash of a plan: 16 hex digits', schema: HEX_16, isRequired: true } },
    ...{ answer: { status: 200, body: { json: 'PlanDocument' } }, refusals: { 404: 'The model version or its plan is not known.' } },
  },
  series: {
    ...{ method: 'GET', path: '/v1/series', summary: 'What pages of a model version reported, by hour or by slots of hours.' },
    query: {
      ...{ model: VERSION, hours: HOURS, until: UNTIL },
      arm: { must: `be one of ${ARMS.join(', ')}`, schema: { type: 'string', enum: ARMS } },
      segment: {
        must: `be a whole number from 0 to ${SEGMENT_COUNT_MAX - 1}`,
        schema: { type: 'integer', minimum: 0, maximum: SEGMENT_COUNT_MAX - 1 },
      },
      ...{ data: PLAN, software: PLAN },
    },
    ...{ answer: { status: 200, body: { json: 'Series' } }, refusals: { 400: 'A parameter is wrong.', 503: ASK_AGAIN } },
  },
  noised: {
    ...{ method: 'GET', path: '/v1/noised', summary: 'What noised reports of a model version say once the noise is taken off.' },
    query: { model: VERSION, hours: HOURS, plan: NOISED_PLAN },
    answer: { status: 200, body: { json: 'NoisedEstimates' } },
    refusals: { 400: 'A parameter is wrong.', 404: 'The model version or its plan is not known.', 503: ASK_AGAIN },
  },
  devices: {
    ...{ method: 'GET', path: '/v1/devices', summary: 'How many devices reported a model version, by day and by week.' },
    query: { model: VERSION, hours: HOURS },
    answer: { status: 200, body: { json: 'Devices' } },
    refusals: { 400: 'A parameter is wrong.', 404: NOT_REGISTERED, 503: ASK_AGAIN },
  },
  overview: {
    ...{ method: 'GET', path: '/v1/overview', summary: 'How every model did in the last week, by half days, in one answer.' },
    ...{ answer: { status: 200, body: { json: 'Overview' } }, refusals: { 503: ASK_AGAIN } },
  },
  incidents: {
    ...{ method: 'GET', path: '/v1/incidents', summary: 'What is and was the matter with models, the latest first.', needsAdminKey: true },
    query: {
      model: { must: 'be a model version, whose incidents alone are listed', schema: { type: 'string' } },
      state: { must: `be one of ${INCIDENT_STATES.join(', ')}`, schema: { type: 'string', enum: INCIDENT_STATES } },
    },
    answer: { status: 200, body: { json: 'IncidentList' } },
    refusals: { 400: 'A parameter is wrong.', 401: KEY_MISSING },
  },
  incident: {
    ...{ method: 'GET', path: '/v1/incidents/{id}', summary: 'One incident with its audit.', needsAdminKey: true, inPath: INCIDENT },
    ...{ answer: { status: 200, body: { json: 'IncidentDetail' } }, refusals: { 401: KEY_MISSING, 404: 'There is no such incident.' } },
  },
  actOnIncident: {
    ...{ method: 'POST', path: '/v1/incidents/{id}', summary: 'Acknowledges, notes, mutes or re-bases.', needsAdminKey: true },
    ...{ inPath: INCIDENT, body: { json: 'IncidentAct', bytesMax: RULE_BYTES_MAX } },
    answer: { status: 200, body: { json: 'IncidentDetail' } },
    refusals: {
      ...{ 400: 'No act.', 401: KEY_MISSING, 404: 'There is no such incident.', 409: 'Not of this incident as it is.' },
      413: 'The body is too long.',
    },
  },
  rules: {
    ...{ method: 'GET', path: '/v1/rules', summary: 'Threshold rules and how each stands.', needsAdminKey: true },
    ...{ answer: { status: 200, body: { json: 'RuleList' } }, refusals: { 401: KEY_MISSING } },
  },
  putRule: {
    ...{ method: 'PUT', path: '/v1/rules/{id}', summary: 'Makes a rule, or changes one.', needsAdminKey: true, inPath: RULE },
    body: { json: 'RuleTerms', bytesMax: RULE_BYTES_MAX },
    answer: { status: 200, newStatus: 201, body: { json: 'RuleEntry' } },
    refusals: {
      ...{ 400: 'The rule is not usable.', 401: KEY_MISSING, 409: 'It is in the configuration file, or there are too many.' },
      413: 'The body is too long.',
    },
  },
  removeRule: {
    ...{ method: 'DELETE', path: '/v1/rules/{id}', summary: 'Removes a rule.', needsAdminKey: true, inPath: RULE },
    answer: { status: 204 },
    refusals: { 401: KEY_MISSING, 404: 'There is no such rule.', 409: 'It is in the configuration file.' },
  },
  targets: {
    ...{ method: 'GET', path: '/v1/targets', summary: 'Where news of incidents goes, and how it went.', needsAdminKey: true },
    ...{ answer: { status: 200, body: { json: 'TargetList' } }, refusals: { 401: KEY_MISSING } },
  },
  audit: {
    ...{ method: 'GET', path: '/v1/audit', summary: 'Who did what, and when, the latest first.', needsAdminKey: true },
    ...{ answer: { status: 200, body: { json: 'AuditList' } }, refusals: { 401: KEY_MISSING } },
  },
  monitoring: {
    ...{ method: 'GET', path: '/v1/monitoring', summary: 'What the monitor says of each model.', needsAdminKey: true },
    ...{ answer: { status: 200, body: { json: 'MonitoringList' } }, refusals: { 401: KEY_MISSING } },
  },
  monitoredModel: {
    ...{ method: 'GET', path: '/v1/monitoring/{version}', summary: 'What the monitor says of one model, metric by metric.' },
    ...{ needsAdminKey: true, inPath: { version: VERSION }, answer: { status: 200, body: { json: 'MonitoringDetail' } } },
    refusals: { 401: KEY_MISSING, 404: NOT_REGISTERED },
  },
  actOnBaseline: {
    ...{ method: 'POST', path: '/v1/monitoring/{version}', summary: 'Accepts, re-bases or inherits the baselines of a model.' },
    ...{ needsAdminKey: true, inPath: { version: VERSION }, body: { json: 'MonitoringAct', bytesMax: RULE_BYTES_MAX } },
    answer: { status: 200, body: { json: 'MonitoringDetail' } },
    refusals: {
      ...{ 400: 'No act, or not of this model.', 401: KEY_MISSING, 404: NOT_REGISTERED, 409: 'There is nothing to inherit.' },
      413: 'The body is too long.',
    },
  },
  votes: {
    ...{ method: 'GET', path: '/v1/votes', summary: 'What the monitor was given, for a replay.', needsAdminKey: true },
    query: {
      ...{ model: VERSION, plan: { ...PLAN, isRequired: true } },
      cadence: { must: `be one of ${VOTE_CADENCES.join(', ')}`, schema: { type: 'string', enum: VOTE_CADENCES }, isRequired: true },
      from: { must: `be a whole number of hours since 1970, up to ${HOUR_MAX}`, schema: UNTIL.schema, isRequired: true },
      hours: {
        must: `be a whole number from 1 to ${VOTES_HOUR_COUNT_MAX}`,
        schema: { type: 'integer', minimum: 1, maximum: VOTES_HOUR_COUNT_MAX, default: VOTES_HOUR_COUNT_MAX },
      },
    },
    answer: { status: 200, body: { json: 'Votes' } },
    refusals: { 400: 'A parameter is wrong.', 401: KEY_MISSING, 404: 'The model version or its plan is not known.', 503: ASK_AGAIN },
  },
  live: {
    ...{ method: 'GET', path: '/v1/live', summary: 'Server-sent events named commit: something of a model was counted, ask again.' },
    ...{ answer: { status: 200, body: { mediaType: 'text/event-stream' } }, refusals: {} },
  },
  document: {
    ...{ method: 'GET', path: '/v1/openapi.json', summary: 'This document.' },
    ...{ answer: { status: 200, body: { mediaType: 'application/json' } }, refusals: {} },
  },
  metrics: {
    ...{
      method: 'GET',
      path: '/metrics',
      summary: 'What pages reported and how the collector does, for Prometheus. OpenMetrics text by Accept.',
    },
    ...{ answer: { status: 200, body: { mediaType: 'text/plain' } }, refusals: { 503: ASK_AGAIN } },
  },
  report: {
    ...{ method: 'POST', path: '/v1/report/{writeKey}', summary: 'Takes a report of a page; answered once it is committed.' },
    ...{ inPath: { writeKey: WRITE_KEY }, body: { mediaType: 'application/octet-stream', bytesMax: BODY_BYTES_MAX } },
    answer: { status: 204 },
    refusals: {
      ...{ 400: 'No report, or one that no page can have made.', 403: 'The key is unknown, or not for this model.' },
      ...{
        410: 'Its hour is over, or lies ahead.',
        413: 'Longer than a report may be.',
        503: 'Not now: send it again after Retry-After seconds.',
      },
    },
  },
  preflight: {
    ...{ method: 'OPTIONS', path: '/v1/report/{writeKey}', summary: 'What a browser asks before it sends a report that needs asking.' },
    ...{ inPath: { writeKey: WRITE_KEY }, answer: { status: 204 }, refusals: {} },
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

export type EndpointName = keyof typeof ENDPOINTS;

type ValueOf<P extends Parameter> = P['schema'] extends { readonly enum: readonly (infer T)[] }
  ? T
  : P['schema'] extends { readonly type: 'integer' }
    ? number
    : string;

type Parameters = Readonly<Record<string, Parameter>>;
type RequiredNames<P extends Parameters> = { [N in keyof P]: P[N] extends { readonly isRequired: true } ? N : never }[keyof P];
type DefaultedNames<P extends Parameters> = { [N in keyof P]: P[N]['schema'] extends { readonly default: unknown } ? N : never }[keyof P];

/** What a caller gives. */
export type Given<P extends Parameters> = { readonly [N in RequiredNames<P>]: ValueOf<P[N]> } & {
  readonly [N in Exclude<keyof P, RequiredNames<P>>]?: ValueOf<P[N]>;
};

/** What a reader of the query gets: defaults are filled in, what was not given is null. */
export type Taken<P extends Parameters> = {
  readonly [N in keyof P]: ValueOf<P[N]> | (N extends RequiredNames<P> | DefaultedNames<P> ? never : null);
};
