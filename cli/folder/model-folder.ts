/**
 * A model's folder: its manifest, and the model file that goes with it.
 *
 * Invariants
 *  - model.json where there is one, otherwise observe.json, the manifest of a model that something else runs.
 *  - A model file that its manifest does not describe is not run.
 *
 * Not here: writing into it (whole-files.ts).
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { sha256Hex } from '../../protocol/digest.ts';
import type { Manifest, ManifestVariant, PublishedFile } from '../../protocol/manifest/manifest.ts';
import { readManifest, type ServedManifest } from '../../protocol/manifest/served-manifest.ts';
import { CommandError, UsageError, unreadableFile } from '../terminal/command-error.ts';

export interface ModelFolder {
  readonly folder: string;
  readonly manifestFile: string;
  /** As served, byte for byte. */
  readonly manifestJson: string;
  readonly manifest: Manifest;
}

/** @throws {CommandError} when there is no usable manifest. */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const observed = join(folder, 'observe.json');
  const manifestFile = existsSync(join(folder, 'model.json')) || !existsSync(observed) ? join(folder, 'model.json') : observed;
  return { folder, manifestFile, ...(await readManifestFile(manifestFile)) };
}

/** @throws {CommandError} when it cannot be read or used. */
export async function readManifestFile(file: string): Promise<Pick<ModelFolder, 'manifest' | 'manifestJson'>> {
  const served = await readFile(file).catch(() => {
    throw unreadableFile(file);
  });
  return parseManifest(served, file);
}

/**
 * A variant's graph and the weights outside it.
 *
 * @param id Default: the first variant that runs on wasm.
 */
export async function readVariant(model: ModelFolder, id: string | undefined): Promise<ModelFiles> {
  const { variants } = model.manifest;
  const variant = variants.find((candidate) => (id === undefined ? candidate.providers.includes('wasm') : candidate.id === id));
  if (variant === undefined)
    throw new UsageError(`model.json has no such variant. Name one of ${variants.map((each) => each.id).join(', ')}: --variant ID.`);
  const graph = await readPublished(model, variant);
  return { graph, external: await readExternal(model, variant) };
}

async function readExternal(model: ModelFolder, { external = [] }: ManifestVariant): Promise<ModelFiles['external']> {
  return Promise.all(external.map(async (file) => ({ path: file.path, data: await readPublished(model, file) })));
}

async function readPublished({ folder }: ModelFolder, { file, sha256 }: PublishedFile): Promise<Uint8Array> {
  const bytes = await readFile(join(folder, file)).catch(() => {
    throw new CommandError(`${join(folder, file)} cannot be read. Put it there, or pack the model again.`);
  });
  if ((await sha256Hex(bytes)) !== sha256) {
    throw new CommandError(`${file} is not the file that model.json describes. Pack the model again.`);
  }
  return bytes;
}

/**
 * @param file As the reader of the error knows it.
 * @throws {CommandError} with the manifest's own sentence.
 */
export function parseManifest(served: ServedManifest, file = 'model.json'): Pick<ModelFolder, 'manifest' | 'manifestJson'> {
  const read = readManifest(served);
  if (!read.ok) throw new CommandError(`${file} is not a usable manifest: ${read.reason}. Correct it, or pack the model again.`);
  return { manifest: read.manifest, manifestJson: read.text };
}
