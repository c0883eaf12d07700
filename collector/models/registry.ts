/**
 * Registry: the models that this collector accepts reports for, and their plans.
 *
 * A registration is a manifest as served, byte for byte, and maybe a baseline. Version and plan follow from the
 * manifest here as they do in the page, so nobody can register a plan that the pages do not have.
 *
 * Invariants
 *  - A model is known to the intake only after its registration is durable in the store.
 *  - Plans are derived again at start-up: a stored registration never speaks for a layout that this release lays out differently.
 *
 * Not here: who may register (collector/http/server.ts).
 */
import { type Plan, planHash } from '../../counts/layout/plan.ts';
import { type LocalDpPlan, localDpPlanHash, localDpPlanOf } from '../../counts/noise/local-dp-plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { REGISTRATION_COUNT_MAX } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { modelVersionOf, readManifest, type ServedManifest } from '../../protocol/manifest/served-manifest.ts';
import { UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import type { KnownPlans } from '../intake/intake.ts';
import type { Baseline, Registration, Store } from '../store/store.ts';

export interface RegisteredModel {
  readonly registration: Registration;
  readonly manifest: Manifest;
  readonly plan: Plan;
  /** What its noised reports may be about; null when none of its metrics can be asked at level `local-dp`. */
  readonly noised: { readonly plan: LocalDpPlan; readonly hash: string } | null;
}

export type AdmitVerdict = { readonly ok: true; readonly model: RegisteredModel } | { readonly ok: false; readonly reason: string };

export class Registry implements KnownPlans {
  private readonly store: Store;
  private readonly now: () => number;
  private readonly softwareHash: string;
  private readonly byVersion = new Map<string, RegisteredModel>();

  private constructor(store: Store, now: () => number, softwareHash: string) {
    this.store = store;
    this.now = now;
    this.softwareHash = softwareHash;
  }

  /** @param complain Told, in a sentence, of each stored registration that this release cannot read. */
  static async open(store: Store, now: () => number, complain: (sentence: string) => void): Promise<Registry> {
    const registry = new Registry(store, now, await planHash(SOFTWARE_PLAN));
    for (const { manifestJson, baseline, registeredAtMs, name } of await store.registrations()) {
      const verdict = await deriveModel(manifestJson, baseline, registeredAtMs);
      if (verdict.ok) registry.byVersion.set(verdict.model.registration.modelVersion, verdict.model);
      else complain(`The stored registration of ${name} cannot be used: ${verdict.reason}`);
    }
    return registry;
  }

  get models(): readonly RegisteredModel[] {
    return [...this.byVersion.values()];
  }

  find(modelVersion: string): RegisteredModel | undefined {
    return this.byVersion.get(modelVersion);
  }

  planOf(modelVersion: string, hash: string): Plan | null | undefined {
    const model = this.byVersion.get(modelVersion);
    if (model === undefined && modelVersion !== UNKNOWN_MODEL_VERSION) return undefined;
    if (hash === this.softwareHash) return SOFTWARE_PLAN;
    if (hash === model?.noised?.hash) return model?.noised?.plan ?? null;
    return hash === model?.registration.plan ? model.plan : null;
  }

  /**
   * Registers a model, or gives a registered one another baseline; null keeps the baseline that it has.
   * Rejects only when the store fails.
   */
  async admit(served: ServedManifest, baseline: unknown): Promise<AdmitVerdict> {
    const verdict = await deriveModel(served, baseline, this.now());
    if (!verdict.ok) return verdict;
    const { registration } = verdict.model;
    const before = this.byVersion.get(registration.modelVersion);
    if (before === undefined) {
      if (this.byVersion.size >= REGISTRATION_COUNT_MAX) {
        return { ok: false, reason: `${REGISTRATION_COUNT_MAX} models are registered already.` };
      }
      return this.keep(verdict.model);
    }
    const kept = before.registration;
    const isSame = registration.baseline === null || JSON.stringify(registration.baseline) === JSON.stringify(kept.baseline);
    return isSame ? { ok: true, model: before } : this.keep({ ...before, registration: { ...kept, baseline: registration.baseline } });
  }

  private async keep(model: RegisteredModel): Promise<AdmitVerdict> {
    await this.store.register(model.registration);
    this.byVersion.set(model.registration.modelVersion, model);
    return { ok: true, model };
  }
}

async function deriveModel(served: ServedManifest, baselineJson: unknown, registeredAtMs: number): Promise<AdmitVerdict> {
  const read = readManifest(served);
  if (!read.ok) return { ok: false, reason: `The manifest is not usable: ${read.reason}.` };
  const { manifest, text: manifestJson } = read;
  const plan = dataPlanOf(manifest);
  const hash = await planHash(plan);
  const modelVersion = await modelVersionOf(served);
  const baseline = baselineJson === null ? null : readBaseline(baselineJson, modelVersion, hash, plan);
  if (typeof baseline === 'string') return { ok: false, reason: `The baseline is not usable: ${baseline}.` };
  const { name, version } = manifest;
  const registration = { modelVersion, plan: hash, name, version, manifestJson, baseline, registeredAtMs };
  const noisedPlan = localDpPlanOf(plan);
  const noised = noisedPlan === null ? null : { plan: noisedPlan, hash: await localDpPlanHash(noisedPlan) };
  return { ok: true, model: { registration, manifest, plan, noised } };
}

/** The baseline, or why it is none of this model. */
function readBaseline(json: unknown, modelVersion: string, hash: string, plan: Plan): Baseline | string {
  if (typeof json !== 'object' || json === null) return 'it is not an object';
  const { modelVersion: ownVersion, plan: ownPlan, n, cells, counts } = json as Partial<Record<keyof Baseline, unknown>>;
  if (ownVersion !== modelVersion) return `its modelVersion must be ${modelVersion}, the version of this manifest`;
  if (ownPlan !== hash) return `its plan must be ${hash}, the plan of this manifest; count the baseline again`;
  if (!isCount(n) || n === 0) return 'n must be a positive whole number';
  if (!isCountList(cells) || !isCountList(counts) || cells.length !== counts.length) {
    return 'cells and counts must be whole numbers, as many of the one as of the other';
  }
  const isRising = cells.every((cell, index) => cell < plan.cellCount && (index === 0 || cell > (cells[index - 1] as number)));
  if (!isRising) return 'cells must rise and lie inside the plan';
  return { modelVersion, plan: hash, n, cells, counts };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCountList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}
