/**
 * The run channel: runs of one task in one message, each settled once, one timer for all, and everything in the order in which it was called.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { SdkError } from '../../../protocol/errors.ts';
import { CELLS_TIMEOUT_MS, TRANSFER_BYTES_MIN } from '../../../protocol/limits.ts';
import type { RunMessage, RunNews, RunReply } from '../../../protocol/worker/runs.ts';
import { RunChannel, type RunTarget } from '../../../sdk/workers/run-channel.ts';

/** The far side: what was sent there, and the way to answer. */
function worker(): {
  channel: RunChannel;
  sent: RunMessage[];
  transferred: (readonly Transferable[])[];
  reply: (replies: RunReply | RunReply[]) => void;
  count: (cells: number[], id: number) => void;
  overdue: () => number;
} {
  const sent: RunMessage[] = [];
  const transferred: (readonly Transferable[])[] = [];
  const postMessage = (message: RunMessage, transfer: readonly Transferable[] = []) => {
    sent.push(message);
    transferred.push(transfer);
  };
  const target = { postMessage, onmessage: null } as RunTarget;
  let overdueCount = 0;
  const channel = new RunChannel(target, () => overdueCount++);
  const hear = (data: RunNews) => target.onmessage?.call(target as Worker, { data } as MessageEvent);
  const count = (cells: number[], id: number) => hear({ counted: [{ id, cells: Uint32Array.from(cells) }] });
  return { channel, sent, transferred, reply: hear, count, overdue: () => overdueCount };
}

const order = (timeoutMs = 1000, signal?: AbortSignal) => ({
  loadId: 1,
  ready: { feeds: {}, buffers: [] },
  isCounted: false,
  startMs: performance.now(),
  timeoutMs,
  signal,
});
const answer = (id: number): RunReply => ({
  id,
  ok: true,
  outputs: {},
  results: {},
  preMs: 0,
  queueMs: 0,
  runMs: id,
  postMs: 0,
});
const flushed = () => new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve)));
const codeOf = (run: Promise<unknown>) => run.then(() => 'answered').catch((error: SdkError) => error.code);

afterEach(() => {
  vi.useRealTimers();
});

test('runs of one task leave in one message, a release where it was called, and the mark of a closing model behind all', async () => {
  const { channel, sent, reply } = worker();
  channel.release([7]);
  const runs = [channel.run(order()), channel.run(order())];
  channel.endRunsOf(1);
  runs.push(channel.run(order()));
  channel.release([8, 9]);
  await flushed();
  expect(sent.map((message) => (message.type === 'run' ? message.requests.map(({ id }) => id) : message))).toEqual([
    { type: 'release', residentIds: [7] },
    [1, 2, 3],
    { type: 'release', residentIds: [8, 9] },
    { type: 'last', loadId: 1 },
  ]);
  reply([answer(3), answer(1)]);
  reply(answer(2));
  expect((await Promise.all(runs)).map(({ runMs }) => runMs)).toEqual([1, 2, 3]);
});

test('a run that is aborted in the task of its call is never sent; one that was sent is cancelled there', async () => {
  const { channel, sent, reply } = worker();
  const [first, second] = [new AbortController(), new AbortController()];
  const runs = [channel.run(order(1000, first.signal)), channel.run(order(1000, second.signal))];
  first.abort();
  await flushed();
  second.abort();
  second.abort();
  expect(await Promise.all(runs.map(codeOf))).toEqual(['aborted', 'aborted']);
  expect(sent).toEqual([
    { type: 'run', requests: [expect.objectContaining({ id: 2 })] },
    { type: 'cancel', id: 2 },
  ]);
  reply(answer(2));
  expect(channel.pendingCount).toBe(0);
});

