/**
 * `insitu verify`: whether a folder is what its manifest says, and whether its variants still answer as they should.
 *
 * Invariants
 *  - Every variant is looked at, and every finding is a sentence that names the file and says what to do.
 *  - Exit 0: nothing found; 1: findings; 2: the command line.
 *  - Goldens run on onnxruntime-web's plain WASM build. What a GPU answers, only a page can tell.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { type OnnxModel, readOnnxModel } from '../../onnx/model-reader.ts';
import { firstWrongOutput, toleranceFor } from '../../processing/golden.ts';
import { sha256Hex } from '../../protocol/digest.ts';
import { firstLine } from '../../protocol/errors.ts';
import { CHUNK_BYTES_MAX, MODEL_BYTES_MAX } from '../../protocol/limits.ts';
import type { Manifest, ManifestVariant, PublishedFile } from '../../protocol/manifest/manifest.ts';
import { preprocessFiles } from '../../protocol/manifest/text.ts';
import { hasAnyAxes } from '../../protocol/tensors/dims.ts';
import { axesText, dimsOfItem } from '../data/example-tensor.ts';
import { type ModelFolder, openModelFolder } from '../folder/model-folder.ts';
import { isSignedBy, parseSignature, SIGNATURE_FILE } from '../folder/signature.ts';
import { qualityInWords } from '../pack/quality.ts';
import { type NamedFile, requireTokenizer } from '../pack/texts.ts';
import { quantizationOf } from '../pack/variant.ts';
import { missingInGpuBuild } from '../runtime/gpu-build.ts';
import { openNodeSession } from '../runtime/node-session.ts';
import { onlyName, readArguments } from '../terminal/arguments.ts';
import { CommandError } from '../terminal/command-error.ts';
import { startSteps } from '../terminal/progress.ts';

export const usage = `insitu verify FOLDER [--key PUBLICKEY...]

Checks FOLDER/model.json and what it names: lengths and hashes of files and chunks, weights outside the graph, inputs and outputs,
numbers of columns and labels, quantization and providers, tokenizers, golden outputs of every variant, and the signature.

  --key PUBLICKEY   base64, as insitu pack --keygen prints it; model.json.sig must be by one of the keys

Exit 0: nothing found; 1: findings, a sentence each.
`;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments('verify', args, { key: { type: 'string', multiple: true } });
  const folder = onlyName('verify', positionals, 'Name one model folder.');
  const steps = startSteps();
  const { lines, findings } = await verifyFolder(folder, values.key ?? [], steps.say).finally(steps.end);
  process.stdout.write(`${[...lines, ...findings].join('\n')}\n`);
  if (findings.length > 0) throw new CommandError(`${folder}: ${findings.length === 1 ? '1 finding' : `${findings.length} findings`}.`);
}

interface Findings {
  /** What holds. */
  readonly lines: readonly string[];
  /** What does not. */
  readonly findings: readonly string[];
}

/** @throws {CommandError} when there is no manifest to begin with, or it is not one. */
async function verifyFolder(folder: string, keys: readonly string[], say: (sentence: string) => void = () => undefined): Promise<Findings> {
  const model = await openModelFolder(folder);
  const lines: string[] = [];
  const findings: string[] = await signatureFindings(model, keys, lines);
  const tokenizers = new Set(model.manifest.inputs.map(({ preprocess }) => (preprocess?.kind === 'text' ? preprocess.tokenizer.file : '')));
  // Each input may name the same file.
  for (const file of new Map(preprocessFiles(model.manifest.inputs).map((each) => [each.file, each])).values()) {
    const { data, findings: found } = await readChecked(folder, file);
    if (data !== null && tokenizers.has(file.file)) found.push(...tokenizerFindings({ name: file.file, bytes: data }));
    if (found.length === 0) lines.push(`${file.file}: file and chunks are as described.`);
    findings.push(...found);
  }
  for (const variant of model.manifest.variants) {
    say(`checking ${variant.id}`);
    const found = await variantFindings(model, variant);
    if (found.length === 0) lines.push(`${variant.id}: ${variantLine(model.manifest, variant)}`);
    findings.push(...found.map((sentence) => `${variant.id}: ${sentence}`));
  }
  findings.push(...meaningFindings(model.manifest));
  if (model.manifest.variants.length === 0) lines.push('The manifest has no variants: something else runs this model.');
  return { lines, findings };
}

function variantLine({ golden }: Manifest, { external = [], tolerance, tolerances, quality }: ManifestVariant): string {
  const files =
    external.length === 0 ? 'file and chunks are' : `graph, ${external.length === 1 ? 'weights' : 'all weights'} and chunks are`;
  const goldens =
    golden.length === 0
      ? 'there are no golden outputs, so that pages run it on wasm'
      : `${golden.length === 1 ? 'the golden output is' : `all ${golden.length} golden outputs are`} within ${tolerances === undefined ? tolerance : 'the tolerance of each output'}`;
  const distance = quality === undefined ? '' : `; when packed, ${qualityInWords(quality)}`;
  return `${files} as described, ${goldens}${distance}.`;
}

