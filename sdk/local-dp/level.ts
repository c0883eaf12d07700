/**
 * The level `local-dp` as telemetry's level: models are opened, runs are offered, and everything else is left out.
 *
 * Invariants
 *  - No load, error, latency, segment, feedback or loss is counted: beside a noised report nothing may leave.
 *  - The arm of a run is not kept: its model version says which model answered, and whether that was a candidate would be one more
 *    fact about this browser that no noise covers.
 *  - Being hidden, shown or online sends nothing: times of requests must not depend on use.
 *
 * Not here: which run is answered about, when, and what it costs (sdk/local-dp/local-dp.ts).
 */
import type { Arm } from '../../protocol/report/window.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import type { Level, LevelStatus } from '../telemetry/level.ts';
import type { CountedModel, RunOutcome } from '../telemetry/recorder.ts';
import type { LocalDp } from './local-dp.ts';
import { noisedModelOf } from './noised-model.ts';

export class LocalDpLevel implements Level {
  private readonly localDp: LocalDp;

  constructor(localDp: LocalDp) {
    this.localDp = localDp;
    localDp.start();
  }

  get status(): LevelStatus {
    const { waitingCount, sentCount, problem } = this.localDp;
    return {
      openRuns: 0,
      outboxWindows: waitingCount,
      outboxBytes: 0,
      sentWindows: sentCount,
      nextAttemptAtMs: null,
      storage: 'indexeddb',
      problem,
    };
  }

  loaded(_arm: Arm, model: LoadedModel): void {
    this.open(model);
  }

  ran(_arm: Arm, model: LoadedModel, _outcome: RunOutcome, cells: Uint32Array): void {
    this.open(model);
    // A run that could not be counted is none that has met no metric.
    if (cells.length > 0) this.localDp.ran(model.modelVersion, cells);
  }

  observed(_arm: Arm, model: CountedModel, cells: Uint32Array): void {
    this.open(model);
    this.localDp.ran(model.modelVersion, cells);
  }

  loadFailed(): void {}
  runFailed(): void {}
  lost(): void {}
  fedBack(): void {}
  hidden(): void {}
  frozen(): void {}
  shown(): void {}
  online(): void {}

  async drain(): Promise<void> {}
  async flush(): Promise<void> {}

  close(): Promise<void> {
    return this.end();
  }

  end(): Promise<void> {
    return this.localDp.end();
  }

  /** Opening a model again changes nothing. */
  private open(model: CountedModel): void {
    void this.localDp.open(model.modelVersion, noisedModelOf(model));
  }
}
