/**
 * The OpenAPI document, held against the standard, the router and what a collector really answers; and the client that is made of the same
 * table.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { InferOutput } from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CollectorClient, CollectorError, createCollectorClient } from '../../../collector/client/collector-client.ts';
import { type Collector, startCollector } from '../../../collector/index.ts';
import type { BODY_SCHEMAS, Mutable } from '../../../protocol/read/answer-schemas.ts';
import { type BodyName, type BodyTypes, ENDPOINTS, type Endpoint } from '../../../protocol/read/endpoints.ts';
import type { IncidentDetail, RuleTerms } from '../../../protocol/read/incidents.ts';
import { DATA_COUNTED, dataReport, SOFTWARE_COUNTED, softwareReport } from '../../fixtures/field-reports.ts';
import { bodyOf, DATA_PLAN_HASH, MODEL_VERSION, manifestText, NOW_MS, versionOf } from '../../fixtures/reports.ts';

type Json = Readonly<Record<string, unknown>>;
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

let folder: string;
let collector: Collector;
let client: CollectorClient;
let document: Document;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-openapi-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
  collector = await startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: 'key', now: () => NOW_MS },
    ...{ siteFolder: join(folder, 'site'), libraryFolder: join(folder, 'library') },
  });
  client = createCollectorClient({ url: collector.url, adminKey: 'key' });
  const body = bodyOf([softwareReport(11, SOFTWARE_COUNTED), dataReport(10, DATA_COUNTED)]);
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body })).status).toBe(204);
  document = (await (await fetch(`${collector.url}/v1/openapi.json`)).json()) as Document;
});
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

/** Schemas whose type the compiler finds to let less through than they do: none. */
type Looser = { [N in BodyName]: Mutable<BodyTypes[N]> extends InferOutput<(typeof BODY_SCHEMAS)[N]> ? never : N }[BodyName];
const isExact: [Looser] extends [never] ? true : false = true;

const OWNER = { headers: { Authorization: 'Bearer key' } };

const RULE: RuleTerms = {
  ...{ model: 'fixture', metric: 'run.latency', statistic: 'p95', comparison: 'above', value: 200, minutes: 10 },
};

/** Nothing is the matter here, so no collector answers one. */
const DETAIL: IncidentDetail = {
  nowMs: NOW_MS,
  incident: {
    ...{ id: '1'.repeat(32), modelVersion: MODEL_VERSION, state: 'open', openedAtMs: NOW_MS, leftOutCount: 0, closedAtMs: null },
    onset: { atMs: NOW_MS, fromMs: NOW_MS, toMs: NOW_MS },
    ...{ metrics: [], closedBecause: null, acknowledged: null, mutedUntilMs: null, sequence: 1, toldAtMs: NOW_MS },
  },
  audit: [{ atMs: NOW_MS, what: 'opened', by: 'collector', subject: '1'.repeat(32), text: null }],
};

/** Of parameters without which nothing is answered. */
const NEEDED: Readonly<Record<string, string>> = { model: MODEL_VERSION, plan: DATA_PLAN_HASH, cadence: 'day', from: '0' };

/** An answer that lacks what its type has: a schema must notice. */
function withoutOne(answer: unknown): unknown {
  const [first = {}, ...rest] = Array.isArray(answer) ? answer : [answer];
  const [, ...entries] = Object.entries(first as object);
  return Array.isArray(answer) ? [Object.fromEntries(entries), ...rest] : Object.fromEntries(entries);
}

