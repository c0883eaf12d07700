/**
 * Images: pictures into one input's tensor, as its manifest declares.
 *
 * Invariants
 *  - Pure from the decoded bytes on: the same bytes give the same tensor in every engine and in Node (`insitu baseline`).
 *  - A byte becomes a number by a table of 256 for each channel: (byte * scale - mean) / std in double precision, rounded once
 *    to the tensor's type; integer types round to nearest and are clamped.
 *
 * Not here: decoding (worker/prepare/pixels.ts), resizing (processing/image/resize.ts), what goes where (processing/image/fit.ts).
 */
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { type ManifestImagePreprocess, pictureAxes } from '../../protocol/manifest/preprocess.ts';
import { dataFromNumbers, type NumericTensorData, type NumericTensorType, TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorType, TensorWire } from '../../protocol/tensors/tensors.ts';
import type { PixelsWire } from '../../protocol/worker/media.ts';
import { UnfitError } from '../unfit-error.ts';
import { fitOf, type Placement, placementOf } from './fit.ts';
import { type Raster, resize } from './resize.ts';

/** What pictures became. */
interface PreparedPictures {
  readonly tensor: TensorWire;
  /** One for each picture. */
  readonly placements: readonly Placement[];
}

/** The tensor of decoded pictures, one for each index of the batch axis. @throws {UnfitError} when it cannot hold so many, or of such sizes. */
export function tensorOfPixels(
  input: ManifestInput,
  preprocess: ManifestImagePreprocess,
  pictures: readonly PixelsWire[],
): PreparedPictures {
  const axes = pictureAxes(input);
  const [first] = pictures;
  if (axes === null || first === undefined) throw new UnfitError('no picture was fed');
  if (axes.batch === null ? pictures.length !== 1 : typeof axes.batch === 'number' && axes.batch !== pictures.length) {
    throw new UnfitError(`it takes ${axes.batch ?? 1} at a time`);
  }
  const [declaredHeight, declaredWidth] = preprocess.size ?? [axes.height, axes.width];
  const height = typeof declaredHeight === 'number' ? declaredHeight : first.height;
  const width = typeof declaredWidth === 'number' ? declaredWidth : first.width;
  const isOwnSize = typeof declaredHeight !== 'number' || typeof declaredWidth !== 'number';
  if (isOwnSize && pictures.some((picture) => picture.height !== first.height || picture.width !== first.width)) {
    throw new UnfitError('pictures of one batch must have one size');
  }
  const channelCount = axes.channels === null ? 1 : (axes.channels as number);
  const itemLength = height * width * channelCount;
  const data = new TENSOR_ARRAYS[input.type as NumericTensorType](pictures.length * itemLength);
  const tables = byteTables(input.type, preprocess, channelCount);
  const order = { isChannelsFirst: input.layout !== 'NHWC', isReversed: preprocess.channels === 'bgr' };
  const placements = pictures.map((pixels, index) => {
    const fit = fitOf(preprocess, pixels, width, height);
    const resized = resize(opaqueRaster(pixels, preprocess, channelCount), fit.columns, fit.rows, preprocess.filter ?? 'bilinear');
    const canvas = padded(resized, { left: fit.left, top: fit.top, width, height }, preprocess);
    write(canvas, tables, data.subarray(index * itemLength, (index + 1) * itemLength), order);
    return placementOf(fit, pixels);
  });
  const item =
    axes.channels === null ? [height, width] : input.layout === 'NHWC' ? [height, width, channelCount] : [channelCount, height, width];
  return { tensor: { type: input.type, dims: axes.batch === null ? item : [pictures.length, ...item], data }, placements };
}

/** The value of each byte in each channel of the tensor. */
function byteTables(
  type: TensorType,
  { scale = 1, mean, std }: ManifestImagePreprocess,
  channelCount: number,
): readonly NumericTensorData[] {
  const limits = INTEGER_LIMITS[type];
  return Array.from({ length: channelCount }, (_, channel) => {
    const numbers = Array.from({ length: 256 }, (_, byte) => (byte * scale - (mean?.[channel] ?? 0)) / (std?.[channel] ?? 1));
    const fitting = limits === undefined ? numbers : numbers.map((value) => Math.min(limits[1], Math.max(limits[0], Math.round(value))));
    const table = dataFromNumbers(type as NumericTensorType, fitting);
    if (table === null) throw new UnfitError(`a pixel is not one of ${type}`);
    return table;
  });
}

