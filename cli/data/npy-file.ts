/**
 * NumPy files: what one holds, by its header, and its elements.
 *
 * Invariants
 *  - A header is NumPy's own three words, each once, or it is refused; what it says of the length must be what there is.
 *
 * Not here: which rows of it feed a model (cli/data/npy.ts).
 * Source: NumPy Enhancement Proposal 1 and numpy/lib/format.py, versions 1.0, 2.0 and 3.0.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { halfToNumber } from '../../protocol/tensors/tensor-data.ts';
import { CommandError } from '../terminal/command-error.ts';

/** A header is one line with a type and a shape. */
const HEADER_BYTES_MAX = 64 * 1024;
/** Elements of an array that is read whole. */
const WHOLE_COUNT_MAX = 16 * 1024 * 1024;
const MAGIC = '\x93NUMPY';

export interface ElementType {
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

interface NpyFile {
  readonly elementType: ElementType;
  readonly isLittle: boolean;
  readonly shape: readonly number[];
  readonly dataStart: number;
}

/** @param label What errors call it. @throws {CommandError} when it is no array that can be read. */
export async function readNpyHeader(opened: FileHandle, label: string): Promise<NpyFile> {
  const { header, dataStart } = await headerOf(opened, label);
  const words = wordsOf(header);
  if (words === null) throw new CommandError(`${label} has a header that is not NumPy's. Save it again with numpy.save.`);
  const descriptor = /^'([<>|=]?)(\w+)'$/.exec(words.descr);
  const elementType = ELEMENT_TYPES[descriptor?.[2] ?? ''];
  if (elementType === undefined)
    throw new CommandError(`${label} holds neither numbers nor booleans. Readable are float16 to float64, int8 to uint64 and bool.`);
  const shape = words.shape.split(',').flatMap((length) => (length.trim() === '' ? [] : [Number(length.replace('L', ''))]));
  if (words.fortran_order === 'True' && shape.length > 1)
    throw new CommandError(`${label} is in Fortran order. Save it with numpy.save(file, numpy.ascontiguousarray(array)).`);
  const wholeBytes = shape.reduce((product, length) => product * length, elementType.bytes);
  const { size } = await opened.stat();
  if (wholeBytes === 0) throw new CommandError(`${label} has the shape (${words.shape}) and holds no element.`);
  if (size < dataStart + wholeBytes)
    throw new CommandError(`${label} ends before the elements of its shape (${words.shape}) do. Copy or save it again.`);
  if (size > dataStart + wholeBytes) {
    throw new CommandError(
      `${label} goes on for ${size - dataStart - wholeBytes} bytes behind the shape (${words.shape}) that its header names. Save one array in a file, or save it again.`,
    );
  }
  return { elementType, isLittle: descriptor?.[1] !== '>', shape, dataStart };
}

/** The array as numbers; a whole number of 64 bits beyond 2^53 is refused. @throws {CommandError} */
export async function readNpyWhole(path: string): Promise<{ readonly dims: readonly number[]; readonly data: readonly number[] }> {
  const opened = await open(path).catch(() => {
    throw new CommandError(`${path} cannot be read.`);
  });
  try {
    const { elementType, isLittle, shape, dataStart } = await readNpyHeader(opened, path);
    const count = shape.reduce((product, length) => product * length, 1);
    if (count > WHOLE_COUNT_MAX) throw new CommandError(`${path} has ${count} elements; ${WHOLE_COUNT_MAX} can be taken at once.`);
    const bytes = await readAt(opened, dataStart, count * elementType.bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const data = Array.from({ length: count }, (_, at) => Number(elementType.read(view, at * elementType.bytes, isLittle)));
    if (elementType.isBig && !data.every(Number.isSafeInteger))
      throw new CommandError(`${path} holds a whole number beyond 2^53, which no manifest can write. Give smaller ones.`);
    return { dims: shape, data };
  } finally {
    await opened.close();
  }
}

export async function readAt(opened: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await opened.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function headerOf(opened: FileHandle, label: string): Promise<{ header: string; dataStart: number }> {
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

const WORDS = ['descr', 'fortran_order', 'shape'] as const;
type Words = Readonly<Record<(typeof WORDS)[number], string>>;

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, in any order; a type of parts is a list. Python 2 wrote 3L. */
const PAIR = /'(\w+)'\s*:\s*('[^']*'|True|False|\((?:\d+L?\s*,?\s*)*\)|\[.*\])\s*(?:,\s*|(?=\}))/y;

/** The three words of a header; null when it has others, one twice, or none of them. */
function wordsOf(header: string): Words | null {
  const text = header.trim();
  if (!text.startsWith('{') || !text.endsWith('}')) return null;
  const words = new Map<string, string>();
  for (let at = 1; at < text.length - 1; at = PAIR.lastIndex) {
    PAIR.lastIndex = at;
    const match = PAIR.exec(text);
    const [, word = '', value = ''] = match ?? [];
    if (match === null || words.has(word)) return null;
    words.set(word, value.startsWith('(') ? value.slice(1, -1) : value);
  }
  return words.size === WORDS.length && WORDS.every((word) => words.has(word)) ? (Object.fromEntries(words) as unknown as Words) : null;
}
