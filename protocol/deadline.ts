/**
 * Deadline: an answer that must come in time, above all a database's: one that does not answer counts as one that refuses.
 *
 * Why: browsers have left opening, deleting and writing an IndexedDB unanswered for ever, and neither a load nor a person who
 * withdraws consent may wait for that.
 *
 * Invariants
 *  - A thread that was held meanwhile, or a page that slept, takes nothing of the time (protocol/awake-time.ts).
 */
import { afterAwake } from './awake-time.ts';

/** The answer. @throws what it rejects with, or a `TimeoutError` that says, in a clause about whoever owed it, that there was none within `timeoutMs`. */
export function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new DOMException(`it gave no answer within ${timeoutMs} ms`, 'TimeoutError'));
    answer.then(resolve, reject).finally(afterAwake(timeoutMs, late));
  });
}

/** As `inTime`. One that opens after all is closed: nobody would use it, and open it stands in the way of its deletion. */
export async function openInTime<T extends { close(): void }>(opening: Promise<T>, timeoutMs: number): Promise<T> {
  try {
    return await inTime(opening, timeoutMs);
  } catch (error) {
    opening.then((database) => database.close()).catch(() => undefined);
    throw error;
  }
}
