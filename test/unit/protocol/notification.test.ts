/**
 * Signatures: what is believed and what is not, and that the document's example believes the same.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { WEBHOOK_REPLAY_MS_MAX } from '../../../protocol/alarm-limits.ts';
import { signatureOf, verifySignature } from '../../../protocol/read/notification.ts';

const SECRET = 'correct horse battery staple';
const NOW_MS = 1_800_000_000_000;
const ID = 'a'.repeat(32);

type Headers = Record<string, string>;
type Verify = (secret: string, headers: Headers, body: string, nowMs: number) => Promise<boolean> | boolean;

async function headersOf(secret: string, body: string, atMs = NOW_MS): Promise<Headers> {
  const timestamp = Math.floor(atMs / 1000);
  return {
    'webhook-id': ID,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': await signatureOf(secret, ID, timestamp, body),
  };
}

const ours: Verify = async (secret, headers, body, nowMs) => (await verifySignature(secret, (name) => headers[name], body, nowMs)).ok;
let documented: Verify;
beforeAll(async () => {
  const text = readFileSync(new URL('../../../docs/incidents.md', import.meta.url), 'utf8');
  const example = /```js\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const module = (await import(`data:text/javascript,${encodeURIComponent(example)}`)) as { isFromCollector: Verify };
  documented = module.isFromCollector;
});

describe.each([
  ['the library', () => ours],
  ["the document's example", () => documented],
])('%s', (_, verify) => {
  test('believes what is signed, within five minutes, whatever the body', async () => {
    const body = fc.string({ unit: 'grapheme', maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(body, fc.integer({ min: -WEBHOOK_REPLAY_MS_MAX, max: WEBHOOK_REPLAY_MS_MAX - 1000 }), async (text, offMs) => {
        expect(await verify()(SECRET, await headersOf(SECRET, text), text, NOW_MS + offMs)).toBe(true);
      }),
      { seed: 21, numRuns: 50 },
    );
  });

  test('believes one of several signatures, as while a secret is changed', async () => {
    const headers = await headersOf(SECRET, 'x');
    expect(await verify()(SECRET, { ...headers, 'webhook-signature': `v1,AAAA ${headers['webhook-signature']}` }, 'x', NOW_MS)).toBe(true);
  });

  const changed: readonly [string, (headers: Headers) => readonly [Headers, string, number]][] = [
    ['another body', (headers) => [headers, 'y', NOW_MS]],
    ['another id', (headers) => [{ ...headers, 'webhook-id': 'b'.repeat(32) }, 'x', NOW_MS]],
    ['another time', (headers) => [{ ...headers, 'webhook-timestamp': String(NOW_MS / 1000 + 1) }, 'x', NOW_MS]],
    ['a repetition after five minutes', (headers) => [headers, 'x', NOW_MS + WEBHOOK_REPLAY_MS_MAX + 1000]],
    ['a clock that is ahead', (headers) => [headers, 'x', NOW_MS - WEBHOOK_REPLAY_MS_MAX - 1000]],
    ['no signature', ({ 'webhook-signature': __, ...headers }) => [headers, 'x', NOW_MS]],
    ['no time', ({ 'webhook-timestamp': __, ...headers }) => [headers, 'x', NOW_MS]],
    [
      'half a signature',
      (headers) => [{ ...headers, 'webhook-signature': (headers['webhook-signature'] ?? '').slice(0, 20) }, 'x', NOW_MS],
    ],
    ['a signature of nothing', (headers) => [{ ...headers, 'webhook-signature': 'v1,' }, 'x', NOW_MS]],
  ];
  test.each(changed)('does not believe %s', async (__, change) => {
    const [headers, body, nowMs] = change(await headersOf(SECRET, 'x'));
    expect(await verify()(SECRET, headers, body, nowMs)).toBe(false);
  });

  test('does not believe another secret', async () => {
    expect(await verify()(`${SECRET}.`, await headersOf(SECRET, 'x'), 'x', NOW_MS)).toBe(false);
  });
});

test('a secret with whsec_ is base64 behind it, as Standard Webhooks writes it', async () => {
  const bytes = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const expected = createHmac('sha256', bytes).update(`${ID}.1800000000.x`).digest('base64');
  expect(await signatureOf(`whsec_${bytes.toString('base64')}`, ID, 1_800_000_000, 'x')).toBe(`v1,${expected}`);
});
