/**
 * Public types of tensors as callers write and read them. Types only.
 *
 * Why apart from the media that a run takes as well: those are of a document, and a tensor is named where there is none.
 */
import type { TensorType } from '../../protocol/tensors/tensors.ts';

/** The array of each tensor type. `float16` is bit patterns, `bool` is 0 and 1. */
export interface TensorArrays {
  readonly float32: Float32Array;
  readonly float16: Uint16Array;
  readonly float64: Float64Array;
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
  readonly int64: BigInt64Array;
  readonly uint64: BigUint64Array;
  readonly bool: Uint8Array;
  readonly string: readonly string[];
}

/**
 * A tensor as the caller writes it; `type` defaults to what the model declares. Plain numbers must be of that type: whole and in its range,
 * or, for floating point, any; bigints are taken for `int64` and `uint64`, booleans for `bool`.
 */
export interface TensorInput<T extends TensorType = TensorType> {
  readonly data: TensorArrays[T] | readonly number[] | readonly bigint[] | readonly boolean[];
  readonly dims: readonly number[];
  readonly type?: T;
}

export interface TensorOutput<T extends TensorType = TensorType> {
  readonly type: T;
  readonly dims: readonly number[];
  readonly data: TensorArrays[T];
}
