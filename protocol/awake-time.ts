/**
 * Awake time: waits for a worker or a database, measured in steps of the realm's own timers.
 *
 * Why not by the clock: a laptop sleeps and a hidden page is frozen, its workers with it. When they wake up, hours have gone by for the clock, and
 * a timer that is due goes off before a healthy worker has had the time to answer. So it is in a worker whose thread a runtime has held.
 *
 * Invariants
 *  - A step that comes late counts as one, however late it is.
 *  - A wait is never over at the first late step: the worker gets one more. Timers of a hidden page are late each time, and end it all the same.
 *
 * Source: Page Lifecycle (frozen); HTML standard, timers of documents that are not fully active; Chromium's throttling of hidden pages to a step a minute.
 */

/** Steps of one wait: a gap costs a worker at the most a fifth of its time. */
const STEP_COUNT = 5;
/** A step this many times its length is late: less is a busy page, or a hidden one whose timers go off once a second. */
const LATE_RATIO = 2;

/** Calls `onStep` after each step, until it is stopped. `isWaking`: the first late one, at which nothing may be concluded. */
export function everyStep(stepMs: number, onStep: (isWaking: boolean) => void): () => void {
  let [steppedAtMs, wasLate] = [performance.now(), false];
  const step = () => {
    const nowMs = performance.now();
    const isLate = nowMs - steppedAtMs > LATE_RATIO * stepMs;
    const isWaking = isLate && !wasLate;
    [steppedAtMs, wasLate] = [nowMs, isLate];
    // Set anew each time and not an interval, which catches up: behind a late step comes a whole one.
    timer = setTimeout(step, stepMs);
    onStep(isWaking);
  };
  let timer = setTimeout(step, stepMs);
  return () => clearTimeout(timer);
}

/** Calls `onOver` once the realm has been awake for so long; returns the way to stop. */
export function afterAwake(waitMs: number, onOver: () => void): () => void {
  let count = 0;
  const stop = everyStep(waitMs / STEP_COUNT, (isWaking) => {
    count++;
    if (count < STEP_COUNT || isWaking) return;
    stop();
    onOver();
  });
  return stop;
}
