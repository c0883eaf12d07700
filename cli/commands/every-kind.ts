/** A manifest with the examples of every kind, so that the general dictionary names every metric that a manifest can lead to. */
import { KIND_EXAMPLES } from '../../counts/kinds/table.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';

const examples = Object.values(KIND_EXAMPLES);

export const EVERY_KIND: Manifest = {
  schema: 1,
  name: 'every kind',
  version: '1',
  licence: 'Apache-2.0',
  variants: [],
  inputs: examples.flatMap(({ inputs = [] }) => inputs),
  outputs: examples.flatMap(({ outputs = [] }) => outputs),
  golden: [],
  monitor: { feedback: true },
};
