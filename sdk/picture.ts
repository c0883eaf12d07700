/**
 * Pictures: each source that a page has, as something that the worker can take.
 *
 * Why a drawn copy and not `createImageBitmap`: it answers later, and by then a video shows another frame, a caller may have closed
 * her bitmap, and runs that were started behind this one would overtake it. Drawing takes the picture at the call.
 *
 * Invariants
 *  - Without `transfer` the caller's picture stays whole.
 *  - A picture of another origin whose pixels the page may not read is refused here: it would refuse the message of every run beside it.
 *
 * Not here: decoding a Blob and reading pixels (worker/process/pixels.ts).
 * Source: HTML standard, "origin-clean" and `transferToImageBitmap`; Media Capture Transform, VideoFrame.
 */
import { SdkError } from '../protocol/errors.ts';
import type { ManifestInput } from '../protocol/manifest.ts';
import type { PictureWire } from '../protocol/messages.ts';
import type { ReadyMedia } from './media.ts';

/** @throws {SdkError} `preprocess-failed` */
export function readyPicture(input: ManifestInput, picture: unknown, isTransfer: boolean): ReadyMedia<PictureWire> {
  const refuse = (reason: string): SdkError => new SdkError('preprocess-failed', { input: input.name, reason });
  // By its tag and not by `instanceof`: it may come from another window.
  switch (Object.prototype.toString.call(picture)) {
    case '[object Blob]':
    case '[object File]':
      return { wire: picture as Blob, transfers: [] };
    case '[object ImageData]':
      return pixelsOfImageData(picture as ImageData, isTransfer);
    case '[object VideoFrame]': {
      const frame = isTransfer ? (picture as VideoFrame) : (picture as VideoFrame).clone();
      return { wire: frame, transfers: [frame] };
    }
    case '[object ImageBitmap]':
      if (isTransfer) return { wire: picture as ImageBitmap, transfers: [picture as ImageBitmap] };
      return drawn(picture as ImageBitmap, (picture as ImageBitmap).width, (picture as ImageBitmap).height, refuse);
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

function pixelsOfImageData({ width, height, data }: ImageData, isTransfer: boolean): ReadyMedia<PictureWire> {
  const own = (isTransfer ? data : data.slice()) as Uint8ClampedArray<ArrayBuffer>;
  return { wire: { width, height, data: own }, transfers: [own.buffer] };
}

function drawn(picture: CanvasImageSource, width: number, height: number, refuse: (reason: string) => SdkError): ReadyMedia<PictureWire> {
  if (width * height === 0) throw refuse('the picture is empty, or not loaded yet');
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (context === null) throw refuse('this browser gives no canvas to take it with');
  try {
    context.drawImage(picture, 0, 0, width, height);
  } catch {
    throw refuse('the browser cannot draw it');
  }
  const bitmap = canvas.transferToImageBitmap();
  return { wire: bitmap, transfers: [bitmap] };
}
