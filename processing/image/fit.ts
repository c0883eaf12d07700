/**
 * Fit: which part of a picture goes where in the tensor, and the way back from the tensor's pixels to the picture's.
 *
 * Invariants
 *  - Sizes and offsets are rounded as the reference does, so that not one row is off.
 *
 * Source: Pillow 12 ImageOps.contain, pad and fit; torchvision 0.2x functional.resize and center_crop.
 */
import type { ManifestImagePreprocess } from '../../protocol/manifest/preprocess.ts';
import type { AxisResize } from './resize.ts';

/** Where the resized window lies in the tensor, in its pixels. */
interface Fit {
  readonly columns: AxisResize;
  readonly rows: AxisResize;
  readonly left: number;
  readonly top: number;
}

/** The picture's `x` under the tensor's x is `originX + x * scaleX`. */
export interface Placement {
  readonly originX: number;
  readonly originY: number;
  readonly scaleX: number;
  readonly scaleY: number;
  /** Of the picture. */
  readonly width: number;
  readonly height: number;
}

export function fitOf(
  { fit = 'stretch', shortest }: Pick<ManifestImagePreprocess, 'fit' | 'shortest'>,
  source: { readonly width: number; readonly height: number },
  width: number,
  height: number,
): Fit {
  switch (fit) {
    case 'stretch':
      return { columns: whole(source.width, width), rows: whole(source.height, height), left: 0, top: 0 };
    case 'contain':
      return contain(source, width, height);
    case 'cover':
      return cover(source, width, height);
    case 'shortest-then-crop':
      return crop(source, shortest as number, width, height);
  }
}

export function placementOf(
  { columns, rows, left, top }: Fit,
  { width, height }: { readonly width: number; readonly height: number },
): Placement {
  const [scaleX, scaleY] = [(columns.end - columns.start) / columns.length, (rows.end - rows.start) / rows.length];
  return {
    originX: columns.start + (columns.windowStart - left) * scaleX,
    originY: rows.start + (rows.windowStart - top) * scaleY,
    scaleX,
    scaleY,
    width,
    height,
  };
}

function whole(sourceLength: number, length: number): AxisResize {
  return { start: 0, end: sourceLength, length, windowStart: 0, windowLength: length };
}

function contain(source: { readonly width: number; readonly height: number }, width: number, height: number): Fit {
  const [ratio, wanted] = [source.width / source.height, width / height];
  let [innerWidth, innerHeight] = [width, height];
  if (ratio > wanted) innerHeight = Math.max(1, roundHalfEven((source.height / source.width) * width));
  else if (ratio < wanted) innerWidth = Math.max(1, roundHalfEven((source.width / source.height) * height));
  // Only one of the two is smaller; where rounding made neither so, the picture fills the tensor.
  return {
    columns: whole(source.width, innerWidth),
    rows: whole(source.height, innerHeight),
    left: roundHalfEven((width - innerWidth) * 0.5),
    top: roundHalfEven((height - innerHeight) * 0.5),
  };
}

function cover(source: { readonly width: number; readonly height: number }, width: number, height: number): Fit {
  const [ratio, wanted] = [source.width / source.height, width / height];
  const cropWidth = ratio > wanted ? wanted * source.height : source.width;
  const cropHeight = ratio < wanted ? source.width / wanted : source.height;
  const [left, top] = [(source.width - cropWidth) * 0.5, (source.height - cropHeight) * 0.5];
  return {
    columns: { ...whole(source.width, width), start: Math.fround(left), end: Math.fround(left + cropWidth) },
    rows: { ...whole(source.height, height), start: Math.fround(top), end: Math.fround(top + cropHeight) },
    left: 0,
    top: 0,
  };
}

function crop(source: { readonly width: number; readonly height: number }, shortest: number, width: number, height: number): Fit {
  const isTall = source.width <= source.height;
  const longest = Math.trunc((shortest * Math.max(source.width, source.height)) / Math.min(source.width, source.height));
  const [innerWidth, innerHeight] = isTall ? [shortest, longest] : [longest, shortest];
  return {
    columns: {
      ...whole(source.width, innerWidth),
      windowStart: roundHalfEven((innerWidth - width) / 2),
      windowLength: width,
    },
    rows: {
      ...whole(source.height, innerHeight),
      windowStart: roundHalfEven((innerHeight - height) / 2),
      windowLength: height,
    },
    left: 0,
    top: 0,
  };
}

/** As Python rounds: a half goes to the even neighbour. */
function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}
