/**
 * Group commit: windows of many requests share one transaction, and each request is answered after it.
 *
 * Why: a durable transaction costs about as much for one window as for hundreds, because its fixed costs and
 * the summed cells are the same.
 *
 * Why two lanes: whoever has the public write key can send bodies of ten thousand cells as fast as his line allows. A light body, as a
 * page that is looked at sends it, waits for one of them at the most. Heavy ones come from an outbox that has waited for hours, and can
 * wait for seconds.
 *
 * Invariants
 *  - One transaction at a time. The windows of one body are in one group, so a body is committed whole or not at all.
 *  - `submit` resolves only after the commit is durable, or with the reason why nothing of the body is known to be stored.
 *    A failed commit may have reached the disk; the client's retry meets its ids there and is not counted twice.
 *  - At most INTAKE_QUEUE_COUNT_MAX windows wait, and INTAKE_QUEUE_CELL_COUNT_MAX cells of heavy bodies. What is refused is the client's to keep.
 *  - A group has at most GROUP_COMMIT_CELL_COUNT_MAX cells, those of votes counted in, or is one body. Heavy bodies have at most HEAVY_TIME_RATIO_MAX of the time.
 *
 * Not here: what a window must look like (collector/intake/intake.ts).
 */
import {
  GROUP_COMMIT_CELL_COUNT_MAX,
  GROUP_COMMIT_COUNT_MAX,
  GROUP_COMMIT_WAIT_MS,
  HEAVY_TIME_RATIO_MAX,
  INTAKE_QUEUE_CELL_COUNT_MAX,
  INTAKE_QUEUE_COUNT_MAX,
  LIGHT_BODY_CELL_COUNT_MAX,
  LIGHT_BODY_WINDOW_COUNT_MAX,
} from '../../protocol/limits.ts';
import type { AcceptedWindow, Store } from '../store/store.ts';
import { entryCountOf } from '../store/vote-sums.ts';

export type SubmitOutcome = 'committed' | 'full' | 'failed' | 'closing';

interface GroupCommitOptions {
  readonly store: Pick<Store, 'commit'>;
  /** What ids are stamped with; it never steps (collector/intake/kept-time.ts). */
  readonly keptMs: () => number;
  /** Milliseconds by the monotonic clock. */
  readonly elapsedMs: () => number;
  /** Told after each commit which windows were counted for the first time. */
  readonly onStored: (windows: readonly AcceptedWindow[]) => void;
  /** Told of a store failure; once per failed group. */
  readonly onFailed: (error: unknown) => void;
}

interface Submission {
  readonly windows: readonly AcceptedWindow[];
  readonly cellCount: number;
  readonly resolve: (outcome: SubmitOutcome) => void;
}

interface Lane {
  queue: Submission[];
  windowCount: number;
  cellCount: number;
}

const emptyLane = (): Lane => ({ queue: [], windowCount: 0, cellCount: 0 });

export class GroupCommit {
  private readonly options: GroupCommitOptions;
  private readonly light = emptyLane();
  private readonly heavy = emptyLane();
  /** By the monotonic clock: until then the heavy lane rests. */
  private heavyRestsUntilMs = 0;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private isClosing = false;

  constructor(options: GroupCommitOptions) {
    this.options = options;
  }

  submit(windows: readonly AcceptedWindow[]): Promise<SubmitOutcome> {
    if (this.isClosing) return Promise.resolve('closing');
    const cellCount = windows.reduce((sum, window) => sum + cellCountOf(window), 0);
    const isLight = cellCount <= LIGHT_BODY_CELL_COUNT_MAX && windows.length <= LIGHT_BODY_WINDOW_COUNT_MAX;
    const lane = isLight ? this.light : this.heavy;
    if (lane.windowCount + windows.length > INTAKE_QUEUE_COUNT_MAX) return Promise.resolve('full');
    if (!isLight && lane.cellCount + cellCount > INTAKE_QUEUE_CELL_COUNT_MAX) return Promise.resolve('full');
    return new Promise((resolve) => {
      lane.queue.push({ windows, cellCount, resolve });
      lane.windowCount += windows.length;
      lane.cellCount += cellCount;
      this.schedule();
    });
  }

