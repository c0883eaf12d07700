/**
 * Kept plans: what the cells mean that pages of this and of earlier releases send, and that the store holds.
 *
 * Why kept: a plan follows from the manifest and the release. What an earlier release made of a manifest cannot be made again, and
 * its pages are out there for months.
 *
 * Invariants
 *  - A plan is known here only after it is durable in the store.
 *  - Those of a version that was removed stay in the store, where its sums are, and leave memory.
 *  - At most PLAN_KEPT_COUNT_MAX plans of one kind per model: the one kept first goes, never one that is kept in the same call.
 *
 * Not here: making a plan (counts/plans), which plan a model counts by now (registry.ts).
 */
import type { ReleasedPlan } from '../../counts/plans/released-software-plans.ts';
import { PLAN_KEPT_COUNT_MAX } from '../../protocol/limits.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { KeptPlan, Store } from '../store/store.ts';

export class KeptPlans {
  private readonly store: Store;
  private readonly now: () => number;
  /** By model version, those kept first come first. */
  private readonly byVersion = new Map<string, KeptPlan[]>();

  private constructor(store: Store, now: () => number) {
    this.store = store;
    this.now = now;
  }

  /** @param modelVersions Those that are registered. */
  static async open(store: Store, now: () => number, modelVersions: ReadonlySet<string>): Promise<KeptPlans> {
    const kept = new KeptPlans(store, now);
    for (const plan of await store.plans()) if (modelVersions.has(plan.modelVersion)) kept.add(plan);
    return kept;
  }

  /** What the store holds of a version that was registered before. */
  async recall(modelVersion: string): Promise<void> {
    this.forget(modelVersion);
    for (const plan of await this.store.plans(modelVersion)) if (plan.modelVersion === modelVersion) this.add(plan);
  }

  /** From memory alone. */
  forget(modelVersion: string): void {
    this.byVersion.delete(modelVersion);
  }

  /** Those kept first come first. */
  of(modelVersion: string): readonly KeptPlan[] {
    return this.byVersion.get(modelVersion) ?? [];
  }

  find(modelVersion: string, hash: string): Plan | undefined {
    return this.of(modelVersion).find((kept) => kept.hash === hash)?.plan;
  }

  /** Keeps what is not kept yet, by model version. Rejects only when the store fails; then none of them is known. */
  async keep(plans: ReadonlyMap<string, readonly ReleasedPlan[]>): Promise<void> {
    const fresh = [...plans].flatMap(([modelVersion, named]) =>
      named
        .filter(({ hash }) => this.find(modelVersion, hash) === undefined)
        .map(({ hash, release, plan }) => ({ modelVersion, hash, release, plan, keptAtMs: this.now() })),
    );
    await this.store.keepPlans(fresh);
    for (const plan of fresh) this.add(plan);
    for (const [modelVersion, named] of plans) await this.dropOldest(modelVersion, new Set(named.map(({ hash }) => hash)));
  }

  private add(plan: KeptPlan): void {
    this.byVersion.set(plan.modelVersion, [...this.of(plan.modelVersion), plan]);
  }

  private async dropOldest(modelVersion: string, needed: ReadonlySet<string>): Promise<void> {
    for (const kind of new Set(this.of(modelVersion).map(({ plan }) => plan.report))) {
      const ofKind = this.of(modelVersion).filter(({ plan }) => plan.report === kind);
      const spare = ofKind.filter(({ hash }) => !needed.has(hash)).slice(0, Math.max(0, ofKind.length - PLAN_KEPT_COUNT_MAX));
      for (const { hash } of spare) {
        await this.store.dropPlan(modelVersion, hash);
        const left = this.of(modelVersion).filter((kept) => kept.hash !== hash);
        this.byVersion.set(modelVersion, left);
      }
    }
  }
}
