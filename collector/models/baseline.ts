/**
 * A baseline as it arrives: of this model and its present plan, of an earlier plan, or no baseline at all.
 *
 * Not here: counting one (`insitu baseline`).
 */
import type { Baseline } from '../../protocol/read/read-api.ts';
import type { Plan } from '../../protocol/report/plan.ts';

type ReadBaseline =
  | { readonly kind: 'usable'; readonly baseline: Baseline }
  /** A good one in its time: its cells mean something else now. */
  | { readonly kind: 'other-plan'; readonly sentence: string }
  | { readonly kind: 'unusable'; readonly reason: string };

export interface BaselineOf {
  readonly modelVersion: string;
  readonly hash: string;
  readonly plan: Plan;
}

export function readBaseline(json: unknown, { modelVersion, hash, plan }: BaselineOf): ReadBaseline {
  const unusable = (reason: string): ReadBaseline => ({ kind: 'unusable', reason });
  if (typeof json !== 'object' || json === null) return unusable('it is not an object');
  const { modelVersion: ownVersion, plan: ownPlan, n, cells, counts } = json as Partial<Record<keyof Baseline, unknown>>;
  if (ownVersion !== modelVersion)
    return unusable(`its modelVersion must be ${modelVersion}, the version of this manifest: count it again with insitu baseline`);
  if (typeof ownPlan !== 'string' || !/^[0-9a-f]{16}$/.test(ownPlan)) return unusable('its plan must be 16 hex digits');
  if (!isCount(n) || n === 0) return unusable('n must be a positive whole number');
  if (!isCountList(cells) || !isCountList(counts) || cells.length !== counts.length) {
    return unusable('cells and counts must be whole numbers, as many of the one as of the other');
  }
  if (ownPlan !== hash) {
    const sentence = `The baseline was left out: it was counted by plan ${ownPlan}, and this release counts by plan ${hash}. Count it again with insitu baseline.`;
    return { kind: 'other-plan', sentence };
  }
  const isRising = cells.every((cell, index) => cell < plan.cellCount && (index === 0 || cell > (cells[index - 1] as number)));
  if (!isRising) return unusable('cells must rise and lie inside the plan');
  return { kind: 'usable', baseline: { modelVersion, plan: hash, n, cells, counts } };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCountList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}
