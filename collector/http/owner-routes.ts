/**
 * Routes for the owner: incidents, rules, targets, the audit, and what the monitor says. What is taken and answered is that of
 * protocol/read/incidents.ts and protocol/read/monitoring.ts.
 *
 * Invariants
 *  - Every one of them needs the admin key, also to read: that something is wrong with a model is its owner's business.
 *  - What is refused says why in one sentence, and has its code in `Insitu-Error`.
 *  - HEAD is answered as GET is, without a body; nothing is changed but by POST, PUT and DELETE.
 *
 * Not here: what follows from an act (collector/incidents/, collector/monitoring/).
 */
import type { Context, Hono } from 'hono';
import { INCIDENT_LIST_COUNT_MAX, RULE_BYTES_MAX } from '../../protocol/alarm-limits.ts';
import { ENDPOINTS } from '../../protocol/read/endpoints.ts';
import type { AuditEntry, IncidentDetail, IncidentList, OwnerErrorCode, RuleEntry, TargetEntry } from '../../protocol/read/incidents.ts';
import type { MonitoringDetail, MonitoringList, Votes } from '../../protocol/read/monitoring.ts';
import { readAct } from '../incidents/acts.ts';
import { type OwnerError, ownerError } from '../incidents/owner-error.ts';
import { readMonitoringAct } from '../monitoring/orders.ts';
import { votesAnswer } from '../monitoring/votes-answer.ts';
import { ADMIN_KEY_NAME, isAdmin } from '../operator/admin-key.ts';
import { addEndpoint, headOf, readQuery } from './endpoint.ts';
import { answerInTurn } from './json-answer.ts';
import { readBody } from './request-body.ts';
import type { ServerDeps } from './server-deps.ts';

const ERROR_HEADER = 'Insitu-Error';

const STATUSES: Readonly<Partial<Record<OwnerErrorCode, 401 | 404 | 409 | 413>>> = {
  ...{ 'key-missing': 401, 'incident-unknown': 404, 'rule-unknown': 404, 'model-unknown': 404, 'plan-unknown': 404, 'too-long': 413 },
  ...{ 'incident-closed': 409, 'nothing-to-rebase': 409, 'rule-of-file': 409, 'rules-full': 409, 'nothing-to-inherit': 409 },
};

const FAMILIES = ['/v1/incidents', '/v1/rules', '/v1/monitoring'];
const OWNERS = [...FAMILIES, ...FAMILIES.map((path) => `${path}/*`), '/v1/targets', '/v1/audit', '/v1/votes'];

export function addOwnerRoutes(app: Hono, deps: ServerDeps): void {
  for (const path of OWNERS) {
    app.use(path, async (c, next) => {
      // Nobody's cache may keep what only the key shows.
      c.header('Cache-Control', 'no-store');
      if (c.req.method === 'OPTIONS' || isAdmin(c.req.header('Authorization'), deps.adminKey)) return next();
      c.header('WWW-Authenticate', 'Bearer');
      return refuse(c, ownerError('key-missing', 'This needs the admin key: Authorization: Bearer <key>.'));
    });
  }
  addIncidentRoutes(app, deps);
  addRuleRoutes(app, deps);
  addMonitoringRoutes(app, deps);
  addEndpoint(app, ENDPOINTS.targets, (c) => c.json<readonly TargetEntry[]>(deps.targets()));
  addEndpoint(app, ENDPOINTS.audit, (c) => {
    return c.json<AuditEntry[]>(deps.incidents.audit.entries.slice(-INCIDENT_LIST_COUNT_MAX).reverse());
  });
}

