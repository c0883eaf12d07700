/**
 * The level `local-dp` as a file of its own: fetched on consent by pages that have asked for this level, in place of delivery.
 *
 * Not here: who decides that (sdk/telemetry/telemetry.ts).
 */
import { indexedDbEpsilonStore } from './epsilon-store.ts';
import { LocalDpLevel } from './level.ts';
import { LocalDp, type LocalDpHost } from './local-dp.ts';

export { noisedModelOf } from './noised-model.ts';

export type LocalDpModule = typeof import('./entry.ts');

export function openLocalDp(host: LocalDpHost): LocalDp {
  return new LocalDp(host, indexedDbEpsilonStore());
}

/** The same as telemetry wants it. */
export function openLocalDpLevel(host: LocalDpHost): LocalDpLevel {
  return new LocalDpLevel(openLocalDp(host));
}
