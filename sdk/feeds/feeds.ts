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
import { SdkError } from '../../protocol/errors.ts';
import { TRANSFER_BYTES_MIN } from '../../protocol/limits.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { filledInputs } from '../../protocol/manifest/preprocess.ts';
import { areDims, areDimsAllowed } from '../../protocol/tensors/dims.ts';
import {
  dataFromNumbers,
  elementCount,
  type NumericTensorData,
  type NumericTensorType,
  TENSOR_ARRAYS,
} from '../../protocol/tensors/tensor-data.ts';
import type { TensorData, TensorType } from '../../protocol/tensors/tensors.ts';
import { closePictures, type RunFeeds } from '../../protocol/worker/media.ts';
import type { FeedInputs, ResidentTensor } from '../api/runs.ts';
import type { TensorInput } from '../api/tensors.ts';
import { PageResident } from '../workers/resident.ts';
import type { ReadyFeeds } from '../workers/run-channel.ts';
import { readyMedia } from './media.ts';

/** More axes than any model has: a longer list is data that stands where dims belong. */
const DIMS_COUNT_MAX = 8;

type Given = FeedInputs[string] | ResidentTensor | null | undefined;

/** @throws {SdkError} `input-missing`, `input-unknown`, `tensor-type-mismatch`, `tensor-dims-mismatch`, `tensor-data-mismatch`, `preprocess-failed`, `invalid-option`. */
export function readyFeeds(
  { inputs }: Pick<Manifest, 'inputs'>,
  given: Readonly<Record<string, FeedInputs[string] | ResidentTensor>>,
  isTransfer: boolean,
): ReadyFeeds {
  for (const name of Object.keys(given)) {
    if (!inputs.some((input) => input.name === name)) throw new SdkError('input-unknown', { expected: namesOf(inputs) });
  }
  // All are checked before the first is taken: a refused run leaves its caller's arrays as they were.
  for (const input of inputs) checkFeed(input, given, inputs);
  const feeds: Record<string, RunFeeds[string]> = {};
  const buffers: Transferable[] = [];
  try {
    for (const input of inputs) {
      const value = feedNamed(given, input.name);
      if (value !== undefined && value !== null) feeds[input.name] = takenFeed(input, value, isTransfer, buffers);
    }
  } catch (error) {
    // What the caller was to hand over stays the caller's, as it was; the copies that were made of the rest are closed here.
    const callersOwn = new Set<unknown>(Object.values(given).flat());
    closePictures(buffers.filter((buffer) => !callersOwn.has(buffer)));
    throw error;
  }
  return { feeds, buffers };
}

/** What travels of a feed that was checked; what of it is to be transferred is added to `buffers`. */
function takenFeed(input: ManifestInput, value: NonNullable<Given>, isTransfer: boolean, buffers: Transferable[]): RunFeeds[string] {
  if (value instanceof PageResident) return value.wire();
  if (input.preprocess !== undefined && !isTensor(value)) return readyMedia(input, value, isTransfer, buffers);
  const { type } = input;
  const tensor = value as TensorInput;
  const data = ownedData(type, tensor.data, isTransfer);
  if (data === null)
    throw new SdkError('tensor-type-mismatch', {
      input: input.name,
      expected: type,
      actual: oddArray(type, tensor.data as readonly unknown[]),
    });
  if (ArrayBuffer.isView(data) && (isTransfer || data.byteLength >= TRANSFER_BYTES_MIN)) buffers.push(data.buffer as ArrayBuffer);
  return { type, dims: [...tensor.dims], data };
}

function checkFeed(input: ManifestInput, given: Readonly<Record<string, Given>>, inputs: Manifest['inputs']): void {
  const value = feedNamed(given, input.name);
  if (value === undefined || value === null) {
    if (!isFilled(input.name, given, inputs)) throw new SdkError('input-missing', { input: input.name, expected: namesOf(inputs) });
    return;
  }
  if (!(value instanceof PageResident)) {
    // What is still to become a tensor is checked when it is taken.
    if (input.preprocess === undefined || isTensor(value)) checkTensor(input, value as TensorInput);
    return;
  }
  const { type, dims } = value;
  if (type !== input.type) throw new SdkError('tensor-type-mismatch', { input: input.name, expected: input.type, actual: type });
  if (!areDimsAllowed(input.dims, dims))
    throw new SdkError('tensor-dims-mismatch', { input: input.name, expected: input.dims, actual: dims });
  // Refuses one that was released, before anything is copied.
  value.wire();
}

/** Whether another input's preprocessing fills this one. */
function isFilled(name: string, given: Readonly<Record<string, Given>>, inputs: Manifest['inputs']): boolean {
  return inputs.some((input) => {
    const value = feedNamed(given, input.name);
    if (input.preprocess === undefined || isTensor(value) || value instanceof PageResident) return false;
    return filledInputs(input.preprocess).includes(name);
  });
}

