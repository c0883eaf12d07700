/**
 * Packing: ONNX files become a folder that a page can load: manifest, graphs and weights.
 *
 * Invariants
 *  - The same files and options give the same bytes.
 *  - A graph is optimised only where its outputs on the samples stay what they were; otherwise it is published as it came.
 *  - What the model does not say (name, licence, kinds, labels, ranges, what is monitored) comes from the options or from the manifest
 *    that is packed anew, and is never invented: a tensor nobody described is `numeric`.
 *  - Nothing is read or written here but what is handed in.
 *
 * Not here: the command (cli/commands/pack.ts), the layout of weights (cli/pack/weights.ts), samples (cli/pack/goldens.ts), tokenizers (cli/pack/texts.ts).
 */
import { sha256Hex } from '../../protocol/digest.ts';
import { EXTERNAL_WEIGHT_BYTES_MIN, MODEL_BYTES_MAX, PACK_CHUNK_BYTES } from '../../protocol/limits.ts';
import { checkManifest, type Manifest, type ManifestVariant, type Provider, type PublishedFile } from '../../protocol/manifest/manifest.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { toleranceOf } from './goldens.ts';
import { type Graph, optimizedGraphs } from './optimize.ts';
import { makeReference, type Reference } from './reference.ts';
import type { PackedModel, PackInput, PackOptions } from './request.ts';
import { readSource, type Source } from './source.ts';
import { signatureOf } from './tensors.ts';
import { type NamedFile, withTexts } from './texts.ts';
import { QUANTIZATIONS } from './variant.ts';
import { evenCuts, layOutWeights, WEIGHTS_PATH } from './weights.ts';

interface Packing {
  readonly options: PackOptions;
  readonly files: Map<string, Uint8Array>;
  readonly notes: string[];
  readonly step: (sentence: string) => void;
}

/** @throws {CommandError} one sentence that says what to change. */
export async function packModel(inputs: readonly PackInput[], options: PackOptions): Promise<PackedModel> {
  const packing: Packing = { options, files: new Map(), notes: [], step: options.onStep ?? (() => undefined) };
  const sources: Source[] = [];
  for (const input of inputs) sources.push(await readSource(input));
  sources.sort((a, b) => QUANTIZATIONS.indexOf(a.kind.quantization) - QUANTIZATIONS.indexOf(b.kind.quantization));
  const ids = variantIds(sources);
  const signature = signatureOf(sources, options.previous ?? null);
  packing.step(`running ${sources.at(-1)?.name} as the reference`);
  const reference = await makeReference(sources, signature, options);
  packing.notes.push(...reference.notes);
  const variants: ManifestVariant[] = [];
  for (const [index, source] of sources.entries()) variants.push(...(await packVariant(packing, source, ids[index] as string, reference)));
  const manifest: Manifest = {
    schema: 1,
    name: options.name,
    version: options.version,
    licence: options.licence ?? options.previous?.licence ?? 'unknown',
    ...described(options),
    variants,
    inputs: await withTexts(reference.inputs, options, (file) => publishBeside(packing, file)),
    outputs: reference.outputs,
    golden: reference.golden,
    ...(options.previous?.monitor === undefined ? {} : { monitor: options.previous.monitor }),
  };
  const manifestJson = `${JSON.stringify(manifest, null, 1)}\n`;
  const checked = checkManifest(JSON.parse(manifestJson));
  if (!checked.ok)
    throw new CommandError(
      `The packed manifest would not be valid: ${checked.reason}. Correct the earlier model.json, or name another: --manifest FILE.`,
    );
  return { manifest: checked.manifest, manifestJson, files: packing.files, notes: packing.notes };
}

function described({ description, previous }: PackOptions): { description?: string } {
  const text = description ?? previous?.description;
  return text === undefined ? {} : { description: text };
}

function variantIds(sources: readonly Source[]): string[] {
  const ids = sources.map(({ id, kind }) => id ?? kind.quantization);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice === undefined) return ids;
  const files = sources.filter((_, index) => ids[index] === twice).map(({ name }) => name);
  throw new UsageError(`${files.join(' and ')} are both "${twice}". Name them: --variant ID=FILE.`);
}

