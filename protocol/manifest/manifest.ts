/**
 * The manifest (`model.json`): all that is public about a model, from file hashes to what is counted.
 *
 * Why a schema library here, in the folder that imports nothing of ours: the TypeScript types, the run-time
 * check and the published JSON Schema (docs/model.schema.json) must have one source. valibot is that source;
 * this and the files of its parts (manifest-*.ts) are the only ones that import it.
 *
 * Invariants
 *  - The model version is the first 8 bytes of the SHA-256 of the manifest's bytes as served. Any edit is a new version.
 *  - Nothing here describes a person's data: the baseline is a file of its own and never reaches a page.
 *
 * Not here: cell layouts, which follow from this (counts/layout/plan.ts).
 */

import * as v from 'valibot';
import { hasForeignNames, withOwnNames } from '../foreign-prototypes.ts';
import { LABEL_COUNT_MAX, SEGMENT_COUNT_MAX } from '../limits.ts';
import { TENSOR_TYPES } from '../tensors/tensors.ts';
import { Postprocess, type PostprocessedOutput, postprocessFault } from './postprocess.ts';
import { filledInputs, Preprocess, type PreprocessedInput, preprocessFault } from './preprocess.ts';
import { Index, Name, PUBLISHED_FILE } from './terms.ts';
import { preprocessFiles } from './text.ts';

const PROVIDERS = ['wasm', 'webgpu', 'webnn'] as const;

/** An axis is a fixed length or a name; `["..."]` stands for any number of axes; the axis called "batch" may have any length from 1. */
const Dims = v.array(v.union([v.pipe(v.number(), v.integer(), v.minValue(0)), Name]));

export interface PublishedFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly chunks: readonly { readonly sha256: string; readonly bytes: number }[];
}

/** Weights outside the graph's file. `path` is the location that the graph names (ONNX external data, `TensorProto.external_data`). */
const ExternalFile = v.strictObject({ path: Name, ...PUBLISHED_FILE });

const Ratio = v.pipe(v.number(), v.finite(), v.minValue(0));

/** How far a variant's answers to samples were from the reference's, as it would run in the field; told when it was packed. */
const Quality = v.strictObject({
  /** Largest difference, over the largest value of the output in which it is worst. */
  largestRatio: Ratio,
  /** Mean difference in that output, over the same. */
  meanRatio: Ratio,
  /** Of outputs that are scores of labels: part of the rows whose top answer is the reference's. */
  agreementRatio: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
});

const Variant = v.strictObject({
  /** Unique in the manifest, for example "int8". */
  id: Name,
  quantization: v.picklist(['fp32', 'fp16', 'int8', 'uint8', 'q4', 'q4f16']),
  /** The graph's own file; large weights lie in `external`. */
  ...PUBLISHED_FILE,
  external: v.optional(v.pipe(v.array(ExternalFile), v.minLength(1))),
  /** Providers that may run it, best first. */
  providers: v.pipe(v.array(v.picklist(PROVIDERS)), v.minLength(1)),
  /** GPU features that a WebGPU device must have, for example "shader-f16". */
  features: v.optional(v.array(Name)),
  /** The graph was optimised when it was packed; the session is created with optimisation off. */
  optimized: v.optional(v.boolean()),
  /** Largest absolute difference from the golden outputs that still counts as a right answer. */
  tolerance: v.pipe(v.number(), v.minValue(0)),
  /** The same by output, of a model that has several: within what is little for a large one a small one could be anything. */
  tolerances: v.optional(v.record(Name, v.pipe(v.number(), v.minValue(0)))),
  quality: v.optional(Quality),
});

/** How a tensor's values become counts; see counts/layout/plan.ts. */
const InputKind = v.picklist(['image', 'audio', 'text', 'tabular', 'numeric', 'categorical', 'embedding', 'opaque']);

const OutputKind = v.picklist(['label-scores', 'boxes', 'image', 'numeric', 'categorical', 'embedding', 'opaque']);

