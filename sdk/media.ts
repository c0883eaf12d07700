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
 * Not here: each kind (picture.ts …).
 */
import { SdkError } from '../protocol/errors.ts';
import type { ManifestInput } from '../protocol/manifest.ts';
import type { MediaWire } from '../protocol/messages.ts';
import { readyPicture } from './picture.ts';

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
  switch (input.preprocess?.kind) {
    case 'image': {
      const pictures = given.map((picture) => readyPicture(input, picture, isTransfer));
      return {
        wire: { kind: 'image', items: pictures.map(({ wire }) => wire) },
        transfers: pictures.flatMap(({ transfers }) => transfers),
      };
    }
    default:
      throw new SdkError('preprocess-failed', { input: input.name, reason: 'the manifest declares no preprocessing for it' });
  }
}
