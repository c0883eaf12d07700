/** A manifest with one tensor of each kind, so that the general dictionary names every metric that a manifest can lead to. */
import type { Manifest } from '../../protocol/manifest/manifest.ts';

const LABELS = ['first', 'second', 'third'];

export const EVERY_KIND: Manifest = {
  schema: 1,
  name: 'every kind',
  version: '1',
  licence: 'Apache-2.0',
  variants: [],
  inputs: [
    { name: 'IMAGE', type: 'float32', dims: ['batch', 3, 224, 224], kind: 'image' },
    { name: 'AUDIO', type: 'float32', dims: ['batch', 'samples'], kind: 'audio', sampleRate: 16_000 },
    { name: 'TEXT', type: 'string', dims: ['batch'], kind: 'text' },
    { name: 'TOKENS', type: 'int64', dims: ['batch', 'tokens'], kind: 'text', text: { pad: 0, unknown: 1, lengthMax: 512 } },
    {
      name: 'ROW',
      type: 'float32',
      dims: ['batch', 2],
      kind: 'tabular',
      columns: [
        { name: 'NUMBER', kind: 'numeric', bins: { edges: [0, 1, 10, 100] } },
        { name: 'CATEGORY', kind: 'categorical', categories: LABELS },
      ],
    },
    { name: 'NUMBERS', type: 'float32', dims: ['batch', 30], kind: 'numeric' },
    { name: 'CATEGORIES', type: 'int64', dims: ['batch', 1], kind: 'categorical', categories: LABELS },
    { name: 'OTHER', type: 'float32', dims: ['batch', 1], kind: 'opaque' },
  ],
  outputs: [
    { name: 'SCORES', type: 'float32', dims: ['batch', 3], kind: 'label-scores', labels: LABELS },
    {
      name: 'BOXES',
      type: 'float32',
      dims: ['batch', 'boxes', 6],
      kind: 'boxes',
      labels: LABELS,
      boxes: { format: 'xyxy', score: 4, class: 5, threshold: 0.5, width: 1, height: 1 },
    },
    {
      name: 'EMBEDDING',
      type: 'float32',
      dims: ['batch', 2],
      kind: 'embedding',
      centroids: [
        [0, 1],
        [1, 0],
      ],
    },
    { name: 'NUMBERS', type: 'float32', dims: ['batch', 1], kind: 'numeric', bins: { mantissaBits: 3 } },
  ],
  golden: [],
  monitor: { feedback: true },
};
