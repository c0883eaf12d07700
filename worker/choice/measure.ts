/**
 * Measuring: how long one run of a session takes on this device, and which of the measured candidates is the clearly faster.
 *
 * Why measure: int8 took 46 ms where fp32 took 27 on one machine, and WebGPU loses to wasm on small models. No rule knows.
 *
 * Invariants
 *  - What is timed has run before: the golden inputs were its warm-up.
 *  - Each run is a job of its own in the run queue, so that the runs of another model in this worker pass between them.
 *  - The first of the rules stays unless another one takes less time by MEASURE_GAIN_RATIO_MIN.
 */
import { MEASURE_GAIN_RATIO_MIN, MEASURE_MS_MAX, MEASURE_SPAN_COUNT, MEASURE_SPAN_MS_MIN } from '../../protocol/limits.ts';

/** @param run One run from its start to its outputs; resolves to the milliseconds that it took, without the wait before it. */
export async function medianRunMs(run: () => Promise<number>): Promise<number> {
  const endMs = performance.now() + MEASURE_MS_MAX;
  const perRunMs: number[] = [];
  do {
    let spanMs = 0;
    let runCount = 0;
    do {
      spanMs += await run();
      runCount++;
    } while (spanMs < MEASURE_SPAN_MS_MIN && performance.now() < endMs);
    perRunMs.push(spanMs / runCount);
  } while (perRunMs.length < MEASURE_SPAN_COUNT && performance.now() < endMs);
  return perRunMs.sort((one, other) => one - other)[perRunMs.length >> 1] as number;
}

/** The clearly fastest, or the first, which the rules put there. */
export function fastest<T extends { readonly measuredMs: number | null }>(trials: readonly [T, ...T[]]): T {
  const [first] = trials;
  const limitMs = (first.measuredMs ?? 0) * (1 - MEASURE_GAIN_RATIO_MIN);
  return trials.reduce((best, trial) => {
    const { measuredMs } = trial;
    const isClear = measuredMs !== null && measuredMs <= limitMs && measuredMs < (best.measuredMs ?? 0);
    return isClear ? trial : best;
  }, first);
}
