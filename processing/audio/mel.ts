/**
 * Mel spectrogram: samples into the loudness of frequency bands over time, on the scale that the manifest declares.
 *
 * Invariants
 *  - Double precision throughout; 2e-5 from the references at the most (test/vectors/).
 *  - Two frames go through one transform, as real and imaginary part: a spectrum of real samples is symmetric.
 *
 * Source: librosa.feature.melspectrogram, librosa.power_to_db, torchaudio.transforms.MelSpectrogram, WhisperFeatureExtractor of transformers.
 */
import type { ManifestMel, ManifestMelLog } from '../../protocol/manifest/audio.ts';
import { UnfitError } from '../unfit-error.ts';
import { FourierTransform } from './fft.ts';

/** Bands by frames: the value of one band in one frame is at `band * frameCount + frame`. */
interface Bands {
  readonly bandCount: number;
  readonly frameCount: number;
  readonly values: Float64Array;
}

/** What one frequency bin gives to one band, from bin `first` on. */
interface Filter {
  readonly first: number;
  readonly weights: Float64Array;
}

export class MelSpectrogram {
  private readonly mel: ManifestMel;
  private readonly transform: FourierTransform;
  private readonly window: Float64Array;
  private readonly filters: readonly Filter[];

  constructor(mel: ManifestMel, sampleRate: number) {
    this.mel = mel;
    this.transform = new FourierTransform(mel.fftSize);
    this.window = hannWindow(mel.windowSize ?? mel.fftSize, mel.fftSize);
    this.filters = melFilters(mel, sampleRate);
  }

  /** @throws {UnfitError} when there are fewer samples than one frame takes */
  bands(samples: Float64Array): Bands {
    const { fftSize, hopSize, isCentered = true, padding = 'reflect', dropsLastFrame = false } = this.mel;
    const padCount = isCentered ? Math.floor(fftSize / 2) : 0;
    const framedCount = samples.length + 2 * padCount - fftSize;
    const frameCount = framedCount < 0 ? 0 : Math.floor(framedCount / hopSize) + 1 - (dropsLastFrame ? 1 : 0);
    if (frameCount < 1) throw new UnfitError('the recording is shorter than one frame');
    const padded = paddedSamples(samples, padCount, padding);
    const values = new Float64Array(this.filters.length * frameCount);
    const [real, imaginary] = [new Float64Array(fftSize), new Float64Array(fftSize)];
    const [even, odd] = [new Float64Array(fftSize / 2 + 1), new Float64Array(fftSize / 2 + 1)];
    for (let frame = 0; frame < frameCount; frame += 2) {
      for (let at = 0; at < fftSize; at++) {
        const weight = this.window[at] as number;
        real[at] = (padded[frame * hopSize + at] as number) * weight;
        imaginary[at] = frame + 1 < frameCount ? (padded[(frame + 1) * hopSize + at] as number) * weight : 0;
      }
      this.transform.transform(real, imaginary);
      this.powersOfPair(real, imaginary, even, odd);
      this.fillFrame(even, values, frame, frameCount);
      if (frame + 1 < frameCount) this.fillFrame(odd, values, frame + 1, frameCount);
    }
    return { bandCount: this.filters.length, frameCount, values: scaled(values, this.mel) };
  }

  private powersOfPair(real: Float64Array, imaginary: Float64Array, even: Float64Array, odd: Float64Array): void {
    const { fftSize, power = 2 } = this.mel;
    for (let bin = 0; bin < even.length; bin++) {
      const mirror = (fftSize - bin) % fftSize;
      const [a, b] = [real[bin] as number, imaginary[bin] as number];
      const [c, d] = [real[mirror] as number, imaginary[mirror] as number];
      const [evenPower, oddPower] = [((a + c) ** 2 + (b - d) ** 2) / 4, ((b + d) ** 2 + (c - a) ** 2) / 4];
      even[bin] = power === 2 ? evenPower : Math.sqrt(evenPower);
      odd[bin] = power === 2 ? oddPower : Math.sqrt(oddPower);
    }
  }

  private fillFrame(powers: Float64Array, values: Float64Array, frame: number, frameCount: number): void {
    for (let band = 0; band < this.filters.length; band++) {
      const { first, weights } = this.filters[band] as Filter;
      let sum = 0;
      for (let at = 0; at < weights.length; at++) sum += (powers[first + at] as number) * (weights[at] as number);
      values[band * frameCount + frame] = sum;
    }
  }
}

/** Periodic, in the middle of a frame of `frameSize`. */
function hannWindow(size: number, frameSize: number): Float64Array {
  const window = new Float64Array(frameSize);
  const start = Math.floor((frameSize - size) / 2);
  for (let at = 0; at < size; at++) window[start + at] = 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / size);
  return window;
}

