/**
 * Example tensors: values of a file in the type and dims that the manifest declares for an input.
 *
 * Invariants
 *  - One example is one item: the axis "batch" has length 1, other named axes take the length of the data.
 *
 * Not here: what a file's bytes mean (the readers), and what a type has (protocol/tensors/tensor-data.ts).
 */
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { dataFromNumbers } from '../../protocol/tensors/tensor-data.ts';
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

export function isInteger(type: TensorType): boolean {
  return !type.startsWith('float') && type !== 'string';
}

/** The values in an array of that type; null when it cannot hold one of them. A file's own type need not be the tensor's. */
export function dataOf(type: TensorType, values: ArrayLike<number | bigint>): TensorData | null {
  if (type === 'string') return null;
  const isBig = type === 'int64' || type === 'uint64';
  return dataFromNumbers(type, isBig || values instanceof Float64Array ? values : Float64Array.from(values, Number));
}
