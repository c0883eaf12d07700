/**
 * The run port's answer: who is served first, the caller or the counts.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { CELLS_DELAY_MS, TRANSFER_BYTES_MIN } from '../../../protocol/limits.ts';
import type { RunNews, RunReply } from '../../../protocol/worker/runs.ts';
import { ResidentStore } from '../../../worker/queue/resident-store.ts';
import { RunQueue } from '../../../worker/queue/run-queue.ts';
import { RunPort } from '../../../worker/runs/run-port.ts';

const CELLS = Uint32Array.of(3, 1);

const answerOf = (id: number, bytes: number): RunReply => ({
  id,
  ok: true,
  outputs: { y: { type: 'uint8', dims: [bytes], data: new Uint8Array(bytes) } },
  results: {},
  preMs: 0,
  queueMs: 0,
  runMs: 1,
  postMs: 0,
});

afterEach(() => vi.useRealTimers());

/** A port, and what leaves it and what is counted, in order, with the bytes that a transfer takes. */
function portOf(events: string[]): (...replies: RunReply[]) => void {
  const post = (news: RunNews, transfer: ArrayBuffer[]) => {
    if ('counted' in news) events.push(`cells of ${news.counted.map(({ id }) => id).join()}`);
    else events.push(`answer, ${transfer.reduce((sum, { byteLength }) => sum + byteLength, 0)} bytes handed over`);
  };
  const queue = new RunQueue();
  const port = new RunPort(post, new Map(), new ResidentStore(queue), queue, (loadId) => events.push(`model ${loadId} has answered`));
  return (...replies) =>
    port.answer(replies, 7, () => {
      events.push('counting');
      return replies.map(({ id }) => ({ id, cells: CELLS }));
    });
}

function answered(...replies: RunReply[]): string[] {
  const events: string[] = [];
  portOf(events)(...replies);
  return events;
}

test('a run is counted behind its answer', () => {
  expect(answered(answerOf(1, 40))).toEqual(['answer, 0 bytes handed over', 'counting', 'cells of 1', 'model 7 has answered']);
});

test('runs whose outputs leave with the answer, all or some of them, are counted while these are still here', () => {
  expect(answered(answerOf(1, 40), answerOf(2, TRANSFER_BYTES_MIN))).toEqual([
    'counting',
    `answer, ${TRANSFER_BYTES_MIN} bytes handed over`,
    'cells of 1,2',
    'model 7 has answered',
  ]);
});

test(`in a loop of runs the first one's cells leave at once, and those behind it together, ${CELLS_DELAY_MS} ms later at the most`, () => {
  vi.useFakeTimers();
  const events: string[] = [];
  const answer = portOf(events);
  const cells = () => events.filter((event) => event.startsWith('cells'));
  for (let id = 1; id <= 4; id++) answer(answerOf(id, 40));
  expect(cells()).toEqual(['cells of 1']);
  vi.advanceTimersByTime(CELLS_DELAY_MS);
  expect(cells()).toEqual(['cells of 1', 'cells of 2,3,4']);
  answer(answerOf(5, 40));
  expect(cells()).toHaveLength(2);
  vi.advanceTimersByTime(CELLS_DELAY_MS);
  expect(cells().at(-1)).toBe('cells of 5');
  // Behind a pause nothing waits.
  vi.advanceTimersByTime(CELLS_DELAY_MS);
  answer(answerOf(6, 40));
  expect(cells().at(-1)).toBe('cells of 6');
});
