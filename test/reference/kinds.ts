/**
 * The kinds under proof: for each a few manifests that show all that the kind can declare.
 *
 * Invariants
 *  - Every manifest passes the product's own check.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { TENSOR_TYPES } from '../../protocol/tensors/tensors.ts';
import { type Draw, type PairVerdict, pairOf } from './pairs.ts';
import { repeatPairOf } from './repeat-pairs.ts';

export interface Kind {
  readonly name: string;
  /** Made when asked for. */
  readonly manifests: () => readonly Manifest[];
  readonly pairOf: (draw: Draw) => PairVerdict;
}

const digits = JSON.parse(readFileSync(new URL('../../models/digits/model.json', import.meta.url), 'utf8')) as Manifest;

type Declaration = Readonly<Record<string, unknown>>;
/** Any manifest has an input and an output; these are counted by their states alone. */
const PLAIN_INPUT = { name: 'other', type: 'float32', dims: ['batch'], kind: 'opaque' };
const PLAIN_OUTPUT = { name: 'rest', type: 'float32', dims: ['batch'], kind: 'opaque' };

function manifestOf(inputs: readonly Declaration[], outputs: readonly Declaration[] = [PLAIN_OUTPUT], monitor: Declaration = {}): Manifest {
  const variants = digits.variants.slice(0, 1);
  const verdict = checkManifest({ schema: 1, name: 'm', version: '1', licence: 'none', variants, inputs, outputs, golden: [], monitor });
  if (!verdict.ok) throw new Error(verdict.reason);
  // A counterexample shows what is declared of the tensors, and no file hashes.
  return Object.assign(verdict.manifest, { [fc.toStringMethod]: () => JSON.stringify({ inputs, outputs }) });
}

const onInput = (...declarations: Declaration[]): Manifest[] => declarations.map((declaration) => manifestOf([declaration]));
const onOutput = (...declarations: Declaration[]): Manifest[] =>
  declarations.map((declaration) => manifestOf([PLAIN_INPUT], [declaration]));

const NUMERIC_TYPES = TENSOR_TYPES.filter((type) => type !== 'string');
const LABELS = ['cat', 'dog', 'owl', 'yak'];
const CITIES = ['red', 'green', '字', 'red '];

const numeric = { name: 'x', kind: 'numeric', dims: ['batch', 'n'] };
const image = { name: 'x', kind: 'image', type: 'float32' };
const scores = { name: 'y', kind: 'label-scores', type: 'float32', dims: ['batch', 4] };
const embedding = { name: 'e', kind: 'embedding', type: 'float32', dims: ['batch', 2] };
const audio = { name: 'a', kind: 'audio', type: 'float32', dims: ['batch', 'n'], sampleRate: 400 };
const ids = { name: 't', kind: 'text', type: 'int64', dims: ['batch', 'n'] };
const table = { name: 't', kind: 'tabular', type: 'float32', dims: ['batch', 4] };
const boxes = {
  name: 'b',
  kind: 'boxes',
  type: 'float32',
  dims: ['batch', 'n', 6],
  labels: LABELS,
  boxes: { format: 'xyxy', score: 4, class: 5, threshold: 0.5, width: 1, height: 1 },
};

const COLUMNS = [
  { name: 'age', kind: 'numeric', bins: { edges: [0, 18, 30, 45.5, 65, 110] }, missing: -999 },
  { name: 'price', kind: 'numeric', bins: { mantissaBits: 3 } },
  { name: 'any', kind: 'numeric' },
  { name: 'city', kind: 'categorical', categories: CITIES },
];

