/**
 * Audio: recordings into one input's tensor, as its manifest declares.
 *
 * Invariants
 *  - Pure: the same samples give the same tensor in every engine and in Node (`insitu baseline`).
 *  - What is behind the end that the model hears is neither resampled nor looked at.
 *  - Windows, filters and the phases of a resampler are computed once per declaration.
 *
 * Not here: resampling (processing/audio/resample.ts), frames and bands (processing/audio/mel.ts).
 */
import { RECORDING_RATE_MAX, RECORDING_SAMPLE_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestAudioPreprocess } from '../../protocol/manifest/audio.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { type NumericTensorType, TENSOR_ARRAYS, toHalf } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import type { RecordingWire } from '../../protocol/worker/media.ts';
import { UnfitError } from '../unfit-error.ts';
import { MelSpectrogram } from './mel.ts';
import { Resampler } from './resample.ts';

interface Tools {
  readonly mel: MelSpectrogram | null;
  /** The last one used: recordings of one page come at one rate. */
  resampler: { readonly rate: number; readonly resampler: Resampler } | null;
}

const toolsByDeclaration = new WeakMap<ManifestAudioPreprocess, Tools>();

interface Item {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/** @throws {UnfitError} */
export function prepareRecordings(
  input: ManifestInput,
  preprocess: ManifestAudioPreprocess,
  recordings: readonly RecordingWire[],
): TensorWire {
  const items = recordings.map((recording) => itemOf(input, preprocess, recording));
  const [first] = items;
  if (first === undefined) throw new UnfitError('no recording was fed');
  if (items.some(({ dims }) => dims.some((length, axis) => length !== first.dims[axis]))) {
    throw new UnfitError('recordings of one batch must have one length; the manifest names none');
  }
  const leading = input.dims.slice(0, input.dims.length - first.dims.length);
  const [batch] = leading;
  if (batch === undefined || batch === 1 ? items.length !== 1 : typeof batch === 'number' && batch !== items.length) {
    throw new UnfitError(`it takes ${batch ?? 1} at a time`);
  }
  const dims = [...leading.map((_, axis) => (axis === 0 ? items.length : 1)), ...first.dims];
  if (first.dims.some((length, axis) => isOther(input.dims.at(axis - first.dims.length), length))) {
    throw new UnfitError(
      `a recording of this length gives [${dims.join(', ')}], the model takes [${input.dims.join(', ')}]; declare its samples`,
    );
  }
  const length = first.values.length;
  // Only floating point inputs may declare this, float16 as bit patterns.
  const data = new TENSOR_ARRAYS[input.type as NumericTensorType](items.length * length) as Float32Array;
  items.forEach(({ values }, index) => {
    for (let at = 0; at < length; at++) {
      const value = values[at] as number;
      data[index * length + at] = input.type === 'float16' ? toHalf(value) : value;
    }
  });
  return { type: input.type, dims, data };
}

const isOther = (declared: number | string | undefined, length: number): boolean => typeof declared === 'number' && declared !== length;

function itemOf(input: ManifestInput, preprocess: ManifestAudioPreprocess, { channels, sampleRate }: RecordingWire): Item {
  if (!(Number.isInteger(sampleRate) && sampleRate >= 1 && sampleRate <= RECORDING_RATE_MAX)) {
    throw new UnfitError(`its sample rate is not a whole number from 1 to ${RECORDING_RATE_MAX}`);
  }
  const [first] = channels;
  if (first === undefined || first.length === 0) throw new UnfitError('the recording is empty');
  if (channels.some(({ length }) => length !== first.length)) throw new UnfitError('its channels differ in length');
  const { mel, normalisation } = preprocess;
  const last = input.dims.at(-1);
  const sampleCount = preprocess.samples ?? (mel === undefined && typeof last === 'number' ? last : undefined);
  const tools = toolsFor(input, preprocess);
  const resampler = resamplerFor(tools, sampleRate, input.sampleRate as number);
  const heardCount = Math.min(first.length, sampleCount === undefined ? Infinity : resampler.neededCount(sampleCount));
  if (heardCount > RECORDING_SAMPLE_COUNT_MAX) throw new UnfitError(`it has more than ${RECORDING_SAMPLE_COUNT_MAX} samples`);
  let samples = resampler.resample(mono(channels, heardCount), sampleCount);
  if (normalisation === 'recording') samples = normalised(samples);
  if (sampleCount !== undefined && samples.length < sampleCount) {
    const filled = new Float64Array(sampleCount);
    filled.set(samples);
    samples = filled;
  }
  if (tools.mel === null) return { dims: [samples.length], values: samples };
  const { bandCount, frameCount, values } = tools.mel.bands(samples);
  if (mel?.layout !== 'frames-bands') return { dims: [bandCount, frameCount], values };
  const turned = values.map((_, at) => values[(at % bandCount) * frameCount + Math.floor(at / bandCount)] as number);
  return { dims: [frameCount, bandCount], values: turned };
}

function toolsFor({ sampleRate }: ManifestInput, preprocess: ManifestAudioPreprocess): Tools {
  const known = toolsByDeclaration.get(preprocess);
  if (known !== undefined) return known;
  const mel = preprocess.mel === undefined ? null : new MelSpectrogram(preprocess.mel, sampleRate as number);
  const tools: Tools = { mel, resampler: null };
  toolsByDeclaration.set(preprocess, tools);
  return tools;
}

function resamplerFor(tools: Tools, rateFrom: number, rateTo: number): Resampler {
  if (tools.resampler?.rate !== rateFrom) tools.resampler = { rate: rateFrom, resampler: new Resampler(rateFrom, rateTo) };
  return tools.resampler.resampler;
}

/** The mean of the channels, as librosa.to_mono. */
function mono(channels: readonly Float32Array[], count: number): Float64Array {
  const samples = new Float64Array(count);
  for (const channel of channels) for (let at = 0; at < count; at++) samples[at] = (samples[at] as number) + (channel[at] as number);
  return channels.length === 1 ? samples : samples.map((sum) => sum / channels.length);
}

/** Source: transformers' Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm. */
function normalised(samples: Float64Array): Float64Array {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  const variance = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / samples.length;
  const deviation = Math.sqrt(variance + 1e-7);
  return samples.map((sample) => (sample - mean) / deviation);
}