const Edges = v.pipe(
  v.array(v.pipe(v.number(), v.finite())),
  v.minLength(2),
  v.maxLength(256),
  v.check((edges) => edges.every((edge, at) => at === 0 || edge > (edges[at - 1] as number)), 'edges must rise'),
);

/** Cells of a number: between these edges (a baseline's quantiles), or universal ones at a coarser scale. */
const Bins = v.union([v.strictObject({ edges: Edges }), v.strictObject({ mantissaBits: v.picklist([3, 4]) })]);

/** One column of a tabular input. `missing`: a number that stands for "not known", besides NaN. */
const Column = v.union([
  v.strictObject({ name: Name, kind: v.literal('numeric'), bins: v.optional(Bins), missing: v.optional(v.number()) }),
  v.strictObject({ name: Name, kind: v.literal('categorical'), categories: v.pipe(v.array(Name), v.minLength(1), v.maxLength(256)) }),
]);

const Columns = v.pipe(
  v.array(Column),
  v.minLength(1),
  v.check((columns) => new Set(columns.map(({ name }) => name)).size === columns.length, 'column names must be unique'),
  v.check((columns) => columns.every(({ name }) => name !== 'state'), 'no column may be called "state", which is a metric of every input'),
);

const Categories = v.pipe(v.array(Name), v.minLength(1), v.maxLength(1024));

/** Public points of an embedding space; only the number of the nearest one is counted. */
const Centroids = v.pipe(v.array(v.pipe(v.array(v.pipe(v.number(), v.finite())), v.minLength(1))), v.minLength(1), v.maxLength(62));

/** Where a row of a boxes tensor keeps what. `width` and `height` of the image in the tensor's units; 1 when normalised. */
const Boxes = v.strictObject({
  format: v.picklist(['xyxy', 'xywh', 'cxcywh']),
  score: Index,
  class: v.optional(Index),
  threshold: v.number(),
  width: v.pipe(v.number(), v.minValue(0)),
  height: v.pipe(v.number(), v.minValue(0)),
});

/** Of token ids: which is padding, which means unknown, and from how many on a text was cut. */
const Text = v.strictObject({
  pad: v.optional(Index),
  unknown: v.optional(Index),
  lengthMax: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

const Input = v.strictObject({
  name: Name,
  type: v.picklist(TENSOR_TYPES),
  dims: Dims,
  kind: InputKind,
  bins: v.optional(Bins),
  columns: v.optional(Columns),
  categories: v.optional(Categories),
  centroids: v.optional(Centroids),
  /** Samples per second of an audio input, or of the recordings that `preprocess` makes this tensor of. */
  sampleRate: v.optional(v.pipe(v.number(), v.integer(), v.minValue(50))),
  text: v.optional(Text),
  /** Values of an image that mean black and white. */
  range: v.optional(v.tuple([v.number(), v.number()])),
  layout: v.optional(v.picklist(['NCHW', 'NHWC'])),
  /** What counts as a missing input, besides an empty tensor and one that is all NaN. */
  missing: v.optional(v.picklist(['all-zero', 'constant', 'never'])),
  /** How what an application has becomes this tensor; executed in the worker. */
  preprocess: v.optional(Preprocess),
});

const Output = v.strictObject({
  name: Name,
  type: v.picklist(TENSOR_TYPES),
  dims: Dims,
  kind: OutputKind,
  bins: v.optional(Bins),
  categories: v.optional(Categories),
  centroids: v.optional(Centroids),
  boxes: v.optional(Boxes),
  /** What the scores are: logits get a soft-max before they are counted. */
  normalisation: v.optional(v.picklist(['probabilities', 'logits'])),
  /** The model's closed label list, in score order. Public, so its indices may be counted. */
  labels: v.optional(v.pipe(v.array(Name), v.maxLength(LABEL_COUNT_MAX))),
  /** How this tensor becomes what an application shows; executed in the worker. */
  postprocess: v.optional(Postprocess),
});

/** Partition of the sums; the product of what it names is at most SEGMENT_COUNT_MAX (counts/layout/segments.ts). */
const Segments = v.strictObject({
  by: v.array(v.picklist(['engine', 'provider', 'form-factor'])),
  /** The model's own closed list; a run names one of them. */
  own: v.optional(v.pipe(v.array(Name), v.minLength(1), v.maxLength(SEGMENT_COUNT_MAX))),
});

const Monitor = v.strictObject({
  module: v.optional(Name),
  segments: v.optional(Segments),
  /** Count what people do with answers (`model.feedback`). */
  feedback: v.optional(v.boolean()),
});

const GoldenDims = v.array(v.pipe(v.number(), v.integer(), v.minValue(0)));

/** Numbers written out, or noise: whole numbers for integer types, 256 steps for fractions (protocol/manifest/golden-sample.ts). */
const GoldenInput = v.union([
  v.strictObject({ dims: GoldenDims, data: v.array(v.number()) }),
  v.strictObject({
    dims: GoldenDims,
    seed: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff)),
    range: v.tuple([v.number(), v.number()]),
  }),
]);

