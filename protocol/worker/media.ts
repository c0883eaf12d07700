/**
 * Media: pictures, recordings, rows and texts on their way to the worker, in place of tensors: what a run is fed with before it is prepared.
 *
 * Not here: what becomes of them (processing/), the run itself (protocol/worker/runs.ts).
 */
import type { ResidentWire, TensorWire } from '../tensors/tensors.ts';

/**
 * A picture on its way to the worker: an ImageBitmap, a VideoFrame or a Blob (this folder has no DOM, so the worker tells them
 * apart), or red, green, blue and alpha bytes, row by row, not premultiplied.
 */
export type PictureWire = object | PixelsWire;

export interface PixelsWire {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** Closes bitmaps and frames, which hold memory until then, a frame often that of a camera; anything else is left alone. Closing twice is closing once. */
export function closePictures(pictures: Iterable<PictureWire>): void {
  for (const picture of pictures) if ('close' in picture && typeof picture.close === 'function') picture.close();
}

/** Samples of each channel, from -1 to 1. */
export interface RecordingWire {
  readonly channels: readonly Float32Array[];
  readonly sampleRate: number;
}

/** Values by column name; a missing one is null, undefined, NaN, an empty text or not there. */
export type RowWire = Readonly<Record<string, number | bigint | string | boolean | null | undefined>>;

/** What an application has instead of a tensor, for an input that declares `preprocess`: one item for each index of the batch axis. */
export type MediaWire =
  | { readonly kind: 'image'; readonly items: readonly PictureWire[] }
  | { readonly kind: 'audio'; readonly items: readonly RecordingWire[] }
  | { readonly kind: 'row'; readonly items: readonly RowWire[] }
  | { readonly kind: 'text'; readonly items: readonly string[] };

/** What a run feeds, before preprocessing. */
export type RunFeeds = Readonly<Record<string, TensorWire | MediaWire | ResidentWire>>;

export function isResidentWire(tensor: TensorWire | MediaWire | ResidentWire): tensor is ResidentWire {
  return 'residentId' in tensor;
}
