/**
 * The models of the benches: four made here with random weights, and the repository's digits, each as the plain file that
 * every contender reads and packed as ours.
 *
 * Invariants
 *  - Made once per revision, into .insitu/bench-models/, which git ignores; a model whose making broke off is made again.
 *  - Ours and the others' are the same network: the packed form comes from the plain file.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createNodeSession } from '../../cli/runtime/node-session.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import { DISTILBERT_INPUTS, distilbertInt8 } from './distilbert.ts';
import { MOBILENET_INPUT, mobilenetFp32, mobilenetInt8, mobilenetProbe } from './mobilenet.ts';
import { packInto } from './packing.ts';
import { TINY_INPUT, tiny } from './tiny.ts';

/** Raised when what is made here changes. */
const REVISION = 3;

/** Seen from the repository, where scripts/bench.mjs runs every bench. */
export const MODELS_FOLDER = `.insitu/bench-models/${REVISION}/`;

export const BENCH_MODEL_IDS = ['mobilenet-fp32', 'mobilenet-int8', 'distilbert-int8', 'digits', 'tiny'] as const;
export type BenchModelId = (typeof BENCH_MODEL_IDS)[number];

/** How a page fills one input; every contender fills it the same. */
export interface FeedRecipe {
  readonly name: string;
  readonly type: 'float32' | 'int64';
  readonly dims: readonly number[];
  /** `waves`: a sine between ± 2; `ids`: token ids below 30,000; `ones`. */
  readonly fill: 'waves' | 'ids' | 'ones';
}

export interface BenchModel {
  readonly id: BenchModelId;
  readonly title: string;
  /** The plain file, and the folder of the packed form with its model.json. */
  readonly file: string;
  readonly folder: string;
  readonly plainBytes: number;
  readonly feeds: readonly FeedRecipe[];
  /** What transformers.js needs to know of it. */
  readonly modelType: string;
}

/** Tokens of a sentence or two. */
const SEQUENCE_LENGTH = 32;

const PIXELS: readonly FeedRecipe[] = [{ name: MOBILENET_INPUT.name, type: 'float32', dims: [1, 3, 224, 224], fill: 'waves' }];
const TOKENS: readonly FeedRecipe[] = DISTILBERT_INPUTS.map(({ name }) => ({
  name,
  type: 'int64',
  dims: [1, SEQUENCE_LENGTH],
  fill: name === 'input_ids' ? 'ids' : 'ones',
}));
const BITMAP: readonly FeedRecipe[] = [{ name: 'image', type: 'float32', dims: [1, 1, 8, 8], fill: 'waves' }];

const RECIPES: Readonly<Record<BenchModelId, Pick<BenchModel, 'title' | 'feeds' | 'modelType'>>> = {
  'mobilenet-fp32': { title: 'MobileNetV2 fp32', feeds: PIXELS, modelType: 'mobilenet_v2' },
  'mobilenet-int8': { title: 'MobileNetV2 int8', feeds: PIXELS, modelType: 'mobilenet_v2' },
  'distilbert-int8': { title: 'DistilBERT int8', feeds: TOKENS, modelType: 'distilbert' },
  tiny: {
    title: 'tiny fp32',
    feeds: [{ name: TINY_INPUT.name, type: 'float32', dims: [1, 30], fill: 'waves' }],
    modelType: 'tiny',
  },
  digits: { title: 'digits int8', feeds: BITMAP, modelType: 'digits' },
};

/** Makes what is missing. */
export async function benchModels(ids: readonly BenchModelId[]): Promise<readonly BenchModel[]> {
  const models: BenchModel[] = [];
  for (const id of ids) {
    const folder = `${MODELS_FOLDER}${id}/`;
    const file = `${folder}plain/model.onnx`;
    if (!existsSync(folder)) await make(id, folder);
    models.push({ id, file, folder: `${folder}packed/`, plainBytes: readFileSync(file).length, ...RECIPES[id] });
  }
  return models;
}

async function make(id: BenchModelId, folder: string): Promise<void> {
  process.stderr.write(`making ${RECIPES[id].title} …\n`);
  const unfinished = `${folder.slice(0, -1)}.unfinished/`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(`${unfinished}plain`, { recursive: true });
  const bytes = await bytesOf(id);
  writeFileSync(`${unfinished}plain/model.onnx`, bytes);
  await packInto(`${unfinished}packed/`, id, bytes, { sequence: SEQUENCE_LENGTH }, id === 'digits' ? digitsManifest() : null);
  renameSync(unfinished, folder);
}

async function bytesOf(id: BenchModelId): Promise<Uint8Array<ArrayBuffer>> {
  if (id === 'mobilenet-fp32') return mobilenetFp32();
  if (id === 'mobilenet-int8') return mobilenetInt8(await mobilenetRanges());
  if (id === 'distilbert-int8') return distilbertInt8();
  if (id === 'tiny') return tiny();
  return new Uint8Array(readFileSync('models/digits/digits.int8.onnx'));
}

/** Its kinds and labels: telemetry of the benches counts what the demo's does. */
function digitsManifest(): Manifest {
  return JSON.parse(readFileSync('models/digits/model.json', 'utf8')) as Manifest;
}

/** Calibration on the one input that the benches use. */
async function mobilenetRanges(): Promise<readonly number[]> {
  const { bytes, names } = mobilenetProbe();
  const run = await createNodeSession(bytes);
  const outputs = await run(feedsOf(PIXELS));
  return names.map((name) =>
    ((outputs[name] as TensorWire).data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  );
}

export function feedsOf(recipes: readonly FeedRecipe[]): Record<string, TensorWire> {
  return Object.fromEntries(
    recipes.map(({ name, type, dims, fill }) => {
      const count = dims.reduce((product, length) => product * length, 1);
      const value = (at: number) => (fill === 'waves' ? 2 * Math.sin(at) : fill === 'ids' ? (at * 7919) % 30_000 : 1);
      const data =
        type === 'float32'
          ? Float32Array.from({ length: count }, (_, at) => value(at))
          : BigInt64Array.from({ length: count }, (_, at) => BigInt(value(at)));
      return [name, { type, dims, data }];
    }),
  );
}
