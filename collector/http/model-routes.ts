/**
 * Routes for models: registering one (admin key), listing them, reading one.
 */
import type { Hono } from 'hono';
import { REGISTRATION_BYTES_MAX } from '../../protocol/limits.ts';
import type { RegisteredModel } from '../models/registry.ts';
import { isAdmin } from '../operator/admin-key.ts';
import { readBody } from './request-body.ts';
import type { ServerParts } from './server-parts.ts';

export function addModelRoutes(app: Hono, { registry, adminKey }: ServerParts): void {
  app.post('/v1/models', async (c) => {
    if (!isAdmin(c.req.header('Authorization'), adminKey)) {
      c.header('WWW-Authenticate', 'Bearer');
      return c.text('Registering a model needs the admin key: Authorization: Bearer <key>.', 401);
    }
    const body = await readBody(c, REGISTRATION_BYTES_MAX);
    if (body === 'too-long') return c.text(`A registration has at most ${REGISTRATION_BYTES_MAX} bytes.`, 413);
    const registration = body === 'cut-off' ? null : parseRegistration(body);
    if (registration === null) return c.text('Expected JSON: {"manifest": "<model.json as text>", "baseline": {…} or null}.', 400);
    const verdict = await registry.admit(registration.manifest, registration.baseline);
    return verdict.ok ? c.json(describe(verdict.model), 201) : c.text(verdict.reason, 400);
  });
  app.get('/v1/models', (c) => c.json(registry.models.map(describe)));
  app.get('/v1/models/:version', (c) => {
    const model = registry.find(c.req.param('version'));
    if (model === undefined) return c.text('This model version is not registered here.', 404);
    const { modelVersion, plan, baseline } = model.registration;
    return c.json({ manifest: model.manifest, baseline, modelVersion, plan });
  });
}

function describe({ registration }: RegisteredModel) {
  const { modelVersion, plan, name, version, registeredAtMs, baseline } = registration;
  return { modelVersion, plan, name, version, registeredAtMs, baselineRuns: baseline?.n ?? 0 };
}

function parseRegistration(body: Uint8Array): { manifest: string; baseline: unknown } | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof json !== 'object' || json === null) return null;
    const { manifest, baseline = null } = json as { manifest?: unknown; baseline?: unknown };
    return typeof manifest === 'string' ? { manifest, baseline } : null;
  } catch {
    return null;
  }
}
