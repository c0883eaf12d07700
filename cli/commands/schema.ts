/**
 * JSON Schema of model.json, for editors and for packers in other languages.
 *
 * Why generated: types, run-time check and published schema have one source, protocol/manifest/manifest.ts. docs/model.schema.json
 * is this text; test/unit/cli/generated-documents.test.ts fails when it is stale.
 *
 * Not here: the two checks that JSON Schema cannot say (unique variant ids, chunk lengths that add up); checkManifest makes them.
 */
import { toJsonSchema } from '@valibot/to-json-schema';
import { ManifestSchema } from '../../protocol/manifest/manifest.ts';
import { readOptions } from '../terminal/arguments.ts';

export const usage = `insitu schema

Prints the JSON Schema of model.json, for editors and for packers in other languages.
`;

/** Text of docs/model.schema.json. */
export function modelSchemaJson(): string {
  const schema = toJsonSchema(ManifestSchema, { target: 'draft-2020-12', errorMode: 'ignore' });
  return `${JSON.stringify({ ...schema, title: 'Insitu model manifest (model.json)' }, null, 2)}\n`;
}

export function run(args: readonly string[]): void {
  readOptions('schema', args, {});
  process.stdout.write(modelSchemaJson());
}
