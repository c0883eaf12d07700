/**
 * NumPy files: `numpy.save` of an array [N, ...item], one example per index of the first axis.
 *
 * Invariants
 *  - Read in blocks of READ_BYTES (or one item, where that is more), whatever the size of the file.
 *  - Several files of one input follow one another; the files of several inputs run side by side and hold the same N.
 *
 * Source: NumPy Enhancement Proposal 1 and numpy/lib/format.py, versions 1.0, 2.0 and 3.0.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { halfToNumber } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import type { DataFile, Example, ExampleSource } from './example.ts';
import { axesText, dataOf, dimsOfItem } from './example-tensor.ts';

/** One read from the disk. Large enough to be rare, small enough to forget about. */
const READ_BYTES = 1024 * 1024;
/** A header is one line with a type and a shape. */
const HEADER_BYTES_MAX = 64 * 1024;
const MAGIC = '\x93NUMPY';

interface ElementType {
  readonly bytes: number;
  readonly read: (view: DataView, at: number, isLittle: boolean) => number | bigint;
  /** Its values are bigints. */
  readonly isBig?: true;
}

const ELEMENT_TYPES: Readonly<Record<string, ElementType>> = {
  f2: { bytes: 2, read: (view, at, isLittle) => halfToNumber(view.getUint16(at, isLittle)) },
  f4: { bytes: 4, read: (view, at, isLittle) => view.getFloat32(at, isLittle) },
  f8: { bytes: 8, read: (view, at, isLittle) => view.getFloat64(at, isLittle) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  i2: { bytes: 2, read: (view, at, isLittle) => view.getInt16(at, isLittle) },
  i4: { bytes: 4, read: (view, at, isLittle) => view.getInt32(at, isLittle) },
  i8: { bytes: 8, isBig: true, read: (view, at, isLittle) => view.getBigInt64(at, isLittle) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  u2: { bytes: 2, read: (view, at, isLittle) => view.getUint16(at, isLittle) },
  u4: { bytes: 4, read: (view, at, isLittle) => view.getUint32(at, isLittle) },
  u8: { bytes: 8, isBig: true, read: (view, at, isLittle) => view.getBigUint64(at, isLittle) },
  b1: { bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

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
    const { header, dataStart } = await readHeader(opened, file);
    const descriptor = /'descr'\s*:\s*'([<>|=]?)(\w+)'/.exec(header);
    const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(header)?.[1];
    if (shape === undefined || !header.includes("'descr'"))
      throw new CommandError(`${file.label} has a header that is not NumPy's. Save it again with numpy.save.`);
    const elementType = ELEMENT_TYPES[descriptor?.[2] ?? ''];
    if (elementType === undefined) {
      throw new CommandError(`${file.label} holds neither numbers nor booleans. Readable are float16 to float64, int8 to uint64 and bool.`);
    }
    if (/'fortran_order'\s*:\s*True/.test(header)) {
      throw new CommandError(`${file.label} is in Fortran order. Save it with numpy.save(file, numpy.ascontiguousarray(array)).`);
    }
    const [itemCount, ...itemShape] = shape.split(',').flatMap((length) => (length.trim() === '' ? [] : [Number(length)]));
    const dims = itemCount === undefined ? null : dimsOfItem(input, itemShape);
    if (itemCount === undefined || dims === null) {
      throw new CommandError(`${file.label} has the shape (${shape}); the input "${input.name}" takes N items of ${axesText(input)}.`);
    }
    const { size } = await opened.stat();
    if (size < dataStart + itemCount * elementCountOf(dims) * elementType.bytes) {
      throw new CommandError(`${file.label} ends before its ${itemCount} rows do. Copy or save it again.`);
    }
    return { file, input, elementType, isLittle: descriptor?.[1] !== '>', dataStart, itemCount, dims };
  } finally {
    await opened.close();
  }
}

async function readHeader(opened: FileHandle, { label }: DataFile): Promise<{ header: string; dataStart: number }> {
  const start = await readAt(opened, 0, 12);
  if (start.toString('latin1', 0, 6) !== MAGIC || start.length < 12)
    throw new CommandError(`${label} is no NumPy file. Save the array with numpy.save.`);
  const version = start[6] as number;
  if (version < 1 || version > 3)
    throw new CommandError(`${label} is a NumPy file of version ${version}; readable are 1 to 3. Save it with numpy.save.`);
  const [headerStart, headerBytes] = version === 1 ? [10, start.readUInt16LE(8)] : [12, start.readUInt32LE(8)];
  if (headerBytes > HEADER_BYTES_MAX) throw new CommandError(`${label} has a header that is not NumPy's. Save it again with numpy.save.`);
  return { header: (await readAt(opened, headerStart, headerBytes)).toString('utf8'), dataStart: headerStart + headerBytes };
}

async function readAt(opened: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await opened.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

const elementCountOf = (dims: readonly number[]): number => dims.reduce((product, length) => product * length, 1);

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
    const itemBytes = elementCountOf(dims) * elementType.bytes;
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
  const elementCount = elementCountOf(dims);
  const values: (number | bigint)[] | Float64Array = isBig ? [] : new Float64Array(elementCount);
  for (let at = 0; at < elementCount; at++) values[at] = read(view, start + at * bytes, isLittle);
  return values;
}
