/**
 * Cells of one recording.
 *
 * Invariants
 *  - Frames are 20 ms; a last partial frame is dropped unless it is the only one.
 */
import fc from 'fast-check';
import { EVEN, evenSteps, FINE_AT_ZERO, quarterOctaves } from '../expected-counts.ts';
import { onInput } from '../manifests.ts';
import { floats, type Item, type ReferenceKind } from '../reference-kind.ts';
import { isAllNumbers } from '../tensor-spec.ts';

const audio = { name: 'a', kind: 'audio', type: 'float32', dims: ['batch', 'n'], sampleRate: 400 };
const RMS_EDGES = evenSteps(-90, 0, 3);
const SNR_EDGES = evenSteps(0, 90, 3);
const DURATION_EDGES = quarterOctaves(-20, 48);
const SILENT_RMS = 0.001;
const FLOOR_RMS = 1e-5;
/** Samples that are read, from the start. */
const SAMPLE_COUNT_MAX = 65_536 * 16;

function rootMeanSquare(samples: readonly number[]): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

function framesOf(samples: readonly number[], sampleRate: number): number[][] {
  const length = Math.floor(sampleRate / 50);
  const frames: number[][] = [];
  for (let start = 0; start < samples.length; start += length) frames.push(samples.slice(start, start + length));
  if (frames.length > 1 && (frames.at(-1) as number[]).length < length) frames.pop();
  return frames;
}

function countItem({ counts, prefix, spec, row }: Item): void {
  const all = row as readonly number[];
  const sampleRate = spec.sampleRate as number;
  const samples = all.slice(0, SAMPLE_COUNT_MAX);
  const frames = framesOf(samples, sampleRate).map(rootMeanSquare);
  const sorted = [...frames].sort((a, b) => a - b);
  const loud = Math.max(FLOOR_RMS, sorted[Math.ceil(0.95 * frames.length) - 1] as number);
  const quiet = Math.max(FLOOR_RMS, sorted[Math.floor(0.1 * frames.length)] as number);
  let crossings = 0;
  for (let index = 1; index < samples.length; index++) {
    const wasNegative = (samples[index - 1] as number) < 0;
    const isNegative = (samples[index] as number) < 0;
    if (wasNegative !== isNegative) crossings++;
  }
  const clipped = samples.filter((sample) => Math.abs(sample) >= 0.999).length;
  for (const frame of frames) counts.noteDistance(frame, SILENT_RMS);
  const silent = frames.filter((frame) => frame < SILENT_RMS).length;
  counts.addRounded(`${prefix}.rms`, RMS_EDGES, 20 * Math.log10(rootMeanSquare(samples)));
  counts.addExact(`${prefix}.clipping`, FINE_AT_ZERO, clipped / samples.length);
  counts.addExact(`${prefix}.silence`, EVEN, silent / frames.length);
  counts.addExact(`${prefix}.zcr`, FINE_AT_ZERO, samples.length < 2 ? 0 : crossings / (samples.length - 1));
  // Where one sample is no number, no ranking of frames says anything.
  counts.addRounded(`${prefix}.snr`, SNR_EDGES, samples.some(Number.isNaN) ? Number.NaN : 20 * Math.log10(loud / quiet));
  counts.addRounded(`${prefix}.duration`, DURATION_EDGES, all.length / sampleRate);
}

export const reference: ReferenceKind = {
  kind: 'audio',
  manifests: {
    audio: () =>
      onInput(
        audio,
        { ...audio, dims: ['n'], sampleRate: 200 },
        { ...audio, type: 'float16', sampleRate: 130 },
        { ...audio, dims: ['batch', 48], sampleRate: 800, missing: 'all-zero' },
      ),
  },
  worked: [
    {
      // Four frames of two samples: loud, loud, silent, silent; two crossings in seven pairs (0 is positive), none clipped.
      what: 'a recording is counted by loudness, clipping, silence, crossings, contrast of frames and length',
      side: 'input',
      declared: { sampleRate: 100 },
      tensor: floats([1, 8], 0.5, -0.5, -0.5, -0.5, 0, 0, 0, 0),
      cells: {
        'rms|-12..-9': 1,
        'clipping|0..0.000244141': 1,
        'silence|0.5..0.53125': 1,
        'zcr|0.28125..0.3125': 1,
        'snr|over': 1,
        'duration|0.0743254..0.0883883': 1,
      },
    },
  ],
  fits: (_spec, axes, elements) => isAllNumbers(elements) && axes.length === 1,
  countItem,
  likely: () =>
    fc.oneof(
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: -0.002, max: 0.002, noNaN: true }),
      fc.constantFrom(0, -0, 1, -1, 0.999, 0.001),
    ),
  freeAxisMax: 48,
  readCountMax: SAMPLE_COUNT_MAX,
};
