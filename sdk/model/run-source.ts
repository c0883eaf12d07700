/**
 * Run source: the iterator behind the items or frames of a caller, its end, and what each run of it is asked.
 */
import type { RunOptions } from '../api/runs.ts';

/** The caller's options that hold for each run, and the signal of the whole. */
export function runOptionsOf({ timeoutMs, transfer, segment }: RunOptions, signal: AbortSignal): RunOptions {
  // One that is undefined is one that was not given.
  return { timeoutMs, transfer, segment, signal } as RunOptions;
}

/** The source's iterator; null when it has none. */
export function iteratorOf<F>(source: Iterable<F> | AsyncIterable<F>): Iterator<F> | AsyncIterator<F> | null {
  const given = source as Partial<Iterable<F> & AsyncIterable<F>> | null | undefined;
  return given?.[Symbol.asyncIterator]?.() ?? given?.[Symbol.iterator]?.() ?? null;
}

/** Tells a source that it is not asked any more. Never rejects. */
export async function closeSource(source: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await source.return?.();
  } catch {
    // The caller has turned away and hears no error any more.
  }
}
