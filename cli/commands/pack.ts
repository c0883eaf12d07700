/**
 * `insitu pack`: from ONNX files to a folder that a page can load.
 *
 * Invariants
 *  - A file that is packed is never written over, and a command that fails leaves the folder as it was.
 *  - No network: everything runs on the runtime of this package (test/unit/cli/pack.test.ts looks at the process's sockets).
 *
 * Not here: packing itself (cli/pack/model.ts).
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';
import { CHUNK_BYTES_MAX, NAME_LENGTH_MAX, PACK_CHUNK_BYTES } from '../../protocol/limits.ts';
import { filesWithPreprocess, type Manifest } from '../../protocol/manifest/manifest.ts';
import { ANY_AXES } from '../../protocol/tensors/dims.ts';
import { readNpyWhole } from '../data/npy-file.ts';
import { readManifestFile } from '../folder/model-folder.ts';
import { makeKeyFile, publicKeyOf, readKeyFile, SIGNATURE_FILE, signatureText } from '../folder/signature.ts';
import { writeAllWhole } from '../folder/whole-files.ts';
import { packModel } from '../pack/model.ts';
import { QUALITY_LIMIT } from '../pack/quality.ts';
import type { PackedModel, PackInput, PackOptions, StatedAxis, StatedInput } from '../pack/request.ts';
import type { TextOptions } from '../pack/texts.ts';
import { countOf, readArguments, seeHelp } from '../terminal/arguments.ts';
import { CommandError, UsageError, unreadableFile } from '../terminal/command-error.ts';
import { startSteps } from '../terminal/progress.ts';

export const usage = `insitu pack FILE.onnx... | FOLDER [--variant ID=FILE...] [options]

Makes a folder that a page can load: model.json, graphs, weights. Several files are variants of one model (fp32, fp16, int8 …).
The graph is optimised for each provider, large weights are moved out of it, files are cut into chunks that versions share, and
sample inputs with the outputs of the most exact variant are written down, by which each device tests itself.

  --out DIR             default: packed/ beside the first file
  --name NAME           default: the earlier manifest's, or the first file's
  --version TEXT        default: the earlier manifest's, or 1.0.0
  --licence SPDX        default: the earlier manifest's, or "unknown"
  --description TEXT
  --manifest FILE       earlier model.json: kinds, labels, ranges, monitor and golden inputs are kept.
                        default: DIR/model.json, then FOLDER/model.json
  --variant ID=FILE     a file with an id of its own; without, its quantization is its id
  --tokenizer FILE      tokenizer.json of a model that is fed texts; published beside the graph. default: the earlier manifest's.
                        Where that declares no texts, input_ids takes them, attention_mask and token_type_ids are filled
  --tokenizer-config FILE  tokenizer_config.json, published too
  --tokens COUNT        tokens of one text at the most. default: the earlier manifest's, or what the two files say
  --no-optimize         publish the graphs as they are
  --goldens N           samples; default: 3 of a small model, 1 of a large one. Each is a run on every device
  --axis NAME=LENGTH    length of an open axis in the samples
  --axis TENSOR:N=NAME  what axis N of one tensor is called, counted from 0: x:0=batch; or how long it is: x:1=512
  --input NAME=VALUE    what an input holds in the samples: a number in all of its elements (sr=16000), or a tensor: x=FILE.npy.
                        Several files of one input are as many samples
  --quality-limit RATIO how far a variant's answers may be from the most exact one's, as a part of the largest output: what is
                        farther is left out, and no page runs it unless by name. default: the earlier manifest's, or ${QUALITY_LIMIT}
  --keep ID             a variant that is published although it is beyond the limit
  --chunk BYTES         where files are cut: 512k, 2m; default 2m, at most 4m. Small chunks are shared more and read slower
  --sign KEYFILE        signs model.json (Ed25519) into ${SIGNATURE_FILE}
  --keygen KEYFILE      makes a key and prints its public half, for createClient({ trustedKeys: ['…'] })
`;

const OPTIONS = {
  out: { type: 'string' },
  name: { type: 'string' },
  version: { type: 'string' },
  licence: { type: 'string' },
  description: { type: 'string' },
  manifest: { type: 'string' },
  variant: { type: 'string', multiple: true },
  tokenizer: { type: 'string' },
  'tokenizer-config': { type: 'string' },
  tokens: { type: 'string' },
  'no-optimize': { type: 'boolean', default: false },
  goldens: { type: 'string' },
  axis: { type: 'string', multiple: true },
  input: { type: 'string', multiple: true },
  'quality-limit': { type: 'string' },
  keep: { type: 'string', multiple: true },
  chunk: { type: 'string' },
  sign: { type: 'string' },
  keygen: { type: 'string' },
} as const;
type Given = ReturnType<typeof readArguments<typeof OPTIONS>>['values'];

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments('pack', args, OPTIONS);
  if (values.keygen !== undefined) {
    const publicKey = await makeKeyFile(values.keygen);
    process.stdout.write(`${values.keygen} holds the private key: keep it out of the repository.\nPublic key: ${publicKey}\n`);
    if (positionals.length === 0) return;
  }
  const files = [
    ...positionals.flatMap((path) => onnxFilesIn(path).map((file) => ({ file, id: null }))),
    ...(values.variant ?? []).map(variantOf),
  ];
  const [first] = files;
  if (first === undefined) throw new UsageError(`Name the .onnx files, or a folder of them. ${seeHelp('pack')}`);
  const out = values.out ?? join(dirname(first.file), 'packed');
  const keyFile = values.sign ?? values.keygen;
  const key = keyFile === undefined ? null : await readKeyFile(keyFile);
  const earlier = await earlierManifest(values.manifest, out, dirname(first.file));
  const previous = earlier?.manifest ?? null;
  const steps = startSteps();
  const packed = await packModel(await Promise.all(files.map(inputOf)), {
    name: values.name ?? previous?.name ?? basename(first.file, extname(first.file)),
    version: values.version ?? previous?.version ?? '1.0.0',
    ...(values.licence === undefined ? {} : { licence: values.licence }),
    ...(values.description === undefined ? {} : { description: values.description }),
    ...(await textOptions(values)),
    ...(earlier === null ? {} : { readBeside: (file: string) => readBytes(besidePath(earlier.file, file)) }),
    ...(values.goldens === undefined ? {} : { goldenCount: values.goldens === '0' ? 0 : countOf('goldens', values.goldens) }),
    previous,
    isOptimized: !values['no-optimize'],
    ...(values['quality-limit'] === undefined ? {} : { qualityLimit: ratioOf(values['quality-limit']) }),
    keep: values.keep ?? [],
    chunkBytes: values.chunk === undefined ? PACK_CHUNK_BYTES : bytesOf(values.chunk),
    ...axisOptions(values.axis ?? []),
    stated: await Promise.all((values.input ?? []).map(statedOf)),
    onStep: steps.say,
  }).finally(steps.end);
  requireNoneWrittenOver(files, out, packed);
  const signature = key === null ? [] : ([[SIGNATURE_FILE, signatureText(packed.manifestJson, key)]] as const);
  await writeAllWhole(out, new Map<string, Uint8Array | string>([...packed.files, ...signature, ['model.json', packed.manifestJson]]));
  // A signature of the manifest before would refuse this one on every page that trusts its key.
  const wasSigned = key === null && existsSync(join(out, SIGNATURE_FILE));
  if (wasSigned) await rm(join(out, SIGNATURE_FILE), { force: true });
  const unsigned = wasSigned
    ? [`${SIGNATURE_FILE} was of the manifest before and is gone: pages with trustedKeys refuse this one. Sign it: --sign KEYFILE.`]
    : [];
  const signed = key === null ? unsigned : [`Signed by ${publicKeyOf(key)}.`];
  process.stdout.write(
    `${[...tableOf(packed, previous), ...signed].join('\n')}\n${join(out, 'model.json')}\n\n${nextSteps(packed.manifest, out)}\n`,
  );
}

/** What makes numbers of the field readable, and who must know of the model. */
function nextSteps({ inputs, outputs }: Manifest, out: string): string {
  const isBare = [...inputs, ...outputs].every(({ kind }) => kind === 'numeric');
  return [
    'Next:',
    ...(isBare
      ? [
          `  say what the numbers mean: kind, labels, ranges in ${join(out, 'model.json')} (insitu schema prints what there is), then pack again`,
        ]
      : []),
    `  check it:                  insitu verify ${out}`,
    `  count what is normal:      insitu baseline ${out} --data PATH`,
    `  let a collector know it:   serve the folder, and start insitu collector --models ${dirname(out)}`,
  ].join('\n');
}

