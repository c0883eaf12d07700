/**
 * The product under proof, as a value: who counts a run, and who tells telemetry of it.
 *
 * Why a value: a proof that cannot fail proves nothing, so the same comparison must also be shown products that leak (leaks.ts).
 */

import { createRunCounter } from '../../counts/run/run-counter.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import type { Logger } from '../../sdk/api/logger.ts';
import type { OwnedTelemetry } from '../../sdk/telemetry/telemetry.ts';
import type { Run } from './binner.ts';

export interface CountedRun {
  readonly run: Run;
  /** Cell and count alternate. */
  readonly cells: Uint32Array;
  /** The same for what a person said of it; null when nothing was said. */
  readonly feedbackCells: Uint32Array | null;
}

/** Where a run is told. */
export interface Page {
  readonly telemetry: OwnedTelemetry;
  readonly model: LoadedModel;
  readonly logger: Logger;
  readonly random: (count: number) => Uint8Array;
}

export interface Product {
  readonly counterOf: (manifest: Manifest, plan: Plan) => (feeds: Feeds, outputs: Feeds) => Uint32Array;
  readonly tell: (page: Page, counted: CountedRun) => void;
}

export const REAL_PRODUCT: Product = {
  counterOf: createRunCounter,
  tell: ({ telemetry, model }, { run, cells, feedbackCells }) => {
    const recorder = telemetry.recorderOf('stable');
    if (run.failure !== undefined) {
      recorder.runFailed(model, run.failure);
      return;
    }
    const told = recorder.answered(model, { segment: 0, queueMs: 0.25, runMs: 1, totalMs: 2 }, Promise.resolve(cells));
    if (feedbackCells !== null) void told.then(() => recorder.fedBack(model, feedbackCells, 0));
  },
};
