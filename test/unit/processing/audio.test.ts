/**
 * Audio preprocessing against librosa, torchaudio and transformers, on the vectors of test/vectors/audio.py.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { prepareRecordings } from '../../../processing/audio/audio.ts';
import { FourierTransform } from '../../../processing/audio/fft.ts';
import { Resampler } from '../../../processing/audio/resample.ts';
import { RECORDING_RATE_MAX } from '../../../protocol/limits.ts';
import { audioFault, type ManifestAudioPreprocess } from '../../../protocol/manifest/audio.ts';
import type { ManifestInput } from '../../../protocol/manifest/manifest.ts';
import { chirp } from '../../fixtures/chirp.ts';

interface MelCase {
  readonly name: string;
  readonly sampleRate: number;
  readonly count: number;
  readonly preprocess: ManifestAudioPreprocess;
  readonly dims: readonly number[];
  readonly stride: number;
  readonly expected: readonly number[];
}

const vectors = JSON.parse(readFileSync(new URL('../../vectors/audio.json', import.meta.url), 'utf8')) as {
  readonly resample: readonly {
    readonly from: number;
    readonly to: number;
    readonly count: number;
    readonly expected: readonly number[];
  }[];
  readonly mel: readonly MelCase[];
  readonly whole: {
    readonly rate: number;
    readonly count: number;
    readonly channels: readonly (readonly [number, number])[];
    readonly sampleRate: number;
    readonly preprocess: ManifestAudioPreprocess;
    readonly dims: readonly number[];
    readonly expected: readonly number[];
  };
  readonly normalised: {
    readonly sampleRate: number;
    readonly count: number;
    readonly samples: number;
    readonly expected: readonly number[];
  };
};

const MEL_CHIRPS: readonly (readonly [number, number])[] = [
  [3, 200],
  [5, 100],
  [4, 300],
  [4, 300],
];

const inputOf = (dims: ManifestInput['dims'], sampleRate: number, type: ManifestInput['type'] = 'float32'): ManifestInput => ({
  name: 'x',
  type,
  dims,
  kind: 'numeric',
  sampleRate,
});

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = actual.length === expected.length ? 0 : Infinity;
  for (let at = 0; at < expected.length; at++) largest = Math.max(largest, Math.abs((actual[at] as number) - (expected[at] as number)));
  return largest;
}

describe('FourierTransform', () => {
  test.each([1, 2, 8, 30, 60, 400, 441, 512, 1024])('of length %i is the sum that defines it, to 1e-10', (length) => {
    const real = chirp(length, 3, 777);
    const imaginary = chirp(length, 5, 99);
    const transform = new FourierTransform(length);
    const [actualReal, actualImaginary] = [real.slice(), imaginary.slice()];
    transform.transform(actualReal, actualImaginary);
    const expected = Array.from({ length }, (_, bin) => {
      let [sumReal, sumImaginary] = [0, 0];
      for (let at = 0; at < length; at++) {
        const angle = (-2 * Math.PI * ((bin * at) % length)) / length;
        const [a, b, c, d] = [real[at] as number, imaginary[at] as number, Math.cos(angle), Math.sin(angle)];
        sumReal += a * c - b * d;
        sumImaginary += a * d + b * c;
      }
      return [sumReal, sumImaginary] as const;
    });
    expect(
      largestDifference(
        actualReal,
        expected.map(([value]) => value),
      ),
    ).toBeLessThan(1e-10);
    expect(
      largestDifference(
        actualImaginary,
        expected.map(([, value]) => value),
      ),
    ).toBeLessThan(1e-10);
  });
});

describe('Resampler', () => {
  test.each(vectors.resample)('from $from to $to differs from torchaudio by less than 1e-6', ({ from, to, count, expected }) => {
    expect(largestDifference(new Resampler(from, to).resample(chirp(count, 1, 700)), expected)).toBeLessThan(1e-6);
  });

  test('a tone below both Nyquist frequencies comes out as the tone itself, to 0.2 %', () => {
    const tone = (rate: number, count: number) =>
      Float64Array.from({ length: count }, (_, at) => Math.sin((2 * Math.PI * 440 * at) / rate));
    const resampled = new Resampler(44_100, 16_000).resample(tone(44_100, 44_100));
    const middle = (samples: Float64Array) => samples.slice(1_000, 15_000);
    expect(largestDifference(middle(resampled), middle(tone(16_000, 16_000)))).toBeLessThan(2e-3);
  });

  test('the samples behind neededCount change nothing of what is asked for', () => {
    for (const [from, to] of [
      [44_100, 16_000],
      [8_000, 22_050],
      [48_000, 16_000],
    ] as const) {
      const resampler = new Resampler(from, to);
      const whole = chirp(5_000, 1, 700);
      const cut = whole.slice(0, resampler.neededCount(500));
      expect(cut.length).toBeLessThan(whole.length);
      expect(resampler.resample(cut, 500)).toEqual(resampler.resample(whole).slice(0, 500));
    }
  });
});

describe('a recording', () => {
  test.each(vectors.mel.map((one, index) => ({ ...one, index })))('as $name says differs by less than 2e-5', (one) => {
    const { sampleRate, count, preprocess, dims, stride, expected, index } = one;
    const samples = Float32Array.from(chirp(count, ...(MEL_CHIRPS[index] as [number, number])));
    const tensor = prepareRecordings(inputOf(['batch', ...dims], sampleRate), preprocess, [{ channels: [samples], sampleRate }]);
    expect(tensor.dims).toEqual([1, ...dims]);
    const sampled = Float64Array.from(expected, (_, at) => tensor.data[at * stride] as number);
    expect(largestDifference(sampled, expected)).toBeLessThan(2e-5);
  });

  test('of two channels at 44.1 kHz is averaged, resampled, cut and framed, to 2e-5 of the references together', () => {
    const { rate, count, channels, sampleRate, preprocess, dims, expected } = vectors.whole;
    const recording = { channels: channels.map(([bend, start]) => Float32Array.from(chirp(count, bend, start))), sampleRate: rate };
    const tensor = prepareRecordings(inputOf([1, 1, ...dims], sampleRate), preprocess, [recording]);
    expect(tensor.dims).toEqual([1, 1, ...dims]);
    expect(largestDifference(tensor.data as Float32Array, expected)).toBeLessThan(2e-5);
  });

  test('without mel is normalised as Wav2Vec2 does and filled up to the axis of dims, to 1e-5', () => {
    const { sampleRate, count, samples, expected } = vectors.normalised;
    const recording = { channels: [Float32Array.from(chirp(count, 5, 100))], sampleRate };
    const preprocess = { kind: 'audio', normalisation: 'recording' } as const;
    const tensor = prepareRecordings(inputOf(['batch', samples], sampleRate), preprocess, [recording, recording]);
    expect(tensor.dims).toEqual([2, samples]);
    expect(largestDifference(tensor.data.slice(0, samples) as Float32Array, expected)).toBeLessThan(1e-5);
    expect(tensor.data.slice(samples)).toEqual(tensor.data.slice(0, samples));
  });

  test.each([
    ['a rate that is not a number', [new Float32Array(8)], Number.NaN],
    ['a rate of 0', [new Float32Array(8)], 0],
    [`a rate above ${RECORDING_RATE_MAX}`, [new Float32Array(8)], RECORDING_RATE_MAX + 1],
    ['no channel', [], 16_000],
    ['no sample', [new Float32Array(0)], 16_000],
    ['channels of two lengths', [new Float32Array(8), new Float32Array(9)], 16_000],
  ])('with %s is refused', (_, channels, sampleRate) => {
    const prepare = () => prepareRecordings(inputOf(['batch', 8], 16_000), { kind: 'audio' }, [{ channels, sampleRate }]);
    expect(prepare).toThrow(expect.objectContaining({ name: 'UnfitError' }));
  });

  test('of another length than the one before it in a batch is refused where the manifest names no length', () => {
    const recordings = [8, 9].map((length) => ({ channels: [new Float32Array(length)], sampleRate: 16_000 }));
    expect(() => prepareRecordings(inputOf(['batch', 'samples'], 16_000), { kind: 'audio' }, recordings)).toThrow(/one length/);
  });
});

describe('a declaration of audio', () => {
  const mel = { fftSize: 400, hopSize: 160, bandCount: 80, scale: 'htk' } as const;

  test.each([
    ['without a sample rate', { dims: ['batch', 8], type: 'float32' }, { kind: 'audio' }],
    ['for an input of integers', { dims: ['batch', 8], type: 'int16', sampleRate: 16_000 }, { kind: 'audio' }],
    ['of another sample count than dims', { dims: ['batch', 8], type: 'float32', sampleRate: 16_000 }, { kind: 'audio', samples: 9 }],
    ['with mel for dims of one axis', { dims: ['samples'], type: 'float32', sampleRate: 16_000 }, { kind: 'audio', mel }],
    ['of other bands than dims', { dims: ['batch', 40, 'frames'], type: 'float32', sampleRate: 16_000 }, { kind: 'audio', mel }],
    [
      'with a window above its frame',
      { dims: ['batch', 80, 'frames'], type: 'float32', sampleRate: 16_000 },
      { kind: 'audio', mel: { ...mel, windowSize: 401 } },
    ],
    [
      'with frequencies above half the rate',
      { dims: ['batch', 80, 'frames'], type: 'float32', sampleRate: 16_000 },
      { kind: 'audio', mel: { ...mel, frequencyMax: 8_001 } },
    ],
  ] as const)('%s does not fit', (_, input, preprocess) => {
    expect(audioFault(input, preprocess)).not.toBeNull();
  });

  test('that fits has no fault', () => {
    expect(audioFault({ dims: ['batch', 80, 'frames'], type: 'float16', sampleRate: 16_000 }, { kind: 'audio', mel })).toBeNull();
    expect(audioFault({ dims: ['batch', 1, 8], type: 'float32', sampleRate: 16_000 }, { kind: 'audio', samples: 8 })).toBeNull();
  });
});
