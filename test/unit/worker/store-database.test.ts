/**
 * The store's database: answers that do not come, and the end of its worker.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { STORE_ANSWER_TIMEOUT_MS, STORE_REFUSAL_MS } from '../../../protocol/limits.ts';
import { StoreDatabase } from '../../../worker/store/store-database.ts';

const NEVER = new Promise<never>(() => undefined);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('an answer that does not come is a refusal, the next question is refused at once, and later it is asked again', async () => {
  const database = new StoreDatabase();
  const silent = expect(database.answer(NEVER)).rejects.toMatchObject({ name: 'TimeoutError' });
  await vi.advanceTimersByTimeAsync(STORE_ANSWER_TIMEOUT_MS);
  await silent;
  const asked = vi.fn(() => 1);
  await expect(database.use(asked)).rejects.toMatchObject({ name: 'TimeoutError' });
  await vi.advanceTimersByTimeAsync(STORE_REFUSAL_MS);
  // Here is no IndexedDB: that it says so shows that it was asked.
  await expect(database.use(asked)).rejects.toMatchObject({ name: 'ReferenceError' });
});

test('a refusal of the browser is no silence', async () => {
  const database = new StoreDatabase();
  await expect(database.answer(Promise.reject(new Error('full')))).rejects.toThrow('full');
  await expect(database.use(() => 1)).rejects.toMatchObject({ name: 'ReferenceError' });
});

test('closing waits for what is under way, and lets nothing more in', async () => {
  const database = new StoreDatabase();
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const underWay = database.answer(asked);
  let isClosed = false;
  const closing = database.close().then(() => {
    isClosed = true;
  });
  await expect(database.use(() => 1)).rejects.toMatchObject({ name: 'AbortError' });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(isClosed).toBe(false);
  answer();
  await underWay;
  await closing;
});