/** Of the types that a normalised byte could leave. */
const INTEGER_LIMITS: { readonly [T in TensorType]?: readonly [number, number] } = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-2_147_483_648, 2_147_483_647],
  uint32: [0, 4_294_967_295],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** Without alpha, and grey where the tensor is. An opaque picture in colour is used as it is. */
function opaqueRaster(
  { width, height, data }: PixelsWire,
  { background = [0, 0, 0] }: ManifestImagePreprocess,
  channelCount: number,
): Raster {
  const opaque = isOpaque(data) ? data : onBackground(data, background);
  return channelCount === 1 ? { width, height, channelCount: 1, data: grayOf(opaque) } : { width, height, channelCount: 4, data: opaque };
}

function isOpaque(data: Uint8ClampedArray): boolean {
  // Four bytes at a time, where the array starts on such a border: this looks at every pixel of every frame.
  if (data.byteOffset % 4 !== 0) return data.every((byte, at) => at % 4 !== 3 || byte === 255);
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
  let common = -1;
  for (let at = 0; at < words.length; at++) common &= words[at] as number;
  return new Uint8Array(Uint32Array.of(common).buffer)[3] === 255;
}

function onBackground(data: Uint8ClampedArray, [red, green, blue]: readonly [number, number, number]): Uint8ClampedArray {
  const opaque = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3] as number;
    // Rounded to nearest by the array itself.
    opaque[at] = ((data[at] as number) * alpha + red * (255 - alpha)) / 255;
    opaque[at + 1] = ((data[at + 1] as number) * alpha + green * (255 - alpha)) / 255;
    opaque[at + 2] = ((data[at + 2] as number) * alpha + blue * (255 - alpha)) / 255;
    opaque[at + 3] = 255;
  }
  return opaque;
}

/** Luma of ITU-R BT.601 in 16-bit fixed point, as Pillow's convert('L'). */
function grayOf(data: Uint8ClampedArray): Uint8Array {
  const gray = new Uint8Array(data.length / 4);
  for (let at = 0, out = 0; at < data.length; at += 4, out++) {
    gray[out] = ((data[at] as number) * 19_595 + (data[at + 1] as number) * 38_470 + (data[at + 2] as number) * 7_471 + 0x8000) >> 16;
  }
  return gray;
}

/** The resized picture with the fill colour around it; the picture itself where it leaves no border. */
function padded(
  resized: Raster,
  { left, top, width, height }: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
  { fill = [0, 0, 0] }: ManifestImagePreprocess,
): Raster {
  if (resized.width === width && resized.height === height) return resized;
  const { channelCount } = resized;
  const data = new Uint8ClampedArray(width * height * channelCount);
  const colour = channelCount === 1 ? grayOf(Uint8ClampedArray.of(...fill, 255)) : fill;
  for (let at = 0; at < data.length; at++) data[at] = colour[at % channelCount] as number;
  for (let row = 0; row < resized.height; row++) {
    const from = row * resized.width * channelCount;
    data.set(resized.data.subarray(from, from + resized.width * channelCount), ((top + row) * width + left) * channelCount);
  }
  return { width, height, channelCount, data };
}

function write(
  { width, height, channelCount, data: from }: Raster,
  tables: readonly NumericTensorData[],
  to: NumericTensorData,
  { isChannelsFirst, isReversed }: { readonly isChannelsFirst: boolean; readonly isReversed: boolean },
): void {
  const pixelCount = width * height;
  for (let channel = 0; channel < channelCount; channel++) {
    const table = tables[channel] as Float32Array;
    const target = to as Float32Array;
    let out = isChannelsFirst ? channel * pixelCount : channel;
    const step = isChannelsFirst ? 1 : channelCount;
    for (let at = isReversed ? channelCount - 1 - channel : channel; at < from.length; at += channelCount) {
      target[out] = table[from[at] as number] as number;
      out += step;
    }
  }
}
