/**
 * Feeds: the caller's tensors checked against the manifest and made ready to leave the page.
 *
 * Invariants
 *  - Everything is checked before anything is sent; a feed that leaves here is one that the model declares.
 *  - Without `transfer` the caller's arrays stay whole: what leaves is one compact copy, which is then transferred, so that
 *    each element is copied once and a view never drags its whole buffer along.
 *  - Error details hold the model's names, types, dims and counts, never an element, nor any other text or number of the
 *    caller's: data may stand where a name, a type or dims belong.
 */
import { SdkError } from '../protocol/errors.ts';
import { BATCH_AXIS_COUNT_MAX } from '../protocol/limits.ts';
import type { Manifest, ManifestInput, TensorType } from '../protocol/manifest.ts';
import { filledInputs } from '../protocol/manifest-preprocess.ts';
import type { MediaWire, RunFeeds, TensorData, TensorWire } from '../protocol/messages.ts';
import { dataFromNumbers, elementCount, type NumericTensorData, type NumericTensorType, TENSOR_ARRAYS } from '../protocol/tensor-data.ts';
import { type ReadyMedia, readyMedia } from './media.ts';
import type { FeedInputs, TensorInput } from './options.ts';

/** More axes than any model has: a longer list is data that stands where dims belong. */
const DIMS_COUNT_MAX = 8;

export interface ReadyFeeds {
  readonly feeds: RunFeeds;
  /** What to transfer, each once. */
  readonly buffers: readonly Transferable[];
}

/** @throws {SdkError} `input-missing`, `input-unknown`, `tensor-type-mismatch`, `tensor-dims-mismatch`, `tensor-data-mismatch`, `preprocess-failed`. */
export function readyFeeds(manifest: Manifest, given: FeedInputs, isTransfer: boolean): ReadyFeeds {
  const expected = manifest.inputs.map((input) => input.name);
  const unknown = Object.keys(given).find((name) => !expected.includes(name));
  if (unknown !== undefined) throw new SdkError('input-unknown', { expected });
  const filled = manifest.inputs.flatMap(({ name, preprocess }) =>
    preprocess === undefined || isTensor(given[name]) ? [] : filledInputs(preprocess),
  );
  // All are checked before the first is taken: a refused run leaves its caller's arrays as they were.
  const takers = manifest.inputs.flatMap((input): (readonly [string, () => ReadyMedia<TensorWire | MediaWire>])[] => {
    const value = given[input.name];
    if (value === undefined || value === null) {
      if (filled.includes(input.name)) return [];
      throw new SdkError('input-missing', { input: input.name, expected });
    }
    if (input.preprocess !== undefined && !isTensor(value)) return [[input.name, () => readyMedia(input, value, isTransfer)]];
    const tensor = value as TensorInput;
    const data = checkTensor(input, tensor);
    return [[input.name, () => readyTensor(input, tensor, data, isTransfer)]];
  });
  const feeds: Record<string, TensorWire | MediaWire> = {};
  const buffers = new Set<Transferable>();
  for (const [name, take] of takers) {
    const { wire, transfers } = take();
    feeds[name] = wire;
    for (const transfer of transfers) buffers.add(transfer);
  }
  return { feeds, buffers: [...buffers] };
}

/** A tensor as the caller writes it, and not something that is still to become one. */
function isTensor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { dims, data } = value as Partial<TensorInput>;
  return Array.isArray(dims) && (ArrayBuffer.isView(data) || Array.isArray(data));
}

function readyTensor(input: ManifestInput, { dims }: TensorInput, given: TensorInput['data'], isTransfer: boolean): ReadyMedia<TensorWire> {
  const data = ownedData(input.type, given, isTransfer);
  return { wire: { type: input.type, dims: [...dims], data }, transfers: ArrayBuffer.isView(data) ? [data.buffer as ArrayBuffer] : [] };
}

/** The tensor's data when its type, dims and length are what the model declares. */
function checkTensor(input: ManifestInput, tensor: TensorInput): TensorInput['data'] {
  const actual = tensor.type === undefined ? givenType(input.type, tensor.data) : knownType(tensor.type);
  if (actual !== input.type) throw new SdkError('tensor-type-mismatch', { input: input.name, expected: input.type, actual });
  const { dims } = tensor;
  if (!areDimsAllowed(input.dims, dims)) {
    throw new SdkError('tensor-dims-mismatch', { input: input.name, expected: input.dims, actual: presentableDims(dims) });
  }
  const mismatch = givenType(input.type, tensor.data);
  if (mismatch !== input.type) throw new SdkError('tensor-type-mismatch', { input: input.name, expected: input.type, actual: mismatch });
  if (tensor.data.length !== elementCount(dims)) {
    throw new SdkError('tensor-data-mismatch', { input: input.name, expectedCount: elementCount(dims), actualCount: tensor.data.length });
  }
  return tensor.data;
}

function knownType(type: string): string {
  return type === 'string' || Object.hasOwn(TENSOR_ARRAYS, type) ? type : 'unknown';
}

/** Dims as they are; none when they cannot be dims. */
function presentableDims(dims: readonly number[]): readonly number[] {
  const areDims = Array.isArray(dims) && dims.length <= DIMS_COUNT_MAX && dims.every((length) => Number.isInteger(length) && length >= 0);
  return areDims ? [...dims] : [];
}

/** The declared type when the data can carry it, else the name of what was given. */
function givenType(declared: TensorType, data: TensorInput['data']): string {
  if (Array.isArray(data)) {
    const wanted = declared === 'string' ? 'string' : 'number';
    return data.every((value) => typeof value === wanted) ? declared : `array of ${typeof data.find((value) => typeof value !== wanted)}`;
  }
  if (!ArrayBuffer.isView(data)) return typeof data;
  const name = (data as NumericTensorData)[Symbol.toStringTag] as string;
  if (declared !== 'string' && name === TENSOR_ARRAYS[declared].name) return declared;
  if (declared === 'float16' && name === 'Float16Array') return declared;
  if (declared === 'uint8' && name === 'Uint8ClampedArray') return declared;
  return name;
}

function areDimsAllowed(declared: ManifestInput['dims'], dims: readonly number[]): boolean {
  if (!Array.isArray(dims) || dims.length !== declared.length) return false;
  return declared.every((axis, index) => {
    const length = dims[index] as number;
    if (!Number.isInteger(length) || length < 0) return false;
    if (typeof axis === 'number') return length === axis;
    return axis !== 'batch' || (length >= 1 && length <= BATCH_AXIS_COUNT_MAX);
  });
}

function ownedData(type: TensorType, data: TensorInput['data'], isTransfer: boolean): TensorData {
  if (Array.isArray(data)) return type === 'string' ? [...data] : dataFromNumbers(type as NumericTensorType, data as readonly number[]);
  const view = data as NumericTensorData;
  const isShared = !(view.buffer instanceof ArrayBuffer);
  const own = isTransfer && !isShared ? view : view.slice();
  const ArrayType = TENSOR_ARRAYS[type as NumericTensorType];
  if (own[Symbol.toStringTag] === ArrayType.name) return own;
  // Float16Array and Uint8ClampedArray travel as the plain array of the same bits.
  const Plain = ArrayType as unknown as new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumericTensorData;
  return new Plain(own.buffer, own.byteOffset, own.length);
}
