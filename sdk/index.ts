/**
 * The package's ESM entry: everything public, nothing else.
 */

import type { Client, ClientOptions } from './api/client.ts';
import { assetsBesideModule } from './assets/assets.ts';
import { createClientWith } from './client.ts';

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
export type * from './api/client.ts';
export type * from './api/load.ts';
export type * from './api/logger.ts';
export type * from './api/observe.ts';
export type * from './api/runs.ts';
export type * from './api/telemetry.ts';
export type * from './api/tensors.ts';
