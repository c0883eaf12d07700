/**
 * Numbers out of a tensor, whatever its type.
 *
 * Why: kernels read numbers; float16 arrives as bit patterns, int64 as bigint, strings not at all.
 *
 * Invariants
 *  - Never throws. What cannot be read as numbers is `null`.
 *  - Of a tensor with more rows than are asked for, every n-th is read.
 *  - At most COUNTED_ELEMENT_COUNT_MAX elements plus one per row are sampled, at a fixed stride that starts anew in each row.
 */
import { COUNTED_ELEMENT_COUNT_MAX } from '../../protocol/limits.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';

/** Rows side by side, each `rowLength` long. */
export interface Rows {
  readonly values: ArrayLike<number>;
  readonly rowCount: number;
  readonly rowLength: number;
  /** Elements that were left out. */
  readonly uncountedCount: number;
}

/** The sampled elements of a tensor with `rowCount` rows; null for strings. `rowCount` divides the element count. */
export function sampleRows(tensor: TensorWire, rowCount: number): Rows | null {
  const { data } = tensor;
  const length = data.length / rowCount;
  if (data.length <= COUNTED_ELEMENT_COUNT_MAX) {
    const values = numbersOf(tensor);
    return values === null ? null : { values, rowCount, rowLength: length, uncountedCount: 0 };
  }
  if (!ArrayBuffer.isView(data)) return null;
  const stride = strideFor(data.length);
  const rowLength = Math.ceil(length / stride);
  // Sampled in the tensor's own type, then converted: a large float16 tensor is never converted whole.
  const sampled = data.slice(0, rowCount * rowLength) as Exclude<typeof data, readonly string[]>;
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    for (let index = 0; index < length; index += stride) sampled[at++] = data[row * length + index] as never;
  }
  const values = numbersOf({ ...tensor, data: sampled });
  return values === null ? null : { values, rowCount, rowLength, uncountedCount: data.length - at };
}

/** As `sampleRows`, of texts. */
export function sampleTexts(texts: readonly string[], rowCount: number): readonly string[] {
  if (texts.length <= COUNTED_ELEMENT_COUNT_MAX) return texts;
  const length = texts.length / rowCount;
  const stride = strideFor(texts.length);
  return texts.filter((_, at) => (at % length) % stride === 0);
}

/** Every n-th row of a tensor of so many, as few as may be read. `rowCount` divides the element count. */
export function thinned(tensor: TensorWire, rowCount: number, rowCountMax: number): TensorWire {
  const { dims, data } = tensor;
  const step = Math.ceil(rowCount / rowCountMax);
  const keptCount = Math.ceil(rowCount / step);
  const length = data.length / rowCount;
  const keptDims = [keptCount, ...dims.slice(1)];
  if (!ArrayBuffer.isView(data)) {
    return { ...tensor, dims: keptDims, data: (data as readonly string[]).filter((_, at) => Math.floor(at / length) % step === 0) };
  }
  const kept = data.slice(0, keptCount * length) as Exclude<typeof data, readonly string[]>;
  for (let row = 0; row < keptCount; row++) {
    const from = row * step * length;
    kept.set(data.subarray(from, from + length) as never, row * length);
  }
  return { ...tensor, dims: keptDims, data: kept };
}

/** Not a multiple of 2 or 3, or it would meet the same channel of an interleaved tensor again and again. */
export function strideFor(elementCount: number): number {
  let stride = Math.ceil(elementCount / COUNTED_ELEMENT_COUNT_MAX);
  while (stride > 1 && (stride % 2 === 0 || stride % 3 === 0)) stride++;
  return stride;
}
