/**
 * Registry: the models that this collector accepts reports for, and the plans by which their cells are read.
 *
 * A registration is a manifest as served, byte for byte, and maybe a baseline. Version and present plan follow from the manifest here
 * as they do in a page of the same release. Pages of earlier releases count by the plans that those releases made: they are kept.
 *
 * Invariants
 *  - A model and its plans are known to the intake only after they are durable in the store.
 *  - Present plans are made again at start-up and outrank what is kept under their hash: better prose is not a new plan.
 *  - A baseline of another plan is left out, with a sentence; it never costs the model.
 *
 * Not here: who may register (collector/http/model-routes.ts), keeping plans (kept-plans.ts).
 */
import { isLocalDpPlan } from '../../counts/noise/local-dp-plan.ts';
import { RELEASED_SOFTWARE_PLANS, type ReleasedPlan } from '../../counts/plans/released-software-plans.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { REGISTRATION_COUNT_MAX } from '../../protocol/limits.ts';
import type { ServedManifest } from '../../protocol/manifest/served-manifest.ts';
import type { PlanDocument } from '../../protocol/read/read-api.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { type Arm, UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import type { KnownPlans } from '../intake/intake.ts';
import type { Registration, Store } from '../store/store.ts';
import { type BaselineOf, readBaseline } from './baseline.ts';
import { KeptPlans } from './kept-plans.ts';
import { readPlanDocuments } from './plan-reader.ts';
import { type NoisedPlan, presentPlansOf, type Refused, type RegisteredModel, registeredModelOf } from './registered-model.ts';

/** A plan and the hash that names it. */
export interface NamedPlan {
  readonly hash: string;
  readonly plan: Plan;
}

/** `baselineLeftOut`: why, in a sentence; null when it was not. */
type AdmitAnswer = { readonly ok: true; readonly model: RegisteredModel; readonly baselineLeftOut: string | null } | Refused;

/** `isOfFolder`: it is registered again at the next start, unless its folder is removed. */
interface Removed {
  readonly model: RegisteredModel;
  readonly isOfFolder: boolean;
}

interface RegistryOptions {
  readonly store: Store;
  /** insitu's version: what the present plans are made by. */
  readonly release: string;
  readonly now: () => number;
  /** Told, in a sentence, of each stored registration that this release cannot read, or cannot read all of. */
  readonly complain: (sentence: string) => void;
}

/** What comes with a manifest. */
interface RegistrationExtras {
  /** As JSON; null keeps the baseline that is registered. */
  readonly baseline: unknown;
  /** It lies in the models folder, from which it is registered at every start. */
  readonly isOfFolder?: boolean;
  /** Data plans of other releases as JSON, each `{ hash, release, plan }`. */
  readonly plans?: readonly unknown[];
}

const OTHER_COLLECTOR =
  'Ask a collector of that release for GET /v1/models/{version}/plans/{hash}, and register its answer here among "plans".';

const STABLE_ONLY: readonly Arm[] = ['stable'];

export class Registry implements KnownPlans {
  private readonly options: RegistryOptions;
  private readonly kept: KeptPlans;
  /** By hash. */
  private readonly software: ReadonlyMap<string, ReleasedPlan>;
  private readonly byVersion = new Map<string, RegisteredModel>();
  private readonly ofFolder = new Set<string>();
  /** Changes go one after the other: what one of them found holds until it is done. */
  private tail: Promise<unknown> = Promise.resolve();

  private constructor(options: RegistryOptions, kept: KeptPlans) {
    this.options = options;
    this.kept = kept;
    const release = RELEASED_SOFTWARE_PLANS.find(({ hash }) => hash === SOFTWARE_PLAN_HASH)?.release ?? options.release;
    const present = { hash: SOFTWARE_PLAN_HASH, release, plan: SOFTWARE_PLAN };
    // Kept ones that are not among the released are of a later release, whose collector has run on this store.
    this.software = new Map([...kept.of(UNKNOWN_MODEL_VERSION), ...RELEASED_SOFTWARE_PLANS, present].map((plan) => [plan.hash, plan]));
  }

  static async open(options: RegistryOptions): Promise<Registry> {
    const { store, release, now } = options;
    const registrations = await store.registrations();
    const versions = new Set([UNKNOWN_MODEL_VERSION, ...registrations.map(({ modelVersion }) => modelVersion)]);
    const registry = new Registry(options, await KeptPlans.open(store, now, versions));
    const plans = new Map<string, ReleasedPlan[]>([[UNKNOWN_MODEL_VERSION, [{ hash: SOFTWARE_PLAN_HASH, release, plan: SOFTWARE_PLAN }]]]);
    for (const stored of registrations) {
      const model = await registry.restore(stored);
      if (model !== null) plans.set(model.registration.modelVersion, presentPlansOf(model, release));
    }
    await registry.kept.keep(plans);
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
    if (hash === model?.registration.plan) return model.plan;
    if (hash === model?.noised?.hash) return model.noised.plan;
    return this.software.get(hash)?.plan ?? this.kept.find(modelVersion, hash) ?? null;
  }

  /** The plan of that kind and hash, or the present one; null when there is no present one, undefined when there is none of that hash. */
  namedPlan(modelVersion: string, report: 'data' | 'software', hash: string | null): NamedPlan | null | undefined {
    const named = hash ?? (report === 'software' ? SOFTWARE_PLAN_HASH : this.byVersion.get(modelVersion)?.registration.plan);
    if (named === undefined) return null;
    const plan = report === 'software' ? this.software.get(named)?.plan : this.planOf(modelVersion, named);
    return plan?.report === report ? { hash: named, plan } : undefined;
  }

