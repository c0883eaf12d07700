/**
 * Asking for an asset once more, to learn why it did not start: the browser does not say.
 *
 * Invariants
 *  - Only behind a failure, only for a file of insitu's own, and it answers within ASSET_ASK_TIMEOUT_MS: without an answer there is
 *    still a sentence.
 */

import { ASSET_ASK_TIMEOUT_MS } from '../../protocol/limits.ts';
import { type AssetFault, assetFault } from '../../protocol/worker/asset-fault.ts';

/** @param said What the browser did say. Never rejects. */
export async function askAsset(url: string, said: string): Promise<AssetFault> {
  if (location.protocol === 'file:')
    return {
      reason: 'the page is a file',
      advice: 'Browsers start no worker of a file: serve the page over http://, as `npx serve` does.',
    };
  return assetFault(url, fetch(url, { signal: AbortSignal.timeout(ASSET_ASK_TIMEOUT_MS) }), said, self.origin === 'null');
}