interface File {
  readonly file: string;
  readonly id: string | null;
}

/** The file itself, or the .onnx files of a folder, or of the `onnx` folder in it, as transformers keeps them. */
function onnxFilesIn(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new CommandError(`${path} is not there. ${seeHelp('pack')}`);
  if (!stat.isDirectory()) return [path];
  for (const folder of [path, join(path, 'onnx')]) {
    if (!existsSync(folder)) continue;
    const names = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
    if (names.length > 0) return names.sort().map((name) => join(folder, name));
  }
  throw new CommandError(`${path} holds no .onnx file. ${seeHelp('pack')}`);
}

function pairOf(option: string, form: string, text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new UsageError(`--${option} is written ${form}, not "${text}".`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function variantOf(text: string): File {
  const [id, file] = pairOf('variant', 'ID=FILE', text);
  return { id, file };
}

/** A name with a number behind its last colon is an axis of one tensor. */
function axisOptions(texts: readonly string[]): Required<Pick<PackOptions, 'axes' | 'statedAxes'>> {
  const axes: Record<string, number> = {};
  const statedAxes: StatedAxis[] = [];
  for (const text of texts) {
    const [name, value] = pairOf('axis', 'NAME=LENGTH or TENSOR:N=NAME', text);
    const place = /^(.+):(\d{1,3})$/.exec(name);
    const length = place !== null && !/^\d+$/.test(value) ? null : countOf('axis', value);
    if (place === null) axes[name] = length as number;
    else statedAxes.push({ tensor: place[1] as string, axis: Number(place[2]), is: length ?? axisName(value) });
  }
  return { axes, statedAxes };
}

function axisName(text: string): string {
  if (text.length <= NAME_LENGTH_MAX && text !== ANY_AXES) return text;
  throw new UsageError(`--axis: the name of an axis has at most ${NAME_LENGTH_MAX} letters, and is not "${ANY_AXES}".`);
}

const BOOLEANS: Readonly<Record<string, number>> = { true: 1, false: 0 };

async function statedOf(text: string): Promise<StatedInput> {
  const [input, value] = pairOf('input', 'NAME=VALUE or NAME=FILE.npy', text);
  const name = `--input ${text}`;
  const number = BOOLEANS[value] ?? (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value) ? Number(value) : null);
  if (number !== null) return { input, name, value: number };
  if (!value.toLowerCase().endsWith('.npy')) throw new UsageError(`${name}: that is neither a number nor a NumPy file (.npy).`);
  return { input, name: value, value: await readNpyWhole(value) };
}

function bytesOf(text: string): number {
  const match = /^(\d{1,8})([km]?)$/i.exec(text);
  const bytes = Number(match?.[1]) * { '': 1, k: 1024, m: 1024 ** 2 }[match?.[2]?.toLowerCase() as '' | 'k' | 'm'];
  if (bytes >= 4096 && bytes <= CHUNK_BYTES_MAX) return bytes;
  throw new UsageError(`--chunk is a length from 4k to 4m, not "${text}".`);
}

function ratioOf(text: string): number {
  const ratio = /^\d{0,6}\.?\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(ratio)) return ratio;
  throw new UsageError(`--quality-limit is a part of the largest output, such as 0.05, not "${text}".`);
}

