/**
 * Option checks: what a caller passed, before anything starts. TypeScript callers are checked by their compiler; script tags are not.
 *
 * Invariants
 *  - The error names the option and what it takes, never the value, nor a name that is the caller's own.
 */
import { BATCH_AXIS_COUNT_MAX, BATCH_WAIT_MS_MAX, RUN_QUEUE_COUNT_MAX } from '../../protocol/limits.ts';
import type { Provider } from '../../protocol/manifest/manifest.ts';
import type { ClientOptions } from './client.ts';
import { canResolve, isUrl, tagOf } from './foreign.ts';
import type { LoadOptions, ModelFile } from './load.ts';
import type { LogLevel } from './logger.ts';
import { checkCollector, type Names, require, requireKnown } from './option-rules.ts';
import type { RunManyOptions, RunOptions, StreamOptions } from './runs.ts';
import type { Consent, PrivacyLevel } from './telemetry.ts';

// Written out, because protocol/manifest/manifest.ts brings the schema library with it, which the page does without.
const PROVIDERS: Readonly<Record<Provider | 'auto', true>> = { auto: true, wasm: true, webgpu: true, webnn: true };
const CONSENTS: Readonly<Record<Consent, true>> = { required: true, granted: true };
const CACHES: Readonly<Record<NonNullable<ClientOptions['cache']>, true>> = { indexeddb: true, memory: true };
const PRIVACY: Readonly<Record<PrivacyLevel, true>> = { counts: true, 'local-dp': true };
const CREDENTIALS: Readonly<Record<RequestCredentials, true>> = { omit: true, 'same-origin': true, include: true };
const LOG_LEVELS: Readonly<Record<LogLevel, true>> = { debug: true, info: true, warn: true, error: true };
const UPDATES: Readonly<Record<NonNullable<LoadOptions['update']>, true>> = { background: true, never: true, before: true };
const MEASURES: Readonly<Record<NonNullable<LoadOptions['measure']>, true>> = { auto: true, before: true, background: true, never: true };

const CLIENT: Names<ClientOptions> = {
  ...{ collector: true, consent: true, privacy: true, onBeforeSend: true, backgroundSync: true },
  ...{ assets: true, cache: true, threads: true, trustedKeys: true, logger: true, logLevel: true },
};
const LOAD: Names<LoadOptions> = {
  ...{ signal: true, onProgress: true, variant: true, provider: true, measure: true, update: true, onUpdate: true },
  ...{ request: true, refresh: true, ignoreQuery: true, telemetry: true, batch: true, resident: true },
};
const REQUEST: Names<NonNullable<LoadOptions['request']>> = { headers: true, credentials: true };
const BATCH: Names<NonNullable<LoadOptions['batch']>> = { maxBatch: true, maxWaitMs: true };
const RUN: Names<RunOptions & RunManyOptions & StreamOptions> = {
  ...{ signal: true, timeoutMs: true, transfer: true, segment: true },
  ...{ concurrency: true, ordered: true, onProgress: true, onError: true, onDrop: true },
};

/** @throws {SdkError} `invalid-option` */
export function checkClientOptions(options: ClientOptions): void {
  requireKnown('options', options, CLIENT);
  requireOneOf('consent', options.consent, CONSENTS);
  requireOneOf('cache', options.cache, CACHES);
  requireOneOf('privacy', options.privacy, PRIVACY);
  requireOneOf('logLevel', options.logLevel, LOG_LEVELS);
  const { threads, assets, collector, trustedKeys } = options;
  if (threads !== undefined) require('threads', Number.isInteger(threads) && threads >= 1, 'it must be a whole number from 1');
  if (assets !== undefined) require('assets', canResolve(assets), 'it must be the URL of a folder');
  if (trustedKeys !== undefined) {
    // 32 bytes are 43 base64 letters and one "=".
    const areKeys = Array.isArray(trustedKeys) && trustedKeys.length > 0 && trustedKeys.every((key) => /^[A-Za-z0-9+/]{43}=$/.test(key));
    require('trustedKeys', areKeys, 'it must be raw Ed25519 public keys, 32 bytes each, in base64');
  }
  if (collector !== undefined) checkCollector(collector);
}

/** @throws {SdkError} `invalid-option` */
export function checkAddress(option: 'source' | 'url', address: string | URL): void {
  require(option, canResolve(address), 'it must be the URL of a model.json');
}

