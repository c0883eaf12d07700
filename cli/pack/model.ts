/**
 * Packing: ONNX files become a folder that a page can load: manifest, graphs and weights.
 *
 * Invariants
 *  - The same files and options give the same bytes.
 *  - A graph is optimised only where its outputs on the samples stay what they were; otherwise it is published as it came.
 *  - A variant whose answers are beyond the owner's limit is published only when he says so.
 *  - What the model does not say (name, licence, kinds, labels, ranges, what is monitored) comes from the options or from the manifest
 *    that is packed anew, and is never invented: a tensor nobody described is `numeric`.
 *  - Nothing is read or written here but what is handed in.
 *
 * Not here: the command (cli/commands/pack.ts), the layout of weights (cli/pack/weights.ts), samples (cli/pack/goldens.ts), how far a variant is from the reference (cli/pack/quality.ts), tokenizers (cli/pack/texts.ts).
 */
import { sha256Hex } from '../../protocol/digest.ts';
import { EXTERNAL_WEIGHT_BYTES_MIN, MODEL_BYTES_MAX, PACK_CHUNK_BYTES } from '../../protocol/limits.ts';
import { checkManifest, type Manifest, type ManifestVariant, type Provider, type PublishedFile } from '../../protocol/manifest/manifest.ts';
import { isWithinQuality } from '../../protocol/manifest/quality.ts';
import { missingInGpuBuild } from '../runtime/gpu-build.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { type Graph, optimizedGraphs } from './optimize.ts';
import { type Measured, measured, providersByArithmetic, QUALITY_LIMIT, qualityInWords, tolerancesOf, worstOf } from './quality.ts';
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
  requireKnown(options.keep ?? [], ids);
  const signature = signatureOf(sources, options.previous ?? null, options.statedAxes);
  packing.step(`running ${sources.at(-1)?.name} as the reference`);
  const reference = await makeReference(sources, signature, options);
  packing.notes.push(...reference.notes);
  const variants: ManifestVariant[] = [];
  for (const [index, source] of sources.entries()) variants.push(...(await packVariant(packing, source, ids[index] as string, reference)));
  if (variants.length === 0) throw new CommandError(`Nothing is left to publish. ${packing.notes.at(-1)}`);
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
    ...(reference.feeds.length === 0 ? {} : { qualityLimit: limitOf(options) }),
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

/** A variant may carry its providers behind the id of its file. */
function requireKnown(keep: readonly string[], ids: readonly string[]): void {
  const unknown = keep.find((kept) => !ids.some((id) => kept === id || kept.startsWith(`${id}-`)));
  if (unknown !== undefined) throw new UsageError(`--keep ${unknown}: there is no such variant. They are ${ids.join(', ')}.`);
}

/** One variant, or one for each provider where the optimised graphs differ; none of those that are beyond the limit. */
async function packVariant(packing: Packing, source: Source, id: string, reference: Reference): Promise<ManifestVariant[]> {
  const { options, notes, step } = packing;
  step(`packing ${id}`);
  const plain: Graph = { model: source.model, isOptimized: false, providers: await providersOf(packing, source, id) };
  const isOptimized = options.isOptimized ?? true;
  const graphs = isOptimized ? await optimizedGraphs(plain, reference.feeds, id, notes) : [plain];
  const variants: ManifestVariant[] = [];
  for (const graph of graphs) {
    const suffix = graphs.length === 1 ? '' : `-${graph.providers.join('-')}`;
    const variant = await publish(packing, source, { own: id, full: `${id}${suffix}` }, graph, reference);
    if (variant !== null) variants.push(variant);
  }
  return variants;
}

/** Those of its kind, without GPUs where the build that has them lacks a kernel: its wasm would lack it, too, and no page would look elsewhere first. */
async function providersOf({ notes, step }: Packing, { kind: { providers }, model }: Source, id: string): Promise<readonly Provider[]> {
  if (providers.every((provider) => provider === 'wasm')) return providers;
  step(`asking the build with GPU providers for the kernels of ${id}`);
  const operator = await missingInGpuBuild(model, false);
  if (operator === null) return providers;
  notes.push(`${id}: the runtime's build with GPU providers has no ${operator} for these types, so it runs on wasm, in the plain build.`);
  return ['wasm'];
}

