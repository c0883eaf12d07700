/**
 * The fault proxy: each fault is what its name says, because tests of the product conclude from it.
 *
 * Invariants
 *  - A healthy origin in this file stands behind the proxy; no product code takes part.
 *
 * Not here: what the product does about a fault.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../harness/fault-proxy.ts';

const BODY = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
const arrived: string[] = [];
const origin = createServer((request, response) => {
  request.resume().on('end', () => {
    arrived.push(`${request.method} ${request.url}`);
    response.writeHead(200, { 'content-length': BODY.length });
    response.end(BODY);
  });
});
let proxy: FaultProxy;

beforeAll(async () => {
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  proxy = await startFaultProxy(`http://127.0.0.1:${(origin.address() as AddressInfo).port}`);
});

beforeEach(() => {
  proxy.rules.length = 0;
  proxy.log.length = 0;
  arrived.length = 0;
});

afterAll(async () => {
  await proxy.close();
  origin.closeAllConnections();
  await new Promise((resolve) => origin.close(resolve));
});

const body = async (response: Response) => new Uint8Array(await response.arrayBuffer());

test('a request that no rule names passes unchanged and is logged with its body', async () => {
  const response = await fetch(`${proxy.url}/a?b=c`, { method: 'POST', body: Uint8Array.of(1, 2, 3), headers: { 'x-test': 'yes' } });
  expect(await body(response)).toEqual(BODY);
  expect(arrived).toEqual(['POST /a?b=c']);
  await expect.poll(() => proxy.log[0]?.status).toBe(200);
  expect(proxy.log).toMatchObject([{ method: 'POST', url: '/a?b=c', body: Uint8Array.of(1, 2, 3), action: null }]);
  expect(proxy.log[0]?.headers['x-test']).toBe('yes');
});

test('a status rule answers in place of the target, as often as it says', async () => {
  proxy.rules.push({ match: /\/model/, action: { kind: 'status', status: 503, headers: { 'retry-after': '1' } }, times: 1 });
  const first = await fetch(`${proxy.url}/model`);
  expect([first.status, first.headers.get('retry-after')]).toEqual([503, '1']);
  expect(arrived).toEqual([]);
  expect((await fetch(`${proxy.url}/model`)).status).toBe(200);
});

test('a flipped byte differs in one bit at one offset', async () => {
  proxy.rules.push({ match: /./, action: { kind: 'flip-byte-at', byte: 70_000 } });
  const received = await body(await fetch(proxy.url));
  const differing = [...received.keys()].filter((index) => received[index] !== BODY[index]);
  expect([received.length, differing, (received[70_000] ?? 0) ^ (BODY[70_000] ?? 0)]).toEqual([BODY.length, [70_000], 1]);
});

test('a truncated answer ends in a network error after the bytes before the cut', async () => {
  proxy.rules.push({ match: /./, action: { kind: 'truncate-at', byte: 1000 } });
  const reader = (await fetch(proxy.url)).body?.getReader();
  let receivedBytes = 0;
  const reading = (async () => {
    for (;;) {
      const step = await reader?.read();
      if (step === undefined || step.done) return;
      receivedBytes += step.value.length;
    }
  })();
  await expect(reading).rejects.toThrow();
  expect(receivedBytes).toBe(1000);
});

test('a stalled answer stays open until the client gives up', async () => {
  proxy.rules.push({ match: /./, action: { kind: 'stall', byte: 1000 } });
  const controller = new AbortController();
  const reader = (await fetch(proxy.url, { signal: controller.signal })).body?.getReader();
  const first = await reader?.read();
  expect(first?.value?.length).toBe(1000);
  const rest = reader?.read();
  const still = await Promise.race([rest, new Promise((resolve) => setTimeout(() => resolve('open'), 200))]);
  expect(still).toBe('open');
  controller.abort();
  await expect(rest).rejects.toThrow();
});

test('drop-before keeps the target ignorant; drop-after-forward only the client', async () => {
  proxy.rules.push({ match: /before/, action: { kind: 'drop-before' } }, { match: /after/, action: { kind: 'drop-after-forward' } });
  await expect(fetch(`${proxy.url}/before`)).rejects.toThrow();
  expect(arrived).toEqual([]);
  await expect(fetch(`${proxy.url}/after`, { method: 'POST', body: 'x' })).rejects.toThrow();
  expect(arrived).toEqual(['POST /after']);
  await expect.poll(() => proxy.log.map(({ status }) => status)).toEqual([0, 0]);
});

test('a delayed request and changed headers still deliver the whole body', async () => {
  proxy.rules.push(
    { match: /slow/, action: { kind: 'delay', delayMs: 50 } },
    { match: /./, action: { kind: 'headers', headers: { 'x-added': '1' } } },
  );
  expect(await body(await fetch(`${proxy.url}/slow`, { method: 'POST', body: 'late' }))).toEqual(BODY);
  expect((await fetch(`${proxy.url}/quick`)).headers.get('x-added')).toBe('1');
});