/** @throws {SdkError} `invalid-option` */
export function checkLoad(source: string | URL | ModelFile, options: LoadOptions): void {
  requireKnown('options', options, LOAD);
  const what = 'it must be the URL of a model.json or .onnx file, or { name, bytes, beside? }';
  require('source', isUrl(source) ? canResolve(source) : isModelFile(source), what);
  requireOneOf('provider', options.provider, PROVIDERS);
  requireOneOf('update', options.update, UPDATES);
  checkRunning(options);
  requireOneOf('measure', options.measure, MEASURES);
  requireNames('ignoreQuery', options.ignoreQuery, 'of parameters');
  const { variant, request, refresh, onUpdate, onProgress, telemetry } = options;
  requireSignal(options.signal);
  require('variant', variant === undefined || typeof variant === 'string', 'it must be the id of a variant');
  if (request !== undefined) requireKnown('request', request, REQUEST);
  requireOneOf('request.credentials', request?.credentials, CREDENTIALS);
  require('request.headers', areHeaders(request?.headers), 'it must be headers of a request');
  require('refresh', refresh === undefined || typeof refresh === 'function', 'it must be a function');
  require('onUpdate', onUpdate === undefined || typeof onUpdate === 'function', 'it must be a function');
  require('onProgress', onProgress === undefined || typeof onProgress === 'function', 'it must be a function');
  // Of 'no' nobody would expect that it counts.
  require('telemetry', telemetry === undefined || typeof telemetry === 'boolean', 'it must be a boolean');
}

function areHeaders(headers: HeadersInit | undefined): boolean {
  try {
    new Headers(headers);
    return true;
  } catch {
    return false;
  }
}

function checkRunning({ batch, resident }: LoadOptions): void {
  if (batch !== undefined) {
    requireKnown('batch', batch, BATCH);
    const { maxBatch, maxWaitMs = 0 } = batch;
    const isCount = Number.isInteger(maxBatch) && maxBatch >= 1 && maxBatch <= BATCH_AXIS_COUNT_MAX;
    require('batch.maxBatch', isCount, `it must be a whole number from 1 to ${BATCH_AXIS_COUNT_MAX}`);
    require('batch.maxWaitMs', isNumber(maxWaitMs) &&
      maxWaitMs >= 0 &&
      maxWaitMs <= BATCH_WAIT_MS_MAX, `it must be a number from 0 to ${BATCH_WAIT_MS_MAX}`);
  }
  requireNames('resident', resident, 'of outputs');
  if (resident === undefined) return;
  require('resident', batch === undefined || resident.length === 0, 'a model with batches cannot keep outputs in the worker');
}

/** @throws {SdkError} `invalid-option` */
export function checkRun(feeds: unknown, options: RunOptions, timeoutMs: number): void {
  requireKnown('options', options, RUN);
  const { signal } = options;
  if (typeof feeds !== 'object' || feeds === null) require('feeds', false, 'they must hold a tensor for each input');
  // A text would be joined to the time of the call.
  if (!isNumber(timeoutMs) || !(timeoutMs > 0)) require('timeoutMs', false, 'it must be a number above 0');
  requireSignal(signal);
}

/** Not instanceof: a signal may come from another window. */
function requireSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') require('signal', false, 'it must be an AbortSignal');
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

/** @throws {SdkError} `invalid-option` */
export function checkConcurrency(concurrency: number): void {
  const isCount = Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= RUN_QUEUE_COUNT_MAX;
  require('concurrency', isCount, `it must be a whole number from 1 to ${RUN_QUEUE_COUNT_MAX}`);
}

function isModelFile(source: unknown): boolean {
  const { name, bytes, beside = [] } = (source ?? {}) as Partial<ModelFile>;
  if (!Array.isArray(beside) || !beside.every(isModelFile)) return false;
  return typeof name === 'string' && (ArrayBuffer.isView(bytes) || /^.object (Blob|File|ArrayBuffer).$/.test(tagOf(bytes)));
}

function requireNames(option: string, names: readonly string[] | undefined, of: string): void {
  const areNames = names === undefined || (Array.isArray(names) && names.every((name) => typeof name === 'string'));
  require(option, areNames, `it must be a list of names ${of}`);
}

function requireOneOf(option: string, value: string | undefined, allowed: Readonly<Record<string, true>>): void {
  if (value !== undefined) require(option, Object.hasOwn(allowed, value), `it must be one of ${Object.keys(allowed).join(', ')}`);
}
