/** All kinds of test/reference/kinds, by name. */
import { readdirSync } from 'node:fs';
import type { ReferenceKind } from './reference-kind.ts';

const files = readdirSync(new URL('./kinds/', import.meta.url)).sort();
const modules = await Promise.all(
  files.map((file) => import(`./kinds/${file.replace(/\.ts$/, '')}.ts`) as Promise<{ readonly reference: ReferenceKind }>),
);

export const REFERENCE_KINDS: ReadonlyMap<string, ReferenceKind> = new Map(modules.map(({ reference }) => [reference.kind, reference]));

export function referenceOf(kind: string): ReferenceKind {
  const reference = REFERENCE_KINDS.get(kind);
  if (reference === undefined) throw new Error(`The kind "${kind}" has no reference: write test/reference/kinds/${kind}.ts.`);
  return reference;
}
