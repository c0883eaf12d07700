/**
 * The run port's answer: who is served first, the caller or the counts.
 */
import { expect, test } from 'vitest';
import { TRANSFER_BYTES_MIN } from '../../../protocol/limits.ts';
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

/** What leaves and what is counted, in order, with the bytes that a transfer takes. */
function answered(...replies: RunReply[]): string[] {
  const events: string[] = [];
  const post = (news: RunNews, transfer: ArrayBuffer[]) => {
    if ('counted' in news) events.push(`cells of ${news.counted.map(({ id }) => id).join()}`);
    else events.push(`answer, ${transfer.reduce((sum, { byteLength }) => sum + byteLength, 0)} bytes handed over`);
  };
  const queue = new RunQueue();
  const port = new RunPort(post, new Map(), new ResidentStore(queue), queue, (loadId) => events.push(`model ${loadId} has answered`));
  port.answer(replies, 7, () => {
    events.push('counting');
    return replies.map(({ id }) => ({ id, cells: CELLS }));
  });
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
