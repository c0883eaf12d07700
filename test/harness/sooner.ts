/**
 * Sooner: one limit of ours made short in a realm of a page, so that a test need not wait for it.
 *
 * Why in the page and not by an option: our limits are no options, and what is tested is the shipped file.
 *
 * Invariants
 *  - Timers of exactly that length alone are shortened; everything else of the realm keeps its time.
 */

/** Steps in which a wait is made that a sleeping realm does not use up (protocol/awake-time.ts); test/unit/protocol/awake-time.test.ts holds it. */
export const AWAKE_STEP_COUNT = 5;
const SOON_MS = 300;

/** Source text: in this realm a timer of `limitMs` goes off after `soonMs`. */
export function sooner(limitMs: number, soonMs = SOON_MS): string {
  return `{ const real = setTimeout; globalThis.setTimeout = (callback, ms, ...rest) => real(callback, ms === ${limitMs} ? ${soonMs} : ms, ...rest); }`;
}

/** As `sooner`, for a limit that is waited for in steps. */
export function soonerAwake(limitMs: number, soonMs = SOON_MS): string {
  return sooner(limitMs / AWAKE_STEP_COUNT, soonMs / AWAKE_STEP_COUNT);
}
