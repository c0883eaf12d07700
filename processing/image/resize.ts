/**
 * Resizing, to the byte as Pillow does it: separable, antialiased when shrinking, in 8-bit fixed point.
 *
 * Why our own: what a canvas makes of a picture differs between engines and from what the model was trained on.
 *
 * Invariants
 *  - Coefficients have 22 bits, the pass over columns is rounded to bytes before the pass over rows.
 *  - Only what `window` shows is computed; it is the same, byte for byte, as cutting it out of the whole.
 *
 * Source: Pillow 12, src/libImaging/Resample.c (precompute_coeffs, normalize_coeffs_8bpc) and Geometry.c (ImagingScaleAffine).
 */
import type { ManifestImagePreprocess } from '../../protocol/manifest/preprocess.ts';

type Filter = NonNullable<ManifestImagePreprocess['filter']>;

/** Bytes row by row, channels side by side. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channelCount: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** One axis of a resize. */
export interface AxisResize {
  /** Part of the source, in source pixels; edges may lie within a pixel. Of single precision, as Pillow's box is. */
  readonly start: number;
  readonly end: number;
  /** Length that this part becomes, and what of it is wanted. */
  readonly length: number;
  readonly windowStart: number;
  readonly windowLength: number;
}

/** Weights of the source pixels of each wanted pixel: `count[i]` of them from `first[i]` on, at `i * stride` in `weights`. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

const PRECISION_BITS = 22;
const ONE = 1 << PRECISION_BITS;
const HALF = 1 << (PRECISION_BITS - 1);

const KERNELS: Readonly<Record<Exclude<Filter, 'nearest'>, { readonly support: number; readonly weightAt: (x: number) => number }>> = {
  bilinear: { support: 1, weightAt: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weightAt: cubic },
  lanczos: { support: 3, weightAt: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic with a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** The wanted window of the resized source. */
export function resize(source: Raster, columns: AxisResize, rows: AxisResize, filter: Filter): Raster {
  if (filter === 'nearest') return pickNearest(source, columns, rows);
  const down = isIdentity(rows, source.height) ? null : tapsOf(rows, source.height, filter);
  const firstRow = down === null ? rows.windowStart : (down.first[0] as number);
  const lastRow = down === null ? firstRow + rows.windowLength : lastOf(down);
  const across = isIdentity(columns, source.width)
    ? cutOut(source, columns.windowStart, columns.windowLength, firstRow, lastRow - firstRow)
    : resizeColumns(source, tapsOf(columns, source.width, filter), firstRow, lastRow - firstRow);
  return down === null ? across : resizeRows(across, down, firstRow);
}

function isIdentity({ start, end, length }: AxisResize, sourceLength: number): boolean {
  return start === 0 && end === sourceLength && length === sourceLength;
}

function lastOf({ first, count }: Taps): number {
  let last = 0;
  for (let index = 0; index < first.length; index++) last = Math.max(last, (first[index] as number) + (count[index] as number));
  return last;
}