/** With `stride`, only each stride-th element is known, from the first on: a large output is not worth its bytes in every manifest. */
const GoldenOutput = v.strictObject({
  dims: GoldenDims,
  data: v.array(v.number()),
  stride: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

/** A small input and what the fp32 reference answered to it. */
const Golden = v.strictObject({ inputs: v.record(Name, GoldenInput), outputs: v.record(Name, GoldenOutput) });

/** What each kind cannot be counted without. */
const NEEDED = { tabular: 'columns', categorical: 'categories', embedding: 'centroids', audio: 'sampleRate', boxes: 'boxes' } as const;

type Needy = { readonly kind: string } & { readonly [F in (typeof NEEDED)[keyof typeof NEEDED]]?: unknown };

function missingField({ inputs, outputs }: { readonly inputs: readonly Needy[]; readonly outputs: readonly Needy[] }): string | null {
  const needy = [...inputs, ...outputs].find(({ kind, ...fields }) => {
    const needed = NEEDED[kind as keyof typeof NEEDED];
    return needed !== undefined && fields[needed] === undefined;
  });
  return needy === undefined ? null : needy.kind;
}

const SEGMENT_AXIS_COUNTS = { engine: 4, provider: 3, 'form-factor': 2 } as const;

function segmentCount(segments: v.InferOutput<typeof Segments> | undefined): number {
  const { by = [], own = [] } = segments ?? {};
  return [...new Set(by)].reduce((count, axis) => count * SEGMENT_AXIS_COUNTS[axis], Math.max(1, own.length));
}

/** Every published file of a variant, the graph's first. */
export function filesOf(variant: PublishedFile & { readonly external?: readonly PublishedFile[] | undefined }): readonly PublishedFile[] {
  return [variant, ...(variant.external ?? [])];
}

/** Every published file that a variant of this model needs: its own first, in the order of `filesOf`, then those of preprocessing. */
export function filesWithPreprocess(
  inputs: readonly { readonly preprocess?: { readonly kind: string } | undefined }[],
  variant: PublishedFile & { readonly external?: readonly PublishedFile[] | undefined },
): readonly PublishedFile[] {
  return [...filesOf(variant), ...preprocessFiles(inputs)];
}

interface ProcessedManifest {
  readonly inputs: readonly PreprocessedInput[];
  readonly outputs: readonly PostprocessedOutput[];
}

/** The first declaration of pre- or postprocessing that does not fit its tensor, in words; null when all do. */
function processingFault({ inputs, outputs }: ProcessedManifest): string | null {
  const inputNames = inputs.map(({ name }) => name);
  for (const input of inputs) {
    const filled = input.preprocess === undefined ? [] : filledInputs(input.preprocess);
    const fault = filled.every((name) => inputNames.includes(name)) ? preprocessFault(input) : 'preprocess must fill inputs of the model';
    if (fault !== null) return `input "${input.name}": ${fault}`;
  }
  for (const output of outputs) {
    const fault = postprocessFault(output, outputs, inputNames);
    if (fault !== null) return `output "${output.name}": ${fault}`;
  }
  return null;
}

export const ManifestSchema = v.pipe(
  v.strictObject({
    schema: v.literal(1),
    name: Name,
    version: Name,
    licence: Name,
    description: v.optional(v.string()),
    /** Empty in the manifest of a model that something else runs (`client.observe`). */
    variants: v.array(Variant),
    /** Empty for a graph of constants, which runs all the same. */
    inputs: v.array(Input),
    outputs: v.pipe(v.array(Output), v.minLength(1)),
    golden: v.array(Golden),
    /** A variant whose `quality.largestRatio` is above it is never chosen, unless the load names it. */
    qualityLimit: v.optional(Ratio),
    monitor: v.optional(Monitor),
  }),
  v.check(
    (manifest) => new Set(manifest.variants.map((variant) => variant.id)).size === manifest.variants.length,
    'variant ids must be unique',
  ),
  v.check(
    ({ inputs, outputs }) => [inputs, outputs].every((side) => new Set(side.map(({ name }) => name)).size === side.length),
    'names of inputs must be unique, and so must those of outputs',
  ),
  v.check(
    (manifest) =>
      [...manifest.variants.flatMap(filesOf), ...preprocessFiles(manifest.inputs)].every(
        ({ bytes, chunks }) => bytes === chunks.reduce((sum, chunk) => sum + chunk.bytes, 0),
      ),
    'the chunk lengths of a file must add up to its bytes',
  ),
  v.check(
    (manifest) => missingField(manifest) === null,
    'a tensor must have what its kind needs: columns for tabular, categories for categorical, centroids for embedding, sampleRate for audio, boxes for boxes',
  ),
  v.check(
    (manifest) => processingFault(manifest) === null,
    ({ input }) => processingFault(input as ProcessedManifest) ?? '',
  ),
  v.check(
    (manifest) => segmentCount(manifest.monitor?.segments) <= SEGMENT_COUNT_MAX,
    `segments must multiply to ${SEGMENT_COUNT_MAX} at the most`,
  ),
);

export type Manifest = v.InferOutput<typeof ManifestSchema>;

export type ManifestVariant = Manifest['variants'][number];

export type ManifestQuality = NonNullable<ManifestVariant['quality']>;

export type ManifestInput = Manifest['inputs'][number];

export type ManifestOutput = Manifest['outputs'][number];

export type Provider = (typeof PROVIDERS)[number];

export type ManifestColumn = NonNullable<ManifestInput['columns']>[number];

export type ManifestBins = NonNullable<ManifestInput['bins']>;

type ManifestCheck = { readonly ok: true; readonly manifest: Manifest } | { readonly ok: false; readonly reason: string };

/**
 * Checks a parsed `model.json`.
 *
 * @returns The manifest, or where it first departs from the schema: a path and a sentence. The sentence never
 *   holds the offending value, because error texts may be logged.
 */
export function checkManifest(json: unknown): ManifestCheck {
  if (hasForeignNames()) for (const searched of [ManifestSchema, json]) withOwnNames(searched);
  const result = v.safeParse(ManifestSchema, json, { abortEarly: true });
  if (result.success) return { ok: true, manifest: result.output };
  const issue = result.issues[0];
  const path = issue.path?.map((item) => String(item.key)).join('.') ?? '';
  const at = path === '' ? 'model.json' : path;
  // Of an object, valibot says that it expected the name of what is missing, or no such name.
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return { ok: false, reason: `${at} is no field that \`insitu schema\` has` };
  if (issue.type === 'strict_object' && issue.received === 'undefined' && path !== '') return { ok: false, reason: `${at} is missing` };
  return { ok: false, reason: `${at}: ${issue.expected === null ? issue.message : `expected ${issue.expected}`}` };
}
