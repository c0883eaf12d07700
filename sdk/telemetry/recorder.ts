/**
 * What the inference half tells the telemetry half, in one direction only.
 *
 * Why an interface of its own: the caller's promise settles first and telemetry never throws, so the two halves
 * must not know more of each other than these calls. sdk/telemetry/telemetry.ts implements it; sdk/model/model.ts calls it.
 *
 * Invariants
 *  - No method throws, nor does a promise reject: a fault inside is counted and logged, the run is not disturbed.
 *  - No method receives an input or an output; cells only.
 *  - A recorder is of one arm, and all that it is told goes into windows of that arm: whoever loads a model is given the recorder of the
 *    arm that the model is loaded in.
 */
import type { ErrorCode } from '../../protocol/errors.ts';
import type { LoadedModel, LoadFailure } from '../../protocol/worker/loading.ts';

/** What counting needs to know of a model, whoever runs it. */
export type CountedModel = Pick<LoadedModel, 'manifest' | 'modelVersion' | 'dataPlan' | 'dataCellCount'>;

/** A run that answered. Durations in milliseconds. */
export interface RunOutcome {
  /** Of the plan's declared segments; 0 without. */
  readonly segment: number;
  readonly queueMs: number;
  readonly runMs: number;
  /** From the call to the settled promise. */
  readonly totalMs: number;
}

/** Cells are of the model's data plan: index and count alternate. */
export interface Recorder {
  /** Whether runs are counted now; asked before each run so that nothing is counted before consent. */
  isCounting(): boolean;
  /** `totalMs` from the call of `load` to the ready model. */
  loaded(model: LoadedModel, totalMs: number): void;
  loadFailed(failure: LoadFailure): void;
  /** A run that answered, and whose cells are on their way. @returns Resolves when it was told with them, and never rejects. */
  answered(model: LoadedModel, outcome: RunOutcome, cells: Promise<Uint32Array>): Promise<void>;
  runFailed(model: CountedModel, code: ErrorCode): void;
  /** A worker or GPU that was lost while nothing ran: no run failed, and yet it is heard. */
  lost(model: CountedModel, code: ErrorCode): void;
  /** A run that somebody else made; `durationMs` null when it was not measured. */
  observed(model: CountedModel, cells: Uint32Array, segment: number, durationMs: number | null): void;
  /** Cells that belong to an earlier run: they join its window without a run. */
  fedBack(model: CountedModel, cells: Uint32Array, segment: number): void;
}
