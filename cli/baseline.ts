/**
 * The baseline: the validation set, counted as a page would count it.
 *
 * Why through the same run counter and the same runtime: a baseline that was binned elsewhere differs from the field by
 * its own rounding, and the dashboard would show that as drift.
 *
 * Invariants
 *  - One run per example, as in the field; `n` is the number of examples.
 *  - The file names model version and plan; the collector refuses it for any other.
 *  - It never reaches a page: it is a histogram of training data.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Baseline } from '../collector/store.ts';
import { dataPlanOf } from '../counts/data-plan.ts';
import { planHash } from '../counts/plan.ts';
import { createRunCounter } from '../counts/run-counter.ts';
import { checkManifest, type Manifest, type ManifestVariant } from '../protocol/manifest.ts';
import type { TensorWire } from '../protocol/messages.ts';
import { createNodeSession } from './node-session.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `insitu baseline FOLDER [--variant ID]

Counts FOLDER/validation.json with the model of FOLDER/model.json and writes FOLDER/baseline.json.
validation.json is {"count": N, "images": "<base64>"}: N examples of the first input, one unsigned byte per element.
--variant names the variant that answers; default: the first that runs on wasm.
`;

/** `insitu baseline`. */
export async function runBaseline(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseBaselineArgs([...args]);
  const [folder] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (folder === undefined || positionals.length > 1) throw new UsageError('Name one model folder. See insitu baseline --help.');
  const manifestJson = await readFile(join(folder, 'model.json'), 'utf8').catch(() => {
    throw new UsageError(`${join(folder, 'model.json')} cannot be read.`);
  });
  const manifest = parseManifest(manifestJson);
  const variant = variantOf(manifest, values.variant);
  const modelBytes = await readFile(join(folder, variant.file)).catch(() => {
    throw new UsageError(`${join(folder, variant.file)} cannot be read.`);
  });
  if (createHash('sha256').update(modelBytes).digest('hex') !== variant.sha256) {
    throw new UsageError(`${variant.file} is not the file that model.json describes. Pack the model again.`);
  }
  const baseline = await makeBaseline(manifestJson, modelBytes, await readExamples(join(folder, 'validation.json')));
  await writeFile(join(folder, 'baseline.json'), `${JSON.stringify(baseline)}\n`);
  process.stdout.write(`${join(folder, 'baseline.json')}: ${baseline.n} examples, ${baseline.cells.length} cells, plan ${baseline.plan}\n`);
}

/**
 * Runs and counts the examples.
 *
 * @param manifestJson model.json as served, byte for byte.
 * @param examples Values of the model's first input, one byte per element, one example after the other.
 */
export async function makeBaseline(manifestJson: string, modelBytes: Uint8Array, examples: Uint8Array): Promise<Baseline> {
  const manifest = parseManifest(manifestJson);
  const plan = dataPlanOf(manifest);
  const count = createRunCounter(manifest, plan);
  const run = await createNodeSession(modelBytes);
  const sums = new Map<number, number>();
  let n = 0;
  for (const feeds of feedsOf(manifest, examples)) {
    const pairs = count(feeds, await run(feeds));
    for (let index = 0; index < pairs.length; index += 2) {
      const cell = pairs[index] as number;
      sums.set(cell, (sums.get(cell) ?? 0) + (pairs[index + 1] as number));
    }
    n++;
  }
  const cells = [...sums.keys()].sort((a, b) => a - b);
  return {
    modelVersion: createHash('sha256').update(manifestJson).digest('hex').slice(0, 16),
    plan: await planHash(plan, (text) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))),
    n,
    cells,
    counts: cells.map((cell) => sums.get(cell) as number),
  };
}

/** Feeds of one example each; named axes have length 1. */
function* feedsOf(manifest: Manifest, examples: Uint8Array): Generator<Record<string, TensorWire>> {
  const [input] = manifest.inputs;
  if (input === undefined || input.type !== 'float32' || manifest.inputs.length > 1) {
    throw new UsageError('A baseline can be counted for models with one float32 input so far.');
  }
  const dims = input.dims.map((length) => (typeof length === 'number' ? length : 1));
  const elementCount = dims.reduce((product, length) => product * length, 1);
  if (examples.length % elementCount !== 0)
    throw new UsageError(`validation.json does not hold whole examples of ${elementCount} elements.`);
  for (let start = 0; start < examples.length; start += elementCount) {
    yield { [input.name]: { type: 'float32', dims, data: Float32Array.from(examples.subarray(start, start + elementCount)) } };
  }
}

function parseBaselineArgs(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { variant: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message.split('. ', 1)[0] : String(error)}. See insitu baseline --help.`);
  }
}

/** @throws {UsageError} with the manifest's own sentence. */
export function parseManifest(manifestJson: string): Manifest {
  const verdict = checkManifest(parseJson(manifestJson, 'model.json'));
  if (!verdict.ok) throw new UsageError(`model.json is not a usable manifest: ${verdict.reason}.`);
  return verdict.manifest;
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${name} is not JSON.`);
  }
}

function variantOf({ variants }: Manifest, id: string | undefined): ManifestVariant {
  const variant = variants.find((candidate) => (id === undefined ? candidate.providers.includes('wasm') : candidate.id === id));
  if (variant === undefined) throw new UsageError(`model.json has no such variant; it has ${variants.map((each) => each.id).join(', ')}.`);
  return variant;
}

async function readExamples(file: string): Promise<Uint8Array> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`${file} cannot be read.`);
  });
  const { images } = parseJson(text, file) as { images?: unknown };
  if (typeof images !== 'string') throw new UsageError(`${file} has no "images" in base64. See insitu baseline --help.`);
  return Buffer.from(images, 'base64');
}
