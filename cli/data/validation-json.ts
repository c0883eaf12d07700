/**
 * validation.json: `{"count": N, "images": "<base64>"}`, examples of the first input with one unsigned byte per element.
 *
 * Invariants
 *  - The bytes are the values; nothing is scaled.
 *
 * Not here: anything larger. JSON is read whole; a data set belongs into a NumPy file, a table or a folder.
 */
import { readFile } from 'node:fs/promises';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import type { DataFile, Example, ExampleSource } from './example.ts';
import { dataOf, dimsOfItem, itemAxes } from './example-tensor.ts';

export async function openValidation(manifest: Manifest, files: readonly DataFile[]): Promise<ExampleSource> {
  const [input, ...others] = manifest.inputs as [ManifestInput];
  if (others.length > 0 || input.type === 'string') {
    throw new CommandError('validation.json feeds models with one input of numbers. Give other data with --data.');
  }
  const [file, ...more] = files as [DataFile];
  if (more.length > 0) throw new UsageError('Give one JSON file, not several.');
  const { bytes, said } = await readBytes(file);
  const elementCount = itemAxes(input).reduce<number>((product, axis) => product * (typeof axis === 'number' ? axis : 1), 1);
  if (elementCount === 0 || bytes.length % elementCount !== 0) {
    throw new CommandError(`${file.label} does not hold whole examples of ${elementCount} elements. Give other data with --data.`);
  }
  if (said !== undefined && said !== bytes.length / elementCount)
    throw new CommandError(
      `${file.label} says ${JSON.stringify(said).slice(0, 20)} examples and holds ${bytes.length / elementCount}. Write it anew.`,
    );
  const dims = dimsOfItem(input, [elementCount]) as readonly number[];
  async function* examples(): AsyncGenerator<Example> {
    for (let start = 0; start < bytes.length; start += elementCount) {
      const data = dataOf(input.type, bytes.subarray(start, start + elementCount));
      const where = `${file.label}, row ${start / elementCount + 1}`;
      if (data === null) yield { where, unreadable: 'holds a number that the type of the input cannot' };
      else yield { where, feeds: { [input.name]: { type: input.type, dims, data } } };
    }
  }
  return { count: bytes.length / elementCount, notes: [], examples };
}

async function readBytes({ path, label }: DataFile): Promise<{ readonly bytes: Uint8Array; readonly said: unknown }> {
  const { images, count } = parseObject(await readFile(path, 'utf8'), label);
  if (typeof images !== 'string') throw new CommandError(`${label} has no "images" in base64. See insitu baseline --help.`);
  return { bytes: Buffer.from(images, 'base64'), said: count };
}

function parseObject(text: string, label: string): { readonly images?: unknown; readonly count?: unknown } {
  try {
    return Object(JSON.parse(text)) as { images?: unknown; count?: unknown };
  } catch {
    throw new CommandError(`${label} is not JSON. Give other data with --data.`);
  }
}
