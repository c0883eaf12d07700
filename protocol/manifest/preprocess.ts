/**
 * Preprocessing as the manifest declares it: how what an application has becomes the tensor of one input.
 * Here: pictures, and the union of all kinds.
 *
 * Why declared and not code: page, baseline and training must agree to the byte, and a declaration is public, versioned
 * with the model and needs no `eval`.
 *
 * Invariants
 *  - A declaration fits the dims of its input, or the manifest is refused.
 *  - What a default is worth is said beside it; processing/ holds no other.
 *
 * Not here: the arithmetic (processing/).
 * Source: Pillow 12 ImageOps.pad and ImageOps.fit, torchvision Resize and CenterCrop, whose results are reproduced.
 */
import * as v from 'valibot';
import { AudioPreprocess, audioFault } from './audio.ts';
import { type RowColumn, RowPreprocess, rowFault } from './row.ts';
import { Count, Finite } from './terms.ts';
import { maskInputs, TextPreprocess, textFault } from './text.ts';

const Byte = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255));
const Colour = v.tuple([Byte, Byte, Byte]);
/** One number for each channel, in the order of the tensor's channels. */
const PerChannel = v.pipe(v.array(Finite), v.minLength(1), v.maxLength(3));

/** A picture: turned as its EXIF orientation says, fitted, resized as Pillow does, then (byte * scale - mean) / std per channel. */
const ImagePreprocess = v.strictObject({
  kind: v.literal('image'),
  /** Height and width. Default: those of `dims`; where they are names, the picture's own. */
  size: v.optional(v.tuple([Count, Count])),
  /**
   * `stretch` (default) ignores the aspect ratio. `contain` keeps all of the picture and pads around it with `fill` (letterbox).
   * `cover` keeps the centre that has the right aspect ratio. `shortest-then-crop` resizes the shorter side to `shortest`, then
   * crops the centre, as torchvision's Resize and CenterCrop do.
   */
  fit: v.optional(v.picklist(['stretch', 'contain', 'cover', 'shortest-then-crop'])),
  /** For `shortest-then-crop`: pixels of the shorter side before the crop, at least as many as height and width. */
  shortest: v.optional(Count),
  /** Red, green and blue around a `contain`ed picture, before scaling. Default black. */
  fill: v.optional(Colour),
  /** Red, green and blue behind transparent parts. Default black. */
  background: v.optional(Colour),
  /** Pillow's filters: they look at all source pixels when a picture shrinks. Default `bilinear`. */
  filter: v.optional(v.picklist(['nearest', 'bilinear', 'bicubic', 'lanczos'])),
  /** Default: `rgb` for three channels, `gray` (Pillow's L) for one. */
  channels: v.optional(v.picklist(['rgb', 'bgr', 'gray'])),
  /** Factor of a byte, for example 0.00392156862745098 for 1/255. Default 1. */
  scale: v.optional(Finite),
  /** Subtracted after scaling. Default 0. */
  mean: v.optional(PerChannel),
  /** Divides after that. Default 1. */
  std: v.optional(
    v.pipe(
      PerChannel,
      v.check((std) => std.every((value) => value !== 0), 'no divisor may be 0'),
    ),
  ),
});

export const Preprocess = v.variant('kind', [ImagePreprocess, AudioPreprocess, RowPreprocess, TextPreprocess]);

type ManifestPreprocess = v.InferOutput<typeof Preprocess>;
export type ManifestImagePreprocess = v.InferOutput<typeof ImagePreprocess>;

/** An input as far as preprocessing looks at it. */
export interface PreprocessedInput {
  readonly name: string;
  readonly type: string;
  readonly kind: string;
  readonly dims: readonly (number | string)[];
  readonly columns?: readonly RowColumn[] | undefined;
  readonly sampleRate?: number | undefined;
  readonly text?: { readonly pad?: number | undefined } | undefined;
  readonly layout?: 'NCHW' | 'NHWC' | undefined;
  readonly preprocess?: ManifestPreprocess | undefined;
}

/** Where an image tensor keeps what. `batch`: null when the tensor has no such axis. */
interface PictureAxes {
  readonly batch: number | string | null;
  readonly height: number | string;
  readonly width: number | string;
  /** Null without an axis of its own; then there is one channel. */
  readonly channels: number | string | null;
}

/** Axes of an image input: [batch,] then height, width and, where there is one, channels in the order of the layout; null for anything else. */
export function pictureAxes({ dims, layout }: Pick<PreprocessedInput, 'dims' | 'layout'>): PictureAxes | null {
  const hasBatch = dims[0] === 'batch' || dims.length === 4;
  const item = hasBatch ? dims.slice(1) : dims;
  const batch = hasBatch ? (dims[0] as number | string) : null;
  const [first, second, third] = item as [number | string, number | string, number | string];
  if (item.length === 2) return { batch, height: first, width: second, channels: null };
  if (item.length !== 3) return null;
  if (layout === 'NHWC') return { batch, height: first, width: second, channels: third };
  return { batch, height: second, width: third, channels: first };
}

/** Inputs that the preprocessing of another one fills, so that a run need not feed them. */
export function filledInputs(preprocess: ManifestPreprocess): readonly string[] {
  return preprocess.kind === 'text' ? maskInputs(preprocess) : [];
}

/** Why a declaration does not fit its input, or null. */
export function preprocessFault(input: PreprocessedInput): string | null {
  const { preprocess } = input;
  if (preprocess === undefined) return null;
  if (input.type === 'string' || input.type === 'bool') return 'preprocess needs an input of numbers';
  switch (preprocess.kind) {
    case 'image':
      return imageFault(input, preprocess);
    case 'audio':
      return audioFault(input, preprocess);
    case 'row':
      return rowFault(input, preprocess);
    case 'text':
      return textFault(input, preprocess);
  }
}

function imageFault(input: PreprocessedInput, { size, fit, shortest, channels, mean, std }: ManifestImagePreprocess): string | null {
  const axes = pictureAxes(input);
  if (axes === null) return 'preprocess of kind image needs dims of [batch,] channels, height and width in the order of the layout';
  const channelCount = axes.channels ?? 1;
  if (channelCount !== 1 && channelCount !== 3) return 'preprocess of kind image needs an axis of 1 or 3 channels; check the layout';
  if (channels !== undefined && (channels === 'gray') !== (channelCount === 1)) return 'preprocess.channels must fit the axis of channels';
  if ([mean, std].some((list) => list !== undefined && list.length !== channelCount))
    return 'preprocess.mean and std need a number for each channel';
  const sides = [axes.height, axes.width];
  if (size === undefined && sides.some((side) => typeof side === 'string') && (fit ?? 'stretch') !== 'stretch')
    return 'preprocess.fit needs a size where height or width of dims is a name';
  if (size !== undefined && sides.some((side, at) => typeof side === 'number' && side !== size[at]))
    return 'preprocess.size must be height and width of dims';
  const [height, width] = size ?? sides;
  if ((fit === 'shortest-then-crop') !== (shortest !== undefined)) return 'preprocess.shortest belongs to the fit shortest-then-crop';
  if (shortest !== undefined && (shortest < (height as number) || shortest < (width as number)))
    return 'preprocess.shortest must be at least height and width';
  return null;
}
