/**
 * Run source: the iterator behind the items or frames of a caller, and its end.
 */

/** The source's iterator; null when it has none. */
export function iteratorOf<F>(source: Iterable<F> | AsyncIterable<F>): Iterator<F> | AsyncIterator<F> | null {
  const given = source as Partial<Iterable<F> & AsyncIterable<F>> | null | undefined;
  return given?.[Symbol.asyncIterator]?.() ?? given?.[Symbol.iterator]?.() ?? null;
}

/** Tells a source that nobody asks it any more. Never rejects. */
export async function closeSource(source: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await source.return?.();
  } catch {
    // The caller has turned away; there is nobody to tell.
  }
}
