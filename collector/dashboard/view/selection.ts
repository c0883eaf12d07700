/**
 * What the reader has chosen to see, and what there is to choose from. Pure.
 *
 * Invariants
 *  - Nothing is offered that has no second choice: one arm, one segment, one plan need no control.
 *  - Another model starts from all arms, all segments and its present plans.
 */
import type { ModelDetail, PlanEntry, Series } from '../../../protocol/read/read-api.ts';
import type { Plan } from '../../../protocol/report/plan.ts';
import { ARMS, type Arm, type ReportKind } from '../../../protocol/report/window.ts';
import { counted, nameText } from '../charts/figures.ts';

export interface Selection {
  readonly modelVersion: string;
  readonly hourCount: number;
  /** The last of those hours, since 1970; null: the present one. */
  readonly untilHour: number | null;
  /** null: all together. */
  readonly arm: Arm | null;
  /** Index in the data plan's segments; null: all together. */
  readonly segment: number | null;
  /** Hashes; null: the present plan. */
  readonly dataPlan: string | null;
  readonly softwarePlan: string | null;
}

export interface Choice {
  readonly value: string;
  readonly text: string;
}

/** Kinds that the dashboard shows. */
export type ShownKind = Exclude<ReportKind, 'noised'>;

/** The plan of that kind that is chosen; the present one when none is, or when the collector no longer keeps it. */
export function chosenPlan({ plans }: ModelDetail, kind: ShownKind, hash: string | null): PlanEntry {
  const ofKind = plans.filter(({ report }) => report === kind);
  const chosen = ofKind.find((plan) => plan.hash === hash) ?? ofKind.find(({ isPresent }) => isPresent);
  if (chosen === undefined) throw new RangeError(`The collector has no ${kind} plan for this model.`);
  return chosen;
}

/** Arms in these hours; empty when there is only one. */
export function armChoices({ totals }: Series, { arm: chosen }: Selection): readonly Choice[] {
  const there = ARMS.filter((arm) => arm === chosen || totals.some((total) => total.arm === arm));
  return there.length < 2 ? [] : [{ value: '', text: 'all' }, ...there.map((arm) => ({ value: arm, text: arm }))];
}

/** Segments that the plan declares; empty when it declares none. */
export function segmentChoices({ segments }: Plan): readonly Choice[] {
  if (segments.length < 2) return [];
  return [{ value: '', text: 'all' }, ...segments.map((text, index) => ({ value: String(index), text: nameText(text) }))];
}

/** The present plan and those that have reports in these hours, or that were chosen; empty when there is only the present one. */
export function planChoices(detail: ModelDetail, { totals }: Series, kind: ShownKind, chosen: string | null): readonly Choice[] {
  const offered = detail.plans.filter(
    ({ report, hash, isPresent }) =>
      report === kind && (isPresent || hash === chosen || totals.some((total) => total.report === kind && total.plan === hash)),
  );
  return offered.length < 2 ? [] : offered.map((plan) => ({ value: plan.hash, text: plan.isPresent ? 'this release' : nameOf(plan) }));
}

const KIND_LABELS: { readonly [K in ShownKind]: string } = { data: 'Data counted by', software: 'Software counted by' };

/** Reports of these hours that are not shown because they were counted by another plan, in sentences; null when there are none. */
export function otherPlansSentence(
  detail: ModelDetail,
  hidden: readonly { readonly report: ShownKind; readonly plan: string; readonly reports: number }[],
): string | null {
  const sentences = hidden.map(({ report, plan, reports }) => {
    const known = detail.plans.find(({ hash }) => hash === plan);
    const what = `${counted(reports, `${report} report`)} of these hours ${reports === 1 ? 'is' : 'are'} not shown`;
    if (known === undefined) {
      return `${what}: counted by plan ${plan}, which this collector does not know. Register it with POST /v1/models.`;
    }
    const by = known.isPresent ? 'by this release' : `by ${nameOf(known)}, which lays its cells out another way`;
    return `${what}: counted ${by}. Choose it at “${KIND_LABELS[report]}”.`;
  });
  return sentences.length === 0 ? null : sentences.join(' ');
}

/** Reports that are shown to nobody because there are too few of one hour; null when there are none. */
export function withheldSentence({ withheldReports, shownReportsMin }: Series): string | null {
  if (withheldReports === 0) return null;
  const what = `${counted(withheldReports, 'report')} of these hours ${withheldReports === 1 ? 'is' : 'are'} not shown`;
  return `${what}: an hour, or a part of it, is shown from ${shownReportsMin} reports on, so that no single one can be read off it.`;
}

function nameOf({ release, hash }: PlanEntry): string {
  return `release ${nameText(release)} (${hash.slice(0, 8)})`;
}