async function signatureFindings({ folder, manifestFile }: ModelFolder, keys: readonly string[], lines: string[]): Promise<string[]> {
  const file = join(folder, SIGNATURE_FILE);
  if (!existsSync(file)) return keys.length === 0 ? [] : [`${SIGNATURE_FILE} is not there. Sign the model: insitu pack --sign KEYFILE.`];
  const signature = parseSignature(await readFile(file, 'utf8'));
  if (signature === null) return [`${SIGNATURE_FILE} is not the base64 of a signature. Sign the model again: insitu pack --sign KEYFILE.`];
  if (keys.length === 0) {
    lines.push('Signed; name the key to check by whom: --key PUBLICKEY.');
    return [];
  }
  const manifestBytes = await readFile(manifestFile);
  const key = keys.find((each) => isSignedBy(each, manifestBytes, signature));
  if (key === undefined) return ['model.json is not signed by any of the keys: it was changed after signing, or another key signed it.'];
  lines.push(`Signed by ${key}.`);
  return [];
}

/** What the manifest says of the numbers, where its own dims say otherwise: a page would count each item as malformed, or of no class. */
function meaningFindings({ inputs, outputs }: Manifest): string[] {
  const columns = inputs.flatMap((input) => {
    const count = input.kind === 'tabular' && input.preprocess === undefined ? input.columns?.length : undefined;
    if (count === undefined || dimsOfItem(input, [count]) !== null) return [];
    return [`input "${input.name}" takes ${axesText(input)} values, and the manifest names ${count} columns. Correct its columns.`];
  });
  const labels = outputs.flatMap(({ name, kind, dims, labels: names }) => {
    const scoreCount = dims.at(-1);
    if (kind !== 'label-scores' || names === undefined || typeof scoreCount !== 'number' || names.length === scoreCount) return [];
    return [`output "${name}" has ${scoreCount} scores, and the manifest names ${names.length} labels. Correct its labels.`];
  });
  return [...columns, ...labels];
}

async function variantFindings({ folder, manifest }: ModelFolder, variant: ManifestVariant): Promise<string[]> {
  const graph = await readChecked(folder, variant);
  const external = await Promise.all((variant.external ?? []).map(async (file) => ({ ...file, ...(await readChecked(folder, file)) })));
  const damaged = [graph, ...external].flatMap(({ findings }) => findings);
  if (graph.data === null || external.some(({ data }) => data === null)) return damaged;
  const files = { graph: graph.data, external: external.map(({ path, data }) => ({ path, data: data as Uint8Array })) };
  let onnx: OnnxModel;
  try {
    onnx = readOnnxModel(graph.data);
  } catch (error) {
    return [...damaged, `${variant.file} cannot be read as an ONNX model: ${firstLine(error)}.`];
  }
  const told = [...damaged, ...placeFindings(onnx, variant), ...signatureOfTensors(onnx, manifest), ...ruleFindings(onnx, variant)];
  return [...told, ...(await goldenFindings(files, manifest, variant)), ...(await kernelFindings(files, variant))];
}

async function readChecked(
  folder: string,
  { file, bytes, sha256, chunks }: PublishedFile,
): Promise<{ data: Uint8Array | null; findings: string[] }> {
  const data = await readFile(join(folder, file)).catch(() => null);
  if (data === null) return { data, findings: [`${file} cannot be read. Publish it with the manifest.`] };
  const findings: string[] = [];
  if (data.length !== bytes) findings.push(`${file} has ${data.length} bytes, the manifest says ${bytes}. Pack the model again.`);
  else if ((await sha256Hex(data)) !== sha256) findings.push(`${file} has another SHA-256 than the manifest says. Pack the model again.`);
  if (data.length > MODEL_BYTES_MAX) findings.push(`${file} has ${data.length} bytes; a browser can hold at most ${MODEL_BYTES_MAX}.`);
  let offset = 0;
  const wrong: number[] = [];
  for (const [index, chunk] of chunks.entries()) {
    offset += chunk.bytes;
    if ((await sha256Hex(data.subarray(offset - chunk.bytes, offset))) !== chunk.sha256) wrong.push(index);
  }
  if (wrong.length > 0)
    findings.push(
      `${file}: ${wrong.length} of ${chunks.length} chunks are not what the manifest says (the first is number ${(wrong[0] as number) + 1}).`,
    );
  const large = chunks.find((chunk) => chunk.bytes > CHUNK_BYTES_MAX);
  if (large !== undefined)
    findings.push(`${file} has a chunk of ${large.bytes} bytes; the store takes ${CHUNK_BYTES_MAX}. Pack the model again.`);
  return { data, findings };
}

