/**
 * Manifest types: rewrites dist/types/protocol/manifest/manifest.d.ts so that it names no package.
 *
 * Why: the type of a manifest is inferred from the valibot schema, and the declaration that the compiler writes imports
 * valibot. The package has no dependencies, so in an application that import fails, or `skipLibCheck` hides it and every
 * manifest is `any`. Here the schema itself is printed as plain types: still one source.
 *
 * Invariants
 *  - The schema's parts (every other declaration in protocol/manifest/) are printed with it and then removed: nothing else may name them.
 *  - Throws on a kind of schema that it does not know, and when a trace of valibot is left.
 *
 * Not here: the schema (protocol/manifest/manifest.ts), the JSON Schema (`insitu schema`).
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FROM_SCHEMA = /export declare const ManifestSchema:[\s\S]*?export type Manifest = v\.InferOutput<typeof ManifestSchema>;/;

/** @param {any} schema a valibot schema @param {string} indent @returns {string} */
function typeText(schema, indent = '') {
  switch (schema.type) {
    case 'string':
    case 'number':
    case 'boolean':
      return schema.type;
    case 'literal':
      return JSON.stringify(schema.literal);
    case 'picklist':
      return schema.options.map((option) => JSON.stringify(option)).join(' | ');
    case 'union':
    case 'variant':
      return schema.options.map((option) => typeText(option, indent)).join(' | ');
    case 'array':
      return `Array<${typeText(schema.item, indent)}>`;
    case 'tuple':
      return `[${schema.items.map((item) => typeText(item, indent)).join(', ')}]`;
    case 'record':
      return `Record<string, ${typeText(schema.value, indent)}>`;
    case 'strict_object':
      return `{\n${Object.entries(schema.entries)
        .map(([name, entry]) => `${indent}  ${propertyText(name, entry, `${indent}  `)};\n`)
        .join('')}${indent}}`;
    default:
      throw new Error(`manifest-types.mjs does not know valibot's "${schema.type}"; teach it here`);
  }
}

function propertyText(name, entry, indent) {
  return entry.type === 'optional' ? `${name}?: ${typeText(entry.wrapped, indent)} | undefined` : `${name}: ${typeText(entry, indent)}`;
}

/** @param {any} schema the manifest's schema @param {string} path of manifest.d.ts as the compiler wrote it */
export function writeManifestTypes(schema, path) {
  const emitted = readFileSync(path, 'utf8');
  const plain = emitted
    .replace(/import \* as v from 'valibot';\n/, '')
    .replace(FROM_SCHEMA, () => `export type Manifest = ${typeText(schema)};`);
  if (/\bv\.|from 'valibot'/.test(plain)) throw new Error(`${path} still names valibot; the compiler's output has changed`);
  writeFileSync(path, plain);
  // The schema's parts hold nothing else that a user could name, and name valibot in every line.
  const folder = dirname(path);
  for (const file of readdirSync(folder))
    if (readFileSync(join(folder, file), 'utf8').includes("from 'valibot'")) rmSync(join(folder, file));
}
