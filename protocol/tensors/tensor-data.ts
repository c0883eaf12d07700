/**
 * Tensor data: the array that belongs to each tensor type, and the way from plain numbers into it.
 *
 * Why: callers may write plain numbers on the page, and goldens are plain numbers in the worker; one table keeps the two agreed.
 *
 * Invariants
 *  - `float16` is a Uint16Array of bit patterns everywhere: Float16Array is not in every engine yet.
 *  - `bool` is a Uint8Array of 0 and 1.
 *
 * Not here: checks against a manifest (sdk/feeds/feeds.ts), and the way back to numbers (counts/tally/tensor-values.ts).
 * Source: IEEE 754-2019 binary16; the array types are those of onnxruntime-web.
 */
import type { TensorData, TensorType, TensorWire } from './tensors.ts';

export type NumericTensorType = Exclude<TensorType, 'string'>;

export type NumericTensorData = Exclude<TensorData, readonly string[]>;

type ArrayOf<T> = { new (length: number): T; readonly name: string };

/** The array constructor of each numeric type. */
export const TENSOR_ARRAYS: Readonly<Record<NumericTensorType, ArrayOf<NumericTensorData>>> = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** Elements of a tensor with these dims; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, length) => product * length, 1);
}

/** Plain numbers as the array of their type. Integers are truncated, as a typed array does. */
export function dataFromNumbers(type: NumericTensorType, numbers: readonly number[]): NumericTensorData {
  const data = new TENSOR_ARRAYS[type](numbers.length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    numbers.forEach((value, index) => {
      data[index] = BigInt(Math.trunc(value));
    });
  } else if (type === 'float16') {
    numbers.forEach((value, index) => {
      data[index] = toHalf(value);
    });
  } else {
    data.set(numbers);
  }
  return data;
}

const scratch = new DataView(new ArrayBuffer(4));

/** Bits of the binary16 nearest to `value`, ties to even. */
export function toHalf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7f_ffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const halfExponent = exponent - 112;
  if (halfExponent >= 31) return sign | 0x7c00;
  if (halfExponent < -10) return sign;
  if (halfExponent > 0) return sign | roundedShift((halfExponent << 23) | fraction, 13);
  return sign | roundedShift(fraction | 0x80_0000, 14 - halfExponent);
}

/** `bits >> by`, rounded to nearest, ties to even; a carry runs into the exponent, which is right. */
function roundedShift(bits: number, by: number): number {
  const half = 1 << (by - 1);
  const rest = bits & ((1 << by) - 1);
  const kept = bits >>> by;
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** Value of a float16 bit pattern. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** All elements as numbers, without a copy where the array holds numbers already; null for strings. */
export function numbersOf(tensor: TensorWire): ArrayLike<number> | null {
  const { data } = tensor;
  if (tensor.type === 'float16' && data instanceof Uint16Array) return Float32Array.from(data, halfToNumber);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data as Iterable<bigint>, Number);
  return ArrayBuffer.isView(data) ? (data as ArrayLike<number>) : null;
}
