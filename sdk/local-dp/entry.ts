/**
 * The level `local-dp` as a file of its own: fetched on consent by pages that have asked for this level, in place of delivery.
 *
 * Not here: who decides that (sdk/telemetry/telemetry.ts).
 */
import type { LocalDpModule } from '../telemetry/level.ts';
import { indexedDbEpsilonStore } from './epsilon-store.ts';
import { LocalDpLevel } from './level.ts';
import { LocalDp, type LocalDpDeps } from './local-dp.ts';

export { noisedModelOf } from './noised-model.ts';

export function openLocalDp(deps: LocalDpDeps): LocalDp {
  return new LocalDp(deps, indexedDbEpsilonStore());
}

/** The same as telemetry wants it. */
export function openLocalDpLevel(deps: LocalDpDeps): LocalDpLevel {
  return new LocalDpLevel(openLocalDp(deps));
}

void ({ openLocalDpLevel } satisfies LocalDpModule);
