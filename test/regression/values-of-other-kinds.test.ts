/**
 * Options of another kind were taken: a `timeoutMs` of '5000' was joined to the time of the call, `telemetry: 'no'` counted. Feeds ended in a raw
 * TypeError where a buffer had been handed over, an input called "constructor" that was not fed was told as one of the
 * wrong type, a text was cut off at U+0000, and a mask of 0 and 255 ran as booleans.
 */
import { expect, test } from 'vitest';
import { isSdkError } from '../../protocol/errors.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { checkLoad, checkRun } from '../../sdk/api/option-checks.ts';
import { readyFeeds } from '../../sdk/feeds/feeds.ts';
import { readyRecording } from '../../sdk/feeds/recording.ts';
import { warmUpFeeds } from '../../sdk/feeds/warm-up.ts';

function refusal(call: () => unknown): string {
  try {
    call();
    return 'taken';
  } catch (error) {
    return isSdkError(error) ? `${error.code}: ${error.message}` : `raw: ${String(error)}`;
  }
}

const manifest = (name: string, dims: readonly (number | string)[]) =>
  ({ golden: [], inputs: [{ name, type: 'float32', dims, kind: 'numeric' }] }) as unknown as Manifest;

test.each([
  ['signal', {}],
  ['signal', 'no'],
  ['onProgress', 5],
  ['telemetry', 'no'],
  ['telemetry', 0],
  ['batch', { maxBatch: 4, maxWaitMs: '5' }],
])('load refuses %s: %o', (option, value) => {
  expect(refusal(() => checkLoad('/m.json', { [option]: value } as never))).toContain(`invalid-option: Option "${option}`);
});

test.each(['5000', '', 5n, null, Number.NaN, -1, [5]])('a run refuses %o milliseconds', (timeoutMs) => {
  expect(refusal(() => checkRun({}, { timeoutMs: timeoutMs as number }))).toContain('invalid-option: Option "timeoutMs"');
});

test.each([1, 0.5, Number.POSITIVE_INFINITY])('a run takes %o milliseconds', (timeoutMs) => {
  expect(refusal(() => checkRun({}, { timeoutMs }))).toBe('taken');
});

test('a buffer that was handed over is a tensor of none where that fits, and told where not', () => {
  const handedOver = (isTransfer: boolean, dims: readonly (number | string)[], own: number[]) => {
    const data = new Float32Array(4);
    structuredClone(data, { transfer: [data.buffer] });
    return refusal(() => readyFeeds(manifest('x', dims), { x: { data, dims: own } }, isTransfer));
  };
  for (const isTransfer of [false, true]) {
    expect(handedOver(isTransfer, ['n'], [0])).toBe('taken');
    expect(handedOver(isTransfer, ['n'], [4])).toContain('tensor-data-mismatch');
  }
});

test.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty'])('an input called %s that is not fed is missing', (name) => {
  expect(refusal(() => readyFeeds(manifest(name, [1]), {}, false))).toContain('input-missing');
  expect(refusal(() => readyFeeds(manifest(name, [1]), { [name]: { data: [1], dims: [1] } }, false))).toBe('taken');
});

test('what the class of the feeds gives is fed', () => {
  class Feeds {
    get x() {
      return { data: [1], dims: [1] };
    }
  }
  expect(refusal(() => readyFeeds(manifest('x', [1]), new Feeds() as never, false))).toBe('taken');
});

test('a warm-up of more than a page can hold is refused by what is wrong', () => {
  expect(refusal(() => warmUpFeeds(manifest('x', [2 ** 31 - 1, 2 ** 31 - 1])))).toContain('no page can hold');
});

const given = (type: string, data: unknown, isTransfer = false) => {
  const inputs = [{ name: 'x', type, dims: ['n'], kind: 'numeric' }];
  const { length } = data as ArrayLike<unknown>;
  return readyFeeds({ inputs } as unknown as Manifest, { x: { data: data as Uint8Array, dims: [length] } }, isTransfer);
};

test('a mask of 0 and 255 is no tensor of booleans', () => {
  expect(refusal(() => given('bool', Uint8Array.of(0, 1, 255)))).toContain('one of them not whole or out of range');
  expect(refusal(() => given('bool', Uint8Array.of(0, 1, 1)))).toBe('taken');
  expect(refusal(() => given('uint8', Uint8Array.of(0, 1, 255)))).toBe('taken');
});

test('a text that the runtime would cut off is refused', () => {
  expect(refusal(() => given('string', ['a', 'a\0b']))).toContain('one of them with U+0000');
  expect(refusal(() => given('string', ['a', '']))).toBe('taken');
});

test('what a class of its own calls a slice is copied all the same', () => {
  class Bytes extends Uint8Array {
    static get [Symbol.species]() {
      return Float64Array as never;
    }
    override slice(from?: number, to?: number) {
      return this.subarray(from, to) as never;
    }
  }
  for (const own of [new Bytes(70_000).fill(7), Buffer.alloc(70_000, 7)]) {
    const { feeds, buffers } = given('uint8', own);
    expect(Object.values(feeds)[0]).toMatchObject({ data: new Uint8Array(70_000).fill(7) });
    expect(buffers).not.toContain(own.buffer);
  }
});

test('a recording whose samples were handed over is one of none', () => {
  const input = { name: 'x', type: 'float32', dims: ['n'], kind: 'audio' } as unknown as Manifest['inputs'][number];
  const samples = new Float32Array(4);
  structuredClone(samples, { transfer: [samples.buffer] });
  for (const isTransfer of [false, true])
    expect(readyRecording(input, { samples, sampleRate: 16_000 }, isTransfer).wire.channels).toEqual([new Float32Array()]);
});