/** One variant, or one for each provider where the optimised graphs differ. */
async function packVariant(packing: Packing, source: Source, id: string, reference: Reference): Promise<ManifestVariant[]> {
  const { options, notes, step } = packing;
  step(`packing ${id}`);
  const plain: Graph = { model: source.model, isOptimized: false, providers: source.kind.providers };
  const isOptimized = options.isOptimized ?? true;
  const graphs = isOptimized ? await optimizedGraphs(plain, reference.feeds, id, notes) : [plain];
  const variants: ManifestVariant[] = [];
  for (const graph of graphs) {
    const suffix = graphs.length === 1 ? '' : `-${graph.providers.join('-')}`;
    variants.push(await publish(packing, source, { id, fullId: `${id}${suffix}` }, graph, reference));
  }
  return variants;
}

async function publish(
  packing: Packing,
  source: Source,
  { id: ownId, fullId: id }: { readonly id: string; readonly fullId: string },
  graph: Graph,
  reference: Reference,
): Promise<ManifestVariant> {
  const { options, files, notes } = packing;
  const chunkBytes = options.chunkBytes ?? PACK_CHUNK_BYTES;
  const laidOut = layOutWeights(graph.model, EXTERNAL_WEIGHT_BYTES_MIN, chunkBytes);
  const nameOf = (variant: string, ending: string) => `${fileStem(options.name)}.${fileStem(variant)}.${ending}`;
  const external = laidOut.weights === null ? [] : [{ path: WEIGHTS_PATH, data: laidOut.weights.data }];
  const { quantization, features } = source.kind;
  const difference = await reference.differenceOf({ graph: laidOut.graph, external }, graph.isOptimized ? 'disabled' : 'all', id);
  const tolerance = toleranceOf(quantization, difference, reference.scale);
  if (difference > 0)
    notes.push(`${id}: outputs differ from the reference by at most ${difference.toPrecision(2)}; tolerance ${tolerance}.`);
  if (tolerance > 0.5 * reference.scale) {
    notes.push(
      `${id}: that is half of the largest output, ${reference.scale.toPrecision(2)}, or more. Its answers are not the reference's; check how it was quantized.`,
    );
  }
  const weightsName = nameOf(files.has(nameOf(ownId, 'weights')) ? id : ownId, 'weights');
  const weights = laidOut.weights === null ? null : await keep(files, weightsName, laidOut.weights.data, laidOut.weights.cutBytes);
  return {
    id,
    quantization,
    ...(await keep(files, nameOf(id, 'onnx'), laidOut.graph, evenCuts(laidOut.graph.length, chunkBytes))),
    ...(weights === null ? {} : { external: [{ path: WEIGHTS_PATH, ...weights }] }),
    providers: graph.providers as Provider[],
    ...(features.length > 0 && graph.providers.includes('webgpu') ? { features: [...features] } : {}),
    ...(graph.isOptimized ? { optimized: true } : {}),
    tolerance,
  };
}

/** Under its own name, unless another file has that. */
async function publishBeside({ files, options }: Packing, { name, bytes }: NamedFile): Promise<PublishedFile> {
  const known = files.get(name);
  const isTaken = known !== undefined && Buffer.compare(known, bytes) !== 0;
  const cutBytes = evenCuts(bytes.length, options.chunkBytes ?? PACK_CHUNK_BYTES);
  return keep(files, isTaken ? `${(await sha256Hex(bytes)).slice(0, 8)}.${name}` : name, bytes, cutBytes);
}

/** A published file; one that is there already, byte for byte, is not published twice. */
async function keep(files: Map<string, Uint8Array>, name: string, bytes: Uint8Array, cutBytes: readonly number[]) {
  if (bytes.length > MODEL_BYTES_MAX) {
    throw new CommandError(
      `${name} would have ${bytes.length} bytes; a browser can hold at most ${MODEL_BYTES_MAX}. Quantize the model first.`,
    );
  }
  const known = [...files].find(([, other]) => other.length === bytes.length && Buffer.compare(other, bytes) === 0)?.[0];
  if (known === undefined) files.set(name, bytes);
  let offset = 0;
  const chunks: { sha256: string; bytes: number }[] = [];
  for (const length of cutBytes) {
    chunks.push({ sha256: await sha256Hex(bytes.subarray(offset, offset + length)), bytes: length });
    offset += length;
  }
  return { file: known ?? name, bytes: bytes.length, sha256: await sha256Hex(bytes), chunks };
}

function fileStem(text: string): string {
  return text.replace(/[^\w.-]+/g, '-');
}
