/**
 * Models on disk: registers each `<folder>/<model>/model.json`, with the `baseline.json` beside it. Where there is none, `observe.json`:
 * the manifest of a model that something else runs.
 *
 * Invariants
 *  - What is served is registered: links are followed, as they are when files are served (collector/http/static-files.ts).
 *  - Whatever lies there and is not registered costs a sentence, never the start of the collector. Files beside the models, hidden
 *    names and folders without a manifest are no models and are passed over.
 *  - A pipe, a device or a file of any length under a model's name holds nothing up.
 *  - A baseline that is of another version or another plan is left out, with a sentence, rather than shown beside the wrong model.
 */
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST_BYTES_MAX, REGISTRATION_BYTES_MAX } from '../../protocol/limits.ts';
import { readRegularFile } from '../operator/regular-file.ts';
import { StartupError, systemCode } from '../operator/startup-error.ts';
import type { Registry } from './registry.ts';

type Log = (sentence: string) => void;

/** As `insitu baseline` looks for them: the first that is there is the model's. */
const MANIFEST_NAMES: readonly string[] = ['model.json', 'observe.json'];

/** @throws {StartupError} when the folder cannot be read. */
export async function registerFolder(folder: string, registry: Registry, log: Log): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new StartupError(`The models folder ${folder} cannot be read (${systemCode(error)}). Name an existing one with --models.`);
  });
  if (names.some((name) => MANIFEST_NAMES.includes(name))) {
    log(`${folder} is the folder of one model, and models lie in folders of their own. Name the folder around it with --models.`);
  }
  // A Kubernetes volume holds its versions in `..2026_…`, which its plain names link to.
  for (const name of names.sort()) if (!name.startsWith('.')) await registerEntry(join(folder, name), registry, log);
}

async function registerEntry(path: string, registry: Registry, log: Log): Promise<void> {
  try {
    // Follows links, so that one that leads nowhere or in a circle fails here.
    if ((await stat(path)).isDirectory()) await registerModel(path, registry, log);
  } catch (error) {
    if (error instanceof UnreadableFile) return log(`${path}: Nothing was registered: ${error.message}`);
    // The store's failure is no matter of this folder.
    if (systemCode(error) === '') throw error;
    log(`${path}: Nothing was registered, because it cannot be read (${systemCode(error)}). Check the link and the rights.`);
  }
}

/** @throws {UnreadableFile}, and what the system says of a file that is there and cannot be read. */
async function registerModel(folder: string, registry: Registry, log: Log): Promise<void> {
  let manifest: Buffer<ArrayBuffer> | null = null;
  for (const name of MANIFEST_NAMES) manifest ??= await readBytes(folder, name, MANIFEST_BYTES_MAX);
  if (manifest === null) return;
  const baseline = await readBaselineFile(folder, log);
  const answer = await registry.admit(manifest, { baseline, isOfFolder: true });
  if (answer.ok) {
    if (answer.baselineLeftOut !== null) log(`${folder}: ${answer.baselineLeftOut}`);
    return;
  }
  const withoutBaseline = baseline === null ? answer : await registry.admit(manifest, { baseline: null, isOfFolder: true });
  const consequence = withoutBaseline.ok ? 'It was registered without a baseline.' : 'Its reports wait until it is registered.';
  log(`${folder}: ${answer.reason} ${consequence}`);
}

async function readBaselineFile(folder: string, log: Log): Promise<unknown> {
  try {
    const bytes = await readBytes(folder, 'baseline.json', REGISTRATION_BYTES_MAX);
    return bytes === null ? null : parseJson(bytes.toString('utf8'));
  } catch (error) {
    const why = error instanceof UnreadableFile ? `: ${error.message}` : ` (${systemCode(error)}).`;
    log(`${folder}: The baseline cannot be read${why} It was registered without a baseline.`);
    return null;
  }
}

/** null when nothing of that name is there; a link that leads nowhere is something. */
async function readBytes(folder: string, name: string, bytesMax: number): Promise<Buffer<ArrayBuffer> | null> {
  const file = join(folder, name);
  const isThere = await lstat(file).then(
    () => true,
    (error: unknown) => systemCode(error) !== 'ENOENT',
  );
  if (!isThere) return null;
  const bytes = await readRegularFile(file, bytesMax);
  if (bytes === 'no-file') throw new UnreadableFile(`${name} is a folder, a pipe or a device. Put a file there.`);
  if (bytes === 'too-long') throw new UnreadableFile(`${name} has more than ${bytesMax} bytes, and cannot be what its name says.`);
  return bytes;
}

/** What lies under a name and is not read. */
class UnreadableFile extends Error {}

/** The value, or a text that no baseline can be. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return 'not JSON';
  }
}