/** Whether a page takes this tokenizer. */
function tokenizerFindings(file: NamedFile): string[] {
  try {
    requireTokenizer(file);
    return [];
  } catch (error) {
    return [firstLine(error)];
  }
}

/** Weights that the graph looks for in files that the manifest does not name, or beyond their ends. */
function placeFindings({ weights }: OnnxModel, { external = [] }: ManifestVariant): string[] {
  const ends = new Map<string, number>();
  for (const { place } of weights) {
    if (place.kind === 'external') ends.set(place.location, Math.max(ends.get(place.location) ?? 0, place.offset + (place.bytes ?? 0)));
  }
  return [...ends].flatMap(([location, end]) => {
    const file = external.find(({ path }) => path === location);
    if (file === undefined)
      return [`the graph keeps weights in "${location}", which the manifest does not name. Pack the model: insitu pack.`];
    return end > file.bytes ? [`the graph names ${end} bytes of "${location}", which has ${file.bytes}. Pack the model again.`] : [];
  });
}

function signatureOfTensors(onnx: OnnxModel, manifest: Manifest): string[] {
  return (['inputs', 'outputs'] as const).flatMap((side) => {
    const declared = manifest[side] as readonly {
      readonly name: string;
      readonly type: string;
      readonly dims: readonly (number | string)[];
    }[];
    return declared.flatMap(({ name, type, dims }) => {
      const actual = onnx[side].find((value) => value.name === name);
      if (actual === undefined) return [`the graph has no ${side.slice(0, -1)} "${name}". Correct model.json, or pack the model again.`];
      if (actual.type !== type) return [`"${name}" is ${actual.type ?? 'of another kind'} in the graph and ${type} in model.json.`];
      const isOther =
        actual.dims !== null &&
        !hasAnyAxes(dims) &&
        (actual.dims.length !== dims.length ||
          actual.dims.some((axis, at) => typeof axis === 'number' && typeof dims[at] === 'number' && axis !== dims[at]));
      return isOther ? [`"${name}" has dims [${actual.dims?.join(', ')}] in the graph and [${dims.join(', ')}] in model.json.`] : [];
    });
  });
}

/** What the device would refuse or run badly, whatever the manifest says. */
function ruleFindings(onnx: OnnxModel, { quantization, providers, features = [], optimized }: ManifestVariant): string[] {
  const actual = quantizationOf(onnx);
  const isInteger = actual === 'int8' || actual === 'uint8';
  const isHalf = actual === 'fp16' || actual === 'q4f16';
  const findings: string[] = [];
  // An optimised graph may hold the same weights as other types, for example fp16 ones that the CPU takes as fp32.
  if (optimized !== true && actual !== quantization)
    findings.push(`model.json says ${quantization}, the graph is ${actual}. Correct \`quantization\`, or pack the model again.`);
  if (isInteger && providers.some((provider) => provider !== 'wasm')) {
    findings.push(
      `its ${actual} operators would run on the CPU with a copy at each border on ${providers.filter((each) => each !== 'wasm').join(', ')}. Leave providers at ["wasm"], and give WebGPU an fp16 or q4 variant.`,
    );
  }
  if (isHalf && providers.includes('webgpu') && !features.includes('shader-f16'))
    findings.push('half floats on WebGPU need "shader-f16" in `features`: without it the first run fails, or returns zeros.');
  return findings;
}

/** A variant that names a GPU makes pages start the build that has GPUs, on wasm too. */
async function kernelFindings(files: ModelFiles, { providers, optimized }: ManifestVariant): Promise<string[]> {
  const gpus = providers.filter((provider) => provider !== 'wasm');
  const operator = gpus.length === 0 ? null : await missingInGpuBuild(files, optimized === true);
  if (operator === null) return [];
  return [
    `it names ${gpus.join(', ')}, but the runtime's build with GPU providers has no ${operator} for these types, on wasm either. Leave providers at ["wasm"], or pack the model again: pages then start the plain build.`,
  ];
}

async function goldenFindings(files: ModelFiles, manifest: Manifest, variant: ManifestVariant): Promise<string[]> {
  if (manifest.golden.length === 0) return [];
  try {
    const session = await openNodeSession(files, variant.optimized === true ? 'disabled' : 'all');
    try {
      const wrong = await firstWrongOutput(session.run, manifest, variant);
      return wrong === null
        ? []
        : [
            `output "${wrong}" is not within ${toleranceFor(variant, wrong)} of the golden one. Pack the model again, or look at how this variant was made.`,
          ];
    } finally {
      await session.release();
    }
  } catch (error) {
    return [`cannot be run: ${firstLine(error)}.`];
  }
}
