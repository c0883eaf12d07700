/**
 * Load checks: whether a load's `batch` and `resident` fit what the model declares. Of a manifest this is known before a file of the
 * model is fetched, of a plain file once its session is there.
 *
 * Not here: the shape of the options themselves (sdk/api/option-checks.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { LoadRequest } from '../../protocol/worker/loading.ts';
import { batchObstacle } from '../queue/batch.ts';

/** @throws {SdkError} `invalid-option` */
export function requireFittingOptions(manifest: Manifest, { batch, resident }: Pick<LoadRequest, 'batch' | 'resident'>): void {
  const obstacle = batch === null ? null : batchObstacle(manifest);
  if (obstacle !== null) throw new SdkError('invalid-option', { option: 'batch', reason: obstacle });
  const names = manifest.outputs.map(({ name }) => name);
  if (resident.some((name) => !names.includes(name))) {
    throw new SdkError('invalid-option', { option: 'resident', reason: `the model's outputs are ${names.join(', ')}` });
  }
}
