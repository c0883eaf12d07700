/**
 * Image kernel: brightness, contrast, sharpness, saturation and clipping of one image.
 *
 * Invariants
 *  - One pass, nothing kept but sums.
 *  - Pixels beyond COUNTED_ELEMENT_COUNT_MAX are skipped by whole rows and columns at a fixed step; the neighbours that
 *    sharpness looks at are always the next pixels, so the step does not blur it.
 *  - NaN and infinities are reported, and spread into the statistics as NaN, never thrown.
 *
 * Source: RMS contrast after Peli, "Contrast in complex images" (1990); luma weights of ITU-R BT.709.
 */
import { COUNTED_ELEMENT_COUNT_MAX } from '../../protocol/limits.ts';
import type { ImageMetric } from '../plans/data-plan.ts';

/** Where an image lies in its tensor: strides are in elements. */
export interface ImageGeometry {
  readonly offset: number;
  readonly height: number;
  readonly width: number;
  readonly channelCount: number;
  readonly rowStride: number;
  readonly columnStride: number;
  readonly channelStride: number;
}

export type ImageMeasure = { readonly [M in ImageMetric]: number } & {
  /** Values that were read, and those of them that were NaN or infinite. */
  readonly valueCount: number;
  readonly nanCount: number;
  readonly infinityCount: number;
  /** All values that were read are the same; false for a single one, which cannot be anything else. */
  readonly isConstant: boolean;
  readonly firstValue: number;
};

/** @param range Values that mean black and white. */
export function measureImage(values: ArrayLike<number>, geometry: ImageGeometry, range: readonly [number, number]): ImageMeasure {
  const { offset, height, width, channelCount, rowStride, columnStride, channelStride } = geometry;
  const [black, white] = range;
  const scale = 1 / (white - black);
  const step = Math.ceil(Math.sqrt((height * width * channelCount) / COUNTED_ELEMENT_COUNT_MAX));
  const firstValue = values[offset] as number;
  let [pixelCount, valueCount, differenceCount, nanCount, infinityCount, darkCount, brightCount] = [0, 0, 0, 0, 0, 0, 0];
  let [lumaSum, lumaSquareSum, differenceSum, saturationSum] = [0, 0, 0, 0];
  let isConstant = true;

  const lumaAt = (at: number): number => (lumaValueAt(values, at, channelCount, channelStride) - black) * scale;

  for (let row = 0; row < height; row += step) {
    for (let column = 0; column < width; column += step) {
      const at = offset + row * rowStride + column * columnStride;
      let low = Infinity;
      let high = -Infinity;
      for (let channel = 0; channel < channelCount; channel++) {
        const value = values[at + channel * channelStride] as number;
        if (value !== firstValue) isConstant = false;
        // The difference of a finite number with itself is 0; NaN and infinities are rare and told apart only then.
        if (value - value !== 0) {
          if (Number.isNaN(value)) nanCount++;
          else infinityCount++;
        }
        if (value <= black) darkCount++;
        if (value >= white) brightCount++;
        if (value < low) low = value;
        if (value > high) high = value;
        valueCount++;
      }
      const luma = lumaAt(at);
      pixelCount++;
      lumaSum += luma;
      lumaSquareSum += luma * luma;
      const saturation = high > black ? (high - low) / (high - black) : 0;
      // Comparisons leave NaN out; the mean must not.
      saturationSum += Number.isNaN(luma) ? luma : saturation;
      if (column + 1 < width) {
        differenceSum += Math.abs(luma - lumaAt(at + columnStride));
        differenceCount++;
      }
      if (row + 1 < height) {
        differenceSum += Math.abs(luma - lumaAt(at + rowStride));
        differenceCount++;
      }
    }
  }

  const brightness = lumaSum / pixelCount;
  return {
    brightness,
    contrast: Math.sqrt(Math.max(0, lumaSquareSum / pixelCount - brightness * brightness)),
    sharpness: differenceCount === 0 ? 0 : differenceSum / differenceCount,
    saturation: saturationSum / pixelCount,
    'clipped-dark': darkCount / valueCount,
    'clipped-bright': brightCount / valueCount,
    valueCount,
    nanCount,
    infinityCount,
    isConstant: isConstant && valueCount > 1,
    firstValue,
  };
}

/** Luma in units of the tensor: BT.709 for three channels, the plain mean for any other number. */
function lumaValueAt(values: ArrayLike<number>, at: number, channelCount: number, stride: number): number {
  const first = values[at] as number;
  if (channelCount === 1) return first;
  if (channelCount === 3) return 0.2126 * first + 0.7152 * (values[at + stride] as number) + 0.0722 * (values[at + 2 * stride] as number);
  let sum = 0;
  for (let channel = 0; channel < channelCount; channel++) sum += values[at + channel * stride] as number;
  return sum / channelCount;
}

/** Where the images of a tensor lie; null when dims, layout and length do not agree or there is no pixel. */
export function imageGeometries(
  dims: readonly number[],
  layout: 'NCHW' | 'NHWC',
  hasBatch: boolean,
  elementCount: number,
): readonly ImageGeometry[] | null {
  const axes = dims.slice(hasBatch || dims.length === 4 ? 1 : 0);
  if (axes.length !== 2 && axes.length !== 3) return null;
  const imageCount = axes.length === dims.length ? 1 : (dims[0] as number);
  const spatial = axes.length === 2 || layout === 'NCHW' ? axes.slice(-2) : axes.slice(0, 2);
  const [height, width] = spatial as [number, number];
  const channelCount = axes.length === 2 ? 1 : ((layout === 'NCHW' ? axes[0] : axes[2]) as number);
  const size = height * width * channelCount;
  if (!(size > 0) || size * imageCount !== elementCount) return null;
  const strides =
    layout === 'NCHW' || axes.length === 2
      ? { rowStride: width, columnStride: 1, channelStride: height * width }
      : { rowStride: width * channelCount, columnStride: channelCount, channelStride: 1 };
  return Array.from({ length: imageCount }, (_, index) => ({ offset: index * size, height, width, channelCount, ...strides }));
}
