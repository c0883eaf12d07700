/**
 * Deadline: a database that does not answer counts as one that refuses.
 *
 * Why: browsers have left opening, deleting and writing an IndexedDB unanswered for ever, and neither a load nor a person who
 * withdraws consent may wait for that.
 */

/**
 * What the database answers.
 *
 * @param late Gets an answer that comes after all, for example to close what nobody will use.
 * @throws what `answer` rejects with, or that there was none within `timeoutMs`.
 */
export async function inTime<T>(answer: Promise<T>, timeoutMs: number, late?: (answer: T) => void): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('IndexedDB does not answer'));
      if (late !== undefined) answer.then(late, () => undefined);
    }, timeoutMs);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
