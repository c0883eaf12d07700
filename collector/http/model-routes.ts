/**
 * Routes for models: registering and removing one (admin key), listing them, reading one and its plans.
 *
 * What is taken and answered is that of protocol/read/read-api.ts.
 *
 * Invariants
 *  - What is answered of a model and of a plan is written once, however many ask for it.
 *
 * Not here: what of a registration is usable (collector/models/registry.ts).
 */
import type { Context, Hono } from 'hono';
import { REGISTRATION_BYTES_MAX } from '../../protocol/limits.ts';
import { ENDPOINTS } from '../../protocol/read/endpoints.ts';
import type {
  ModelDetail,
  ModelEntry,
  PlanDocument,
  RegistrationAnswer,
  RegistrationRequest,
  RemovalAnswer,
} from '../../protocol/read/read-api.ts';
import type { RegisteredModel } from '../models/registered-model.ts';
import { ADMIN_KEY_NAME, isAdmin } from '../operator/admin-key.ts';
import { addEndpoint } from './endpoint.ts';
import { answerJson, RememberedJson } from './json-answer.ts';
import { readBody } from './request-body.ts';
import type { ServerDeps } from './server-deps.ts';

const NOT_REGISTERED = 'This model version is not registered here.';

export function addModelRoutes(app: Hono, deps: ServerDeps): void {
  const { registry } = deps;
  addChangingRoutes(app, deps);
  /** A model that is registered anew is another object, and so is a plan that is made anew. */
  const remembered = new RememberedJson();
  addEndpoint(app, ENDPOINTS.models, (c) => c.json<ModelEntry[]>(registry.models.map(entryOf)));
  addEndpoint(app, ENDPOINTS.model, (c) => {
    const model = registry.find(c.req.param('version') ?? '');
    if (model === undefined) return c.text(NOT_REGISTERED, 404);
    return answerJson(
      c,
      remembered.of(model, (): ModelDetail => {
        const { modelVersion, plan, baseline } = model.registration;
        const plans = registry.plansOf(model).map(({ plan: _, ...entry }) => entry);
        return { manifest: model.manifest, baseline, modelVersion, plan, plans };
      }),
    );
  });
  addEndpoint(app, ENDPOINTS.plan, (c) => {
    const model = registry.find(c.req.param('version') ?? '');
    if (model === undefined) return c.text(NOT_REGISTERED, 404);
    const document = registry.plansOf(model).find(({ hash }) => hash === c.req.param('hash'));
    if (document === undefined) return c.text('No plan of this hash is known here for the model version.', 404);
    return answerJson(
      c,
      remembered.of(document.plan, (): PlanDocument => document),
    );
  });
}

/** What changes which models there are. */
function addChangingRoutes(app: Hono, { registry, adminKey, incidents, rules, refusals }: ServerDeps): void {
  addEndpoint(app, ENDPOINTS.register, async (c) => {
    if (!isAdmin(c.req.header('Authorization'), adminKey)) return keyMissing(c, 'Registering');
    const body = await readBody(c, REGISTRATION_BYTES_MAX);
    if (body === 'too-long') return c.text(`A registration has at most ${REGISTRATION_BYTES_MAX} bytes.`, 413);
    const request = body === 'cut-off' ? null : parseRegistration(body);
    if (request === null) {
      return c.text('Expected JSON: {"manifest": "<model.json as text>", "baseline": {…} or null, "plans": [] of other releases}.', 400);
    }
    const answer = await registry.admit(request.manifest, request);
    if (!answer.ok) return c.text(answer.reason, 400);
    refusals.registered(answer.model.registration.modelVersion);
    return c.json<RegistrationAnswer>({ ...entryOf(answer.model), baselineLeftOut: answer.baselineLeftOut }, 201);
  });
  addEndpoint(app, ENDPOINTS.unregister, async (c) => {
    if (!isAdmin(c.req.header('Authorization'), adminKey)) return keyMissing(c, 'Removing');
    const removed = await registry.remove(c.req.param('version') ?? '');
    if (removed === null) return c.text(NOT_REGISTERED, 404);
    const { modelVersion, name, version } = removed.model.registration;
    const closedIncidents = await incidents.endOf(modelVersion, ADMIN_KEY_NAME, `${name} ${version}`);
    const idleRules = rules.idleWithout({ modelVersion, name });
    return c.json<RemovalAnswer>({ modelVersion, name, version, isInFolder: removed.isOfFolder, closedIncidents, idleRules });
  });
}

function keyMissing(c: Context, what: 'Registering' | 'Removing'): Response {
  c.header('WWW-Authenticate', 'Bearer');
  return c.text(`${what} a model needs the admin key: Authorization: Bearer <key>.`, 401);
}

function entryOf({ registration }: RegisteredModel): ModelEntry {
  const { modelVersion, plan, name, version, registeredAtMs, baseline } = registration;
  return { modelVersion, plan, name, version, registeredAtMs, baselineRuns: baseline?.n ?? 0 };
}

/** As it arrives: of baseline and plans nothing is known yet. */
interface UncheckedRequest extends Readonly<Record<keyof RegistrationRequest, unknown>> {
  readonly manifest: string;
  readonly plans: readonly unknown[];
}

function parseRegistration(body: Uint8Array): UncheckedRequest | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof json !== 'object' || json === null) return null;
    const { manifest, baseline = null, plans = [] } = json as Partial<Record<keyof RegistrationRequest, unknown>>;
    return typeof manifest === 'string' && Array.isArray(plans) ? { manifest, baseline, plans } : null;
  } catch {
    return null;
  }
}
