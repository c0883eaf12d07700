/**
 * Run queue: at most one call into the runtime in flight, at most RUN_QUEUE_COUNT_MAX runs waiting.
 *
 * Why: two overlapping calls wedge a WebGPU session for good, and parallel creations refuse each other, so everything
 * that enters the runtime (create, warm-up, run, release) goes through one first-in-first-out queue per worker.
 *
 * Runs of one batch group (one model that may be batched, feeds that differ in the batch axis alone) start together when the
 * first of them has its turn. Only a run that nobody else waits behind may wait for others of its group.
 *
 * Invariants
 *  - A job that rejects never affects the job behind it: the queue holds jobs, not a chain of promises that could stay rejected.
 *  - Jobs start in arrival order, but for those that join a run of their group ahead of them. There are no priorities.
 *  - A cancelled job that waits never starts; one in flight is not interrupted, the runtime has no way to.
 *  - A run never waits for its group longer than its rule says, counted from its arrival; time spent behind other jobs counts.
 *
 * Not here: deadlines (sdk/workers/run-channel.ts), retries (a run is never retried), and what runs that start together do (worker/runs/run-port.ts).
 * Source: onnxruntime-web 1.30, "Session already started" and "another WebGPU EP inference session is being created".
 */
import { SdkError } from '../../protocol/errors.ts';
import { RUN_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';
import type { BatchRule } from '../../protocol/worker/loading.ts';

/** Runs with equal keys may start together. */
export interface BatchGroup extends BatchRule {
  readonly key: string;
}

export interface QueuedRun {
  readonly id: number;
  readonly arrivedMs: number;
  /** Null: it starts alone. */
  readonly batchGroup: BatchGroup | null;
  /** Its items on the batch axis. */
  readonly itemCount: number;
  /** Runs it and those that start with it, itself the first, and answers each. */
  start(together: readonly this[]): Promise<void>;
  /** Answers it with an error. */
  refuse(error: unknown): void;
}

type Job = QueuedRun | { readonly control: () => Promise<void> };

export class RunQueue {
  private readonly waiting: Job[] = [];
  private waitingRunCount = 0;
  private isBusy = false;
  /** Set while the first job waits for others of its group. */
  private wake: (() => void) | null = null;

  /** Queues runs that came together: the first of them starts when all are here. A run too many is refused with `queue-full`. */
  enter(runs: readonly QueuedRun[]): void {
    // Of an idle queue one run does not wait: it is in flight before this returns.
    const countMax = RUN_QUEUE_COUNT_MAX + (this.isBusy ? 0 : 1);
    for (const run of runs) {
      if (this.waitingRunCount >= countMax) {
        run.refuse(new SdkError('queue-full', { countMax: RUN_QUEUE_COUNT_MAX }));
      } else {
        this.waiting.push(run);
        this.waitingRunCount++;
      }
    }
    this.proceed();
  }

  /** Queues control work: creating, warming up or releasing a session. */
  control<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const control = async () => {
        try {
          resolve(await task());
        } catch (error) {
          reject(error);
        }
      };
      this.waiting.push({ control });
      this.proceed();
    });
  }

  /** Refuses a run that waits, with `aborted`. */
  cancel(runId: number): void {
    const index = this.waiting.findIndex((job) => 'id' in job && job.id === runId);
    if (index < 0) return;
    const [job] = this.waiting.splice(index, 1);
    this.waitingRunCount--;
    (job as QueuedRun).refuse(new SdkError('aborted', { stage: 'queue' }));
    this.wake?.();
  }

  private proceed(): void {
    if (this.isBusy) this.wake?.();
    else void this.drain();
  }

  private async drain(): Promise<void> {
    this.isBusy = true;
    for (let job = this.waiting[0]; job !== undefined; job = this.waiting[0]) {
      if ('control' in job) {
        this.waiting.shift();
        await job.control();
        continue;
      }
      const waitMs = this.groupWaitMs(job);
      if (waitMs > 0) {
        await this.untilNews(waitMs);
        continue;
      }
      const together = this.takeGroup(job);
      try {
        await job.start(together);
      } catch (error) {
        // A start answers for itself; what it throws all the same must neither hang its runs nor end the queue.
        for (const run of together) run.refuse(error);
      }
    }
    this.isBusy = false;
  }

  /** How much longer the first run should wait for others of its group: not at all when it has enough, or when anything else waits behind it. */
  private groupWaitMs({ batchGroup, arrivedMs }: QueuedRun): number {
    if (batchGroup === null || batchGroup.maxWaitMs === 0) return 0;
    let itemCount = 0;
    for (const job of this.waiting) {
      if (!('batchGroup' in job) || job.batchGroup?.key !== batchGroup.key) return 0;
      itemCount += job.itemCount;
    }
    return itemCount >= batchGroup.maxBatch ? 0 : arrivedMs + batchGroup.maxWaitMs - performance.now();
  }

  /** Resolves after the wait, or as soon as a job enters or leaves. */
  private async untilNews(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.ceil(waitMs));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = null;
  }

  /** Takes the first run, and with it those of its group that have room. */
  private takeGroup(first: QueuedRun): QueuedRun[] {
    this.waiting.shift();
    this.waitingRunCount--;
    const together = [first];
    if (first.batchGroup === null) return together;
    const { key, maxBatch } = first.batchGroup;
    let itemCount = first.itemCount;
    for (let at = 0; at < this.waiting.length && itemCount < maxBatch; ) {
      const job = this.waiting[at] as Job;
      if ('batchGroup' in job && job.batchGroup?.key === key && itemCount + job.itemCount <= maxBatch) {
        this.waiting.splice(at, 1);
        this.waitingRunCount--;
        itemCount += job.itemCount;
        together.push(job);
      } else at++;
    }
    return together;
  }
}
