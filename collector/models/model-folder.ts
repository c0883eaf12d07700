/**
 * Models on disk: registers each `<folder>/<model>/model.json`, with the `baseline.json` beside it.
 *
 * Invariants
 *  - A model that cannot be used costs a sentence, never the start of the collector.
 *  - A baseline that is of another version or another plan is left out, with a sentence, rather than shown beside the wrong model.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError, systemCode } from '../operator/startup-error.ts';
import type { Registry } from './registry.ts';

/** @throws {StartupError} when the folder cannot be read. */
export async function registerFolder(folder: string, registry: Registry, log: (sentence: string) => void): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new StartupError(`The models folder ${folder} cannot be read (${systemCode(error)}). Name an existing one with --models.`);
  });
  for (const entry of entries) {
    if (entry.isDirectory()) await registerModel(join(folder, entry.name), registry, log);
  }
}

async function registerModel(folder: string, registry: Registry, log: (sentence: string) => void): Promise<void> {
  const manifest = await readBytes(join(folder, 'model.json'));
  if (manifest === null) return;
  const baselineBytes = await readBytes(join(folder, 'baseline.json'));
  const baseline = baselineBytes === null ? null : parseJson(baselineBytes.toString('utf8'));
  const answer = await registry.admit(manifest, { baseline });
  if (answer.ok) {
    if (answer.baselineLeftOut !== null) log(`${folder}: ${answer.baselineLeftOut}`);
    return;
  }
  const withoutBaseline = baseline === null ? answer : await registry.admit(manifest, { baseline: null });
  const consequence = withoutBaseline.ok ? 'It was registered without a baseline.' : 'Its reports wait until it is registered.';
  log(`${folder}: ${answer.reason} ${consequence}`);
}

async function readBytes(file: string): Promise<Buffer<ArrayBuffer> | null> {
  try {
    return await readFile(file);
  } catch {
    return null;
  }
}

/** The value, or a text that no baseline can be. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return 'not JSON';
  }
}
