/**
 * Prepare gate: some at once, in order, and none held up by a failure or a cancellation.
 */
import { expect, test } from 'vitest';
import { isSdkError } from '../../../protocol/errors.ts';
import { PREPARING_COUNT_MAX, RUN_QUEUE_COUNT_MAX } from '../../../protocol/limits.ts';
import { PrepareGate } from '../../../worker/prepare/prepare-gate.ts';

/** Work that ends when the test says so. */
function held(): { start: () => Promise<string>; end: (value: string) => void; fail: (error: Error) => void; isStarted: () => boolean } {
  let isStarted = false;
  let end: (value: string) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<string>((resolve, reject) => {
    [end, fail] = [resolve, reject];
  });
  return {
    start: () => {
      isStarted = true;
      return promise;
    },
    end,
    fail,
    isStarted: () => isStarted,
  };
}

const never = (): void => {
  throw new Error('this run was to be prepared');
};
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test(`${PREPARING_COUNT_MAX} runs are prepared at once; the next starts when one of them has ended`, async () => {
  const gate = new PrepareGate();
  const works = Array.from({ length: PREPARING_COUNT_MAX + 1 }, held);
  works.forEach((work, index) => void gate.pass(index, work.start, never));
  expect(works.map((work) => work.isStarted())).toEqual([...Array(PREPARING_COUNT_MAX).fill(true), false]);
  works[1]?.end('done');
  await settled();
  expect(works.at(-1)?.isStarted()).toBe(true);
});

test('runs leave in the order in which they came, even when a later one is ready first or an earlier one fails', async () => {
  const gate = new PrepareGate();
  const [first, second, third] = [held(), held(), held()];
  const left: string[] = [];
  const passes = [first, second, third].map((work, index) =>
    gate.pass(index, work.start, never).then(
      (value) => left.push(value),
      () => left.push('failed'),
    ),
  );
  second.end('second');
  await settled();
  third.end('third');
  await settled();
  expect(left).toEqual([]);
  first.fail(new Error('no picture'));
  await Promise.all(passes);
  expect(left).toEqual(['failed', 'second', 'third']);
});

test('a run that is cancelled while it waits never starts and is dropped at once; one that is being prepared drops its result', async () => {
  const gate = new PrepareGate();
  const works = Array.from({ length: PREPARING_COUNT_MAX + 1 }, held);
  const dropped: number[] = [];
  const passes = works.map((work, index) =>
    gate.pass(index, work.start, () => dropped.push(index)).catch((error) => (isSdkError(error) ? error.code : 'other')),
  );
  gate.cancel(PREPARING_COUNT_MAX);
  expect(dropped).toEqual([PREPARING_COUNT_MAX]);
  gate.cancel(0);
  gate.cancel(99);
  for (const work of works) work.end('done');
  expect(await Promise.all(passes)).toEqual(['aborted', ...Array(PREPARING_COUNT_MAX - 1).fill('done'), 'aborted']);
  expect(works.at(-1)?.isStarted()).toBe(false);
  expect(dropped).toEqual([PREPARING_COUNT_MAX]);
});

test(`waiting run ${RUN_QUEUE_COUNT_MAX} is accepted; one more is refused with queue-full and dropped`, async () => {
  const gate = new PrepareGate();
  const work = held();
  const passes = Array.from({ length: PREPARING_COUNT_MAX + RUN_QUEUE_COUNT_MAX }, (_, index) => gate.pass(index, work.start, never));
  let isDropped = false;
  const refused = gate.pass(-1, work.start, () => {
    isDropped = true;
  });
  await expect(refused).rejects.toMatchObject({ code: 'queue-full' });
  expect(isDropped).toBe(true);
  work.end('done');
  expect(new Set(await Promise.all(passes))).toEqual(new Set(['done']));
});
