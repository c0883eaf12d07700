/**
 * Opens what `--data` names: which reader a file belongs to is decided here and nowhere else.
 *
 * Invariants
 *  - A name decides where it ends in a known suffix, the first bytes of the file where it does not.
 *  - A folder is read with the folders in it, its files in the order of their names; all of one format.
 *  - What of a folder is not looked at is counted, by its kind.
 *  - What cannot be read is a CommandError that lists what can.
 */
import type { Dirent } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { CommandError, UsageError, unreadableFile } from '../terminal/command-error.ts';
import type { BesideColumn, DataFile, ExampleSource } from './example.ts';
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

type Opener = (manifest: Manifest, files: readonly DataFile[], beside: readonly BesideColumn[]) => ExampleSource | Promise<ExampleSource>;

const OPENERS: Readonly<Record<Format, Opener>> = {
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

/** Kinds of entries that are named one by one. */
const KIND_COUNT_MAX = 8;

const READABLE =
  'Readable are .npy, .csv, .tsv and .parquet files, validation.json, and .png, .jpg, .webp, .bmp, .avif or .wav files, one or a folder of them.';

/**
 * @param paths As on the command line: files and folders, and `NAME=PATH` to say which input a file feeds.
 * @param beside Columns that are read although no input has them; only tables have any.
 * @throws {CommandError} when they cannot feed the model.
 */
export async function openData(manifest: Manifest, paths: readonly string[], beside: readonly BesideColumn[] = []): Promise<ExampleSource> {
  const files: DataFile[] = [];
  const notes: string[] = [];
  const formats = new Map<Format, string>();
  for (const path of paths) {
    const found = await filesAt(manifest, path);
    notes.push(...found.notes);
    for (const file of found.files) {
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
  const [column] = beside;
  if (column !== undefined && format !== 'tables')
    throw new UsageError(`"${column.name}" is to be a column, and ${formats.get(format)} is no table. Give .csv, .tsv or .parquet.`);
  const source = await OPENERS[format](manifest, files, beside);
  return { ...source, notes: [...notes, ...source.notes] };
}

interface Found {
  readonly files: readonly DataFile[];
  readonly notes: readonly string[];
}

async function filesAt({ inputs }: Manifest, given: string): Promise<Found> {
  const name = given.slice(0, Math.max(0, given.indexOf('=')));
  const isNamed = inputs.some((input) => input.name === name);
  const path = isNamed ? given.slice(name.length + 1) : given;
  const found = await stat(path).catch(() => {
    if (name === '' || isNamed) throw unreadableFile(path);
    const names = inputs.map((input) => input.name).join(', ');
    throw new CommandError(`${path} cannot be read. If "${name}" is meant to be an input: the model has ${names}.`);
  });
  if (!found.isDirectory()) return { files: [{ path, label: path, input: isNamed ? name : null }], notes: [] };
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const taken: string[] = [];
  const left = new Map<string, number>();
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const reason = await whyLeft(entry);
    if (reason === null) taken.push(join(entry.parentPath, entry.name));
    else left.set(reason, (left.get(reason) ?? 0) + 1);
  }
  const note = left.size === 0 ? [] : [leftNote(path, left)];
  if (taken.length === 0) throw new CommandError([`${path} has no file that can be read.`, ...note, READABLE].join(' '));
  const files = taken
    .sort((a, b) => (a < b ? -1 : 1))
    .map((file) => ({ path: file, label: relative(path, file), input: isNamed ? name : null }));
  return { files, notes: note };
}

/** Why an entry of a folder is not looked at, as a kind; null when it is. */
async function whyLeft(entry: Dirent): Promise<string | null> {
  const target = entry.isSymbolicLink() ? await stat(join(entry.parentPath, entry.name)).catch(() => null) : null;
  if (entry.isSymbolicLink() && target === null) return 'links to nothing';
  if (target?.isDirectory() === true) return 'links to folders, which are not followed';
  if (target === null ? !entry.isFile() : !target.isFile()) return 'neither files nor folders';
  const ending = extname(entry.name).toLowerCase();
  if (ending === '') return 'without an ending';
  return formatByName(entry.name) === undefined || ending === '.json' ? ending : null;
}

/** Most frequent first; each ending is named, as far as there are few. */
function leftNote(path: string, left: ReadonlyMap<string, number>): string {
  const kinds = [...left].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  const count = kinds.reduce((sum, [, each]) => sum + each, 0);
  const rest = kinds.slice(KIND_COUNT_MAX).reduce((sum, [, each]) => sum + each, 0);
  const list = [...kinds.slice(0, KIND_COUNT_MAX).map(([kind, each]) => `${each} ${kind}`), ...(rest === 0 ? [] : [`${rest} others`])];
  return `${count} ${count === 1 ? 'entry' : 'entries'} of ${path} ${count === 1 ? 'was' : 'were'} not looked at: ${list.join(', ')}. Convert what should count to a readable format.`;
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
