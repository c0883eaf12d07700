/**
 * Group commit: windows of many requests share one transaction, and each request is answered after it.
 *
 * Why: a durable transaction costs about as much for one window as for hundreds, because its fixed costs and
 * the summed cells are the same.
 *
 * Invariants
 *  - One transaction at a time. The windows of one body are in one group, so a body is committed whole or not at all.
 *  - `submit` resolves only after the commit is durable, or with the reason why nothing of the body is known to be stored.
 *    A failed commit may have reached the disk; the client's retry meets its ids there and is not counted twice.
 *  - At most INTAKE_QUEUE_COUNT_MAX windows wait. What is refused is the client's to keep.
 *
 * Not here: what a window must look like (collector/intake/intake.ts).
 */
import { GROUP_COMMIT_COUNT_MAX, GROUP_COMMIT_WAIT_MS, INTAKE_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';
import type { AcceptedWindow, Store } from '../store/store.ts';

export type SubmitOutcome = 'committed' | 'full' | 'failed' | 'closing';

interface GroupCommitOptions {
  readonly store: Pick<Store, 'commit'>;
  readonly now: () => number;
  /** Told after each commit which windows were counted for the first time. */
  readonly onStored: (windows: readonly AcceptedWindow[]) => void;
  /** Told of a store failure; once per failed group. */
  readonly onFailed: (error: unknown) => void;
}

interface Submission {
  readonly windows: readonly AcceptedWindow[];
  readonly resolve: (outcome: SubmitOutcome) => void;
}

export class GroupCommit {
  private readonly options: GroupCommitOptions;
  private queue: Submission[] = [];
  private queuedCount = 0;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private isClosing = false;

  constructor(options: GroupCommitOptions) {
    this.options = options;
  }

  submit(windows: readonly AcceptedWindow[]): Promise<SubmitOutcome> {
    if (this.isClosing) return Promise.resolve('closing');
    if (this.queuedCount + windows.length > INTAKE_QUEUE_COUNT_MAX) return Promise.resolve('full');
    return new Promise((resolve) => {
      this.queue.push({ windows, resolve });
      this.queuedCount += windows.length;
      this.schedule();
    });
  }

  /** Takes nothing more, commits what is queued and resolves when every submission has its outcome. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.start();
    await this.running;
  }

  private schedule(): void {
    if (this.running !== null) return;
    if (this.queuedCount >= GROUP_COMMIT_COUNT_MAX) this.start();
    else this.timer ??= setTimeout(() => this.start(), GROUP_COMMIT_WAIT_MS);
  }

  private start(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.running !== null || this.queue.length === 0) return;
    this.running = this.commitAll();
  }

  /** What arrived during a commit has waited long enough: the next group starts at once. `running` ends in the step that saw an empty queue. */
  private async commitAll(): Promise<void> {
    while (this.queue.length > 0) await this.commitGroup(this.takeGroup());
    this.running = null;
  }

  private takeGroup(): Submission[] {
    let windowCount = 0;
    let submissionCount = 0;
    for (const { windows } of this.queue) {
      if (submissionCount > 0 && windowCount + windows.length > GROUP_COMMIT_COUNT_MAX) break;
      windowCount += windows.length;
      submissionCount++;
    }
    this.queuedCount -= windowCount;
    return this.queue.splice(0, submissionCount);
  }

  private async commitGroup(group: readonly Submission[]): Promise<void> {
    const { store, now, onStored, onFailed } = this.options;
    const windows = group.flatMap((submission) => submission.windows);
    let outcome: SubmitOutcome = 'committed';
    try {
      const results = await store.commit(windows, now());
      onStored(windows.filter((_, index) => results[index] === 'stored'));
    } catch (error) {
      outcome = 'failed';
      onFailed(error);
    }
    for (const submission of group) submission.resolve(outcome);
  }
}
