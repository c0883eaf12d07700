/**
 * Cells of one image, in two passes over a table of pixels.
 *
 * Source: titles of the image metrics in the data dictionary; luma weights of ITU-R BT.709; RMS contrast after Peli (1990).
 */
import fc from 'fast-check';
import { EVEN, EVEN_TO_HALF, FINE_AT_ZERO } from '../expected-counts.ts';
import { onInput } from '../manifests.ts';
import { floats, type Item, type ReferenceKind } from '../reference-kind.ts';
import { isAllNumbers, type TensorSpec } from '../tensor-spec.ts';

const image = { name: 'x', kind: 'image', type: 'float32' };

interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channelCount: number;
  /** Position of channel `c` of the pixel in row `y` and column `x`. */
  readonly at: (c: number, y: number, x: number) => number;
}

/** The picture's shape from the axes that follow the batch axis; null when they are no picture's. */
function pictureOf(axes: readonly number[], layout: 'NCHW' | 'NHWC'): Picture | null {
  const [a, b, c] = axes as [number, number, number];
  if (axes.length === 2) return { height: a, width: b, channelCount: 1, at: (_, y, x) => y * b + x };
  if (axes.length !== 3) return null;
  if (layout === 'NHWC') return { height: a, width: b, channelCount: c, at: (channel, y, x) => (y * b + x) * c + channel };
  return { height: b, width: c, channelCount: a, at: (channel, y, x) => (channel * b + y) * c + x };
}

function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}

function lumaOf(channels: readonly number[]): number {
  const [red, green, blue] = channels as [number, number, number];
  return channels.length === 3 ? 0.2126 * red + 0.7152 * green + 0.0722 * blue : mean(channels);
}

/** What is black, or darker, has no colour. */
function saturationOf(channels: readonly number[]): number {
  const highest = Math.max(...channels);
  return highest <= 0 ? 0 : (highest - Math.min(...channels)) / highest;
}

function countItem({ counts, prefix, spec, axes, row, state }: Item): void {
  const layout = spec.layout ?? 'NCHW';
  const picture = pictureOf(axes, layout);
  if (picture === null || state === 'missing') return;
  const [black, white] = spec.range ?? [0, 1];
  const values = row as readonly number[];
  const { height, width, channelCount, at } = picture;
  const luma: number[][] = [];
  const saturations: number[] = [];
  for (let y = 0; y < height; y++) {
    const line: number[] = [];
    for (let x = 0; x < width; x++) {
      const channels: number[] = [];
      for (let c = 0; c < channelCount; c++) channels.push(((values[at(c, y, x)] as number) - black) / (white - black));
      line.push(lumaOf(channels));
      saturations.push(saturationOf(channels));
    }
    luma.push(line);
  }
  const differences: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const here = luma[y]?.[x] as number;
      const right = luma[y]?.[x + 1];
      const below = luma[y + 1]?.[x];
      if (right !== undefined) differences.push(Math.abs(here - right));
      if (below !== undefined) differences.push(Math.abs(here - below));
    }
  }
  const flat = luma.flat();
  const brightness = mean(flat);
  const contrast = Math.sqrt(mean(flat.map((value) => (value - brightness) ** 2)));
  const dark = values.filter((value) => value <= black).length;
  const bright = values.filter((value) => value >= white).length;
  counts.addRounded(`${prefix}.brightness`, EVEN, brightness);
  counts.addRounded(`${prefix}.contrast`, EVEN_TO_HALF, contrast);
  counts.addRounded(`${prefix}.sharpness`, FINE_AT_ZERO, mean(differences));
  counts.addExact(`${prefix}.clipped-dark`, FINE_AT_ZERO, dark / values.length);
  counts.addExact(`${prefix}.clipped-bright`, FINE_AT_ZERO, bright / values.length);
  if (declaredChannelCount(spec, layout) === 3) counts.addRounded(`${prefix}.saturation`, EVEN, mean(saturations));
}

function declaredChannelCount({ dims }: TensorSpec, layout: 'NCHW' | 'NHWC'): number | undefined {
  const axes = dims[0] === 'batch' || dims.length === 4 ? dims.slice(1) : dims;
  return pictureOf(
    axes.map((axis) => (typeof axis === 'number' ? axis : -1)),
    layout,
  )?.channelCount;
}

export const reference: ReferenceKind = {
  kind: 'image',
  manifests: {
    image: () =>
      onInput(
        { ...image, dims: ['batch', 1, 4, 4], range: [0, 16], missing: 'all-zero' },
        { ...image, dims: ['batch', 3, 'h', 'w'], range: [0, 255], layout: 'NCHW' },
        { ...image, dims: ['batch', 'h', 'w', 3], range: [-1, 1], layout: 'NHWC' },
        { ...image, dims: ['batch', 3, 2, 'w'], range: [0, 255], type: 'uint8', missing: 'constant' },
        { ...image, dims: ['h', 'w'], range: [0, 1] },
        { ...image, dims: ['batch', 'h', 'w', 4], range: [0, 1], layout: 'NHWC' },
        { ...image, dims: ['batch', 'c', 2, 2], range: [0, 1], type: 'float16' },
      ),
  },
  worked: [
    {
      what: 'an image is counted by brightness, contrast, sharpness and what is clipped',
      side: 'input',
      declared: { dims: ['batch', 1, 2, 2], range: [0, 16] },
      tensor: floats([1, 1, 2, 2], 0, 16, 8, 8),
      cells: {
        'brightness|0.5..0.53125': 1,
        'contrast|0.34375..0.359375': 1,
        'sharpness|0.5..0.53125': 1,
        'clipped-dark|0.25..0.28125': 1,
        'clipped-bright|0.25..0.28125': 1,
      },
    },
  ],
  fits: (spec, axes, elements) => isAllNumbers(elements) && pictureOf(axes, spec.layout ?? 'NCHW') !== null,
  countItem,
  likely: (spec) => {
    const [black, white] = spec.range ?? [0, 1];
    return fc.oneof(
      fc.integer({ min: 0, max: 17 }).map((step) => black + ((white - black) * step) / 17),
      fc.double({ min: black, max: white, noNaN: true }),
      fc.double({ min: black - 1, max: white + 1, noNaN: true }),
    );
  },
  freeAxisMax: 4,
  isStack: (dims) => dims.length === 4,
};