describe('the document', () => {
  test('it is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(document) as unknown as Record<string, unknown>);
    expect(result).toMatchObject({ valid: true });
    expect(document).toMatchObject({ openapi: '3.1.1' });
  });

  test('its schemas are exactly the types of the read API, and none is without a use', () => {
    expect(isExact).toBe(true);
    const used = new Set([...JSON.stringify(document.paths).matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1]));
    expect([...used].sort()).toEqual(Object.keys(document.components.schemas).sort());
  });

  test('what a collector answers to each operation is what the document says', async () => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema({ $id: 'document', components: document.components });
    const answers: Readonly<Record<string, unknown>> = {
      health: await client.health(),
      models: await client.models(),
      model: await client.model({ version: MODEL_VERSION }),
      plan: await client.plan({ version: MODEL_VERSION, hash: DATA_PLAN_HASH }),
      series: await client.series({ model: MODEL_VERSION, hours: 24 }),
      noised: await client.noised({ model: MODEL_VERSION }),
      devices: await client.devices({ model: MODEL_VERSION }),
      overview: await client.overview(),
      putRule: await client.putRule({ id: 'slow', body: RULE }),
      rules: await client.rules(),
      incidents: await client.incidents({ state: 'open' }),
      targets: await client.targets(),
      audit: await client.audit(),
      ...{ incident: DETAIL, actOnIncident: DETAIL },
      monitoring: await client.monitoring(),
      monitoredModel: await client.monitoredModel({ version: MODEL_VERSION }),
      actOnBaseline: await client.actOnBaseline({ version: MODEL_VERSION, body: { act: 'accept' } }),
      votes: await client.votes({ model: MODEL_VERSION, plan: DATA_PLAN_HASH, cadence: 'day', from: 0 }),
      register: await client.register({ body: { manifest: manifestText('other') } }),
      unregister: await client.unregister({ version: versionOf(manifestText('other')) }),
    };
    const rows = Object.entries(ENDPOINTS as Readonly<Record<string, Endpoint>>);
    const inJson = rows.flatMap(([name, { answer }]) =>
      answer.body !== undefined && 'json' in answer.body ? [[name, answer.body.json] as const] : [],
    );
    expect(Object.keys(answers).sort()).toEqual(inJson.map(([name]) => name).sort());
    for (const [name, schema] of inJson) {
      const isValid = ajv.validate({ $ref: `document#/components/schemas/${schema}` }, answers[name]);
      expect([name, isValid, ajv.errors]).toEqual([name, true, null]);
      expect([name, ajv.validate({ $ref: `document#/components/schemas/${schema}` }, withoutOne(answers[name]))]).toEqual([name, false]);
    }
  });

  test('a parameter that the document does not allow is refused with its sentence, and one that it allows is not', async () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      const parameters = (operations.get?.parameters ?? []) as {
        name: string;
        in: string;
        required?: boolean;
        description: string;
        schema: Json;
      }[];
      const inQuery = parameters.filter((parameter) => parameter.in === 'query');
      const needed = Object.fromEntries(inQuery.flatMap(({ name, required }) => (required ? [[name, NEEDED[name] ?? '']] : [])));
      const given = (changes: Readonly<Record<string, string>>) =>
        `${collector.url}${path}?${new URLSearchParams({ ...needed, ...changes })}`;
      for (const { name, description, schema } of inQuery) {
        const isFree = schema.type === 'string' && schema.pattern === undefined && schema.enum === undefined;
        const wrong = isFree
          ? []
          : schema.type === 'integer'
            ? [Number(schema.minimum) - 1, Number(schema.maximum) + 1, 'x', '']
            : ['x', ''];
        for (const value of wrong) {
          const response = await fetch(given({ [name]: String(value) }), OWNER);
          expect([response.status, await response.text()]).toEqual([400, `\`${name}\` ${description.replace(/^Must/, 'must')}`]);
        }
        const right = schema.type === 'integer' ? [schema.minimum, schema.maximum] : ((schema.enum as string[] | undefined) ?? []);
        for (const value of right) expect((await fetch(given({ [name]: String(value) }), OWNER)).status).toBe(200);
      }
    }
  });
});

