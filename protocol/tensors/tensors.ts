/**
 * Tensors: element types, and a tensor as it crosses between page and worker.
 *
 * Not here: numbers into a tensor's data and back (protocol/tensors/tensor-data.ts).
 */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

/** Row-major. `bool` is a Uint8Array of 0 and 1; `float16` a Uint16Array of bit patterns. */
export interface TensorWire {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export type Feeds = Readonly<Record<string, TensorWire>>;

/** A tensor may be called "constructor": what objects inherit is none. */
export function tensorNamed(feeds: Feeds, name: string): TensorWire | undefined {
  return Object.hasOwn(feeds, name) ? feeds[name] : undefined;
}

/** An output that stays in its worker, by number: on the GPU, or in the worker's memory. */
export interface ResidentWire {
  readonly residentId: number;
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly location: 'gpu' | 'memory';
}

/** Tensors of one run, whole or by number. */
export type RunTensors = Readonly<Record<string, TensorWire | ResidentWire>>;

export const TENSOR_TYPES = [
  'float32',
  'float16',
  'float64',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'string',
] as const;

export type TensorType = (typeof TENSOR_TYPES)[number];
