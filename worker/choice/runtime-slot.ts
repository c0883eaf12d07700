/**
 * The worker's one runtime, as the choice sees it, and the signal that another worker has to go on.
 */
import type { Provider } from '../../protocol/manifest/manifest.ts';
import type { SessionFactory } from '../runtime/session.ts';
import type { LoadJob } from './load-job.ts';

/** The worker's one runtime. */
export interface RuntimeSlot {
  readonly isSpoilt: boolean;
  /** Starts the runtime that this provider needs, or joins it. @throws {OtherWorkerSignal} when this worker has or had another one. */
  claim(job: LoadJob, provider: Provider): Promise<SessionFactory>;
  readonly threadCount: number;
}

/** The next candidate needs another worker. */
export class OtherWorkerSignal extends Error {
  override readonly name = 'OtherWorkerSignal';
  readonly provider: Provider;

  constructor(provider: Provider) {
    super(`the next candidate runs on ${provider}`);
    this.provider = provider;
  }
}
