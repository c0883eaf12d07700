/**
 * Tensor data: the array that belongs to each tensor type, and the way from plain numbers into it.
 *
 * Why one way: callers write plain numbers on the page, goldens and data sets hold them, rows and texts become them. What a type does not have
 * is refused in each of these places alike.
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

/**
 * Plain values as the array of their type: numbers, bigints for the types of 64 bits, booleans for `bool`.
 *
 * @returns Null when one is no element of the type: nothing is cut off or wrapped. Floating point takes the nearest, NaN and infinities too.
 */
export function dataFromNumbers(type: NumericTensorType, values: ArrayLike<unknown>): NumericTensorData | null {
  const data = new TENSOR_ARRAYS[type](values.length);
  const isFloat = type.startsWith('float');
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let at = 0; at < values.length; at++) {
    let value = values[at];
    if (type === 'bool' && typeof value === 'boolean') value = Number(value);
    if (isBig && Number.isInteger(value)) value = BigInt(value as number);
    if (typeof value !== (isBig ? 'bigint' : 'number')) return null;
    data[at] = type === 'float16' ? toHalf(value as number) : (value as number);
    // What a whole type has comes back as it went in.
    if (!isFloat && (data[at] !== value || (type === 'bool' && (value as number) > 1))) return null;
  }
  return data;
}

/** Bits of the binary16 nearest to `value`, ties to even (IEEE 754-2019, 4.3.1). */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // 65,520 lies halfway between the largest and the next power of two.
  if (magnitude >= 65_520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const steps = roundToEven(magnitude / 2 ** (exponent - 10));
  // A mantissa that rounds up to the next power of two carries into the exponent by itself.
  return sign | (steps < 1024 ? steps : ((exponent + 15) << 10) + (steps - 1024));
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
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
