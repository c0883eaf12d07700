/**
 * Media: what an application has instead of a tensor, made ready to leave the page.
 *
 * Why so little happens here: the page only takes what lives on it (elements, callers' buffers) and gives the worker something that
 * can travel; decoding, resizing and arithmetic are the worker's (worker/prepare/, processing/).
 *
 * Invariants
 *  - Everything is taken before `run` returns: what the caller does with it afterwards changes nothing.
 *  - Error details name the input and a reason, never a value.
 *
 * Not here: each kind (picture.ts, recording.ts, row.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { BATCH_AXIS_COUNT_MAX } from '../../protocol/limits.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { MediaWire } from '../../protocol/worker/media.ts';
import { readyPicture } from './picture.ts';
import type { ReadyMedia } from './ready-media.ts';
import { readyRecording } from './recording.ts';
import { readyRow } from './row.ts';

/**
 * @param value Not a tensor; anything else.
 * @param taken What is to be transferred is added here, also of what was taken before an error.
 * @throws {SdkError} `preprocess-failed`
 */
export function readyMedia(input: ManifestInput, value: unknown, isTransfer: boolean, taken: Transferable[]): MediaWire {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const refuse = (reason: string): SdkError => new SdkError('preprocess-failed', { input: input.name, reason });
  if (given.length > BATCH_AXIS_COUNT_MAX) throw refuse(`it takes at most ${BATCH_AXIS_COUNT_MAX} at a time`);
  const take = <W>({ wire, transfers }: ReadyMedia<W>): W => {
    taken.push(...transfers);
    return wire;
  };
  switch (input.preprocess?.kind) {
    case 'image':
      return { kind: 'image', items: given.map((picture) => take(readyPicture(input, picture, isTransfer))) };
    case 'audio':
      return { kind: 'audio', items: given.map((recording) => take(readyRecording(input, recording, isTransfer))) };
    case 'row':
      return { kind: 'row', items: given.map((row) => readyRow(input, row)) };
    case 'text':
      if (!given.every((text) => typeof text === 'string')) throw refuse('it takes a text, a list of texts, or a tensor');
      return { kind: 'text', items: [...given] };
    default:
      throw refuse('the manifest declares no preprocessing for it');
  }
}