/** An input may be called "constructor": what every object inherits is no feed. What a caller's own class inherits may be one. */
function feedNamed(given: Readonly<Record<string, Given>>, name: string): Given {
  return name in Object.prototype && !Object.hasOwn(given, name) ? undefined : given[name];
}

function namesOf(inputs: Manifest['inputs']): string[] {
  return inputs.map(({ name }) => name);
}

/** A tensor as the caller writes it, and not something that is still to become one. */
function isTensor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { dims, data } = value as Partial<TensorInput>;
  return areDims(dims as number[]) && (ArrayBuffer.isView(data) || Array.isArray(data));
}

/** That type, dims and length are what the model declares. */
function checkTensor(input: ManifestInput, tensor: TensorInput): void {
  // A bare array is the slip of many.
  if (ArrayBuffer.isView(tensor) || Array.isArray(tensor))
    throw new SdkError('tensor-type-mismatch', { input: input.name, expected: input.type, actual: 'bare array, not { data, dims }' });
  const type = feedNamed(tensor as never, 'type') as string | undefined;
  const actual = type === undefined ? givenType(input.type, tensor.data) : knownType(type);
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
}

function knownType(type: string): string {
  return type === 'string' || Object.hasOwn(TENSOR_ARRAYS, type) ? type : 'unknown';
}

/** Dims as they are; none when they cannot be dims. */
function presentableDims(dims: readonly number[]): readonly number[] {
  return areDims(dims) && dims.length <= DIMS_COUNT_MAX ? [...dims] : [];
}

/** The declared type when the data can carry it, else the name of what was given. */
function givenType(declared: TensorType, data: TensorInput['data']): string {
  // Plain numbers are looked at when they are copied.
  if (Array.isArray(data)) return declared;
  if (!ArrayBuffer.isView(data))
    return `${typeof data} (what is no tensor is taken where the manifest declares preprocess; of a proxy or ref pass what it stands for, as toRaw(…) or .value gives it)`;
  const name = (data as NumericTensorData)[Symbol.toStringTag] as string;
  if (declared !== 'string' && name === TENSOR_ARRAYS[declared].name) return declared;
  if (declared === 'float16' && name === 'Float16Array') return declared;
  if (declared === 'uint8' && name === 'Uint8ClampedArray') return declared;
  return name;
}

/** What is odd about an array of plain values, without a value. */
function oddArray(type: TensorType, data: readonly unknown[]): string {
  const isOdd = (value: unknown) => (type === 'string' ? !isText(value) : dataFromNumbers(type, [value]) === null);
  const kind = `array of ${typeof data.find(isOdd)}`;
  if (type === 'string' && kind === 'array of string') return `${kind}, one of them with U+0000`;
  const isUnfit = kind === 'array of number' || (kind === 'array of bigint' && type.endsWith('64'));
  return isUnfit && type !== 'string' ? `${kind}, one of them not whole or out of range` : kind;
}

/** Null when a plain value is no element of the type. */
function ownedData(type: TensorType, data: TensorInput['data'], isTransfer: boolean): TensorData | null {
  if (Array.isArray(data)) {
    if (type !== 'string') return dataFromNumbers(type, data);
    const texts: readonly unknown[] = [...data];
    return texts.every(isText) ? texts : null;
  }
  const view = data as NumericTensorData;
  // A buffer that was handed over has no elements, and no copy; it got here as a tensor of none.
  if (view.length === 0) return new TENSOR_ARRAYS[type as NumericTensorType](0);
  // A mask of 0 and 255 would run as something that no comparison ever gives.
  if (type === 'bool' && (view as Uint8Array).some((value) => value > 1)) return null;
  const isShared = !(view.buffer instanceof ArrayBuffer);
  const ArrayType = TENSOR_ARRAYS[type as NumericTensorType];
  const own = isTransfer && !isShared ? view : copyOf(view, ArrayType);
  if (own[Symbol.toStringTag] === ArrayType.name) return own;
  // Float16Array and Uint8ClampedArray travel as the plain array of the same bits.
  return new (ArrayType as unknown as OverBuffer)(own.buffer, own.byteOffset, own.length);
}

type OverBuffer = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumericTensorData;

/** A class of somebody's own may have a `slice` of its own: a Buffer's copies nothing, and what travels is taken from its caller. */
function copyOf(view: NumericTensorData, ArrayType: unknown): NumericTensorData {
  if (view.constructor === ArrayType) return view.slice();
  const { buffer } = new Uint8Array(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return new (ArrayType as OverBuffer)(buffer, 0, view.length);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}
