/**
 * A loaded model as the run port needs it: session, processing, counter, queue.
 */
import type { RunCounter } from '../../counts/run/run-counter.ts';
import type { BatchRule } from '../../protocol/worker/loading.ts';
import type { Processing } from '../prepare/processing.ts';
import type { Session } from '../runtime/session.ts';
import type { RunGuard } from '../trust/run-guard.ts';

export interface PortModel {
  readonly session: Session;
  readonly guard: RunGuard;
  readonly counter: RunCounter;
  /** Null where the manifest declares neither pre- nor postprocessing. */
  readonly processing: Processing | null;
  /** Null: its runs start alone. */
  readonly batch: BatchRule | null;
  /** Outputs that one run leaves here. */
  readonly residentCount: number;
}
