/**
 * Opens what `--data` names: which reader a file belongs to is decided here and nowhere else.
 *
 * Invariants
 *  - A name decides where it ends in a known suffix, the first bytes of the file where it does not.
 *  - A folder is read with the folders in it, its files in the order of their names; all of one format.
 *  - What cannot be read is a CommandError that lists what can.
 */
import { open, readdir, stat } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { CommandError, UsageError, unreadableFile } from '../terminal/command-error.ts';
import type { DataFile, ExampleSource } from './example.ts';
import { openImages } from './images.ts';
import { openNpy } from './npy.ts';
import { openRecordings } from './recordings.ts';
import { openTables } from './table.ts';
import { openValidation } from './validation-json.ts';

type Format = 'NumPy files' | 'tables' | 'pictures' | 'WAV files' | 'validation.json';

const FORMATS: Readonly<Record<string, Format>> = {
  '.npy': 'NumPy files',
  '.csv': 'tables',
  '.tsv': 'tables',
  '.parquet': 'tables',
  '.png': 'pictures',
  '.jpg': 'pictures',
  '.jpeg': 'pictures',
  '.webp': 'pictures',
  '.bmp': 'pictures',
  '.avif': 'pictures',
  '.wav': 'WAV files',
  '.json': 'validation.json',
};

const OPENERS: Readonly<Record<Format, (manifest: Manifest, files: readonly DataFile[]) => ExampleSource | Promise<ExampleSource>>> = {
  'NumPy files': openNpy,
  tables: openTables,
  pictures: openImages,
  'WAV files': openRecordings,
  'validation.json': openValidation,
};

/** First bytes of files whose names say nothing. */
const SIGNATURES: readonly (readonly [RegExp, Format])[] = [
  [/^\x93NUMPY/, 'NumPy files'],
  [/^(\x89PNG|\xff\xd8\xff|BM|RIFF....WEBP|....ftypavif)/s, 'pictures'],
  [/^RIFF....WAVE/s, 'WAV files'],
];

const READABLE =
  'Readable are .npy, .csv, .tsv and .parquet files, validation.json, and .png, .jpg, .webp, .bmp, .avif or .wav files, one or a folder of them.';

/**
 * @param paths As on the command line: files and folders, and `NAME=PATH` to say which input a file feeds.
 * @throws {CommandError} when they cannot feed the model.
 */
export async function openData(manifest: Manifest, paths: readonly string[]): Promise<ExampleSource> {
  const files: DataFile[] = [];
  const formats = new Map<Format, string>();
  for (const path of paths) {
    for (const file of await filesAt(manifest, path)) {
      files.push(file);
      const format = await formatOf(file);
      if (!formats.has(format)) formats.set(format, file.label);
    }
  }
  const [format] = [...formats.keys()] as [Format];
  if (formats.size > 1) {
    throw new UsageError(`The data is of several formats (${[...formats.values()].join(', ')}). Give one at a time.`);
  }
  if (format !== 'NumPy files' && files.some(({ input }) => input !== null)) {
    throw new UsageError('NAME=PATH is for NumPy files. A table finds its inputs by the names of its columns.');
  }
  return OPENERS[format](manifest, files);
}

async function filesAt({ inputs }: Manifest, given: string): Promise<DataFile[]> {
  const name = given.slice(0, Math.max(0, given.indexOf('=')));
  const isNamed = inputs.some((input) => input.name === name);
  const path = isNamed ? given.slice(name.length + 1) : given;
  const found = await stat(path).catch(() => {
    if (name === '' || isNamed) throw unreadableFile(path);
    const names = inputs.map((input) => input.name).join(', ');
    throw new CommandError(`${path} cannot be read. If "${name}" is meant to be an input: the model has ${names}.`);
  });
  if (!found.isDirectory()) return [{ path, label: path, input: isNamed ? name : null }];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory() && formatByName(entry.name) !== undefined && extname(entry.name).toLowerCase() !== '.json')
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => (a < b ? -1 : 1));
  if (files.length === 0) throw new CommandError(`${path} has no file that can be read. ${READABLE}`);
  return files.map((file) => ({ path: file, label: relative(path, file), input: isNamed ? name : null }));
}

const formatByName = (path: string): Format | undefined => FORMATS[extname(path).toLowerCase()];

async function formatOf({ path, label }: DataFile): Promise<Format> {
  const byName = formatByName(path);
  if (byName !== undefined) return byName;
  const opened = await open(path);
  try {
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(16), 0, 16, 0);
    const start = buffer.toString('latin1', 0, bytesRead);
    const format = SIGNATURES.find(([signature]) => signature.test(start))?.[1];
    if (format === undefined) throw new CommandError(`${label} is of a format that cannot be read. ${READABLE}`);
    return format;
  } finally {
    await opened.close();
  }
}
