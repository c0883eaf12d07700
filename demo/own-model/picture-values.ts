/**
 * Picture values: a picture as the elements of an input, at the input's height and width.
 *
 * Invariants
 *  - Open height and width are those of the picture, no side longer than SIDE_MAX.
 *  - One channel is brightness, three are red, green and blue; other numbers of channels are refused.
 */
import { element } from '../../site/element.ts';
import { FieldError } from './typed-values.ts';

/** Pixels of a side that nobody stated. A network that takes any size answers within seconds on this many. */
const SIDE_MAX = 512;

interface PictureLayout {
  readonly isLastChannel: boolean;
  /** White is this many times smaller than 255. */
  readonly divisor: number;
}

interface Picture {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** @param dims null: open. @throws {FieldError} */
export async function pictureValues(file: File | undefined, dims: readonly (number | null)[], layout: PictureLayout): Promise<Picture> {
  if (file === undefined) throw new FieldError('Choose an image first.');
  const picture = await createImageBitmap(file).catch(() => {
    throw new FieldError('This browser cannot read that file as an image. A PNG or a JPEG works.');
  });
  try {
    const shrink = Math.min(1, SIDE_MAX / Math.max(picture.width, picture.height));
    const [channelAt, heightAt] = layout.isLastChannel ? [dims.length - 1, dims.length - 3] : [dims.length - 3, dims.length - 2];
    const channels = dims[channelAt] ?? 3;
    const height = dims[heightAt] ?? Math.max(1, Math.round(picture.height * shrink));
    const width = dims[heightAt + 1] ?? Math.max(1, Math.round(picture.width * shrink));
    if (channels !== 1 && channels !== 3) {
      throw new FieldError(
        `An image has one channel or three, and this layout says ${channels}. Choose the other layout, or other values.`,
      );
    }
    const known = dims.map((length, axis) =>
      axis === channelAt ? channels : axis === heightAt ? height : axis === heightAt + 1 ? width : (length ?? 1),
    );
    if (known.slice(0, -3).some((length) => length !== 1))
      throw new FieldError('An image fills one item: its axes before the picture must be 1.');
    return { dims: known, values: planes(pixelsOf(picture, width, height), channels, layout) };
  } finally {
    picture.close();
  }
}

function pixelsOf(picture: ImageBitmap, width: number, height: number): Uint8ClampedArray {
  const context = element('canvas', { width, height }).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new FieldError(`This browser cannot draw ${width} × ${height} pixels.`);
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

function planes(pixels: Uint8ClampedArray, channels: number, { isLastChannel, divisor }: PictureLayout): Float32Array {
  const pixelCount = pixels.length / 4;
  return Float32Array.from({ length: channels * pixelCount }, (_, index) => {
    const at = 4 * (isLastChannel ? Math.floor(index / channels) : index % pixelCount);
    const channel = isLastChannel ? index % channels : Math.floor(index / pixelCount);
    const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]] as [number, number, number];
    return (channels === 1 ? 0.299 * red + 0.587 * green + 0.114 * blue : ([red, green, blue][channel] as number)) / divisor;
  });
}
