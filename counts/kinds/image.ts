/**
 * Image: brightness, contrast, sharpness, saturation and clipping of each image.
 *
 * Invariants
 *  - One pass, nothing kept but sums.
 *  - At most BATCH_AXIS_COUNT_MAX images of a tensor are counted; of more, every n-th.
 *  - Pixels beyond COUNTED_ELEMENT_COUNT_MAX are skipped by whole rows and columns at a fixed step; the neighbours that
 *    sharpness looks at are always the next pixels, so the step does not blur it.
 *  - NaN and infinities are reported, and spread into the statistics as NaN, never thrown.
 *
 * Source: RMS contrast after Peli, "Contrast in complex images" (1990); luma weights of ITU-R BT.709.
 */
import { BATCH_AXIS_COUNT_MAX, COUNTED_ELEMENT_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { numbersOf } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import { edgedCell, edgedCells, HALF_EDGES, UNIT_EDGES, UNIT_EDGES_FINE_AT_ZERO } from '../layout/edges.ts';
import type { KindMetric } from '../layout/plan.ts';
import { countInputState, isWhole, type Survey } from '../tally/rows.ts';
import type { TensorCounts } from '../tally/tensor-counts.ts';
import type { Counter, KindExamples, MetricsOf } from './kind.ts';

const IMAGE_EDGES = {
  brightness: UNIT_EDGES,
  contrast: HALF_EDGES,
  sharpness: UNIT_EDGES_FINE_AT_ZERO,
  'clipped-dark': UNIT_EDGES_FINE_AT_ZERO,
  'clipped-bright': UNIT_EDGES_FINE_AT_ZERO,
  saturation: UNIT_EDGES,
} as const;
type ImageMetric = keyof typeof IMAGE_EDGES;
const METRICS = Object.keys(IMAGE_EDGES) as ImageMetric[];

const WORDS: { readonly [M in ImageMetric]: Pick<KindMetric, 'title' | 'unit' | 'why'> } = {
  brightness: {
    title: 'Mean luma of one image, 0 = black, 1 = white',
    unit: 'fraction of the range',
    why: 'Lighting, exposure or preprocessing differ from the training data.',
  },
  contrast: {
    title: 'Standard deviation of luma within one image',
    unit: 'fraction of the range',
    why: 'Fog, glare, washed-out or binarised images.',
  },
  sharpness: {
    title: 'Mean absolute luma difference of neighbouring pixels',
    unit: 'fraction of the range',
    why: 'Blur and upscaling lower it, noise raises it.',
  },
  'clipped-dark': {
    title: 'Share of values at or below black',
    unit: 'fraction of values',
    why: 'Underexposure, a covered lens, a wrong range.',
  },
  'clipped-bright': {
    title: 'Share of values at or above white',
    unit: 'fraction of values',
    why: 'Overexposure, an inverted image, a wrong range.',
  },
  saturation: {
    title: 'Mean saturation, (max - min) / max of the three channels',
    unit: 'fraction',
    why: 'Grey images where colour ones are expected, swapped colour spaces.',
  },
};

export const imageMetrics: MetricsOf<ManifestInput> = (input) => {
  const hasColour = declaredChannelCount(input) === 3;
  return METRICS.filter((id) => id !== 'saturation' || hasColour).map((id) => ({
    id,
    ...WORDS[id],
    per: 'item',
    ...(id === 'brightness' ? { role: 'headline' } : {}),
    ...edgedCells(IMAGE_EDGES[id]),
  }));
};

export const imageCounter: Counter<ManifestInput> = {
  counterOf: (input, counts) => (tensor) => countImages(input, tensor, counts),
};

export const imageExamples: KindExamples = {
  inputs: [{ name: 'IMAGE', type: 'float32', dims: ['batch', 3, 224, 224], kind: 'image' }],
};

/** Channels of an image tensor as declared, or null when the manifest leaves them open. */
export function declaredChannelCount(tensor: ManifestInput): number | null {
  const hasBatch = tensor.dims[0] === 'batch';
  const rank = tensor.dims.length - (hasBatch ? 1 : 0);
  if (rank === 2) return 1;
  if (rank !== 3 && rank !== 4) return null;
  const axis = tensor.layout === 'NHWC' ? tensor.dims.length - 1 : tensor.dims.length - 3;
  const channels = tensor.dims[axis];
  return typeof channels === 'number' ? channels : null;
}

function countImages(input: ManifestInput, tensor: TensorWire, counts: TensorCounts): boolean {
  const geometries = isWhole(tensor) ? imageGeometries(input, tensor) : null;
  const values = geometries === null ? null : numbersOf(tensor);
  if (geometries === null || values === null) return false;
  const range = input.range ?? (tensor.type === 'uint8' ? ([0, 255] as const) : ([0, 1] as const));
  const step = Math.ceil(geometries.length / BATCH_AXIS_COUNT_MAX);
  for (let at = 0; at < geometries.length; at += step) {
    const measure = measureImage(values, geometries[at] as ImageGeometry, range);
    if (!countInputState(counts, measure, input.missing)) continue;
    for (const metric of METRICS) counts.bump(metric, edgedCell(IMAGE_EDGES[metric], measure[metric]));
  }
  return true;
}

/** Where an image lies in its tensor: strides are in elements. */
interface ImageGeometry {
  readonly offset: number;
  readonly height: number;
  readonly width: number;
  readonly channelCount: number;
  readonly rowStride: number;
  readonly columnStride: number;
  readonly channelStride: number;
}

type ImageMeasure = { readonly [M in ImageMetric]: number } & Survey;

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
  declared: Pick<ManifestInput, 'dims' | 'layout'>,
  { dims, data }: Pick<TensorWire, 'dims' | 'data'>,
): readonly ImageGeometry[] | null {
  const hasBatch = declared.dims[0] === 'batch';
  const axes = dims.slice(hasBatch || dims.length === 4 ? 1 : 0);
  if (axes.length !== 2 && axes.length !== 3) return null;
  const imageCount = axes.length === dims.length ? 1 : (dims[0] as number);
  const isPlanar = axes.length === 2 || declared.layout !== 'NHWC';
  const [height, width] = (isPlanar ? axes.slice(-2) : axes) as [number, number];
  const channelCount = axes.length === 2 ? 1 : ((isPlanar ? axes[0] : axes[2]) as number);
  const size = height * width * channelCount;
  if (!(size > 0) || size * imageCount !== data.length) return null;
  const strides = isPlanar
    ? { rowStride: width, columnStride: 1, channelStride: height * width }
    : { rowStride: width * channelCount, columnStride: channelCount, channelStride: 1 };
  return Array.from({ length: imageCount }, (_, index) => ({ offset: index * size, height, width, channelCount, ...strides }));
}
