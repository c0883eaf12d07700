/**
 * The script-tag entry: the global `insitu`, with its files beside the script, from whatever origin that came.
 */
import { SdkError } from '../protocol/errors.ts';
import type { Client, ClientOptions } from './api/client.ts';
import { assetsIn } from './assets/assets.ts';
import { createClientWith } from './client.ts';

// Known only while the script runs for the first time.
const script = globalThis.document?.currentScript as Partial<HTMLScriptElement> | null | undefined;
const folder = script?.src ? new URL('.', script.src) : null;

/** @see createClient in sdk/index.ts */
export function createClient(options: ClientOptions = {}): Client {
  return createClientWith(options, () => {
    if (folder === null)
      throw new SdkError('invalid-option', {
        option: 'assets',
        reason: 'a script that is inlined, or in a worker, does not know its folder; name one',
      });
    return assetsIn(folder);
  });
}

export { ERROR_CODES, isSdkError, SdkError } from '../protocol/errors.ts';
