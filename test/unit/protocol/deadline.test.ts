/**
 * Answers in time, and databases that do not answer.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { inTime, openInTime } from '../../../protocol/deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('an answer in time is handed on and leaves no timer', async () => {
  await expect(inTime(Promise.resolve(7), 10)).resolves.toBe(7);
  await expect(inTime(Promise.reject(new Error('refused')), 10)).rejects.toThrow('refused');
  expect(vi.getTimerCount()).toBe(0);
});

test('a database that opens in time is not closed', async () => {
  const database = { close: vi.fn() };
  expect(await openInTime(Promise.resolve(database), 10)).toBe(database);
  expect(database.close).not.toHaveBeenCalled();
});

test('silence is an error after the time given, and what opens after all is closed', async () => {
  const database = { close: vi.fn() };
  let open: (value: typeof database) => void = () => undefined;
  const opening = new Promise<typeof database>((resolve) => {
    open = resolve;
  });
  const refused = expect(openInTime(opening, 10)).rejects.toThrow('it gave no answer within 10 ms');
  await vi.advanceTimersByTimeAsync(10);
  await refused;
  open(database);
  await vi.advanceTimersByTimeAsync(0);
  expect(database.close).toHaveBeenCalledOnce();
});

// A rejection that nobody handles fails the whole run.
test('a refusal that comes after all is swallowed', async () => {
  let refuse: (error: Error) => void = () => undefined;
  const opening = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  const refused = expect(openInTime(opening, 10)).rejects.toThrow('it gave no answer within 10 ms');
  await vi.advanceTimersByTimeAsync(10);
  await refused;
  refuse(new Error('too late'));
  await vi.advanceTimersByTimeAsync(0);
});
