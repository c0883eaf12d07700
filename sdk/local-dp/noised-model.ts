/**
 * A loaded or observed model as the level `local-dp` sees it: its plan there and that plan's hash.
 *
 * Not here: the plan itself (counts/noise/local-dp-plan.ts).
 */

import { localDpPlanHash, localDpPlanOf } from '../../counts/noise/local-dp-plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import type { CountedModel } from '../telemetry/recorder.ts';
import type { NoisedModel } from './noised-state.ts';

/** Null when none of the model's metrics can be asked: nothing is ever sent about it at this level. */
export async function noisedModelOf({ manifest, modelVersion }: CountedModel): Promise<NoisedModel | null> {
  const plan = localDpPlanOf(dataPlanOf(manifest));
  if (plan === null) return null;
  return { modelVersion, plan, planHash: await localDpPlanHash(plan) };
}
