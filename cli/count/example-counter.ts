/**
 * Example counter: what one example of a data set bumps, as a page would count it.
 *
 * Why through the same run counter and the same runtime: whatever was binned elsewhere differs from the field by its own rounding, and
 * that would be shown as drift.
 *
 * Invariants
 *  - One run per example, as in the field.
 *  - Where there is no model to run, inputs alone are counted.
 *
 * Not here: what a file's rows are (cli/data/), adding up (cli/commands/baseline.ts, cli/backtest/).
 */
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { createRunCounter } from '../../counts/run/run-counter.ts';
import type { ModelFiles } from '../../onnx/model-files.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { ReadableExample } from '../data/example.ts';
import { answerOf } from '../runtime/answers.ts';
import { createNodeSession } from '../runtime/node-session.ts';

interface ExampleCounter {
  readonly plan: Plan;
  /** Cells of the plan and their counts, alternating. A cell may come twice. */
  readonly pairsOf: (example: ReadableExample) => Promise<Uint32Array>;
}

/** @param modelFiles null where there is no model to run. */
export async function createExampleCounter(manifest: Manifest, modelFiles: Uint8Array | ModelFiles | null): Promise<ExampleCounter> {
  const plan = dataPlanOf(manifest);
  const count = createRunCounter(modelFiles === null ? { ...manifest, outputs: [] } : manifest, plan);
  const run = modelFiles === null ? null : await createNodeSession(modelFiles);
  return {
    plan,
    pairsOf: async (example) => count({ ...example.feeds, ...example.counted }, run === null ? {} : await answerOf(run, example)),
  };
}
