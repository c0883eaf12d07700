/**
 * Store failures: what the operator is told while the store refuses groups, as on a full disk, and once it works again.
 *
 * Why: a group is refused some hundred times a second then. A line for each filled the disk that a log is on, too, and hid the first.
 *
 * Invariants
 *  - A failure is told at once unless one was told within STORE_FAILURE_TOLD_INTERVAL_MS, also where single groups succeed in between: a disk that is
 *    full has room for a small one now and then. That it works again is told once behind each.
 */
import { STORE_FAILURE_TOLD_INTERVAL_MS } from '../../protocol/limits.ts';

interface StoreFailuresOptions {
  readonly log: (sentence: string) => void;
  /** Milliseconds by the monotonic clock. */
  readonly elapsedMs: () => number;
}

export class StoreFailures {
  private readonly options: StoreFailuresOptions;
  private toldAtMs = -Infinity;
  /** Since the last word of it. */
  private count = 0;
  private isFailing = false;

  constructor(options: StoreFailuresOptions) {
    this.options = options;
  }

  failed(error: unknown): void {
    this.count++;
    const nowMs = this.options.elapsedMs();
    if (nowMs - this.toldAtMs < STORE_FAILURE_TOLD_INTERVAL_MS) return;
    const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
    this.options.log(`The store failed and ${groups(this.count)} refused; pages keep them and come again: ${reason}`);
    [this.toldAtMs, this.count, this.isFailing] = [nowMs, 0, true];
  }

  /** Told of every group that was stored. */
  worked(): void {
    if (!this.isFailing) return;
    this.options.log(`The store works again${this.count === 0 ? '' : `; ${groups(this.count)} refused since`}.`);
    [this.count, this.isFailing] = [0, false];
  }
}

function groups(count: number): string {
  return count === 1 ? 'a group of reports was' : `${count} groups of reports were`;
}
