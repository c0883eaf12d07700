/**
 * Deadline: a database that does not answer counts as one that refuses.
 *
 * Why: browsers have left opening, deleting and writing an IndexedDB unanswered for ever, and neither a load nor a person who
 * withdraws consent may wait for that.
 */

/** What the database answers. @throws what `answer` rejects with, or that there was none within `timeoutMs`. */
export function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('IndexedDB does not answer')), timeoutMs);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
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
