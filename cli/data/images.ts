/**
 * Pictures: one file, one example, decoded by sharp.
 *
 * Where the input declares `preprocess`, what a page's worker runs makes the tensor, so that the baseline is counted over what the
 * field sees. Elsewhere sharp scales: stretched to the input's height and width, turned as its EXIF orientation says, grey or RGB (or RGBA) by the number of
 * channels, transparent parts on black as on a canvas that nobody painted; 0 … 255 becomes the manifest's range.
 *
 * Invariants
 *  - A picture that cannot be decoded is unreadable; it never ends the count.
 *  - An axis of height or width that is a name takes the picture's own size.
 *
 * Not here: cropping and means per channel without a declaration. A page that does these feeds other tensors: write those into a
 * NumPy file.
 */
import { readFile } from 'node:fs/promises';
import { declaredChannelCount } from '../../counts/kinds/image.ts';
import { tensorOfPixels } from '../../processing/image/image.ts';
import { UnfitError } from '../../processing/unfit-error.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { PixelsWire } from '../../protocol/worker/media.ts';
import { CommandError } from '../terminal/command-error.ts';
import { importOptional, SHARP_PACKAGE } from '../terminal/optional-package.ts';
import type { DataFile, Example, ExampleSource } from './example.ts';
import { dataOf, isInteger, itemAxes } from './example-tensor.ts';

type Sharp = typeof import('sharp').default;

/** How the pictures of an input are laid out. */
interface Picture {
  readonly input: ManifestInput;
  readonly isChannelsFirst: boolean;
  /** Without an axis of its own a picture has one channel. */
  readonly hasChannelAxis: boolean;
  readonly channelCount: number;
  readonly height: number | null;
  readonly width: number | null;
  readonly range: readonly [number, number];
}

export async function openImages(manifest: Manifest, files: readonly DataFile[]): Promise<ExampleSource> {
  const picture = pictureOf(manifest);
  const sharp = await importOptional(async () => (await import('sharp')).default, 'Pictures', SHARP_PACKAGE);
  async function* examples(): AsyncGenerator<Example> {
    for (const { path, label } of files) yield await exampleOf(sharp, picture, path, label);
  }
  return { count: files.length, notes: [], examples };
}

function pictureOf({ inputs }: Manifest): Picture {
  const [input, ...others] = inputs as [ManifestInput];
  if (others.length > 0 || input.kind !== 'image')
    throw new CommandError('Pictures feed a model whose one input is of kind "image". Declare it in the manifest, or give other data.');
  const all = itemAxes(input);
  // A first axis of four that is not called "batch" is one all the same (counts/kinds/image.ts).
  const axes = all.length === 4 ? all.slice(1) : all;
  const channelCount = declaredChannelCount(input) ?? 3;
  if (axes.length < 2 || axes.length > 3 || ![1, 3, 4].includes(channelCount) || input.type === 'string') {
    throw new CommandError(
      `Pictures feed inputs of numbers with 1, 3 or 4 channels; "${input.name}" is ${input.type} [${input.dims.join(', ')}]. Check its layout.`,
    );
  }
  const isChannelsFirst = input.layout !== 'NHWC';
  const [height, width] = (isChannelsFirst ? axes.slice(-2) : axes.slice(0, 2)).map((axis) => (typeof axis === 'number' ? axis : null));
  const range = input.range ?? (input.type === 'uint8' ? ([0, 255] as const) : ([0, 1] as const));
  return {
    input,
    isChannelsFirst,
    hasChannelAxis: axes.length === 3,
    channelCount,
    height: height as number | null,
    width: width as number | null,
    range,
  };
}

async function exampleOf(sharp: Sharp, picture: Picture, path: string, where: string): Promise<Example> {
  return picture.input.preprocess === undefined
    ? scaledExample(sharp, picture, path, where)
    : declaredExample(sharp, picture.input, path, where);
}

/** As a page's worker makes it. */
async function declaredExample(sharp: Sharp, input: ManifestInput, path: string, where: string): Promise<Example> {
  const pixels = await decodeWhole(sharp, path).catch(() => null);
  if (pixels === null || input.preprocess?.kind !== 'image') return { where, unreadable: 'is no picture that can be decoded' };
  try {
    return { where, feeds: { [input.name]: tensorOfPixels(input, input.preprocess, [pixels]).tensor } };
  } catch (error) {
    if (error instanceof UnfitError) return { where, unreadable: `does not fit the input: ${error.message}` };
    throw error;
  }
}

/** Turned upright, colour profile left alone, as worker/prepare/pixels.ts. */
async function decodeWhole(sharp: Sharp, path: string): Promise<PixelsWire> {
  const decoded = sharp(await readFile(path), { failOn: 'error', ignoreIcc: true })
    .rotate()
    .toColourspace('srgb')
    .ensureAlpha();
  const { data, info } = await decoded.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8ClampedArray(data.buffer, data.byteOffset, data.length) };
}

async function scaledExample(sharp: Sharp, picture: Picture, path: string, where: string): Promise<Example> {
  const decoded = await decode(sharp, picture, path).catch(() => null);
  if (decoded === null) return { where, unreadable: 'is no picture that can be decoded' };
  const { bytes, height, width } = decoded;
  const { input, channelCount, isChannelsFirst, range } = picture;
  const pixelCount = height * width;
  const values = new Float64Array(bytes.length);
  const [black, white] = range;
  const isWhole = isInteger(input.type);
  for (let at = 0; at < bytes.length; at++) {
    const value = black + ((bytes[at] as number) / 255) * (white - black);
    const channel = at % channelCount;
    values[isChannelsFirst ? channel * pixelCount + (at - channel) / channelCount : at] = isWhole ? Math.round(value) : value;
  }
  const data = dataOf(input.type, values);
  if (data === null) return { where, unreadable: `has values that ${input.type} cannot hold; check the range of "${input.name}"` };
  return { where, feeds: { [input.name]: { type: input.type, dims: dimsOf(picture, height, width), data } } };
}

async function decode(sharp: Sharp, picture: Picture, path: string): Promise<{ bytes: Buffer; height: number; width: number }> {
  const { channelCount, height, width } = picture;
  // A JPEG with a harmless warning is shown by every browser; one that is cut off is not read.
  const turned = sharp(await readFile(path), { failOn: 'error' }).rotate();
  const opaque = channelCount === 4 ? turned.ensureAlpha() : turned.flatten({ background: '#000' });
  const coloured = channelCount === 1 ? opaque.toColourspace('b-w') : opaque.toColourspace('srgb');
  const scaled = height === null && width === null ? coloured : coloured.resize({ ...sizeOf(height, width), fit: 'fill' });
  const { data, info } = await scaled.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  if (info.channels !== channelCount) throw new Error(`${info.channels} channels`);
  return { bytes: data, height: info.height, width: info.width };
}

function sizeOf(height: number | null, width: number | null): { height?: number; width?: number } {
  return { ...(height === null ? {} : { height }), ...(width === null ? {} : { width }) };
}

function dimsOf({ input, isChannelsFirst, hasChannelAxis, channelCount }: Picture, height: number, width: number): number[] {
  const channels = hasChannelAxis ? [channelCount] : [];
  const item = isChannelsFirst ? [...channels, height, width] : [height, width, ...channels];
  return input.dims.length > item.length ? [1, ...item] : item;
}
