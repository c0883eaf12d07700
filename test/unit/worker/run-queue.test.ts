/**
 * The run queue: one at a time, in order, bounded, not to be poisoned, and batches without anybody waiting for nothing.
 */
import { expect, test } from 'vitest';
import { BATCH_WAIT_MS_MAX, RUN_QUEUE_COUNT_MAX } from '../../../protocol/limits.ts';
import { type BatchGroup, type QueuedRun, RunQueue } from '../../../worker/queue/run-queue.ts';

/** Something that stays closed until it is opened. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Every start of the runs of one test: the ids that started together. */
type Starts = number[][];

class TestRun implements QueuedRun {
  readonly arrivedMs = performance.now();
  readonly settled: Promise<'ran' | unknown>;
  settle: (outcome: unknown) => void = () => undefined;
  readonly id: number;
  readonly starts: Starts;
  readonly batchGroup: BatchGroup | null;
  readonly itemCount: number;
  readonly task: () => Promise<unknown>;

  constructor(id: number, starts: Starts, { batchGroup = null, itemCount = 1, task = async () => undefined }: Partial<TestRun> = {}) {
    this.id = id;
    this.starts = starts;
    this.batchGroup = batchGroup;
    this.itemCount = itemCount;
    this.task = task;
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  async start(together: readonly this[]): Promise<void> {
    this.starts.push(together.map(({ id }) => id));
    await this.task();
    for (const run of together) run.settle('ran');
  }

  refuse(error: unknown): void {
    this.settle((error as { code?: string }).code ?? (error as Error).message);
  }
}

const groupOf = (maxBatch: number, maxWaitMs = 0, key = 'model'): BatchGroup => ({ key, maxBatch, maxWaitMs });

test('one job is in flight at a time, in order of arrival, control work and runs alike', async () => {
  const queue = new RunQueue();
  const events: string[] = [];
  const job = (name: string) => async () => {
    events.push(`${name} starts`);
    await Promise.resolve();
    events.push(`${name} ends`);
  };
  const [a, c] = [new TestRun(1, [], { task: job('a') }), new TestRun(2, [], { task: job('c') })];
  queue.enter([a]);
  const b = queue.control(job('b'));
  queue.enter([c]);
  await Promise.all([a.settled, b, c.settled]);
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
});

test('a job that rejects or throws leaves the jobs behind it untouched', async () => {
  const queue = new RunQueue();
  const failing = new TestRun(1, [], { task: () => Promise.reject(new Error('first')) });
  const throwing = new TestRun(2, [], {
    task: () => {
      throw new Error('second');
    },
  });
  const last = new TestRun(4, []);
  queue.enter([failing, throwing]);
  const control = queue.control(() => Promise.reject(new Error('third'))).catch((error: Error) => error.message);
  queue.enter([last]);
  expect(await Promise.all([failing.settled, throwing.settled, control, last.settled])).toEqual(['first', 'second', 'third', 'ran']);
});

for (const entry of ['one by one', 'together'] as const) {
  test(`waiting run ${RUN_QUEUE_COUNT_MAX} is accepted, the next is refused with queue-full, control work always enters: runs come ${entry}`, async () => {
    const queue = new RunQueue();
    const { opened, open } = gate();
    const starts: Starts = [];
    const runs = Array.from({ length: RUN_QUEUE_COUNT_MAX + 2 }, (_, id) => new TestRun(id, starts, { task: () => opened }));
    if (entry === 'together') queue.enter(runs);
    else for (const run of runs) queue.enter([run]);
    expect(await runs.at(-1)?.settled).toBe('queue-full');
    const control = queue.control(() => Promise.resolve('created'));
    open();
    expect(await control).toBe('created');
    expect(new Set(await Promise.all(runs.slice(0, -1).map(({ settled }) => settled)))).toEqual(new Set(['ran']));
    const later = new TestRun(9999, starts);
    queue.enter([later]);
    expect(await later.settled).toBe('ran');
  });
}

test('a cancelled job that waits never starts and makes room; one in flight is left alone', async () => {
  const queue = new RunQueue();
  const { opened, open } = gate();
  const starts: Starts = [];
  const [inFlight, waiting] = [new TestRun(1, starts, { task: () => opened }), new TestRun(2, starts)];
  queue.enter([inFlight, waiting]);
  queue.cancel(1);
  queue.cancel(2);
  queue.cancel(3);
  open();
  expect(await waiting.settled).toBe('aborted');
  expect(await inFlight.settled).toBe('ran');
  expect(starts).toEqual([[1]]);
});

test('runs of one batch group that come together start together, as many as maxBatch holds', async () => {
  const queue = new RunQueue();
  const starts: Starts = [];
  const runs = [1, 2, 3, 4, 5].map((id) => new TestRun(id, starts, { batchGroup: groupOf(3) }));
  queue.enter(runs);
  await Promise.all(runs.map(({ settled }) => settled));
  expect(starts).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

test('a run with several items takes as many places, and one with more than maxBatch starts alone', async () => {
  const queue = new RunQueue();
  const starts: Starts = [];
  const runs = [3, 2, 1, 9, 1].map((itemCount, id) => new TestRun(id, starts, { batchGroup: groupOf(4), itemCount }));
  queue.enter(runs);
  await Promise.all(runs.map(({ settled }) => settled));
  expect(starts).toEqual([[0, 2], [1, 4], [3]]);
});

test('only runs of the same batch group start together, and who joins does not hold up those in between for ever', async () => {
  const queue = new RunQueue();
  const starts: Starts = [];
  const keys = ['a', 'b', 'a', null, 'b', 'a'];
  const runs = keys.map((key, id) => new TestRun(id, starts, { batchGroup: key === null ? null : groupOf(2, 0, key) }));
  queue.enter(runs);
  await Promise.all(runs.map(({ settled }) => settled));
  expect(starts).toEqual([[0, 2], [1, 4], [3], [5]]);
});

test('a run is not kept waiting when the batch is full, nor when anything else waits behind it', async () => {
  const starts: Starts = [];
  const patient = groupOf(2, BATCH_WAIT_MS_MAX);
  const full = new RunQueue();
  full.enter([1, 2].map((id) => new TestRun(id, starts, { batchGroup: patient })));
  expect(starts).toEqual([[1, 2]]);
  const behind = new RunQueue();
  const first = new TestRun(3, starts, { batchGroup: patient });
  behind.enter([first]);
  expect(starts).toHaveLength(1);
  const other = new TestRun(4, starts);
  behind.enter([other]);
  await Promise.all([first.settled, other.settled]);
  expect(starts.slice(1)).toEqual([[3], [4]]);
  const control = new RunQueue();
  const last = new TestRun(5, starts, { batchGroup: patient });
  control.enter([last]);
  await control.control(async () => undefined);
  expect(await last.settled).toBe('ran');
});

// Goal: no timer keeps a batch from starting. Method: each way in which a wait can become needless, with a wait so long that
// the test would time out if it were sat out again.
test('a wait ends with its first sign, not with its timer, and the timer is not needed twice', async () => {
  const queue = new RunQueue();
  const starts: Starts = [];
  const patient = groupOf(2, 60_000);
  const run = (id: number, wanted: BatchGroup = patient) => new TestRun(id, starts, { batchGroup: wanted });
  const [a, b] = [run(1), run(2)];
  queue.enter([a]);
  queue.enter([b]);
  await Promise.all([a.settled, b.settled]);
  // The queue was idle in between; the timer of the batch before must mean nothing to this one.
  const [c, d] = [run(3), run(4)];
  queue.enter([c]);
  queue.cancel(3);
  queue.enter([d]);
  const e = run(5);
  queue.enter([e]);
  expect(await Promise.all([c.settled, d.settled, e.settled])).toEqual(['aborted', 'ran', 'ran']);
  expect(starts).toEqual([
    [1, 2],
    [4, 5],
  ]);
});

test('a run that has waited behind others does not wait again, and one that is alone starts when its wait is over', async () => {
  const queue = new RunQueue();
  const starts: Starts = [];
  const { opened, open } = gate();
  const inFlight = new TestRun(1, starts, { task: () => opened });
  queue.enter([inFlight]);
  const late = new TestRun(2, starts, { batchGroup: groupOf(8, 30) });
  queue.enter([late]);
  const startMs = performance.now();
  while (performance.now() - startMs < 40) await new Promise((resolve) => setTimeout(resolve, 5));
  const timers: unknown[] = [];
  const realTimeout = globalThis.setTimeout;
  globalThis.setTimeout = ((...args: Parameters<typeof realTimeout>) => timers.push(args) && realTimeout(...args)) as typeof realTimeout;
  open();
  await late.settled;
  globalThis.setTimeout = realTimeout;
  expect(timers).toEqual([]);
  const alone = new TestRun(3, starts, { batchGroup: groupOf(8, 20) });
  queue.enter([alone]);
  expect(starts).toEqual([[1], [2]]);
  expect(await alone.settled).toBe('ran');
});

test('of a start that throws in place of answering each run is refused, and the queue goes on', async () => {
  const queue = new RunQueue();
  const starts: Starts = [];
  const task = () => Promise.reject(new Error('broken'));
  const runs = [1, 2].map((id) => new TestRun(id, starts, { batchGroup: groupOf(2), task }));
  queue.enter(runs);
  expect(await Promise.all(runs.map(({ settled }) => settled))).toEqual(['broken', 'broken']);
  const next = new TestRun(3, starts);
  queue.enter([next]);
  expect(await next.settled).toBe('ran');
});
