/**
 * Generated documents are what the code generates.
 *
 * To write them anew: `node scripts/build.mjs node`, then `node dist/node/cli.js dictionary > docs/data-dictionary.md`
 * and `node dist/node/cli.js schema > docs/model.schema.json`.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dataDictionaryMarkdown } from '../../../cli/commands/dictionary.ts';
import { EVERY_KIND } from '../../../cli/commands/every-kind.ts';
import { modelSchemaJson } from '../../../cli/commands/schema.ts';
import { KIND_EXAMPLES } from '../../../counts/kinds/table.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { checkManifest } from '../../../protocol/manifest/manifest.ts';

const textOf = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

test('docs/data-dictionary.md is what insitu dictionary prints', () => {
  expect(textOf('docs/data-dictionary.md')).toBe(dataDictionaryMarkdown(EVERY_KIND));
});

test('docs/model.schema.json is what insitu schema prints', () => {
  expect(textOf('docs/model.schema.json')).toBe(modelSchemaJson());
});

test('the examples of every kind are declarations of that kind that a manifest may hold', () => {
  expect(checkManifest(structuredClone(EVERY_KIND))).toMatchObject({ ok: true });
  for (const [kind, { inputs = [], outputs = [] }] of Object.entries(KIND_EXAMPLES)) {
    expect(new Set([...inputs, ...outputs].map((example) => example.kind))).toEqual(new Set([kind]));
  }
});

test('the dictionary has a row for every metric of either plan', () => {
  const text = dataDictionaryMarkdown(EVERY_KIND);
  for (const { id } of [...dataPlanOf(EVERY_KIND).metrics, ...SOFTWARE_PLAN.metrics]) expect(text).toContain(`| \`${id}\` |`);
});

test('the published schema allows no field that the run-time check refuses', () => {
  const schema = JSON.parse(modelSchemaJson());
  const objects: { additionalProperties?: unknown; properties?: unknown }[] = [];
  JSON.stringify(schema, (_, value) => {
    if (value?.type === 'object' && value.properties !== undefined) objects.push(value);
    return value;
  });
  expect(objects.length).toBeGreaterThan(4);
  for (const object of objects) expect(object.additionalProperties).toBe(false);
});
