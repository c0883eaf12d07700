/**
 * Recordings: WAV files, one example each, as one channel of samples from -1 to 1.
 *
 * Invariants
 *  - Several channels become their mean.
 *  - Where the input declares `preprocess`, the worker's own code makes its tensor.
 *  - Elsewhere nothing is resampled: a resampler has a sound of its own, and the page may have another one. A file at another rate
 *    than the manifest's is unreadable and says so.
 *
 * Source: Microsoft, "Multiple channel audio data and WAVE files" (WAVE_FORMAT_EXTENSIBLE); RFC 2361 for the format tags.
 */
import { readFile } from 'node:fs/promises';
import { prepareRecordings } from '../../processing/audio/audio.ts';
import { UnfitError } from '../../processing/unfit-error.ts';
import type { ManifestAudioPreprocess } from '../../protocol/manifest/audio.ts';
import type { Manifest, ManifestInput } from '../../protocol/manifest/manifest.ts';
import { toHalf } from '../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { DataFile, Example, ExampleSource } from './example.ts';
import { dimsOfItem } from './example-tensor.ts';

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
/** Where WAVE_FORMAT_EXTENSIBLE keeps the tag that it stands for. */
const SUB_FORMAT_AT = 24;

type ReadSample = (bytes: Buffer, at: number) => number;

/** By format tag and bits per sample. Integers are divided by their most negative value, so full scale is -1. */
const SAMPLE_READERS: Readonly<Record<string, ReadSample>> = {
  [`${PCM}/8`]: (bytes, at) => ((bytes[at] as number) - 128) / 128,
  [`${PCM}/16`]: (bytes, at) => bytes.readInt16LE(at) / 2 ** 15,
  [`${PCM}/24`]: (bytes, at) => bytes.readIntLE(at, 3) / 2 ** 23,
  [`${PCM}/32`]: (bytes, at) => bytes.readInt32LE(at) / 2 ** 31,
  [`${FLOAT}/32`]: (bytes, at) => bytes.readFloatLE(at),
  [`${FLOAT}/64`]: (bytes, at) => bytes.readDoubleLE(at),
};

interface Format {
  readonly tag: number;
  readonly channelCount: number;
  readonly sampleRate: number;
  readonly bitCount: number;
}

type Readable<T> = T | { readonly unreadable: string };

export function openRecordings(manifest: Manifest, files: readonly DataFile[]): ExampleSource {
  const [input, ...others] = manifest.inputs as [ManifestInput];
  if (others.length > 0 || (input.kind !== 'audio' && input.preprocess?.kind !== 'audio')) {
    throw new CommandError(
      'WAV files feed a model whose one input is of kind "audio", or declares how recordings become its tensor. Declare it, or give other data.',
    );
  }
  if (!(input.type in SAMPLE_ARRAYS)) {
    throw new CommandError(
      `WAV files feed inputs of ${Object.keys(SAMPLE_ARRAYS).join(', ')}; "${input.name}" is ${input.type}. Give other data.`,
    );
  }
  async function* examples(): AsyncGenerator<Example> {
    for (const { path, label: where } of files) {
      const bytes = await readFile(path).catch(() => null);
      const read = bytes === null ? { unreadable: 'cannot be read' } : tensorOf(input, bytes);
      yield 'unreadable' in read ? { where, unreadable: read.unreadable } : { where, feeds: { [input.name]: read } };
    }
  }
  return { count: files.length, notes: [], examples };
}

/** Samples in the types that an audio input may have. */
const SAMPLE_ARRAYS: Readonly<Record<string, (samples: Float64Array) => TensorWire['data']>> = {
  float32: (samples) => Float32Array.from(samples),
  float64: (samples) => samples,
  float16: (samples) => Uint16Array.from(samples, toHalf),
  int16: (samples) => Int16Array.from(samples, (sample) => Math.max(-(2 ** 15), Math.min(2 ** 15 - 1, Math.round(sample * 2 ** 15)))),
};

function tensorOf(input: ManifestInput, bytes: Buffer): Readable<TensorWire> {
  if (input.preprocess?.kind === 'audio') return declaredTensor(input, input.preprocess, bytes);
  const samples = samplesOf(bytes, input.sampleRate as number);
  if ('unreadable' in samples) return samples;
  const dims = dimsOfItem(input, [samples.length]);
  if (dims === null) return { unreadable: `has ${samples.length} samples, which are not those of [${input.dims.join(', ')}]` };
  return { type: input.type, dims, data: (SAMPLE_ARRAYS[input.type] as (samples: Float64Array) => TensorWire['data'])(samples) };
}

/** As a page's worker makes it. */
function declaredTensor(input: ManifestInput, preprocess: ManifestAudioPreprocess, bytes: Buffer): Readable<TensorWire> {
  const samples = samplesOf(bytes, null);
  if ('unreadable' in samples) return samples;
  try {
    const { sampleRate } = formatOf(chunksOf(bytes).get('fmt ') as Buffer);
    return prepareRecordings(input, preprocess, [{ channels: [Float32Array.from(samples)], sampleRate }]);
  } catch (error) {
    if (error instanceof UnfitError) return { unreadable: `does not fit the input: ${error.message}` };
    throw error;
  }
}

/** @param sampleRate The only one that is taken; null: any. */
function samplesOf(bytes: Buffer, sampleRate: number | null): Readable<Float64Array> {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') return { unreadable: 'is no WAV file' };
  const chunks = chunksOf(bytes);
  const [header, data] = [chunks.get('fmt '), chunks.get('data')];
  if (header === undefined || header.length < 16 || data === undefined) return { unreadable: 'ends before its samples begin' };
  const format = formatOf(header);
  const read = SAMPLE_READERS[`${format.tag}/${format.bitCount}`];
  if (read === undefined || format.channelCount === 0) {
    return { unreadable: 'is compressed or of another sample type; readable are PCM of 8, 16, 24 or 32 bits and float of 32 or 64' };
  }
  if (sampleRate !== null && format.sampleRate !== sampleRate) {
    return { unreadable: `has ${format.sampleRate} samples per second; the manifest says ${sampleRate}. Resample it as the page does` };
  }
  const sampleBytes = format.bitCount / 8;
  const frameBytes = sampleBytes * format.channelCount;
  const frameCount = Math.floor(data.length / frameBytes);
  if (frameCount === 0) return { unreadable: 'has no samples' };
  const samples = new Float64Array(frameCount);
  for (let frame = 0; frame < frameCount; frame++) {
    let sum = 0;
    for (let channel = 0; channel < format.channelCount; channel++) sum += read(data, frame * frameBytes + channel * sampleBytes);
    samples[frame] = sum / format.channelCount;
  }
  return samples;
}

function formatOf(header: Buffer): Format {
  const tag = header.readUInt16LE(0);
  return {
    tag: tag === EXTENSIBLE && header.length >= SUB_FORMAT_AT + 2 ? header.readUInt16LE(SUB_FORMAT_AT) : tag,
    channelCount: header.readUInt16LE(2),
    sampleRate: header.readUInt32LE(4),
    bitCount: header.readUInt16LE(14),
  };
}

/** Chunks by name. The last one may be shorter than it says: a recorder that was cut off leaves such files. */
function chunksOf(bytes: Buffer): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>();
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4);
    const name = bytes.toString('latin1', at, at + 4);
    if (!chunks.has(name)) chunks.set(name, bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length + (length % 2);
  }
  return chunks;
}