describe('the client', () => {
  test('it asks what was asked: hours, arm and plan reach the collector', async () => {
    const series = await client.series({ model: MODEL_VERSION, hours: 3, arm: 'stable', data: DATA_PLAN_HASH });
    expect(series.totals.map(({ report, runs }) => [report, runs]).sort()).toEqual([
      ['data', 10],
      ['software', 11],
    ]);
    expect((await client.series({ model: MODEL_VERSION, arm: 'candidate' })).data).toEqual([]);
  });

  test('a refusal is an error with the sentence of the collector', async () => {
    const refusal = await client.series({ model: 'x' }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CollectorError);
    expect(refusal).toMatchObject({ code: 'refused', status: 400, message: '`model` must be a model version: 16 hex digits.' });
    await expect(client.model({ version: '0'.repeat(16) })).rejects.toMatchObject({ code: 'refused', status: 404 });
    const stranger = createCollectorClient({ url: collector.url, adminKey: 'wrong' });
    await expect(stranger.register({ body: { manifest: manifestText() } })).rejects.toMatchObject({ code: 'refused', status: 401 });
  });

  test('the owner puts a rule and takes it away; without the key neither', async () => {
    const stranger = createCollectorClient({ url: collector.url });
    await expect(stranger.putRule({ id: 'other', body: RULE })).rejects.toMatchObject({ code: 'refused', status: 401 });
    expect((await client.putRule({ id: 'other', body: RULE })).rule).toEqual({ id: 'other', ...RULE });
    expect(await client.removeRule({ id: 'other' })).toBeNull();
    await expect(client.removeRule({ id: 'other' })).rejects.toMatchObject({ code: 'refused', status: 404 });
  });

  test('what is in no address stays in its parameter', async () => {
    await expect(client.model({ version: '../health' })).rejects.toMatchObject({ status: 404 });
    await expect(client.plan({ version: MODEL_VERSION, hash: 'a/b?c' })).rejects.toMatchObject({ status: 404 });
  });

  test('an address that is none is refused, and a path prefix is kept', async () => {
    expect(() => createCollectorClient({ url: 'ftp://collector' })).toThrow(TypeError);
    expect(() => createCollectorClient({ url: 'collector' })).toThrow(TypeError);
    await withServer(
      (path) => ({ status: 200, text: JSON.stringify(path) }),
      async (url) => {
        expect(await createCollectorClient({ url: `${url}/monitoring` }).health()).toBe('/monitoring/v1/health');
        expect(await createCollectorClient({ url: `${url}/monitoring/` }).plan({ version: 'a/b', hash: 'c d' })).toBe(
          '/monitoring/v1/models/a%2Fb/plans/c%20d',
        );
      },
    );
  });

  test('what answers in a place of a collector, is busy, silent or gone has a code of its own', async () => {
    const answers: Readonly<Record<string, { status: number; text: string; headers?: Record<string, string> }>> = {
      '/page/v1/health': { status: 200, text: '<!doctype html>' },
      '/wall/v1/health': { status: 502, text: '<h1>Bad gateway</h1>' },
      '/busy/v1/health': { status: 503, text: 'Others are being answered; ask again.', headers: { 'Retry-After': '5' } },
      '/centuries/v1/health': { status: 503, text: 'Later.', headers: { 'Retry-After': '9'.repeat(30) } },
    };
    let gone = '';
    await withServer(
      (path) => answers[path] ?? null,
      async (url) => {
        gone = url;
        const ask = (prefix: string, timeoutMs = 5_000) => createCollectorClient({ url: `${url}/${prefix}`, timeoutMs }).health();
        await expect(ask('page')).rejects.toMatchObject({ code: 'not-the-collector' });
        await expect(ask('wall')).rejects.toMatchObject({ code: 'refused', status: 502, message: 'Status 502.' });
        await expect(ask('busy')).rejects.toMatchObject({ code: 'busy', retryAfterMs: 5_000 });
        await expect(ask('centuries')).rejects.toMatchObject({ code: 'busy', retryAfterMs: 24 * 3_600_000 });
        await expect(ask('silent', 50)).rejects.toMatchObject({ code: 'timeout', status: null });
        const aborted = createCollectorClient({ url: `${url}/silent` }).health({ signal: AbortSignal.abort() });
        await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
      },
    );
    await expect(createCollectorClient({ url: gone }).health()).rejects.toMatchObject({ code: 'unreachable' });
  });
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A real server; null never answers. */
async function withServer(answer: (path: string) => Answer | null, body: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    const answered = answer(request.url ?? '');
    if (answered !== null) response.writeHead(answered.status, answered.headers).end(answered.text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
