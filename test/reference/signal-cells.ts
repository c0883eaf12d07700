/**
 * Cells of one recording and of one embedding.
 *
 * Invariants
 *  - Frames are 20 ms; a last partial frame is dropped unless it is the only one.
 *  - Distances are squared Euclidean; the lowest index wins a tie.
 */
import { EVEN, evenSteps, FINE_AT_ZERO, quarterOctaves, type Sheet } from './sheet.ts';

const RMS_EDGES = evenSteps(-90, 0, 3);
const SNR_EDGES = evenSteps(0, 90, 3);
const DURATION_EDGES = quarterOctaves(-20, 48);
const NORM_EDGES = quarterOctaves(-32, 32);
const SILENT_RMS = 0.001;
const FLOOR_RMS = 1e-5;
/** Samples that are read, from the start. */
export const SAMPLE_COUNT_MAX = 65_536 * 16;

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

export function countRecording(sheet: Sheet, prefix: string, all: readonly number[], sampleRate: number): void {
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
  for (const frame of frames) sheet.noteDistance(frame, SILENT_RMS);
  const silent = frames.filter((frame) => frame < SILENT_RMS).length;
  sheet.addRounded(`${prefix}.rms`, RMS_EDGES, 20 * Math.log10(rootMeanSquare(samples)));
  sheet.addExact(`${prefix}.clipping`, FINE_AT_ZERO, clipped / samples.length);
  sheet.addExact(`${prefix}.silence`, EVEN, silent / frames.length);
  sheet.addExact(`${prefix}.zcr`, FINE_AT_ZERO, samples.length < 2 ? 0 : crossings / (samples.length - 1));
  // Where one sample is no number, no ranking of frames says anything.
  sheet.addRounded(`${prefix}.snr`, SNR_EDGES, samples.some(Number.isNaN) ? Number.NaN : 20 * Math.log10(loud / quiet));
  sheet.addRounded(`${prefix}.duration`, DURATION_EDGES, all.length / sampleRate);
}

export function countEmbedding(sheet: Sheet, prefix: string, vector: readonly number[], centroids: readonly (readonly number[])[]): void {
  let square = 0;
  for (const value of vector) square += value * value;
  const norm = Math.sqrt(square);
  sheet.addRounded(`${prefix}.norm`, NORM_EDGES, norm);
  sheet.add(`${prefix}.nearest`, norm === 0 || !Number.isFinite(norm) ? 'none' : `centroid:${nearestOf(sheet, vector, centroids)}`);
}

function nearestOf(sheet: Sheet, vector: readonly number[], centroids: readonly (readonly number[])[]): number {
  const distances = centroids.map((centroid) => {
    let distance = 0;
    for (let index = 0; index < vector.length; index++) distance += ((vector[index] as number) - (centroid[index] as number)) ** 2;
    return distance;
  });
  const least = Math.min(...distances);
  const nearest = distances.indexOf(least);
  distances.forEach((distance, index) => {
    if (index !== nearest && distance !== least) sheet.noteDistance(distance, least);
  });
  return nearest;
}
