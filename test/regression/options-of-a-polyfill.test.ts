/**
 * An enumerable name on `Object.prototype`, as a page's polyfill leaves it, was taken for an option of every load and run. What was passed under
 * another name than an option has (`record({ feed })`) was passed over without a word in some of the calls.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createCollectorClient } from '../../collector/client/collector-client.ts';
import { startCollector } from '../../collector/index.ts';
import { isSdkError } from '../../protocol/errors.ts';
import { checkClientOptions, checkLoad, checkRun, knownRunOptions } from '../../sdk/api/option-checks.ts';
import { createObserver } from '../../sdk/counting/observer.ts';
import { readyFeeds } from '../../sdk/feeds/feeds.ts';
import type { Recorder } from '../../sdk/telemetry/recorder.ts';
import { startReceiver } from '../fixtures/receiver.ts';
import { manifestText } from '../fixtures/reports.ts';

const NAMES = [
  ...['signal', 'timeoutMs', 'transfer', 'segment', 'request', 'headers', 'credentials', 'batch', 'maxWaitMs', 'variant', 'provider'],
  ...['refresh', 'onProgress', 'onUpdate', 'telemetry', 'resident', 'collector', 'consent', 'logger', 'threads', 'assets', 'type'],
];
const left: string[] = [];
afterEach(() => {
  for (const name of left.splice(0)) delete (Object.prototype as never)[name];
});

/** What a library may leave there. */
function leave(name: string, value: unknown): void {
  Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: true, writable: true });
  left.push(name);
}

test('what a library left on every object is no option of a client, a load or a run', () => {
  const foreign = fc.oneof(
    fc.constant(() => undefined),
    fc.constant({}),
    fc.string(),
    fc.integer(),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.subarray(NAMES, { minLength: 1 }), foreign, (names, value) => {
      for (const name of names) leave(name, value);
      try {
        const client = checkClientOptions({ cache: 'memory' });
        const load = checkLoad('https://m.example/model.json', { request: {}, batch: { maxBatch: 2 } });
        const run = knownRunOptions({});
        checkRun({}, run);
        for (const name of names) {
          const read = [client, load, load.request, load.batch, run].map((options) => (options as Record<string, unknown>)[name]);
          expect(
            [name, ...read.filter((each) => each !== load.request && each !== load.batch)].filter((each) => each !== undefined),
          ).toEqual([name]);
        }
        const ready = readyFeeds(
          { inputs: [{ name: 'x', type: 'float32', dims: [2], kind: 'numeric' }] },
          { x: { data: [1, 2], dims: [2] } },
          false,
        );
        expect(ready.feeds.x).toMatchObject({ type: 'float32', dims: [2] });
      } finally {
        for (const name of left.splice(0)) delete (Object.prototype as never)[name];
      }
    }),
    { numRuns: 200, seed: 20 },
  );
});

describe('a name that is no option is told, in the words that all calls have', () => {
  const refusal = (call: () => unknown): string => {
    try {
      call();
      return '';
    } catch (error) {
      return isSdkError(error, 'invalid-option') ? error.message : `raw: ${String(error)}`;
    }
  };

  test.each([
    ['client', () => checkClientOptions({ colector: 1 } as never), 'known are collector, consent'],
    ['load', () => checkLoad('/m.json', { onprogress: 1 } as never), 'known are signal, onProgress'],
    ['request', () => checkLoad('/m.json', { request: { header: {} } } as never), 'Option "request" .* known are headers, credentials'],
    ['batch', () => checkLoad('/m.json', { batch: { maxbatch: 2 } } as never), 'Option "batch" .* known are maxBatch, maxWaitMs'],
    ['run', () => knownRunOptions({ timeout: 5 } as never), 'known are signal, timeoutMs'],
  ])('%s', (_, call, words) => {
    expect(refusal(call)).toMatch(new RegExp(`^Option "\\w+" is not usable: one of its names is unknown; known are|${words}`));
    expect(refusal(call)).toMatch(new RegExp(words));
  });

  test('a run that is observed: the logger is told, and it is not counted as one without inputs', async () => {
    const receiver = await startReceiver();
    Object.assign(receiver, { status: 200, text: manifestText() });
    const told: string[] = [];
    let observedCount = 0;
    const recorder = { isCounting: () => true, observed: () => observedCount++ } as unknown as Recorder;
    const observer = await createObserver(`${receiver.url}/model.json`, recorder, (level, code, text) =>
      told.push(`${level} ${code}: ${text}`),
    );
    observer.record({ feed: { x: [1] } } as never);
    observer.record({ feeds: {}, outputs: undefined } as never);
    observer.record(7 as never);
    expect(observedCount).toBe(1);
    expect(told).toEqual([
      expect.stringMatching(/^error observe-failed: .*one of its names is unknown; known are feeds, outputs, segment, durationMs/),
      expect.stringMatching(/^error observe-failed: .*it must be an object/),
    ]);
    await receiver.close();
  });

  test('a collector, and a client of one', async () => {
    await expect(startCollector({ port: 0, writeKey: 'x' } as never)).rejects.toMatchObject({
      name: 'StartupError',
      message: expect.stringMatching(/^One of the options of startCollector is unknown; known are port, host, .*writeKeys/),
    });
    expect(() => createCollectorClient({ url: 'http://127.0.0.1:1', adminkey: 'x' } as never)).toThrow(
      /known are url, adminKey, timeoutMs/,
    );
    const client = createCollectorClient({ url: 'http://127.0.0.1:1' });
    await expect(client.series({ model: '1'.repeat(16), hour: 3 } as never)).rejects.toThrow(
      /^series: one of its names .* known are model, hours, until/,
    );
    await expect(client.health({ signals: 1 } as never)).rejects.toThrow(/^health: one of its names .* known are signal\.$/);
    await expect(client.series(undefined as never)).rejects.toThrow(/^series takes an object with model, hours/);
  });
});

test('dims in an array of another kind are taken where they fit, and told as they are where not', () => {
  const inputs = [{ name: 'x', type: 'float32' as const, dims: ['batch', 4], kind: 'numeric' as const }];
  const data = new Float32Array(4);
  const feed = (dims: unknown) => readyFeeds({ inputs }, { x: { data, dims } as never }, false).feeds.x;
  for (const dims of [[1, 4], Int32Array.of(1, 4), Uint8Array.of(1, 4), Float64Array.of(1, 4)]) {
    expect(feed(dims)).toMatchObject({ dims: [1, 4] });
  }
  for (const dims of [[4], Int32Array.of(4), Uint8Array.of(4)]) {
    expect(() => feed(dims)).toThrow('Input "x" has dims [4]; the model expects [batch, 4].');
  }
  for (const dims of [BigInt64Array.of(1n, 4n), Float32Array.of(0.5, 4), 'ab', 7, null, undefined, { length: 2 }, new Int32Array(9)]) {
    expect(() => feed(dims)).toThrow('Input "x" has dims []; the model expects [batch, 4].');
  }
});
