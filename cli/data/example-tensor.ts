/**
 * Example tensors: values of a file in the type and dims that the manifest declares for an input.
 *
 * Invariants
 *  - One example is one item: the axis "batch" has length 1, other named axes take the length of the data.
 *  - An integer type takes whole numbers in its range and nothing else; a number is never wrapped or cut off.
 *
 * Not here: what a file's bytes mean (the readers).
 */
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { TensorData, TensorType } from '../../protocol/tensors/tensors.ts';

type Axis = ManifestInput['dims'][number];

/** Axes of one item: the declared ones without a leading "batch". */
export function itemAxes({ dims }: Pick<ManifestInput, 'dims'>): readonly Axis[] {
  return dims[0] === 'batch' ? dims.slice(1) : dims;
}

/**
 * Dims of a tensor that holds one item.
 *
 * @param shape The item's shape in the file: that of the input without its batch axis, or all elements in one row.
 * @returns null when it does not fit.
 */
export function dimsOfItem(input: ManifestInput, shape: readonly number[]): readonly number[] | null {
  const axes = itemAxes(input);
  const batch = axes.length === input.dims.length ? [] : [1];
  if (shape.length === axes.length && axes.every((axis, index) => typeof axis === 'string' || axis === shape[index])) {
    return [...batch, ...shape];
  }
  if (shape.length > 1) return null;
  const elementCount = shape[0] ?? 1;
  const fixedCount = axes.reduce<number>((product, axis) => product * (typeof axis === 'number' ? axis : 1), 1);
  const isOpen = axes.filter((axis) => typeof axis === 'string').length === 1;
  if (elementCount !== fixedCount && !(isOpen && elementCount % fixedCount === 0)) return null;
  return [...batch, ...axes.map((axis) => (typeof axis === 'number' ? axis : isOpen ? elementCount / fixedCount : 1))];
}

/** An item's axes for a sentence, such as `[3, 224, 224]`. */
export function axesText(input: ManifestInput): string {
  return `[${itemAxes(input).join(', ')}]`;
}

/** Lowest and highest value of each integer type; as bigints where numbers would round. */
const INTEGER_RANGES: Partial<Record<TensorType, readonly [number | bigint, number | bigint]>> = {
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint8: [0, 2 ** 8 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  bool: [0, 1],
};

export function isInteger(type: TensorType): boolean {
  return INTEGER_RANGES[type] !== undefined;
}

/** Arrays of the types whose elements are numbers. */
const NUMBER_ARRAYS: Partial<Record<TensorType, new (values: Float64Array) => TensorData>> = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
};

/**
 * The values in an array of that type; null when it cannot hold one of them.
 *
 * @param type Any but `string`.
 */
export function dataOf(type: TensorType, values: ArrayLike<number | bigint>): TensorData | null {
  const range = INTEGER_RANGES[type];
  if (range !== undefined && !isWithin(range, values)) return null;
  if (type === 'int64') return BigInt64Array.from(Array.from(values, BigInt));
  if (type === 'uint64') return BigUint64Array.from(Array.from(values, BigInt));
  const numbers = values instanceof Float64Array ? values : Float64Array.from(values, Number);
  if (type === 'float16') return Uint16Array.from(numbers, halfOf);
  const NumberArray = NUMBER_ARRAYS[type];
  return NumberArray === undefined ? null : new NumberArray(numbers);
}

function isWithin([lowest, highest]: readonly [number | bigint, number | bigint], values: ArrayLike<number | bigint>): boolean {
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number | bigint;
    if (value < lowest || value > highest || (typeof value === 'number' && !Number.isInteger(value))) return false;
  }
  return true;
}

/** Bit pattern of the float16 that is nearest, ties to even (IEEE 754-2019, 4.3.1). */
export function halfOf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // 65,520 lies halfway between the largest float16 and the next power of two.
  if (magnitude >= 65_520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const steps = roundToEven(magnitude / 2 ** (exponent - 10));
  // A mantissa that rounds up to the next power of two carries into the exponent by itself.
  return sign | (steps < 1024 ? steps : ((exponent + 15) << 10) + (steps - 1024));
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