function addIncidentRoutes(app: Hono, { incidents, now }: ServerDeps): void {
  addEndpoint(app, ENDPOINTS.incidents, (c) => {
    const taken = readQuery(ENDPOINTS.incidents.query, c.req.query());
    if (typeof taken === 'string') return refuse(c, ownerError('query-invalid', taken));
    return c.json<IncidentList>({ nowMs: now(), incidents: incidents.list({ modelVersion: taken.model, state: taken.state }) });
  });
  addEndpoint(app, ENDPOINTS.incident, (c) => {
    const incident = incidents.find(c.req.param('id') ?? '');
    if (incident === undefined)
      return refuse(c, ownerError('incident-unknown', 'There is no such incident; GET /v1/incidents lists them.'));
    return c.json<IncidentDetail>(incidents.detail(incident));
  });
  addEndpoint(app, ENDPOINTS.actOnIncident, async (c) => {
    const json = await readJson(c);
    if (!json.ok) return refuse(c, json);
    const read = readAct(json.value, now());
    if (!read.ok) return refuse(c, read);
    const answer = await incidents.act(c.req.param('id') ?? '', read.act, ADMIN_KEY_NAME);
    return 'ok' in answer ? refuse(c, answer) : c.json<IncidentDetail>(answer);
  });
}

function addRuleRoutes(app: Hono, { rules }: ServerDeps): void {
  addEndpoint(app, ENDPOINTS.rules, (c) => c.json<RuleEntry[]>(rules.entries()));
  addEndpoint(app, ENDPOINTS.putRule, async (c) => {
    const json = await readJson(c);
    if (!json.ok) return refuse(c, json);
    const answer = await rules.put(c.req.param('id') ?? '', json.value, ADMIN_KEY_NAME);
    return answer.ok ? c.json<RuleEntry>(answer.entry, answer.isNew ? 201 : 200) : refuse(c, answer);
  });
  addEndpoint(app, ENDPOINTS.removeRule, async (c) => {
    const answer = await rules.remove(c.req.param('id') ?? '', ADMIN_KEY_NAME);
    return answer.ok ? c.body(null, 204) : refuse(c, answer);
  });
}

function addMonitoringRoutes(app: Hono, { monitoring, store, registry, reads }: ServerDeps): void {
  const noModel = ownerError('model-unknown', 'This model version is not registered here; GET /v1/models lists those that are.');
  addEndpoint(app, ENDPOINTS.monitoring, (c) => c.json<MonitoringList>(monitoring.list()));
  addEndpoint(app, ENDPOINTS.monitoredModel, (c) => {
    const detail = monitoring.detail(c.req.param('version') ?? '');
    return detail === undefined ? refuse(c, noModel) : c.json<MonitoringDetail>(detail);
  });
  addEndpoint(app, ENDPOINTS.actOnBaseline, async (c) => {
    const json = await readJson(c);
    if (!json.ok) return refuse(c, json);
    const read = readMonitoringAct(json.value);
    if (!read.ok) return refuse(c, read);
    const answer = await monitoring.act(c.req.param('version') ?? '', read.act, ADMIN_KEY_NAME);
    return 'ok' in answer ? refuse(c, answer) : c.json<MonitoringDetail>(answer);
  });
  addEndpoint(app, ENDPOINTS.votes, (c) => {
    const taken = readQuery(ENDPOINTS.votes.query, c.req.query());
    if (typeof taken === 'string') return refuse(c, ownerError('query-invalid', taken));
    const { model: modelVersion, plan: hash, cadence, from: fromHour, hours } = taken;
    if (registry.find(modelVersion) === undefined) return refuse(c, noModel);
    const plan = registry.planOf(modelVersion, hash);
    if (!plan || plan.report === 'noised') return refuse(c, ownerError('plan-unknown', 'The model has no such plan of data or software.'));
    if (c.req.method === 'HEAD') return headOf(c, 'application/json');
    const asked = { modelVersion, plan: hash, cadence, fromHour, toHour: fromHour + hours - 1 };
    return answerInTurn<Votes>(c, reads, asked, () => votesAnswer(store, { ...asked, metrics: plan.metrics }));
  });
}

function refuse(c: Context, { code, sentence }: OwnerError): Response {
  c.header(ERROR_HEADER, code);
  return c.text(sentence, STATUSES[code] ?? 400);
}

async function readJson(c: Context): Promise<{ readonly ok: true; readonly value: unknown } | OwnerError> {
  const body = await readBody(c, RULE_BYTES_MAX);
  if (body === 'too-long') return ownerError('too-long', `A body here has at most ${RULE_BYTES_MAX} bytes.`);
  if (body === 'cut-off') return ownerError('body-invalid', 'The body is cut off.');
  try {
    return { ok: true, value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch {
    return ownerError('body-invalid', 'The body is no JSON.');
  }
}
