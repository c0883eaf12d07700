/**
 * The read queue: one at a time, shared where it is the same, bounded.
 */
import { expect, test } from 'vitest';
import { ReadQueue } from '../../../collector/views/read-queue.ts';
import { READ_QUEUE_COUNT_MAX } from '../../../protocol/limits.ts';

/** A read that ends when the test says so. */
function gate<T>(value: T) {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let begunCount = 0;
  const read = async () => {
    begunCount++;
    await opened;
    return value;
  };
  return { read, open: () => open(), begun: () => begunCount };
}

/** A reader who waits for as long as it takes. */
const HERE = new AbortController().signal;

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('one read at a time; those that ask the same while it waits share it, and one that comes after it began asks anew', async () => {
  const queue = new ReadQueue();
  const [first, second] = [gate('first'), gate('second')];
  const running = queue.ask('a', HERE, first.read);
  await settle();
  const shared = [queue.ask('b', HERE, second.read), queue.ask('b', HERE, second.read)];
  const anew = queue.ask('a', HERE, async () => 'anew');
  await settle();
  expect([first.begun(), second.begun()]).toEqual([1, 0]);
  first.open();
  second.open();
  expect(await Promise.all([running, ...shared, anew])).toEqual(['first', 'second', 'second', 'anew']);
  expect(second.begun()).toBe(1);
});

test('a read that fails fails alone', async () => {
  const queue = new ReadQueue();
  const failing = queue.ask('a', HERE, () => Promise.reject(new Error('the disk is gone')));
  const next = queue.ask('b', HERE, async () => 'there');
  await expect(failing).rejects.toThrow('the disk is gone');
  expect(await next).toBe('there');
});

test(`read ${READ_QUEUE_COUNT_MAX} may wait; the next is refused, and a shared one is not`, async () => {
  const queue = new ReadQueue();
  const first = gate(0);
  const running = queue.ask('first', HERE, first.read);
  await settle();
  const waiting = Array.from({ length: READ_QUEUE_COUNT_MAX }, (_, index) => queue.ask(String(index), HERE, async () => index));
  expect(queue.ask('one more', HERE, async () => -1)).toBeNull();
  expect(queue.ask('0', HERE, async () => -1)).not.toBeNull();
  first.open();
  await running;
  expect(await Promise.all(waiting)).toEqual(waiting.map((_, index) => index));
  expect(await queue.ask('one more', HERE, async () => -1)).toBe(-1);
});

test('a read that nobody waits for any more is not made; one that somebody still waits for is', async () => {
  const queue = new ReadQueue();
  const [first, gone] = [gate(0), new AbortController()];
  const running = queue.ask('first', HERE, first.read);
  await settle();
  const [unwanted, wanted] = [gate('unwanted'), gate('wanted')];
  const waiting = [
    queue.ask('unwanted', gone.signal, unwanted.read),
    queue.ask('wanted', gone.signal, wanted.read),
    queue.ask('wanted', HERE, wanted.read),
  ];
  gone.abort();
  for (const { open } of [first, unwanted, wanted]) open();
  expect(await Promise.all([running, ...waiting])).toEqual([0, null, 'wanted', 'wanted']);
  expect([unwanted.begun(), wanted.begun()]).toEqual([0, 1]);
});