interface VariantIds {
  /** As the files call it. */
  readonly own: string;
  /** With the providers, where there are several graphs. */
  readonly full: string;
}

/** Null where the variant is left out by its quality. */
async function publish(
  packing: Packing,
  source: Source,
  ids: VariantIds,
  graph: Graph,
  reference: Reference,
): Promise<ManifestVariant | null> {
  const { options, files } = packing;
  const id = ids.full;
  const chunkBytes = options.chunkBytes ?? PACK_CHUNK_BYTES;
  const laidOut = layOutWeights(graph.model, EXTERNAL_WEIGHT_BYTES_MIN, chunkBytes);
  const nameOf = (variant: string, ending: string) => `${fileStem(options.name)}.${fileStem(variant)}.${ending}`;
  const external = laidOut.weights === null ? [] : [{ path: WEIGHTS_PATH, data: laidOut.weights.data }];
  const { quantization, features } = source.kind;
  const measures = await measuredProviders(packing, source, ids, { ...graph, model: { graph: laidOut.graph, external } }, reference);
  const providers = [...measures.keys()];
  if (providers.length === 0) return null;
  const quality = worstOf([...measures.values()].map((each) => each.quality));
  const weightsName = nameOf(files.has(nameOf(ids.own, 'weights')) ? id : ids.own, 'weights');
  const weights = laidOut.weights === null ? null : await keep(files, weightsName, laidOut.weights.data, laidOut.weights.cutBytes);
  return {
    id,
    quantization,
    ...(await keep(files, nameOf(id, 'onnx'), laidOut.graph, evenCuts(laidOut.graph.length, chunkBytes))),
    ...(weights === null ? {} : { external: [{ path: WEIGHTS_PATH, ...weights }] }),
    providers,
    ...(features.length > 0 && providers.includes('webgpu') ? { features: [...features] } : {}),
    ...(graph.isOptimized ? { optimized: true } : {}),
    ...tolerancesOf(quantization, [...measures.values()]),
    ...(quality === null ? {} : { quality }),
  };
}

/** What the variant is like on each provider, without those on which it is beyond the limit. */
async function measuredProviders(
  packing: Packing,
  { kind: { quantization } }: Source,
  ids: VariantIds,
  { model, isOptimized, providers }: Graph,
  reference: Reference,
): Promise<ReadonlyMap<Provider, Measured>> {
  const measures = new Map<Provider, Measured>();
  for (const alike of providersByArithmetic(quantization, providers)) {
    const measure = await measured({ id: ids.full, model, isOptimized, quantization, provider: alike[0], step: packing.step }, reference);
    if (isWithin(packing, ids, alike, measure)) for (const provider of alike) measures.set(provider, measure);
  }
  return measures;
}

/** Says what was measured, and whether it may be published. */
function isWithin({ notes, options }: Packing, { own, full: id }: VariantIds, providers: readonly Provider[], measure: Measured): boolean {
  const { quality, notEmulated } = measure;
  if (notEmulated !== null) {
    notes.push(`${id}: a GPU could not be emulated in all, because ${notEmulated}. Its tolerance allows for what that may hide.`);
  }
  if (quality === null || quality.largestRatio === 0) return true;
  const limit = limitOf(options);
  const isBeyond = !isWithinQuality({ quality }, limit);
  const isKept = options.keep?.includes(own) || options.keep?.includes(id) || false;
  const advice = isKept
    ? `kept all the same; a page runs it only by name: load({ variant: '${id}' })`
    : `left out. Check how it was made, keep it (--keep ${own}), or raise the limit (--quality-limit)`;
  const end = isBeyond ? `, and the limit is ${limit}: ${advice}` : '';
  notes.push(`${id} on ${providers.join(' and ')}: ${qualityInWords(quality)}${end}.`);
  return !isBeyond || isKept;
}

function limitOf({ qualityLimit, previous }: PackOptions): number {
  return qualityLimit ?? previous?.qualityLimit ?? QUALITY_LIMIT;
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
