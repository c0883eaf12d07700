/**
 * A database that does not answer.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { inTime } from '../../../protocol/deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('an answer in time is handed on and leaves no timer', async () => {
  const late = vi.fn();
  await expect(inTime(Promise.resolve(7), 10, late)).resolves.toBe(7);
  await expect(inTime(Promise.reject(new Error('refused')), 10, late)).rejects.toThrow('refused');
  expect(vi.getTimerCount()).toBe(0);
  expect(late).not.toHaveBeenCalled();
});

test('silence is an error after the time given, and an answer that comes after all goes to `late`', async () => {
  let answer: (value: number) => void = () => undefined;
  const late = vi.fn();
  const waiting = inTime(new Promise<number>((resolve) => void (answer = resolve)), 10, late);
  const refused = expect(waiting).rejects.toThrow('IndexedDB does not answer');
  await vi.advanceTimersByTimeAsync(10);
  await refused;
  answer(7);
  await vi.advanceTimersByTimeAsync(0);
  expect(late.mock.calls).toEqual([[7]]);
});

test('a refusal that comes after all is nobody else’s rejection', async () => {
  let refuse: (error: Error) => void = () => undefined;
  const waiting = inTime(new Promise<never>((_, reject) => void (refuse = reject)), 10, vi.fn());
  const refused = expect(waiting).rejects.toThrow('IndexedDB does not answer');
  await vi.advanceTimersByTimeAsync(10);
  await refused;
  refuse(new Error('too late'));
  await vi.advanceTimersByTimeAsync(0);
});
