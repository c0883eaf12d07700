/**
 * Run queue: at most one call into the runtime in flight, at most RUN_QUEUE_COUNT_MAX runs waiting.
 *
 * Why: two overlapping calls wedge a WebGPU session for good, and parallel creations refuse each other, so everything
 * that enters the runtime (create, warm-up, run, release) goes through one first-in-first-out queue per worker.
 *
 * Invariants
 *  - A job that rejects never affects the job behind it: the queue holds jobs, not a chain of promises that could stay rejected.
 *  - Jobs leave in arrival order. There are no priorities.
 *  - A cancelled job that waits never starts; one in flight is not interrupted, the runtime has no way to.
 *
 * Not here: deadlines (sdk/worker-host.ts) and retries (a run is never retried).
 * Source: onnxruntime-web 1.30, "Session already started" and "another WebGPU EP inference session is being created".
 */
import { SdkError } from '../../protocol/errors.ts';
import { RUN_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';

interface Job {
  /** Null for control work, which is neither counted against the limit nor cancelled here. */
  readonly runId: number | null;
  readonly start: () => Promise<void>;
  readonly refuse: (error: SdkError) => void;
}

export class RunQueue {
  private readonly waiting: Job[] = [];
  private waitingRunCount = 0;
  private isBusy = false;

  /** Queues one run. Rejects with `queue-full` at once, with `aborted` when it is cancelled before its turn. */
  run<T>(runId: number, task: () => Promise<T>): Promise<T> {
    if (this.waitingRunCount >= RUN_QUEUE_COUNT_MAX) {
      return Promise.reject(new SdkError('queue-full', { countMax: RUN_QUEUE_COUNT_MAX }));
    }
    return this.enqueue(runId, task);
  }

  /** Queues control work: creating, warming up or releasing a session. */
  control<T>(task: () => Promise<T>): Promise<T> {
    return this.enqueue(null, task);
  }

  cancel(runId: number): void {
    const index = this.waiting.findIndex((job) => job.runId === runId);
    if (index < 0) return;
    const [job] = this.waiting.splice(index, 1);
    this.waitingRunCount--;
    job?.refuse(new SdkError('aborted', { stage: 'queue' }));
  }

  private enqueue<T>(runId: number | null, task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const start = async () => {
        try {
          resolve(await task());
        } catch (error) {
          reject(error);
        }
      };
      const job = { runId, start, refuse: reject };
      if (this.isBusy) {
        this.waiting.push(job);
        if (runId !== null) this.waitingRunCount++;
      } else {
        this.isBusy = true;
        this.drain(job);
      }
    });
  }

  private async drain(first: Job): Promise<void> {
    for (let job: Job | undefined = first; job !== undefined; job = this.next()) await job.start();
    this.isBusy = false;
  }

  private next(): Job | undefined {
    const job = this.waiting.shift();
    if (job !== undefined && job.runId !== null) this.waitingRunCount--;
    return job;
  }
}
