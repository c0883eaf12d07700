/**
 * The OpenAPI document of a collector: the table of endpoints and the schemas of bodies, as other languages read them.
 *
 * Not here: the table (protocol/read/endpoints.ts), the schemas (protocol/read/answer-schemas.ts).
 * Source: OpenAPI Specification 3.1.1; its schemas are those of JSON Schema 2020-12.
 */
import { toJsonSchema } from '@valibot/to-json-schema';
import { BODY_SCHEMAS } from '../../protocol/read/answer-schemas.ts';
import { type BodyName, ENDPOINTS, type Endpoint, type EndpointName, type Parameter } from '../../protocol/read/endpoints.ts';

type Json = Readonly<Record<string, unknown>>;

const SENTENCE = { 'text/plain': { schema: { type: 'string' } } };

export function openApiDocument(release: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, endpoint] of Object.entries(ENDPOINTS) as [EndpointName, Endpoint][]) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operationOf(name, endpoint) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Insitu collector',
      version: release,
      description: 'Counts of what models do in web pages. Every answer but the good one is one sentence as text.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Relative to the document: behind a path prefix the collector does not know its own address.
    servers: [{ url: '..' }],
    paths,
    components: {
      schemas: Object.fromEntries((Object.keys(BODY_SCHEMAS) as BodyName[]).map((name) => [name, schemaOf(name)])),
      securitySchemes: { adminKey: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(name: EndpointName, { summary, inPath = {}, query = {}, body, needsAdminKey, answer, refusals }: Endpoint): Json {
  const parameters = [...parametersOf(inPath, 'path'), ...parametersOf(query, 'query')];
  const good = {
    description: answer.body === undefined ? 'Done.' : 'The answer.',
    ...(answer.body && { content: contentOf(answer.body) }),
  };
  const refused = Object.entries(refusals).map(([status, description]) => [status, { description, content: SENTENCE }]);
  return {
    ...{ operationId: name, summary },
    ...(parameters.length > 0 && { parameters }),
    ...(needsAdminKey && { security: [{ adminKey: [] }] }),
    ...(body !== undefined && {
      requestBody: { required: true, description: `At most ${body.bytesMax} bytes.`, content: contentOf(body) },
    }),
    responses: {
      [answer.status]: good,
      ...(answer.newStatus !== undefined && { [answer.newStatus]: good }),
      ...Object.fromEntries(refused),
    },
  };
}

function parametersOf(parameters: Readonly<Record<string, Parameter>>, place: 'path' | 'query'): Json[] {
  return Object.entries(parameters).map(([name, { must, schema, isRequired }]) => ({
    ...{ name, in: place, required: isRequired ?? false, description: `Must ${must}.`, schema },
  }));
}

function contentOf(body: NonNullable<Endpoint['answer']['body']>): Json {
  if ('json' in body) return { 'application/json': { schema: { $ref: `#/components/schemas/${body.json}` } } };
  return { [body.mediaType]: {} };
}

function schemaOf(name: BodyName): Json {
  const { $schema: _, ...schema } = toJsonSchema(BODY_SCHEMAS[name], { target: 'draft-2020-12', errorMode: 'ignore' });
  return schema;
}