  /** Takes nothing more, commits what is queued and resolves when every submission has its outcome. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.start();
    await this.running;
  }

  private get isHeavyDue(): boolean {
    return this.heavy.queue.length > 0 && (this.isClosing || this.options.elapsedMs() >= this.heavyRestsUntilMs);
  }

  private get isDue(): boolean {
    return this.light.queue.length > 0 || this.isHeavyDue;
  }

  private schedule(): void {
    if (this.running !== null) return;
    if (this.light.windowCount + this.heavy.windowCount >= GROUP_COMMIT_COUNT_MAX) this.start();
    else this.timer ??= setTimeout(() => this.start(), GROUP_COMMIT_WAIT_MS);
  }

  private start(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.running !== null) return;
    if (this.isDue) this.running = this.commitAll();
    else if (this.heavy.queue.length > 0) this.timer = setTimeout(() => this.start(), this.heavyRestsUntilMs - this.options.elapsedMs());
  }

  /**
   * What arrived during a commit has waited long enough: the next group starts at once. The lanes take turns, each with a group of its own, so
   * that a light one is short. `running` ends in the step that saw nothing due.
   */
  private async commitAll(): Promise<void> {
    while (this.isDue) {
      if (this.light.queue.length > 0) await this.commitGroup(takeGroup(this.light, lightestFirst(this.light.queue)));
      if (!this.isHeavyDue) continue;
      const startMs = this.options.elapsedMs();
      await this.commitGroup(takeGroup(this.heavy, this.heavy.queue));
      const nowMs = this.options.elapsedMs();
      this.heavyRestsUntilMs = nowMs + (nowMs - startMs) * (1 / HEAVY_TIME_RATIO_MAX - 1);
    }
    this.running = null;
    this.start();
  }

  private async commitGroup(group: readonly Submission[]): Promise<void> {
    const { store, keptMs, onStored, onFailed } = this.options;
    const windows = group.flatMap((submission) => submission.windows);
    let outcome: SubmitOutcome = 'committed';
    try {
      const results = await store.commit(windows, keptMs());
      onStored(windows.filter((_, index) => results[index] === 'stored'));
    } catch (error) {
      outcome = 'failed';
      onFailed(error);
    }
    for (const submission of group) submission.resolve(outcome);
  }
}

/** What a window asks of the store, in cells: each entry of its votes costs as much as one. */
function cellCountOf({ cells, votes }: AcceptedWindow): number {
  return cells.length + (votes === undefined ? 0 : entryCountOf(votes));
}

/** As many bodies as one group may have, in that order, the first of them always. */
function takeGroup(lane: Lane, ordered: readonly Submission[]): Submission[] {
  let [windowCount, cellCount] = [0, 0];
  const taken = new Set<Submission>();
  for (const submission of ordered) {
    windowCount += submission.windows.length;
    cellCount += submission.cellCount;
    const fits = windowCount <= GROUP_COMMIT_COUNT_MAX && cellCount <= GROUP_COMMIT_CELL_COUNT_MAX;
    if (taken.size > 0 && !fits) break;
    taken.add(submission);
    lane.windowCount -= submission.windows.length;
    lane.cellCount -= submission.cellCount;
  }
  lane.queue = lane.queue.filter((submission) => !taken.has(submission));
  return [...taken];
}

/**
 * The one that has waited longest, so that each has its turn, and then the lightest: a page's few cells do not wait behind the thousands that somebody
 * else sends as often as he can.
 */
function lightestFirst([oldest, ...others]: readonly Submission[]): Submission[] {
  return oldest === undefined ? [] : [oldest, ...others.sort((one, other) => one.cellCount - other.cellCount)];
}