function paddedSamples(samples: Float64Array, count: number, padding: 'reflect' | 'zeros'): Float64Array {
  const padded = new Float64Array(samples.length + 2 * count);
  padded.set(samples, count);
  if (padding === 'zeros') return padded;
  // Mirrored at the first and last sample, again and again where the recording is shorter than the border.
  const period = Math.max(1, 2 * (samples.length - 1));
  const mirrored = (index: number): number => {
    const at = ((index % period) + period) % period;
    return samples[Math.min(at, period - at) % samples.length] as number;
  };
  for (let at = 0; at < count; at++) {
    padded[at] = mirrored(at - count);
    padded[padded.length - 1 - at] = mirrored(samples.length - 1 + count - at);
  }
  return padded;
}

/** Triangles whose corners lie evenly on the mel scale. */
function melFilters(
  { fftSize, bandCount, scale, norm = 'none', frequencyMin = 0, frequencyMax }: ManifestMel,
  sampleRate: number,
): readonly Filter[] {
  const [low, high] = [toMel(scale, frequencyMin), toMel(scale, frequencyMax ?? sampleRate / 2)];
  const corner = (index: number): number => fromMel(scale, low + ((high - low) * index) / (bandCount + 1));
  const binCount = fftSize / 2 + 1;
  return Array.from({ length: bandCount }, (_, band) => {
    const [left, centre, right] = [corner(band), corner(band + 1), corner(band + 2)];
    const area = norm === 'slaney' ? 2 / (right - left) : 1;
    const all = Array.from({ length: binCount }, (_unused, bin) => {
      const frequency = (bin * sampleRate) / fftSize;
      return area * Math.max(0, Math.min((frequency - left) / (centre - left), (right - frequency) / (right - centre)));
    });
    const first = Math.max(
      0,
      all.findIndex((weight) => weight > 0),
    );
    const end = all.findLastIndex((weight) => weight > 0) + 1;
    return { first, weights: Float64Array.from(all.slice(first, Math.max(first, end))) };
  });
}

/** Slaney's scale is linear up to 1 kHz, which is 15 mel, and logarithmic above. */
const LINEAR_HZ_PER_MEL = 200 / 3;
const LINEAR_HZ_MAX = 1_000;
const LINEAR_MEL_MAX = LINEAR_HZ_MAX / LINEAR_HZ_PER_MEL;
const LOG_STEP = Math.log(6.4) / 27;

function toMel(scale: ManifestMel['scale'], hertz: number): number {
  if (scale === 'htk') return 2_595 * Math.log10(1 + hertz / 700);
  return hertz < LINEAR_HZ_MAX ? hertz / LINEAR_HZ_PER_MEL : LINEAR_MEL_MAX + Math.log(hertz / LINEAR_HZ_MAX) / LOG_STEP;
}

function fromMel(scale: ManifestMel['scale'], mel: number): number {
  if (scale === 'htk') return 700 * (10 ** (mel / 2_595) - 1);
  return mel < LINEAR_MEL_MAX ? mel * LINEAR_HZ_PER_MEL : LINEAR_HZ_MAX * Math.exp(LOG_STEP * (mel - LINEAR_MEL_MAX));
}

function scaled(values: Float64Array, { log, power = 2, mean = 0, std = 1 }: ManifestMel): Float64Array {
  const logged = log === undefined ? values : logarithms(values, log, power);
  if (mean === 0 && std === 1) return logged;
  return logged.map((value) => (value - mean) / std);
}

function logarithms(values: Float64Array, log: ManifestMelLog, power: 1 | 2): Float64Array {
  switch (log.kind) {
    case 'whisper': {
      const logged = values.map((value) => Math.log10(Math.max(value, 1e-10)));
      const least = largestOf(logged) - 8;
      return logged.map((value) => (Math.max(value, least) + 4) / 4);
    }
    case 'decibel': {
      const { floor = 1e-10, reference = 1, rangeMax } = log;
      const factor = power === 2 ? 10 : 20;
      const against = factor * Math.log10(Math.max(floor, reference === 'max' ? largestOf(values) : reference));
      const logged = values.map((value) => factor * Math.log10(Math.max(floor, value)) - against);
      const least = rangeMax === undefined ? -Infinity : largestOf(logged) - rangeMax;
      return logged.map((value) => Math.max(value, least));
    }
    case 'natural': {
      const { floor = 0, offset = 0 } = log;
      return values.map((value) => Math.log(Math.max(value, floor) + offset));
    }
  }
}

function largestOf(values: Float64Array): number {
  return values.reduce((largest, value) => Math.max(largest, value), -Infinity);
}