async function inputOf({ file, id }: File): Promise<PackInput> {
  return {
    name: basename(file),
    ...(id === null ? {} : { id }),
    bytes: await readBytes(file),
    readExternal: (location) => readBytes(besidePath(file, location)),
  };
}

async function textOptions(values: Given): Promise<TextOptions> {
  const { tokenizer, tokens } = values;
  const config = values['tokenizer-config'];
  const named = async (file: string) => ({ name: basename(file), bytes: await readBytes(file) });
  return {
    ...(tokenizer === undefined ? {} : { tokenizer: await named(tokenizer) }),
    ...(config === undefined ? {} : { tokenizerConfig: await named(config) }),
    ...(tokens === undefined ? {} : { tokenCountMax: countOf('tokens', tokens) }),
  };
}

/** Weights and tokenizers lie beside or below the file that names them; a location that leaves its folder is no exporter's. */
function besidePath(file: string, location: string): string {
  const folder = resolve(dirname(file));
  const path = resolve(folder, location);
  if (!path.startsWith(folder + sep)) throw new CommandError(`${file} names a file outside its folder. Export the model again.`);
  return path;
}

async function readBytes(file: string): Promise<Uint8Array> {
  return readFile(file).catch(() => {
    throw unreadableFile(file);
  });
}

interface EarlierManifest {
  readonly file: string;
  readonly manifest: Manifest;
}

