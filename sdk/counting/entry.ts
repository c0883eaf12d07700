/**
 * The counting half that only some pages need: dist/insitu.counts.js, fetched when it is asked for.
 *
 * Why a file of its own: plans, kernels and words weigh several times what counting costs a page whose models run in the
 * worker. Three callers ask for it: `inspect()` for words, `observe()` for kernels, `feedback()` for cells.
 *
 * Not here: anything that stores or sends.
 */

import { localDpPlanOf } from '../../counts/noise/local-dp-plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { cellsOfFeedback as cellsInPlan, type FeedbackGiven } from '../../counts/plans/feedback.ts';
import { SOFTWARE_PLAN_HASH } from '../../counts/plans/software-layout.ts';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import { decodeBody } from '../../protocol/report/report.ts';
import type { ReportKind } from '../../protocol/report/window.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import type { DecodedWindow } from '../api/telemetry.ts';
import type { CountsModule } from '../telemetry/level.ts';
import type { CountedModel } from '../telemetry/recorder.ts';
import { createObserver } from './observer.ts';

export { createObserver };

void ({ wordsOf, cellsOfFeedback, createObserver } satisfies CountsModule);

/** Cell and count alternating of what a person said of an answer; none where the manifest asks for no feedback. */
export function cellsOfFeedback(manifest: Manifest, outputs: Feeds, feedback: FeedbackGiven): Uint32Array<ArrayBuffer> {
  return cellsInPlan(manifest, dataPlanOf(manifest), outputs, feedback);
}

/**
 * What a body says, decoded from its bytes and not remembered from the counting.
 *
 * @param models By data plan. A window that an earlier visit left may be of a plan that this page has not loaded: its cells
 *   keep their numbers.
 */
export function wordsOf(bytes: Uint8Array, models: ReadonlyMap<string, CountedModel>): readonly DecodedWindow[] {
  const verdict = decodeBody(bytes);
  if (!verdict.ok) return [];
  const { modelVersion, windows } = verdict.body;
  return windows.map(({ report, id, plan, hour, runs, mark = null, cells, counts }) => {
    const known = planOf(report, plan, modelVersion, models);
    const named = Array.from(cells, (cell, index) => ({ ...nameOf(known, cell), count: counts[index] as number }));
    return { report, id, modelVersion, plan, hour, runs, mark, cells: named };
  });
}

function planOf(report: ReportKind, plan: string, modelVersion: string, models: ReadonlyMap<string, CountedModel>): Plan | undefined {
  if (plan === SOFTWARE_PLAN_HASH) return SOFTWARE_PLAN;
  if (report === 'data') {
    const model = models.get(plan);
    return model === undefined ? undefined : dataPlanOf(model.manifest);
  }
  const model = [...models.values()].find((candidate) => candidate.modelVersion === modelVersion);
  return model === undefined ? undefined : (localDpPlanOf(dataPlanOf(model.manifest)) ?? undefined);
}

function nameOf(plan: Plan | undefined, cell: number): { metric: string; cell: string } {
  const metric = plan?.metrics.find(({ offset, cells }) => cell >= offset && cell < offset + cells.length);
  return metric === undefined
    ? { metric: '', cell: String(cell) }
    : { metric: metric.id, cell: metric.cells[cell - metric.offset] as string };
}
