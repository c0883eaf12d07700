/**
 * Preprocessing of audio as the manifest declares it: how a recording becomes samples or a mel spectrogram.
 *
 * Invariants
 *  - The rate is the input's `sampleRate`; it is named once.
 *
 * Not here: the arithmetic (processing/audio/).
 * Source: librosa 0.11, torchaudio 2 and transformers' feature extractors, whose parameters these are.
 */
import * as v from 'valibot';
import { FOURIER_LENGTH_MAX, RECORDING_SAMPLE_COUNT_MAX } from '../limits.ts';
import { Count, Finite } from './terms.ts';

const Positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const NotNegative = v.pipe(v.number(), v.finite(), v.minValue(0));

const MelLog = v.variant('kind', [
  /** log10 of at least 1e-10, at most 8 below the largest of the recording, then (x + 4) / 4. */
  v.strictObject({ kind: v.literal('whisper') }),
  /** librosa's power_to_db; 20 log10 instead of 10 log10 where `power` is 1. */
  v.strictObject({
    kind: v.literal('decibel'),
    /** Smaller values are this one. Default 1e-10. */
    floor: v.optional(Positive),
    /** What is 0 dB: a value (default 1) or the largest of the recording. */
    reference: v.optional(v.union([Positive, v.literal('max')])),
    /** Nothing is more than this below the largest (librosa's top_db). Default: no bound. */
    rangeMax: v.optional(Positive),
  }),
  /** ln(max(x, floor) + offset). One of the two must be above 0. */
  v.pipe(
    v.strictObject({ kind: v.literal('natural'), floor: v.optional(NotNegative), offset: v.optional(NotNegative) }),
    v.check(({ floor = 0, offset = 0 }) => floor + offset > 0, 'floor or offset must be above 0'),
  ),
]);

const Mel = v.strictObject({
  /** Samples of a frame, padding of the window included (n_fft): an even product of 2, 3, 5 and 7. */
  fftSize: v.pipe(
    Count,
    v.maxValue(FOURIER_LENGTH_MAX),
    v.check((size) => size % 2 === 0 && isSmooth(size), 'it must be an even product of 2, 3, 5 and 7'),
  ),
  /** Samples from one frame to the next. */
  hopSize: Count,
  /** Samples of the periodic Hann window, in the middle of the frame (win_length). Default `fftSize`. */
  windowSize: v.optional(Count),
  bandCount: v.pipe(Count, v.maxValue(1_024)),
  scale: v.picklist(['htk', 'slaney']),
  /** `slaney`: each triangle has the same area. Default `none`: the same height. */
  norm: v.optional(v.picklist(['slaney', 'none'])),
  /** Hertz. Default 0. */
  frequencyMin: v.optional(NotNegative),
  /** Hertz. Default half the sample rate. */
  frequencyMax: v.optional(Positive),
  /** Of the magnitudes. Default 2. */
  power: v.optional(v.picklist([1, 2])),
  /** Frame t is around sample t * hopSize. Default true; false: it begins there. */
  isCentered: v.optional(v.boolean()),
  /** Around the recording, where frames are centered. Default `reflect`. */
  padding: v.optional(v.picklist(['reflect', 'zeros'])),
  /** Whisper drops the last frame. Default false. */
  dropsLastFrame: v.optional(v.boolean()),
  /** Default: the powers themselves. */
  log: v.optional(MelLog),
  /** Subtracted last. Default 0. */
  mean: v.optional(Finite),
  /** Divides after that. Default 1. */
  std: v.optional(Positive),
  /** Last two axes of the tensor. Default `bands-frames`. */
  layout: v.optional(v.picklist(['bands-frames', 'frames-bands'])),
});

/** A recording: channels averaged, resampled as torchaudio does, cut or filled with silence, then framed where `mel` says how. */
export const AudioPreprocess = v.strictObject({
  kind: v.literal('audio'),
  /**
   * Samples after resampling: longer recordings are cut at their end, shorter ones filled with zeros. Default: the last axis of
   * `dims` where it is fixed and there is no `mel`; else the recording's own length.
   */
  samples: v.optional(v.pipe(Count, v.maxValue(RECORDING_SAMPLE_COUNT_MAX))),
  /** `recording`: mean 0 and variance 1 (plus 1e-7) over the recording, before it is filled up, as Wav2Vec2 does. Default `none`. */
  normalisation: v.optional(v.picklist(['recording', 'none'])),
  mel: v.optional(Mel),
});

export type ManifestAudioPreprocess = v.InferOutput<typeof AudioPreprocess>;
export type ManifestMel = v.InferOutput<typeof Mel>;
export type ManifestMelLog = v.InferOutput<typeof MelLog>;

function isSmooth(value: number): boolean {
  let rest = value;
  for (const factor of [2, 3, 5, 7]) while (rest % factor === 0) rest /= factor;
  return rest === 1;
}

interface AudioInput {
  readonly dims: readonly (number | string)[];
  readonly type: string;
  readonly sampleRate?: number | undefined;
}

/** Why a declaration does not fit its input, or null. */
export function audioFault({ dims, type, sampleRate }: AudioInput, { mel, samples }: ManifestAudioPreprocess): string | null {
  if (sampleRate === undefined) return 'preprocess of kind audio needs the sampleRate of its input';
  if (!type.startsWith('float')) return 'preprocess of kind audio needs an input of floating point numbers';
  const axisCount = mel === undefined ? 1 : 2;
  if (dims.length < axisCount || dims.slice(1, dims.length - axisCount).some((axis) => axis !== 1))
    return `preprocess of kind audio needs dims of [batch, 1 …,] ${mel === undefined ? 'samples' : 'bands and frames'}`;
  if (mel === undefined) {
    const length = dims.at(-1);
    return samples !== undefined && typeof length === 'number' && length !== samples
      ? 'preprocess.samples must be the last axis of dims'
      : null;
  }
  const bands = dims.at(mel.layout === 'frames-bands' ? -1 : -2);
  if (typeof bands === 'number' && bands !== mel.bandCount) return 'preprocess.mel.bandCount must be the axis of bands';
  if ((mel.windowSize ?? 1) > mel.fftSize) return 'preprocess.mel.windowSize must be at most fftSize';
  const { frequencyMin = 0, frequencyMax = sampleRate / 2 } = mel;
  return frequencyMin < frequencyMax && frequencyMax <= sampleRate / 2
    ? null
    : 'preprocess.mel frequencies must rise and stay below half the sample rate';
}
