/**
 * A registered model: what follows from its manifest, in this release.
 *
 * Not here: plans of other releases (kept-plans.ts).
 */
import { createHash } from 'node:crypto';
import { planHash } from '../../counts/layout/plan.ts';
import { type LocalDpPlan, localDpPlanHash, localDpPlanOf } from '../../counts/noise/local-dp-plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import type { ReleasedPlan } from '../../counts/plans/released-software-plans.ts';
import { MANIFEST_BYTES_MAX } from '../../protocol/limits.ts';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
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
  manifestJson: string,
  registeredAtMs: number,
): Promise<{ readonly ok: true; readonly model: RegisteredModel } | Refused> {
  if (Buffer.byteLength(manifestJson) > MANIFEST_BYTES_MAX) return { ok: false, reason: 'The manifest is too long.' };
  const checked = checkManifest(parseJson(manifestJson));
  if (!checked.ok) return { ok: false, reason: `The manifest is not usable: ${checked.reason}.` };
  const { manifest } = checked;
  const { name, version } = manifest;
  const plan = dataPlanOf(manifest);
  const hash = await planHash(plan, digestText);
  // First 8 bytes of the SHA-256 of the manifest as served.
  const modelVersion = createHash('sha256').update(manifestJson, 'utf8').digest('hex').slice(0, 16);
  const registration = { modelVersion, plan: hash, name, version, manifestJson, baseline: null, registeredAtMs };
  return { ok: true, model: { registration, manifest, plan, noised: await noisedPlanOf(plan) } };
}

export async function noisedPlanOf(data: Plan): Promise<NoisedPlan | null> {
  const plan = localDpPlanOf(data);
  return plan === null ? null : { plan, hash: await localDpPlanHash(plan, digestText) };
}

/** The plans that pages of this release count the model by. */
export function presentPlansOf({ registration, plan, noised }: RegisteredModel, release: string): ReleasedPlan[] {
  const data = { hash: registration.plan, release, plan };
  return noised === null ? [data] : [data, { ...noised, release }];
}

export function digestText(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
