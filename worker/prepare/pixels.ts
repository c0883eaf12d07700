/**
 * Pixels: the bytes of a picture, whatever it came as.
 *
 * Invariants
 *  - Red, green, blue, alpha, in sRGB, not premultiplied; turned as the EXIF orientation says; an embedded colour profile is not
 *    applied, as in Pillow.
 *  - What was handed over is closed here: each picture once its pixels are read, the rest with its run.
 *
 * Not here: what becomes of alpha (processing/image/image.ts).
 */

import { UnfitError } from '../../processing/unfit-error.ts';
import { PICTURE_PIXEL_COUNT_MAX } from '../../protocol/limits.ts';
import { closePictures, type PictureWire, type PixelsWire, type RunFeeds } from '../../protocol/worker/media.ts';

/** Closes what a run was handed and does not need any more, or never will. */
export function closeFed(feeds: RunFeeds): void {
  for (const fed of Object.values(feeds)) if ('kind' in fed && fed.kind === 'image') closePictures(fed.items);
}

/** @throws {UnfitError} */
export async function pixelsOf(picture: PictureWire): Promise<PixelsWire> {
  if ('data' in picture) return checkedPixels(picture);
  if (picture instanceof Blob) return drawn(await decoded(picture));
  if (typeof ImageBitmap === 'function' && picture instanceof ImageBitmap) return drawn(picture);
  if (typeof VideoFrame === 'function' && picture instanceof VideoFrame) return drawn(picture);
  throw new UnfitError('it is no picture');
}

function checkedPixels({ width, height, data }: PixelsWire): PixelsWire {
  if (width * height * 4 !== data.length || data.length === 0) throw new UnfitError('its pixels do not fit its size');
  return { width, height, data };
}

async function decoded(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
  } catch {
    throw new UnfitError('the file is no picture that this browser can decode');
  }
}

function drawn(picture: ImageBitmap | VideoFrame): PixelsWire {
  try {
    const [width, height] = 'displayWidth' in picture ? [picture.displayWidth, picture.displayHeight] : [picture.width, picture.height];
    if (width * height === 0) throw new UnfitError('the picture is empty');
    if (width * height > PICTURE_PIXEL_COUNT_MAX) throw new UnfitError(`the picture has more than ${PICTURE_PIXEL_COUNT_MAX} pixels`);
    const context = contextOf(width, height);
    context.drawImage(picture, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height, { colorSpace: 'srgb' });
    return { width, height, data };
  } finally {
    picture.close();
  }
}

/** One canvas for all pictures: a stream of frames must not leave one behind for each. */
let canvas: OffscreenCanvas | null = null;

function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  canvas ??= new OffscreenCanvas(width, height);
  // Setting a size clears; frames of one size are cleared by hand, because a translucent one would show the last.
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  if (context === null) throw new UnfitError('this browser gives no canvas to read pixels with');
  context.clearRect(0, 0, width, height);
  return context;
}
