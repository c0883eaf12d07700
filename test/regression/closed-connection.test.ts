/**
 * A database that was closed under its page was never opened again, and nothing was stored for as long as the page lived.
 */
import { expect, test } from 'vitest';
import { Reopened } from '../../protocol/reopened.ts';

class ClosedError extends Error {
  override readonly name = 'InvalidStateError';
}

/** Connections by number, that can be closed with or without a word. */
function connections() {
  const closed = new Set<number>();
  const tellers: (() => void)[] = [];
  let failures = 0;
  const reopened = new Reopened<number>(async (onClosed) => {
    if (failures-- > 0) throw new Error('refused');
    return tellers.push(onClosed) - 1;
  });
  const begin = (id: number) => {
    if (closed.has(id)) throw new ClosedError('closed');
    return id;
  };
  return {
    reopened,
    begin,
    close: (id: number) => closed.add(id),
    tell: (id: number) => tellers[id]?.(),
    refuse: (count: number) => {
      failures = count;
    },
  };
}

test('one connection serves all calls, until it is closed, said or unsaid', async () => {
  const { reopened, begin, close, tell } = connections();
  expect(await Promise.all([1, 2, 3].map(() => reopened.use(begin)))).toEqual([0, 0, 0]);
  close(0);
  expect(await Promise.all([1, 2, 3].map(() => reopened.use(begin)))).toEqual([1, 1, 1]);
  tell(1);
  expect(await reopened.use(begin)).toBe(2);
  // News of a connection that is long gone closes nobody else's.
  tell(0);
  expect(await reopened.use(begin)).toBe(2);
});

test('an opening that failed is no answer to the next call', async () => {
  const { reopened, begin, refuse } = connections();
  refuse(1);
  await expect(reopened.use(begin)).rejects.toThrow('refused');
  expect(await reopened.use(begin)).toBe(0);
});

test('work is repeated once where it could not begin, and never after another failure', async () => {
  const { reopened } = connections();
  let count = 0;
  const work = (error: Error) => () => {
    count++;
    throw error;
  };
  await expect(reopened.use(work(new ClosedError('again')))).rejects.toThrow('again');
  expect(count).toBe(2);
  await expect(reopened.use(work(new Error('quota')))).rejects.toThrow('quota');
  expect(count).toBe(3);
});
