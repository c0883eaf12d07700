/**
 * Media: what an application has instead of a tensor, made ready to leave the page.
 *
 * Why so little happens here: the page only takes what lives on it (elements, callers' buffers) and gives the worker something that
 * can travel; decoding, resizing and arithmetic are the worker's (worker/process/).
 *
 * Invariants
 *  - Everything is taken before `run` returns: what the caller does with it afterwards changes nothing.
 *  - Error details name the input and a reason, never a value.
 *
 * Not here: each kind (picture.ts, recording.ts, row.ts).
 */
import { SdkError } from '../protocol/errors.ts';
import { BATCH_AXIS_COUNT_MAX } from '../protocol/limits.ts';
import type { ManifestInput } from '../protocol/manifest.ts';
import type { MediaWire } from '../protocol/messages.ts';
import { readyPicture } from './picture.ts';
import { readyRecording } from './recording.ts';
import { readyRow } from './row.ts';

export interface ReadyMedia<W = MediaWire> {
  readonly wire: W;
  readonly transfers: readonly Transferable[];
}

/**
 * @param value Not a tensor; anything else.
 * @throws {SdkError} `preprocess-failed`
 */
export function readyMedia(input: ManifestInput, value: unknown, isTransfer: boolean): ReadyMedia {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const refuse = (reason: string): SdkError => new SdkError('preprocess-failed', { input: input.name, reason });
  if (given.length > BATCH_AXIS_COUNT_MAX) throw refuse(`it takes at most ${BATCH_AXIS_COUNT_MAX} at a time`);
  switch (input.preprocess?.kind) {
    case 'image': {
      const pictures = given.map((picture) => readyPicture(input, picture, isTransfer));
      return {
        wire: { kind: 'image', items: pictures.map(({ wire }) => wire) },
        transfers: pictures.flatMap(({ transfers }) => transfers),
      };
    }
    case 'audio': {
      const recordings = given.map((recording) => readyRecording(input, recording, isTransfer));
      return {
        wire: { kind: 'audio', items: recordings.map(({ wire }) => wire) },
        transfers: recordings.flatMap(({ transfers }) => transfers),
      };
    }
    case 'row':
      return { wire: { kind: 'row', items: given.map((row) => readyRow(input, row).wire) }, transfers: [] };
    case 'text':
      if (!given.every((text) => typeof text === 'string')) throw refuse('it takes a text, a list of texts, or a tensor');
      return { wire: { kind: 'text', items: [...given] }, transfers: [] };
    default:
      throw refuse('the manifest declares no preprocessing for it');
  }
}
