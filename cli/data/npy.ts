/**
 * NumPy files: `numpy.save` of an array [N, ...item], one example per index of the first axis.
 *
 * Invariants
 *  - Read in blocks of READ_BYTES (or one item, where that is more), whatever the size of the file.
 *  - Several files of one input follow one another; the files of several inputs run side by side and hold the same N.
 *
 * Not here: the header (cli/data/npy-file.ts).
 */
import { open } from 'node:fs/promises';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { elementCount } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import type { DataFile, Example, ExampleSource } from './example.ts';
import { axesText, dataOf, dimsOfItem } from './example-tensor.ts';
import { type ElementType, readAt, readNpyHeader } from './npy-file.ts';

/** One read from the disk. Large enough to be rare, small enough to forget about. */
const READ_BYTES = 1024 * 1024;
/** An array on disk, ready to be read item by item. */
interface NpyArray {
  readonly file: DataFile;
  readonly input: ManifestInput;
  readonly elementType: ElementType;
  readonly isLittle: boolean;
  readonly dataStart: number;
  readonly itemCount: number;
  readonly dims: readonly number[];
}

/** A tensor of one input, or why there is none. */
interface Item {
  readonly where: string;
  readonly tensor: TensorWire | null;
}

/** @throws {CommandError} for a file that is not such an array, does not fit its input, or leaves an input without data. */
export async function openNpy(manifest: Manifest, files: readonly DataFile[]): Promise<ExampleSource> {
  const arrays: NpyArray[] = [];
  for (const file of files) arrays.push(await openArray(file, inputOf(manifest, file)));
  const columns = manifest.inputs.map((input) => arrays.filter((array) => array.input === input));
  manifest.inputs.forEach((input, index) => {
    if (columns[index]?.length === 0)
      throw new UsageError(`The input "${input.name}" has no data. Name a file for each input: --data ${input.name}=FILE.npy`);
  });
  const counts = columns.map((column) => column.reduce((sum, { itemCount }) => sum + itemCount, 0));
  const [count = 0] = counts;
  if (counts.some((other) => other !== count)) {
    const list = manifest.inputs.map(({ name }, index) => `${name} ${counts[index]}`).join(', ');
    throw new CommandError(`All inputs must have the same number of rows; these have: ${list}. Save them from the same rows.`);
  }
  return { count, notes: [], examples: () => examplesOf(columns) };
}

function inputOf(manifest: Manifest, file: DataFile): ManifestInput {
  const input = namedInput(manifest, file);
  if (input.type === 'string') throw new CommandError(`${file.label} holds numbers; the input "${input.name}" takes texts. Give a table.`);
  return input;
}

function namedInput({ inputs }: Manifest, { input, label }: DataFile): ManifestInput {
  const [first] = inputs as [ManifestInput];
  if (input === null && inputs.length === 1) return first;
  const named = inputs.find(({ name }) => name === input);
  if (named !== undefined) return named;
  throw new CommandError(
    `${label} feeds one of several inputs (${inputs.map(({ name }) => name).join(', ')}); say which: --data NAME=${label}`,
  );
}

async function openArray(file: DataFile, input: ManifestInput): Promise<NpyArray> {
  const opened = await open(file.path);
  try {
    const { elementType, isLittle, shape, dataStart } = await readNpyHeader(opened, file.label);
    const [itemCount, ...itemShape] = shape;
    const dims = itemCount === undefined ? null : dimsOfItem(input, itemShape);
    if (itemCount === undefined || dims === null) {
      throw new CommandError(
        `${file.label} has the shape (${shape.join(', ')}); the input "${input.name}" takes N items of ${axesText(input)}.`,
      );
    }
    return { file, input, elementType, isLittle, dataStart, itemCount, dims };
  } finally {
    await opened.close();
  }
}

async function* examplesOf(columns: readonly (readonly NpyArray[])[]): AsyncGenerator<Example> {
  const names = columns.map(([array]) => array?.input.name as string);
  const readers = columns.map((column) => itemsOf(column));
  try {
    for (;;) {
      const items: Item[] = [];
      for (const reader of readers) {
        const next = await reader.next();
        if (next.done) return;
        items.push(next.value);
      }
      const broken = items.findIndex(({ tensor }) => tensor === null);
      const { where } = items[Math.max(0, broken)] as Item;
      if (broken >= 0) yield { where, unreadable: 'holds a number that the type of the input cannot' };
      else yield { where, feeds: Object.fromEntries(items.map(({ tensor }, index) => [names[index] as string, tensor as TensorWire])) };
    }
  } finally {
    for (const reader of readers) await reader.return(undefined);
  }
}

async function* itemsOf(arrays: readonly NpyArray[]): AsyncGenerator<Item> {
  for (const array of arrays) {
    const { file, input, elementType, dataStart, itemCount, dims } = array;
    const itemBytes = elementCount(dims) * elementType.bytes;
    const perRead = Math.max(1, Math.floor(READ_BYTES / Math.max(1, itemBytes)));
    const opened = await open(file.path);
    try {
      for (let first = 0; first < itemCount; first += perRead) {
        const readCount = Math.min(perRead, itemCount - first);
        const block = await readAt(opened, dataStart + first * itemBytes, readCount * itemBytes);
        const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
        for (let index = 0; index < readCount; index++) {
          const values = valuesAt(array, view, index * itemBytes);
          const data = dataOf(input.type, values);
          yield {
            where: `${file.label}, row ${first + index + 1}`,
            tensor: data === null ? null : { type: input.type, dims, data },
          };
        }
      }
    } finally {
      await opened.close();
    }
  }
}

/** One item's values: as numbers, or as bigints where those are 64 bits wide. */
function valuesAt({ elementType, isLittle, dims }: NpyArray, view: DataView, start: number): ArrayLike<number | bigint> {
  const { bytes, read, isBig = false } = elementType;
  const count = elementCount(dims);
  const values: (number | bigint)[] | Float64Array = isBig ? [] : new Float64Array(count);
  for (let at = 0; at < count; at++) values[at] = read(view, start + at * bytes, isLittle);
  return values;
}
