/** Errors: a closed list that crosses realms as data. */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { ERROR_CODES, type ErrorDetails, fromWire, isSdkError, SdkError, toWire } from '../../../protocol/errors.ts';
import { definitions } from '../../../scripts/definitions.mjs';

/** One plausible set of details per code; the type makes a missing code a compile error. */
const SAMPLES: ErrorDetails = {
  'invalid-option': { option: 'threads', reason: 'it is not a positive integer' },
  'asset-unreachable': { asset: 'insitu.worker.js', reason: 'HTTP 404' },
  'release-mismatch': { page: '0.1.0', worker: '0.2.0' },
  'worker-start-timeout': { timeoutMs: 20_000 },
  'worker-lost': { pendingCount: 3 },
  'client-closed': {},
  'model-closed': { model: 'digits' },
  'manifest-unreachable': { url: 'https://a.example/model.json', status: 404 },
  'manifest-invalid': { url: 'https://a.example/model.json', reason: 'variants: expected Array' },
  'model-unreachable': { url: 'https://a.example/m.onnx', status: 0 },
  'model-truncated': { url: 'https://a.example/m.onnx', expectedBytes: 10, actualBytes: 4 },
  'model-corrupt': { url: 'https://a.example/m.onnx', expectedSha256: 'a'.repeat(64), actualSha256: 'b'.repeat(64) },
  'model-not-onnx': { url: 'https://a.example/m.onnx', reason: 'it is an HTML page' },
  'model-too-large': { url: 'https://a.example/m.onnx', bytes: 3e9, bytesMax: 2e9 },
  'model-outputs-wrong': { variant: 'int8', provider: 'webgpu', output: 'scores' },
  'variant-unknown': { variant: 'q2', known: ['int8', 'fp32'] },
  'provider-unavailable': { provider: 'webgpu', reason: 'no adapter' },
  'session-failed': { variant: 'int8', provider: 'wasm', reason: 'out of memory' },
  'load-stalled': { url: 'https://a.example/m.onnx', timeoutMs: 60_000 },
  aborted: { stage: 'download' },
  'input-missing': { input: 'image', expected: ['image'] },
  'input-unknown': { expected: ['image'] },
  'tensor-type-mismatch': { input: 'image', expected: 'float32', actual: 'int32' },
  'tensor-dims-mismatch': { input: 'image', expected: ['batch', 1, 8, 8], actual: [1, 8, 8, 1] },
  'tensor-data-mismatch': { input: 'image', expectedCount: 64, actualCount: 63 },
  'queue-full': { countMax: 256 },
  'run-timeout': { timeoutMs: 30_000 },
  'run-failed': { reason: 'bad_alloc' },
  'storage-refused': { reason: 'QuotaExceededError' },
  'crypto-unavailable': {},
  'signature-invalid': { url: 'https://a.example/model.json', reason: 'there is no model.json.sig' },
  'storage-full': { neededBytes: 60_000_000, freeBytes: 1_000_000, quotaBytes: 50_000_000 },
  'runtime-mismatch': { asset: 'ort-wasm-simd-threaded.wasm', expected: '1.30.0', actual: '1.29.0' },
  'device-lost': { provider: 'webgpu' },
  'out-of-memory': { reason: 'std::bad_alloc' },
  'preprocess-failed': { input: 'image', reason: 'it is no picture' },
};

test.each(ERROR_CODES)('%s keeps code, details and message through structured clone', (code) => {
  const error = new SdkError(code, SAMPLES[code] as never);
  const crossed = fromWire(structuredClone(toWire(error)));
  expect(crossed.code).toBe(code);
  expect(crossed.details).toEqual(error.details);
  expect(crossed.message).toBe(error.message);
  expect(crossed.message).not.toMatch(/undefined|\[object/);
});

test('an error of another realm is recognised by name and code, not by its class', () => {
  const foreign = { name: 'SdkError', code: 'queue-full', details: { countMax: 1 }, message: '' };
  expect(isSdkError(foreign, 'queue-full')).toBe(true);
  expect(isSdkError(foreign, 'worker-lost')).toBe(false);
  expect(isSdkError(new Error('queue-full'))).toBe(false);
  expect(isSdkError(null)).toBe(false);
});

test('a foreign error becomes run-failed with its first line, capped, and nothing behind it', () => {
  const wire = toWire(new Error(`${'x'.repeat(500)}\nsecond line`));
  expect(wire.code).toBe('run-failed');
  expect((wire.details as { reason: string }).reason).toHaveLength(160);
});

test('the wire order of error codes is frozen: new codes are appended', () => {
  expect(ERROR_CODES.slice(0, 3)).toEqual(['invalid-option', 'asset-unreachable', 'release-mismatch']);
  expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
  expect(Object.keys(SAMPLES).sort()).toEqual([...ERROR_CODES].sort());
});

test('a page’s script has the sentence of each code that it throws itself, and none of the others', async () => {
  const input = fileURLToPath(new URL('../../../sdk/index.ts', import.meta.url));
  const build = await rolldown({ input, platform: 'browser', transform: { define: { ...definitions, __IS_PAGE__: 'true' } } });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  await build.close();
  const { code } = output[0];
  const page = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
  const thrown = new Set([...code.matchAll(/new SdkError\(["']([a-z-]+)["']/g)].map(([, each]) => each as keyof ErrorDetails));
  expect(thrown.size).toBeGreaterThan(10);
  const isSaid = (each: keyof ErrorDetails) => new page.SdkError(each, SAMPLES[each]).message !== each;
  expect(ERROR_CODES.filter(isSaid)).toEqual(ERROR_CODES.filter((each) => thrown.has(each)));
});