function tapsOf(
  { start, end, length, windowStart, windowLength }: AxisResize,
  sourceLength: number,
  filter: Exclude<Filter, 'nearest'>,
): Taps {
  const { support: kernelSupport, weightAt } = KERNELS[filter];
  const scale = Math.fround(end - start) / length;
  const filterScale = Math.max(1, scale);
  const support = kernelSupport * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = {
    first: new Int32Array(windowLength),
    count: new Int32Array(windowLength),
    weights: new Int32Array(windowLength * stride),
    stride,
  };
  const exact = new Float64Array(stride);
  const step = 1 / filterScale;
  for (let index = 0; index < windowLength; index++) {
    const centre = start + (windowStart + index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(sourceLength, Math.trunc(centre + support + 0.5)) - first;
    let sum = 0;
    for (let tap = 0; tap < count; tap++) {
      const weight = weightAt((tap + first - centre + 0.5) * step);
      exact[tap] = weight;
      sum += weight;
    }
    taps.first[index] = first;
    taps.count[index] = count;
    for (let tap = 0; tap < count; tap++) {
      const weight = sum === 0 ? (exact[tap] as number) : (exact[tap] as number) / sum;
      taps.weights[index * stride + tap] = Math.trunc(weight < 0 ? weight * ONE - 0.5 : weight * ONE + 0.5);
    }
  }
  return taps;
}

/** One channel or three; `data` of the source may have a fourth, which is skipped. */
function resizeColumns(source: Raster, taps: Taps, firstRow: number, rowCount: number): Raster {
  const width = taps.first.length;
  const channelCount = source.channelCount === 1 ? 1 : 3;
  const data = new Uint8ClampedArray(width * rowCount * channelCount);
  const [fromLength, toLength] = [source.width * source.channelCount, width * channelCount];
  const resizeRow = channelCount === 1 ? resizeGrayRow : resizeColourRow;
  for (let row = 0; row < rowCount; row++) {
    const start = (firstRow + row) * fromLength;
    const from = source.data.subarray(start, start + fromLength);
    resizeRow(from, source.channelCount, taps, data.subarray(row * toLength, (row + 1) * toLength));
  }
  return { width, height: rowCount, channelCount, data };
}

type Bytes = Uint8Array | Uint8ClampedArray;

/** @param step From one pixel of the source to the next. */
function resizeColourRow(from: Bytes, step: number, { first, count, weights, stride }: Taps, to: Uint8ClampedArray): void {
  let out = 0;
  for (let column = 0; column < first.length; column++) {
    let at = (first[column] as number) * step;
    let [red, green, blue] = [HALF, HALF, HALF];
    const base = column * stride;
    const end = base + (count[column] as number);
    for (let tap = base; tap < end; tap++) {
      const weight = weights[tap] as number;
      red = (red + Math.imul(from[at] as number, weight)) | 0;
      green = (green + Math.imul(from[at + 1] as number, weight)) | 0;
      blue = (blue + Math.imul(from[at + 2] as number, weight)) | 0;
      at += step;
    }
    to[out] = red >> PRECISION_BITS;
    to[out + 1] = green >> PRECISION_BITS;
    to[out + 2] = blue >> PRECISION_BITS;
    out += 3;
  }
}

function resizeGrayRow(from: Bytes, step: number, { first, count, weights, stride }: Taps, to: Uint8ClampedArray): void {
  for (let column = 0; column < first.length; column++) {
    const at = (first[column] as number) * step;
    let sum = HALF;
    const base = column * stride;
    for (let tap = 0; tap < (count[column] as number); tap++)
      sum = (sum + Math.imul(from[at + tap * step] as number, weights[base + tap] as number)) | 0;
    to[column] = sum >> PRECISION_BITS;
  }
}

/** @param firstRow The source's row that is the first of `across`. */
function resizeRows(across: Raster, { first, count, weights, stride }: Taps, firstRow: number): Raster {
  const { width, channelCount, data: from } = across;
  const rowLength = width * channelCount;
  const data = new Uint8ClampedArray(rowLength * first.length);
  const sums = new Int32Array(rowLength);
  for (let row = 0; row < first.length; row++) {
    sums.fill(HALF);
    for (let tap = 0; tap < (count[row] as number); tap++) {
      addRow(sums, from, ((first[row] as number) - firstRow + tap) * rowLength, weights[row * stride + tap] as number);
    }
    const start = row * rowLength;
    for (let index = 0; index < rowLength; index++) data[start + index] = (sums[index] as number) >> PRECISION_BITS;
  }
  return { width, height: first.length, channelCount, data };
}

function addRow(sums: Int32Array, from: Bytes, start: number, weight: number): void {
  for (let index = 0; index < sums.length; index++)
    sums[index] = ((sums[index] as number) + Math.imul(from[start + index] as number, weight)) | 0;
}

function cutOut(source: Raster, left: number, width: number, top: number, height: number): Raster {
  const channelCount = source.channelCount === 1 ? 1 : 3;
  const data = new Uint8ClampedArray(width * height * channelCount);
  let out = 0;
  for (let row = top; row < top + height; row++) {
    for (let column = left; column < left + width; column++) {
      const at = (row * source.width + column) * source.channelCount;
      for (let channel = 0; channel < channelCount; channel++) data[out++] = source.data[at + channel] as number;
    }
  }
  return { width, height, channelCount, data };
}

function pickNearest(source: Raster, columns: AxisResize, rows: AxisResize): Raster {
  const channelCount = source.channelCount === 1 ? 1 : 3;
  const [across, down] = [nearestOf(columns, source.width), nearestOf(rows, source.height)];
  const data = new Uint8ClampedArray(across.length * down.length * channelCount);
  let out = 0;
  for (const row of down) {
    for (const column of across) {
      const at = (row * source.width + column) * source.channelCount;
      for (let channel = 0; channel < channelCount; channel++) data[out++] = source.data[at + channel] as number;
    }
  }
  return { width: across.length, height: down.length, channelCount, data };
}

/** Positions are summed up and not multiplied, because Pillow's are: their last bits differ. */
function nearestOf({ start, end, length, windowStart, windowLength }: AxisResize, sourceLength: number): Int32Array {
  const step = Math.fround(end - start) / length;
  const picked = new Int32Array(windowLength);
  let at = start + step * 0.5;
  for (let index = 0; index < windowStart + windowLength; index++) {
    if (index >= windowStart) picked[index - windowStart] = Math.min(sourceLength - 1, Math.trunc(at));
    at += step;
  }
  return picked;
}