async function earlierManifest(named: string | undefined, ...folders: readonly string[]): Promise<EarlierManifest | null> {
  const file = named ?? folders.map((folder) => join(folder, 'model.json')).find((path) => existsSync(path));
  if (file === undefined) return null;
  const { manifest } = await readManifestFile(file);
  return { file, manifest };
}

function requireNoneWrittenOver(files: readonly File[], out: string, { files: packed }: PackedModel): void {
  const written = new Set([...packed.keys()].map((name) => resolve(out, name)));
  const input = files.find(({ file }) => written.has(resolve(file)));
  if (input !== undefined) throw new UsageError(`${input.file} would be written over. Name another folder: --out DIR.`);
}

/** What was made, one line per variant, and what a visitor of the version before has to fetch. */
function tableOf({ manifest, notes }: PackedModel, previous: Manifest | null): string[] {
  const filesIn = ({ inputs, variants }: Manifest) => variants.flatMap((variant) => filesWithPreprocess(inputs, variant));
  const stored = new Set((previous === null ? [] : filesIn(previous)).flatMap(({ chunks }) => chunks.map(({ sha256 }) => sha256)));
  const lines = manifest.variants.map((variant) => {
    const files = filesWithPreprocess(manifest.inputs, variant);
    const chunks = files.flatMap((file) => file.chunks);
    const bytes = sum(chunks);
    const missing = sum(chunks.filter(({ sha256 }) => !stored.has(sha256)));
    const shared = stored.size === 0 ? '' : `, ${missing} B new since ${previous?.version}`;
    const optimized = variant.optimized === true ? ', optimised' : '';
    return `${variant.id}: ${variant.providers.join(', ')}, ${bytes} B in ${files.length} ${files.length === 1 ? 'file' : 'files'} and ${chunks.length} ${chunks.length === 1 ? 'chunk' : 'chunks'}${optimized}${shared}`;
  });
  const unsaid = manifest.licence === 'unknown' ? ['Nobody said under which licence: --licence SPDX.'] : [];
  return [...lines, ...notes, ...unsaid];
}

function sum(chunks: readonly { readonly bytes: number }[]): number {
  return chunks.reduce((bytes, chunk) => bytes + chunk.bytes, 0);
}
