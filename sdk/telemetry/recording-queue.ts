/**
 * Recording queue: everything that waits to be recorded, and the one way to the level that records it.
 *
 * What waits: runs that were answered and whose cells are on their way; runs that are recorded a moment later, together, because
 * recording each, or setting a timer for each, made the next run of a caller in a loop wait; and whatever came while the level was
 * being fetched and opened.
 *
 * Invariants
 *  - The level is reached through `level` alone, which records first what waits: counts are never read, added to or
 *    ended with a step still to come.
 *  - Steps are recorded in their order, each at most once; one that throws stops no other.
 *  - A step is taken only while counting is allowed, when it comes and when it is recorded.
 *  - `leave` drops what waits: what was answered before is not counted after it, whenever its cells come.
 *  - At most EARLY_STEP_COUNT_MAX steps wait.
 *
 * Not here: when a level is opened and left (level-life.ts).
 */
import { CELLS_TIMEOUT_MS, EARLY_STEP_COUNT_MAX, RECORD_DELAY_MS } from '../../protocol/limits.ts';
import type { Level } from './level.ts';
import { atMost, type Platform } from './platform.ts';

type Step = (level: Level) => void;

/** Runs a step and never throws. */
export type Guard = (step: () => void) => void;

export interface RecordingQueue {
  /** The level, with everything recorded that waited; null while there is none. */
  readonly level: Level | null;
  /** Runs that are answered, and whose cells are on their way. */
  readonly dueCount: number;
  /** Records now, or when the level is there. */
  record(step: Step): void;
  /** Records a moment after the cells have come. @returns Resolves when they have. */
  recordCells(cells: Promise<Uint32Array>, step: (level: Level, cells: Uint32Array) => void): Promise<void>;
  /** Resolves when the cells that were on their way are recorded, or take too long to wait for. */
  allRecorded(): Promise<void>;
  /** A hidden page may be gone before a timer is: nothing is put off in it. */
  setHidden(isHidden: boolean): void;
  enter(level: Level): void;
  /** @returns The level that is left, for its end. */
  leave(): Level | null;
}

/** @param open Called when something waits for a level and there is none. */
export function createRecordingQueue(
  platform: Pick<Platform, 'after'>,
  isCounting: () => boolean,
  open: () => void,
  guard: Guard,
): RecordingQueue {
  let target: Level | null = null;
  let steps: Step[] = [];
  let isHiddenNow = false;
  const due = new Set<Promise<void>>();

  const settle = (): Level | null => {
    const level = target;
    if (level === null || steps.length === 0) return level;
    const waiting = steps;
    steps = [];
    if (isCounting()) for (const step of waiting) guard(() => step(level));
    return level;
  };
  const take = (step: Step): boolean => {
    if (!isCounting() || steps.length >= EARLY_STEP_COUNT_MAX) return false;
    steps.push(step);
    if (target === null) open();
    return true;
  };
  return {
    get level() {
      return settle();
    },
    get dueCount() {
      return due.size;
    },
    record: (step) => {
      if (take(step)) settle();
    },
    recordCells: (cells, step) => {
      const told = cells.then((counted) => {
        if (!due.delete(told) || !take((level) => step(level, counted))) return;
        if (isHiddenNow || steps.length >= EARLY_STEP_COUNT_MAX) settle();
        else if (steps.length === 1) platform.after(RECORD_DELAY_MS, settle);
      });
      due.add(told);
      return told;
    },
    allRecorded: async () => {
      if (due.size > 0) await atMost(platform, CELLS_TIMEOUT_MS, Promise.all(due));
      settle();
    },
    setHidden: (isHidden) => {
      isHiddenNow = isHidden;
    },
    enter: (level) => {
      target = level;
      settle();
    },
    leave: () => {
      const level = settle();
      target = null;
      steps = [];
      due.clear();
      return level;
    },
  };
}