  /** Those by which pages of any model are counted, of every release that is known. */
  get softwarePlans(): readonly ReleasedPlan[] {
    return [...this.software.values()];
  }

  /** No model takes part in a rollout, so every page is on the side that there always is. */
  armsOf(_modelVersion: string): readonly Arm[] {
    return STABLE_ONLY;
  }

  /** The noised plan of that hash, or the present one; null when the model has none, undefined when it has none of that hash. */
  noisedPlanOf(model: RegisteredModel, hash: string | null): NoisedPlan | null | undefined {
    if (hash === null) return model.noised;
    const plan = this.planOf(model.registration.modelVersion, hash);
    return plan && isLocalDpPlan(plan) ? { plan, hash } : undefined;
  }

  /** Every plan by which sums of the model can be read: present ones first, then those of other releases, the last kept first. */
  plansOf(model: RegisteredModel): readonly PlanDocument[] {
    const present = presentPlansOf(model, this.options.release);
    const presentHashes = new Set([SOFTWARE_PLAN_HASH, ...present.map(({ hash }) => hash)]);
    const kept = this.kept.of(model.registration.modelVersion);
    // The later one of a hash has the present prose; the kept one knows since when.
    const byHash = new Map([...kept, ...this.software.values(), ...present].map((plan) => [plan.hash, plan]));
    const documents = [...byHash.values()].map(({ hash, release, plan }): PlanDocument => {
      const first = kept.find((earlier) => earlier.hash === hash)?.release ?? release;
      return { hash, report: plan.report, release: first, isPresent: presentHashes.has(hash), plan };
    });
    return documents.reverse().sort((one, other) => Number(other.isPresent) - Number(one.isPresent));
  }

  /** Registers a model, or gives a registered one another baseline or more plans. Rejects only when the store fails. */
  admit(served: ServedManifest, extras: RegistrationExtras): Promise<AdmitAnswer> {
    return this.alone(() => this.admitAlone(served, extras));
  }

  /** Its reports are refused from then on; what was counted stays in the store. Rejects only when the store fails. @returns null when it is unknown. */
  remove(modelVersion: string): Promise<Removed | null> {
    return this.alone(async () => {
      const model = this.byVersion.get(modelVersion);
      if (model === undefined) return null;
      await this.options.store.unregister(modelVersion);
      this.byVersion.delete(modelVersion);
      this.kept.forget(modelVersion);
      return { model, isOfFolder: this.ofFolder.has(modelVersion) };
    });
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(work);
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  private async admitAlone(served: ServedManifest, { baseline, plans = [], isOfFolder = false }: RegistrationExtras): Promise<AdmitAnswer> {
    const { store, now, release } = this.options;
    const derived = await registeredModelOf(served, now());
    if (!derived.ok) return derived;
    const { modelVersion } = derived.model.registration;
    const read = baseline === null ? null : readBaseline(baseline, baselineOf(derived.model));
    if (read?.kind === 'unusable') return { ok: false, reason: `The baseline is not usable: ${read.reason}.` };
    const others = await readPlanDocuments(plans);
    if (typeof others === 'string') return { ok: false, reason: others };
    const before = this.byVersion.get(modelVersion);
    if (before === undefined && this.byVersion.size >= REGISTRATION_COUNT_MAX) {
      const next = 'Remove one that no page loads any more: DELETE /v1/models/{version}.';
      return { ok: false, reason: `${REGISTRATION_COUNT_MAX} model versions are registered already. ${next}` };
    }
    if (before === undefined) await this.kept.recall(modelVersion);
    const { registration } = before ?? derived.model;
    const next = read?.kind === 'usable' ? { ...registration, baseline: read.baseline } : registration;
    await this.kept.keep(new Map([[modelVersion, [...others, ...presentPlansOf(derived.model, release)]]]));
    if (before === undefined || JSON.stringify(next) !== JSON.stringify(registration)) await store.register(next);
    const model = { ...(before ?? derived.model), registration: next };
    this.byVersion.set(modelVersion, model);
    if (isOfFolder) this.ofFolder.add(modelVersion);
    return { ok: true, model, baselineLeftOut: read?.kind === 'other-plan' ? read.sentence : null };
  }

  /** A stored registration as this release reads it; null when it cannot. What is stored stays as it is. */
  private async restore({ manifestJson, baseline, registeredAtMs, name, plan }: Registration): Promise<RegisteredModel | null> {
    const { complain } = this.options;
    const derived = await registeredModelOf(manifestJson, registeredAtMs);
    if (!derived.ok) {
      complain(`The stored registration of ${name} cannot be used: ${derived.reason}`);
      return null;
    }
    const { model } = derived;
    const { modelVersion, plan: hash } = model.registration;
    if (plan !== hash && this.kept.find(modelVersion, plan) === undefined) {
      complain(
        `${name} was counted by plan ${plan}, which this release cannot make: what is stored by it cannot be shown. ${OTHER_COLLECTOR}`,
      );
    }
    const read = baseline === null ? null : readBaseline(baseline, baselineOf(model));
    if (read?.kind === 'other-plan') complain(`${name}: ${read.sentence}`);
    if (read?.kind === 'unusable')
      complain(`${name}: The stored baseline was left out: ${read.reason}. Count it again with insitu baseline.`);
    const registration = { ...model.registration, baseline: read?.kind === 'usable' ? read.baseline : null };
    const restored = { ...model, registration };
    this.byVersion.set(modelVersion, restored);
    return restored;
  }
}

function baselineOf({ registration, plan }: RegisteredModel): BaselineOf {
  return { modelVersion: registration.modelVersion, hash: registration.plan, plan };
}
