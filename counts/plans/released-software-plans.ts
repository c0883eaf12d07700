/**
 * Released software plans: those that some release of insitu has counted by, each written down once.
 *
 * Why: pages go on running the release that they were built with, for months, and a collector that was first started today has never
 * seen its plan. Without this list their reports would wait seven days and expire.
 *
 * Invariants
 *  - An entry never changes once its release is published. Its hash is that of the plan made of it (test/unit/counts/plans.test.ts).
 *  - The last entry is the present plan. `node scripts/software-plans.mjs` writes it.
 *
 * Not here: the present plan's words and cells (software-plan.ts, software-layout.ts). Not for pages, which know their own plan.
 */
import type { Plan } from '../../protocol/report/plan.ts';
import released from './released-software-plans.json' with { type: 'json' };
import { type SoftwareMetricSource, softwarePlanOf } from './software-plan.ts';

/** A plan of any kind, its name, and since when there is one. */
export interface ReleasedPlan {
  readonly hash: string;
  /** The first release that is known to count by it. */
  readonly release: string;
  readonly plan: Plan;
}

/** Oldest first. */
export const RELEASED_SOFTWARE_PLANS: readonly ReleasedPlan[] = released.map(({ hash, release, metrics }) => {
  return { hash, release, plan: softwarePlanOf(metrics as readonly SoftwareMetricSource[]) };
});
