/**
 * Audio: loudness, clipping, silence, zero crossings, a proxy of the signal-to-noise ratio, duration.
 *
 * Frames are 20 ms long; a last one that is shorter is left out unless it is the only one.
 *
 * Invariants
 *  - No spectrum, no fingerprint: six numbers per recording, each a cell.
 *  - At most AUDIO_SAMPLE_COUNT_MAX samples are read, from the start; the duration is that of the whole.
 *
 * Source: dBFS after AES17 (full scale 1); zero-crossing rate after Kedem, "Spectral analysis and discrimination by zero-crossings" (1986).
 */
import { AUDIO_SAMPLE_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import { edgedCell, edgedCells, UNIT_EDGES, UNIT_EDGES_FINE_AT_ZERO } from '../layout/edges.ts';
import { eachRow, rowCounter } from '../tally/rows.ts';
import type { TensorCounts } from '../tally/tensor-counts.ts';
import type { Counter, KindExamples, MetricsOf } from './kind.ts';

const everyThree = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + 3 * index);

const AUDIO_EDGES = {
  rms: everyThree(-90, 31),
  clipping: UNIT_EDGES_FINE_AT_ZERO,
  silence: UNIT_EDGES,
  zcr: UNIT_EDGES_FINE_AT_ZERO,
  snr: everyThree(0, 31),
  duration: Array.from({ length: 69 }, (_, index) => 2 ** ((index - 20) / 4)),
} as const;
type AudioMetric = keyof typeof AUDIO_EDGES;
const METRICS = Object.keys(AUDIO_EDGES) as AudioMetric[];

const FRAMES_PER_SECOND = 50;
/** -60 dBFS: below it a frame is silent. */
const SILENT_RMS = 0.001;
/** -100 dBFS: quieter frames do not make a ratio better. */
const FLOOR_RMS = 1e-5;
const CLIPPED = 0.999;

const WORDS: { readonly [M in AudioMetric]: readonly [title: string, unit: string, why: string] } = {
  rms: ['Loudness of one recording', 'dBFS', 'Gain, distance, a wrong range; silence is under -90.'],
  clipping: ['Share of samples at full scale', 'fraction of samples', 'Overdriven microphones, wrong gain.'],
  silence: ['Share of 20 ms frames below -60 dBFS', 'fraction of frames', 'Muted or cut-off recordings.'],
  zcr: ['Share of neighbouring samples whose sign differs', 'fraction of pairs', 'Noise and hiss raise it, hum lowers it.'],
  snr: ['Loud frames (95th percentile) over quiet ones (10th)', 'dB', 'Background noise fills the quiet frames.'],
  duration: ['Length of one recording', 's', 'Empty, cut-off or endless recordings.'],
};

export const audioMetrics: MetricsOf<ManifestInput> = () =>
  METRICS.map((id) => {
    const [title, unit, why] = WORDS[id];
    return { id, title, unit, why, per: 'item', ...edgedCells(AUDIO_EDGES[id]) };
  });

export const audioCounter: Counter<ManifestInput> = {
  counterOf: (input, counts) =>
    rowCounter(input, counts, {
      isSampled: false,
      fits: ({ texts, axisCount }) => texts === undefined && axisCount === 1,
      count: eachRow(({ values, rowLength }, start) => countRecording(values, start, rowLength, input.sampleRate as number, counts)),
    }),
  readCountMax: AUDIO_SAMPLE_COUNT_MAX,
};

export const audioExamples: KindExamples = {
  inputs: [{ name: 'AUDIO', type: 'float32', dims: ['batch', 'samples'], kind: 'audio', sampleRate: 16_000 }],
};

function countRecording(samples: ArrayLike<number>, start: number, length: number, sampleRate: number, counts: TensorCounts): void {
  const count = Math.min(length, AUDIO_SAMPLE_COUNT_MAX);
  const frameLength = Math.floor(sampleRate / FRAMES_PER_SECOND);
  const frameCount = Math.max(1, Math.floor(count / frameLength));
  const frames = new Float64Array(frameCount);
  let [squareSum, clippedCount, crossingCount] = [0, 0, 0];
  let wasNegative = (samples[start] as number) < 0;
  for (let at = 0; at < count; at++) {
    const sample = samples[start + at] as number;
    const square = sample * sample;
    squareSum += square;
    const frame = Math.floor(at / frameLength);
    if (frame < frameCount) frames[frame] = (frames[frame] as number) + square;
    if (Math.abs(sample) >= CLIPPED) clippedCount++;
    const isNegative = sample < 0;
    if (isNegative !== wasNegative) crossingCount++;
    wasNegative = isNegative;
  }
  const readPerFrame = Math.min(count, frameLength);
  for (let frame = 0; frame < frameCount; frame++) frames[frame] = Math.sqrt((frames[frame] as number) / readPerFrame);
  const silentCount = frames.filter((rms) => rms < SILENT_RMS).length;
  frames.sort();
  const atRank = (rank: number) => Math.max(FLOOR_RMS, frames[rank] as number);
  const loudness = { loud: atRank(Math.ceil(0.95 * frameCount) - 1), quiet: atRank(Math.floor(0.1 * frameCount)) };
  const measured: { readonly [M in AudioMetric]: number } = {
    rms: 20 * Math.log10(Math.sqrt(squareSum / count)),
    clipping: clippedCount / count,
    silence: silentCount / frameCount,
    zcr: count < 2 ? 0 : crossingCount / (count - 1),
    // Where one sample is no number, no ranking of frames says anything.
    snr: Number.isNaN(squareSum) ? Number.NaN : 20 * Math.log10(loudness.loud / loudness.quiet),
    duration: length / sampleRate,
  };
  for (const metric of METRICS) counts.bump(metric, edgedCell(AUDIO_EDGES[metric], measured[metric]));
}
