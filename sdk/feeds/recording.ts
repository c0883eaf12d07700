/**
 * Recordings: what a page has of sound, as samples that the worker can take.
 *
 * Invariants
 *  - Without `transfer` the caller's samples stay whole. An AudioBuffer always does: it cannot be handed over, and workers have none.
 *
 * Not here: resampling and everything behind it (processing/audio/audio.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { RecordingWire } from '../../protocol/worker/media.ts';
import { tagOf } from '../api/foreign.ts';
import type { ReadyMedia } from './ready-media.ts';

/** @throws {SdkError} `preprocess-failed` */
export function readyRecording(input: ManifestInput, recording: unknown, isTransfer: boolean): ReadyMedia<RecordingWire> {
  const channels = channelsOf(recording);
  if (channels === null) {
    const reason = 'it must be an AudioBuffer, { samples, sampleRate } with a Float32Array for each channel, or a tensor';
    throw new SdkError('preprocess-failed', { input: input.name, reason });
  }
  const { sampleRate } = recording as { readonly sampleRate: number };
  const own = channels.map((channel) => {
    // Handed over already: there is nothing to copy, and the worker says that nothing is there.
    if (channel.length === 0) return new Float32Array();
    return isTransfer && !isAudioBuffer(recording) && channel.buffer instanceof ArrayBuffer ? channel : channel.slice();
  });
  return { wire: { channels: own, sampleRate }, transfers: own.map(({ buffer }) => buffer as ArrayBuffer) };
}

function channelsOf(recording: unknown): readonly Float32Array[] | null {
  if (isAudioBuffer(recording))
    return Array.from({ length: recording.numberOfChannels }, (_, channel) => recording.getChannelData(channel));
  if (typeof recording !== 'object' || recording === null) return null;
  const { samples, sampleRate } = recording as { readonly samples?: unknown; readonly sampleRate?: unknown };
  const channels: readonly unknown[] = Array.isArray(samples) ? samples : [samples];
  return typeof sampleRate === 'number' && channels.every(isFloats) ? channels : null;
}

function isAudioBuffer(value: unknown): value is AudioBuffer {
  return tagOf(value) === '[object AudioBuffer]';
}

function isFloats(value: unknown): value is Float32Array {
  return tagOf(value) === '[object Float32Array]';
}