test('a run that is given up before it is sent keeps its buffer; those of its neighbours are handed over, a shared one once', async () => {
  const { channel, transferred } = worker();
  const [own, shared] = [new ArrayBuffer(TRANSFER_BYTES_MIN), new ArrayBuffer(TRANSFER_BYTES_MIN)];
  const controller = new AbortController();
  const given = codeOf(channel.run({ ...order(1000, controller.signal), ready: { feeds: {}, buffers: [own, shared] } }));
  for (let run = 0; run < 2; run++) void codeOf(channel.run({ ...order(), ready: { feeds: {}, buffers: [shared] } }));
  controller.abort();
  await flushed();
  expect(await given).toBe('aborted');
  expect(transferred).toEqual([[shared]]);
  expect(transferred[0]?.[0]).toBe(shared);
});

test("an answered run's cells come behind its answer, those of a run that was given up are nobody's, and none are waited for when the worker goes", async () => {
  const { channel, reply, count } = worker();
  const controller = new AbortController();
  const counted = (signal?: AbortSignal) => channel.run({ ...order(1000, signal), isCounted: true });
  const runs = [counted(), counted(), channel.run(order())];
  const given = codeOf(counted(controller.signal));
  await flushed();
  controller.abort();
  reply([answer(1), answer(2), answer(3), answer(4)]);
  const cells = (await Promise.all(runs)).map((run) => run.cells);
  expect([await given, cells[2]]).toEqual(['aborted', null]);
  count([3, 1], 4);
  count([7, 2], 1);
  expect(Array.from((await cells[0]) as Uint32Array)).toEqual([7, 2]);
  channel.refuseAll(() => new SdkError('client-closed', {}));
  const all = channel.allCounted();
  channel.failAll(() => new SdkError('client-closed', {}));
  await all;
  expect(await cells[1]).toHaveLength(0);
});

test('cells that never come are waited for until the limit', async () => {
  vi.useFakeTimers();
  const { channel, reply } = worker();
  const run = channel.run({ ...order(), isCounted: true });
  reply(answer(1));
  await run;
  let isOver = false;
  void channel.allCounted().then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(CELLS_TIMEOUT_MS - 1);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(isOver).toBe(true);
});

test('each run has its own deadline whatever the order of the calls, and one timer serves them all', async () => {
  vi.useFakeTimers();
  const { channel, reply, overdue } = worker();
  const ends: string[] = [];
  const run = (name: string, timeoutMs: number) => void codeOf(channel.run(order(timeoutMs))).then((end) => ends.push(`${name} ${end}`));
  run('long', 500);
  run('short', 100);
  run('middle', 300);
  run('endless', Number.POSITIVE_INFINITY);
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(99);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ends).toEqual(['short run-timeout']);
  reply(answer(3));
  await vi.advanceTimersByTimeAsync(400);
  expect(ends).toEqual(['short run-timeout', 'middle answered', 'long run-timeout']);
  expect(overdue()).toBe(2);
  // Only the endless one is left, and nothing to wake up for.
  expect(vi.getTimerCount()).toBe(0);
  expect(channel.pendingCount).toBe(1);
});

test('a resident tensor that comes for a run that was given up is released; one that was waited for is not', async () => {
  const { channel, sent, reply } = worker();
  const controller = new AbortController();
  const [given, kept] = [codeOf(channel.run(order(1000, controller.signal))), channel.run(order())];
  await flushed();
  controller.abort();
  const features = (residentId: number) => ({ features: { residentId, type: 'float32', dims: [1], location: 'memory' } as const });
  reply({ ...answer(1), outputs: features(5) } as RunReply);
  reply({ ...answer(2), outputs: features(6) } as RunReply);
  await Promise.all([given, kept]);
  await flushed();
  expect(sent.slice(1)).toEqual([
    { type: 'cancel', id: 1 },
    { type: 'release', residentIds: [5] },
  ]);
});

test('after a failure nothing is pending, nothing more is sent, and every later run fails alike', async () => {
  const { channel, sent } = worker();
  const run = channel.run(order());
  channel.failAll((pendingCount) => new SdkError('worker-lost', { pendingCount }));
  channel.release([1]);
  channel.endRunsOf(1);
  expect(await Promise.all([codeOf(run), codeOf(channel.run(order()))])).toEqual(['worker-lost', 'worker-lost']);
  await flushed();
  expect(sent).toEqual([]);
});
