/**
 * A registered model: what follows from its manifest, in this release.
 *
 * Not here: plans of other releases (kept-plans.ts).
 */
import { planHash } from '../../counts/layout/plan.ts';
import { type LocalDpPlan, localDpPlanHash, localDpPlanOf } from '../../counts/noise/local-dp-plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import type { ReleasedPlan } from '../../counts/plans/released-software-plans.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { modelVersionOf, readManifest, type ServedManifest } from '../../protocol/manifest/served-manifest.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { Registration } from '../store/store.ts';

export interface RegisteredModel {
  readonly registration: Registration;
  readonly manifest: Manifest;
  /** The present data plan; its hash is the registration's. */
  readonly plan: Plan;
  /** What its noised reports may be about; null when none of its metrics can be asked at level `local-dp`. */
  readonly noised: NoisedPlan | null;
}

export interface NoisedPlan {
  readonly plan: LocalDpPlan;
  readonly hash: string;
}

export interface Refused {
  readonly ok: false;
  readonly reason: string;
}

/** Without a baseline. */
export async function registeredModelOf(
  served: ServedManifest,
  registeredAtMs: number,
): Promise<{ readonly ok: true; readonly model: RegisteredModel } | Refused> {
  const read = readManifest(served);
  if (!read.ok) return { ok: false, reason: `The manifest is not usable: ${read.reason}.` };
  const { manifest, text: manifestJson } = read;
  const { name, version } = manifest;
  const plan = dataPlanOf(manifest);
  const hash = await planHash(plan);
  const modelVersion = await modelVersionOf(served);
  const registration = { modelVersion, plan: hash, name, version, manifestJson, baseline: null, registeredAtMs };
  return { ok: true, model: { registration, manifest, plan, noised: await noisedPlanOf(plan) } };
}

export async function noisedPlanOf(data: Plan): Promise<NoisedPlan | null> {
  const plan = localDpPlanOf(data);
  return plan === null ? null : { plan, hash: await localDpPlanHash(plan) };
}

/** The plans that pages of this release count the model by. */
export function presentPlansOf({ registration, plan, noised }: RegisteredModel, release: string): ReleasedPlan[] {
  const data = { hash: registration.plan, release, plan };
  return noised === null ? [data] : [data, { ...noised, release }];
}
