/**
 * Manifests around one declaration.
 *
 * Invariants
 *  - Every manifest passes the product's own check.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';

const digits = JSON.parse(readFileSync(new URL('../../models/digits/model.json', import.meta.url), 'utf8')) as Manifest;

type Declaration = Readonly<Record<string, unknown>>;
/** Any manifest has an input and an output; these are counted by their states alone. */
export const PLAIN_INPUT = { name: 'other', type: 'float32', dims: ['batch'], kind: 'opaque' };
export const PLAIN_OUTPUT = { name: 'rest', type: 'float32', dims: ['batch'], kind: 'opaque' };

export function manifestOf(
  inputs: readonly Declaration[],
  outputs: readonly Declaration[] = [PLAIN_OUTPUT],
  monitor: Declaration = {},
): Manifest {
  const variants = digits.variants.slice(0, 1);
  const verdict = checkManifest({ schema: 1, name: 'm', version: '1', licence: 'none', variants, inputs, outputs, golden: [], monitor });
  if (!verdict.ok) throw new Error(verdict.reason);
  // A counterexample shows what is declared of the tensors, and no file hashes.
  return Object.assign(verdict.manifest, { [fc.toStringMethod]: () => JSON.stringify({ inputs, outputs }) });
}

export const onInput = (...declarations: Declaration[]): Manifest[] => declarations.map((declaration) => manifestOf([declaration]));
export const onOutput = (...declarations: Declaration[]): Manifest[] =>
  declarations.map((declaration) => manifestOf([PLAIN_INPUT], [declaration]));

/** A public list. */
export const LABELS = ['cat', 'dog', 'owl', 'yak'];
export const CITIES = ['red', 'green', '字', 'red '];
