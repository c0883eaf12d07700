/**
 * Pictures: each source that a page has, as something that the worker can take.
 *
 * Why a drawn copy and not `createImageBitmap`: it answers later, and by then a video shows another frame, a caller may have closed
 * the bitmap, and runs that were started behind this one would overtake it. Drawing takes the picture at the call.
 *
 * Invariants
 *  - Without `transfer` the caller's picture stays whole.
 *  - A picture of another origin whose pixels the page may not read is refused here: it would refuse the message of every run beside it.
 *
 * Not here: decoding a Blob and reading pixels (worker/prepare/pixels.ts).
 * Source: HTML standard, "origin-clean" and `transferToImageBitmap`; Media Capture Transform, VideoFrame.
 */
import { isSdkError, SdkError } from '../../protocol/errors.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { PictureWire } from '../../protocol/worker/media.ts';
import { tagOf } from '../api/foreign.ts';
import type { ReadyMedia } from './ready-media.ts';

/** @throws {SdkError} `preprocess-failed` */
export function readyPicture(input: ManifestInput, picture: unknown, isTransfer: boolean): ReadyMedia<PictureWire> {
  const refuse: Refuse = (reason) => new SdkError('preprocess-failed', { input: input.name, reason });
  switch (tagOf(picture)) {
    case '[object Blob]':
    case '[object File]':
      return { wire: picture as Blob, transfers: [] };
    case '[object ImageData]':
      return ofImageData(picture as ImageData, isTransfer, refuse);
    case '[object VideoFrame]': {
      if ((picture as VideoFrame).format === null && (picture as VideoFrame).codedWidth === 0) throw refuse('the frame has been closed');
      const frame = isTransfer ? (picture as VideoFrame) : (picture as VideoFrame).clone();
      return { wire: frame, transfers: [frame] };
    }
    case '[object ImageBitmap]': {
      const bitmap = picture as ImageBitmap;
      if (!isTransfer || typeof VideoFrame === 'undefined') return drawn(bitmap, bitmap.width, bitmap.height, refuse);
      checkReadable(bitmap, refuse);
      return { wire: bitmap, transfers: [bitmap] };
    }
    case '[object HTMLCanvasElement]':
    case '[object OffscreenCanvas]':
      return drawn(picture as OffscreenCanvas, (picture as OffscreenCanvas).width, (picture as OffscreenCanvas).height, refuse);
    case '[object HTMLImageElement]':
      return drawn(
        picture as HTMLImageElement,
        (picture as HTMLImageElement).naturalWidth,
        (picture as HTMLImageElement).naturalHeight,
        refuse,
      );
    case '[object HTMLVideoElement]':
      return drawn(
        picture as HTMLVideoElement,
        (picture as HTMLVideoElement).videoWidth,
        (picture as HTMLVideoElement).videoHeight,
        refuse,
      );
    default:
      throw refuse('it is neither a picture nor a tensor');
  }
}

function ofImageData(pixels: ImageData, isTransfer: boolean, refuse: Refuse): ReadyMedia<PictureWire> {
  const { width, height, data, colorSpace } = pixels;
  if (data.length === 0) throw refuse('its pixels have been handed over already');
  // Engines that know no other colour space do not name this one.
  if ((colorSpace ?? 'srgb') === 'srgb' && data.BYTES_PER_ELEMENT === 1) {
    const own = (isTransfer ? data : data.slice()) as Uint8ClampedArray<ArrayBuffer>;
    return { wire: { width, height, data: own }, transfers: [own.buffer] };
  }
  // Another colour space, or 16-bit floats: a canvas makes sRGB bytes of it.
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  return drawn(canvas, width, height, refuse);
}

type Refuse = (reason: string) => SdkError;

function drawn(picture: CanvasImageSource, width: number, height: number, refuse: Refuse): ReadyMedia<PictureWire> {
  if (width * height === 0) throw refuse('the picture is empty, or not loaded yet');
  let bitmap: ImageBitmap;
  try {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D;
    context.drawImage(picture, 0, 0, width, height);
    if (typeof VideoFrame === 'undefined') context.getImageData(0, 0, 1, 1);
    else checkReadable(canvas, refuse);
    bitmap = canvas.transferToImageBitmap();
  } catch (error) {
    if (isSdkError(error)) throw error;
    throw (error as Error).name === 'SecurityError' ? refuse(UNREADABLE) : refuse('this browser cannot draw it');
  }
  return { wire: bitmap, transfers: [bitmap] };
}

const UNREADABLE = 'it comes from another origin: that takes the crossorigin attribute and CORS headers';

/** A frame of it may only be made when its pixels may be read; unlike `getImageData` that does not wait for the GPU. */
function checkReadable(picture: OffscreenCanvas | ImageBitmap, refuse: Refuse): void {
  try {
    new VideoFrame(picture, { timestamp: 0 }).close();
  } catch (error) {
    if ((error as Error).name === 'SecurityError') throw refuse(UNREADABLE);
    // A bitmap that has been closed or handed over already.
    throw refuse('the picture is empty, or not loaded yet');
  }
}