const MANIFESTS: Readonly<Record<string, () => readonly Manifest[]>> = {
  'numeric, universal cells': () => [
    ...onInput(...NUMERIC_TYPES.map((type) => ({ ...numeric, type }))),
    ...onInput({ ...numeric, type: 'float32', missing: 'all-zero' }, { ...numeric, type: 'float64', dims: [3], missing: 'constant' }),
    ...onOutput({ ...numeric, type: 'float32' }, { ...numeric, type: 'float16' }, { ...numeric, type: 'int64', dims: ['n'] }),
  ],
  'numeric, declared bins': () => {
    const bins = [{ edges: [-1, 0, 0.1, 250] }, { edges: [-(2 ** 60), 5e-324] }, { mantissaBits: 3 }, { mantissaBits: 4 }];
    const types = ['float32', 'float64', 'float16', 'int64', 'uint8'];
    return bins.flatMap((declared) => [
      ...onInput(...types.map((type) => ({ ...numeric, type, bins: declared }))),
      ...onOutput({ ...numeric, type: 'float32', bins: declared }),
    ]);
  },
  tabular: () =>
    onInput(
      { ...table, columns: COLUMNS },
      { ...table, columns: COLUMNS, type: 'float64', dims: [4] },
      { ...table, columns: COLUMNS, type: 'int32' },
      { ...table, columns: COLUMNS, type: 'string' },
      { ...table, columns: COLUMNS, type: 'float16', missing: 'constant' },
    ),
  categorical: () => {
    const declared = { name: 'c', kind: 'categorical', categories: CITIES, dims: ['batch', 'n'] };
    const types = ['string', 'float32', 'int64', 'bool', 'float16', 'int8'];
    return [...onInput(...types.map((type) => ({ ...declared, type }))), ...onOutput(...types.map((type) => ({ ...declared, type })))];
  },
  image: () =>
    onInput(
      { ...image, dims: ['batch', 1, 4, 4], range: [0, 16], missing: 'all-zero' },
      { ...image, dims: ['batch', 3, 'h', 'w'], range: [0, 255], layout: 'NCHW' },
      { ...image, dims: ['batch', 'h', 'w', 3], range: [-1, 1], layout: 'NHWC' },
      { ...image, dims: ['batch', 3, 2, 'w'], range: [0, 255], type: 'uint8', missing: 'constant' },
      { ...image, dims: ['h', 'w'], range: [0, 1] },
      { ...image, dims: ['batch', 'h', 'w', 4], range: [0, 1], layout: 'NHWC' },
      { ...image, dims: ['batch', 'c', 2, 2], range: [0, 1], type: 'float16' },
    ),
  audio: () =>
    onInput(
      audio,
      { ...audio, dims: ['n'], sampleRate: 200 },
      { ...audio, type: 'float16', sampleRate: 130 },
      { ...audio, dims: ['batch', 48], sampleRate: 800, missing: 'all-zero' },
    ),
  'text ids': () =>
    onInput(
      { ...ids, text: {} },
      { ...ids, text: { pad: 0, unknown: 1, lengthMax: 3 } },
      { ...ids, type: 'int32', dims: ['n'], text: { pad: 0 } },
      { ...ids, text: { unknown: 3 }, dims: ['batch', 5] },
    ),
  'text strings': () =>
    onInput({ ...ids, type: 'string', dims: ['batch'] }, { ...ids, type: 'string', dims: [1] }, { ...ids, type: 'string', dims: ['n'] }),
  embedding: () => {
    const centroids = [
      [0, 0],
      [1, 0],
      [0, 1],
      [-1.5, 2.25],
      [1, 1],
    ];
    const declared = [
      { ...embedding, centroids },
      { ...embedding, centroids: [[1], [-1], [0.3]], dims: ['batch', 1], type: 'float16' },
      { ...embedding, centroids, dims: [2], type: 'float64' },
      { ...embedding, centroids: [[1, 2, 3]], dims: ['batch', 3] },
    ];
    return [...onInput(...declared), ...onOutput(...declared)];
  },
  'label-scores': () =>
    onOutput(
      { ...scores, normalisation: 'probabilities', labels: LABELS },
      { ...scores, normalisation: 'logits', labels: LABELS.slice(0, 3) },
      { ...scores, normalisation: 'logits', type: 'float16' },
      { ...scores, normalisation: 'probabilities', dims: ['n'], labels: LABELS },
      { ...scores, normalisation: 'logits', dims: ['batch', 'n', 3], type: 'float64', labels: LABELS },
    ),
  boxes: () =>
    onOutput(
      boxes,
      { ...boxes, dims: ['n', 6], type: 'float64', boxes: { ...boxes.boxes, format: 'xywh', width: 3, height: 2 } },
      { ...boxes, boxes: { format: 'cxcywh', score: 4, threshold: 0.25, width: 1, height: 1 }, dims: ['batch', 'n', 5] },
      { ...boxes, boxes: { ...boxes.boxes, class: 0, score: 5 }, dims: ['batch', 'n', 7], labels: undefined },
    ),
  feedback: () =>
    [scores, { ...scores, type: 'float64', dims: ['batch', 'n'], normalisation: 'logits' }].map((declared) =>
      manifestOf([PLAIN_INPUT], [{ ...declared, labels: LABELS }, PLAIN_OUTPUT], { feedback: true }),
    ),
  opaque: () => [
    ...onInput({ ...PLAIN_INPUT, type: 'string', dims: ['batch', 2] }, { ...PLAIN_INPUT, dims: ['batch', 3], missing: 'constant' }),
    ...onOutput({ ...PLAIN_OUTPUT, dims: ['batch', 3] }),
  ],
};

const repeats = (): Manifest[] => [
  ...onInput({ ...numeric, type: 'float32' }, { ...numeric, type: 'float64', dims: ['batch', 3] }),
  manifestOf([
    { ...numeric, type: 'int16' },
    { ...PLAIN_INPUT, type: 'string' },
  ]),
];

/** Every kind that can be declared, and repetition. */
export const KINDS: readonly Kind[] = [
  ...Object.entries(MANIFESTS).map(([name, manifests]) => ({ name, manifests, pairOf })),
  { name: 'repeats', manifests: repeats, pairOf: repeatPairOf },
];

/** Tensors of which a part is read. Too slow for the full number of pairs. */
export const SAMPLED: Kind = {
  name: 'tensors beyond the element cap',
  manifests: () => [
    ...onInput(
      { ...numeric, type: 'float32', dims: ['batch', 30_000] },
      { ...numeric, type: 'int8', dims: [140_000] },
      { ...audio, dims: [90_000], sampleRate: 8000 },
    ),
    ...onOutput({ ...numeric, type: 'float16', dims: ['batch', 70_000] }),
  ],
  pairOf,
};

export function kindOf(name: string): Kind {
  const kind = KINDS.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(`there is no kind "${name}"`);
  return kind;
}
