/**
 * The package's ESM entry: everything public, nothing else.
 */
import { assetsBesideModule } from './assets.ts';
import { createClientWith } from './client.ts';
import type { Client, ClientOptions } from './options.ts';

/**
 * Creates a client. Nothing is fetched and no worker starts before the first `load`.
 *
 * @throws {SdkError} `invalid-option`
 */
export function createClient(options: ClientOptions = {}): Client {
  return createClientWith(options, assetsBesideModule);
}

export type { ErrorDetails } from '../protocol/errors.ts';
export { ERROR_CODES, isSdkError, SdkError } from '../protocol/errors.ts';
export type * from './options.ts';
