/**
 * Routes for the owner: incidents, rules, targets and the audit. What is taken and answered is that of protocol/read/incidents.ts.
 *
 * Invariants
 *  - Every one of them needs the admin key, also to read: that something is wrong with a model is its owner's business.
 *  - What is refused says why in one sentence, and has its code in `Insitu-Error`.
 *  - HEAD is answered as GET is, without a body; nothing is changed but by POST, PUT and DELETE.
 *
 * Not here: what follows from an act (collector/incidents/).
 */
import type { Context, Hono } from 'hono';
import { INCIDENT_LIST_COUNT_MAX, RULE_BYTES_MAX } from '../../protocol/alarm-limits.ts';
import {
  type AuditEntry,
  INCIDENT_STATES,
  type IncidentDetail,
  type IncidentList,
  type OwnerErrorCode,
  type RuleEntry,
  type TargetEntry,
} from '../../protocol/read/incidents.ts';
import { readAct } from '../incidents/acts.ts';
import { type OwnerError, ownerError } from '../incidents/owner-error.ts';
import { ADMIN_KEY_NAME, isAdmin } from '../operator/admin-key.ts';
import { readBody } from './request-body.ts';
import type { ServerDeps } from './server-deps.ts';

const ERROR_HEADER = 'Insitu-Error';

const STATUSES: Readonly<Partial<Record<OwnerErrorCode, 401 | 404 | 409 | 413>>> = {
  ...{ 'key-missing': 401, 'incident-unknown': 404, 'rule-unknown': 404, 'too-long': 413 },
  ...{ 'incident-closed': 409, 'nothing-to-rebase': 409, 'rule-of-file': 409, 'rules-full': 409 },
};

export function addOwnerRoutes(app: Hono, deps: ServerDeps): void {
  for (const path of ['/v1/incidents', '/v1/incidents/*', '/v1/rules', '/v1/rules/*', '/v1/targets', '/v1/audit']) {
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
  app.get('/v1/targets', (c) => c.json<readonly TargetEntry[]>(deps.targets()));
  app.get('/v1/audit', (c) => {
    return c.json<AuditEntry[]>(deps.incidents.audit.entries.slice(-INCIDENT_LIST_COUNT_MAX).reverse());
  });
}

function addIncidentRoutes(app: Hono, { incidents, now }: ServerDeps): void {
  app.get('/v1/incidents', (c) => {
    const { model = null, state: asked = null } = c.req.query();
    const state = INCIDENT_STATES.find((known) => known === asked) ?? null;
    if (asked !== state) return refuse(c, ownerError('query-invalid', `\`state\` must be one of ${INCIDENT_STATES.join(', ')}.`));
    return c.json<IncidentList>({ nowMs: now(), incidents: incidents.list({ modelVersion: model, state }) });
  });
  app.get('/v1/incidents/:id', (c) => {
    const incident = incidents.find(c.req.param('id'));
    if (incident === undefined)
      return refuse(c, ownerError('incident-unknown', 'There is no such incident; GET /v1/incidents lists them.'));
    return c.json<IncidentDetail>(incidents.detail(incident));
  });
  app.post('/v1/incidents/:id', async (c) => {
    const json = await readJson(c);
    if (!json.ok) return refuse(c, json);
    const read = readAct(json.value, now());
    if (!read.ok) return refuse(c, read);
    const answer = await incidents.act(c.req.param('id'), read.act, ADMIN_KEY_NAME);
    return 'ok' in answer ? refuse(c, answer) : c.json<IncidentDetail>(answer);
  });
}

function addRuleRoutes(app: Hono, { rules }: ServerDeps): void {
  app.get('/v1/rules', (c) => c.json<RuleEntry[]>(rules.entries()));
  app.put('/v1/rules/:id', async (c) => {
    const json = await readJson(c);
    if (!json.ok) return refuse(c, json);
    const answer = await rules.put(c.req.param('id'), json.value, ADMIN_KEY_NAME);
    return answer.ok ? c.json<RuleEntry>(answer.entry, answer.isNew ? 201 : 200) : refuse(c, answer);
  });
  app.delete('/v1/rules/:id', async (c) => {
    const answer = await rules.remove(c.req.param('id'), ADMIN_KEY_NAME);
    return answer.ok ? c.body(null, 204) : refuse(c, answer);
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
