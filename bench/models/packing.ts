/**
 * Packing of a bench model, by the code of `insitu pack` and as its defaults have it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { packModel } from '../../cli/pack/model.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';

/** @param previous A manifest whose kinds, labels and goldens are kept, for a model that has one. */
export async function packInto(
  folder: string,
  name: string,
  bytes: Uint8Array,
  axes: Readonly<Record<string, number>>,
  previous: Manifest | null,
): Promise<void> {
  const onStep = (sentence: string) => process.stderr.write(`  ${sentence}\n`);
  const { manifestJson, files, notes } = await packModel([{ name, bytes }], { name, version: '1.0.0', axes, previous, onStep });
  for (const note of notes) process.stderr.write(`  ${note}\n`);
  mkdirSync(folder, { recursive: true });
  for (const [file, content] of files) writeFileSync(`${folder}${file}`, content);
  writeFileSync(`${folder}model.json`, manifestJson);
}
