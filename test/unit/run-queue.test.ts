/**
 * The run queue: one at a time, in order, bounded, and not to be poisoned.
 */
import { expect, test } from 'vitest';
import { RUN_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';
import { RunQueue } from '../../worker/runtime/run-queue.ts';

/** A task that stays in flight until it is told to end. */
function gate(): { task: () => Promise<string>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<string>((resolve) => {
    open = () => resolve('done');
  });
  return { task: () => opened, open };
}

test('one job is in flight at a time, in order of arrival, control work and runs alike', async () => {
  const queue = new RunQueue();
  const events: string[] = [];
  const job = (name: string) => async () => {
    events.push(`${name} starts`);
    await Promise.resolve();
    events.push(`${name} ends`);
  };
  await Promise.all([queue.run(1, job('a')), queue.control(job('b')), queue.run(2, job('c'))]);
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
});

test('a job that rejects or throws leaves the jobs behind it untouched', async () => {
  const queue = new RunQueue();
  const outcomes = await Promise.allSettled([
    queue.run(1, () => Promise.reject(new Error('first'))),
    queue.run(2, () => {
      throw new Error('second');
    }),
    queue.run(3, () => Promise.resolve('third')),
  ]);
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message))).toEqual([
    'first',
    'second',
    'third',
  ]);
});

test(`waiting run ${RUN_QUEUE_COUNT_MAX} is accepted, the next is refused with queue-full, control work always enters`, async () => {
  const queue = new RunQueue();
  const { task, open } = gate();
  const inFlight = queue.run(0, task);
  const waiting = Array.from({ length: RUN_QUEUE_COUNT_MAX }, (_, index) => queue.run(index + 1, () => Promise.resolve('ran')));
  await expect(queue.run(9999, () => Promise.resolve('ran'))).rejects.toMatchObject({ code: 'queue-full' });
  const control = queue.control(() => Promise.resolve('created'));
  open();
  expect(await control).toBe('created');
  expect(new Set(await Promise.all([inFlight, ...waiting]))).toEqual(new Set(['done', 'ran']));
  expect(await queue.run(10_000, () => Promise.resolve('room again'))).toBe('room again');
});

test('a cancelled job that waits never starts and makes room; one in flight is left alone', async () => {
  const queue = new RunQueue();
  const { task, open } = gate();
  let hasStarted = false;
  const inFlight = queue.run(1, task);
  const waiting = queue.run(2, async () => {
    hasStarted = true;
  });
  queue.cancel(1);
  queue.cancel(2);
  queue.cancel(3);
  open();
  await expect(waiting).rejects.toMatchObject({ code: 'aborted' });
  expect(await inFlight).toBe('done');
  expect(hasStarted).toBe(false);
});
