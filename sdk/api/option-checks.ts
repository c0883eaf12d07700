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
const REQUEST: Names<NonNullable<LoadOptions['request']>> = { headers: true, credentials: true };
const BATCH: Names<NonNullable<LoadOptions['batch']>> = { maxBatch: true, maxWaitMs: true };
const LOAD: Names<LoadOptions> = {
  ...{ signal: true, onProgress: true, variant: true, provider: true, measure: true, update: true, onUpdate: true },
  ...{ request: REQUEST, refresh: true, ignoreQuery: true, telemetry: true, batch: BATCH, resident: true },
};
const RUN: Names<RunOptions & RunManyOptions & StreamOptions> = {
  ...{ signal: true, timeoutMs: true, transfer: true, segment: true },
  ...{ concurrency: true, ordered: true, onProgress: true, onError: true, onDrop: true },
};

/** @returns The options without what their prototype has. @throws {SdkError} `invalid-option` */
export function checkClientOptions(given: ClientOptions): ClientOptions {
  const options = requireKnown('options', given, CLIENT);
  requireOneOf(options, { consent: CONSENTS, cache: CACHES, privacy: PRIVACY, logLevel: LOG_LEVELS });
  const { threads, assets, collector, trustedKeys } = options;
  require('threads', threads === undefined || (Number.isInteger(threads) && threads >= 1), 'a whole number from 1');
  require('assets', assets === undefined || canResolve(assets), 'the URL of a folder');
  if (trustedKeys !== undefined) {
    // 32 bytes are 43 base64 letters and one "=".
    const areKeys = Array.isArray(trustedKeys) && trustedKeys.length > 0 && trustedKeys.every((key) => /^[A-Za-z0-9+/]{43}=$/.test(key));
    require('trustedKeys', areKeys, 'raw Ed25519 public keys, 32 bytes each, in base64');
  }
  if (collector !== undefined) checkCollector(collector);
  return options;
}

/** @throws {SdkError} `invalid-option` */
export function checkAddress(option: 'source' | 'url', address: string | URL): void {
  require(option, canResolve(address), 'the URL of a model.json');
}

/** @returns As `checkClientOptions`. @throws {SdkError} `invalid-option` */
export function checkLoad(source: string | URL | ModelFile, given: LoadOptions): LoadOptions {
  const options = requireKnown('options', given, LOAD);
  const what = 'the URL of a model.json or .onnx file, or { name, bytes, beside? }';
  require('source', isUrl(source) ? canResolve(source) : isModelFile(source), what);
  requireOneOf(options, { provider: PROVIDERS, update: UPDATES, measure: MEASURES });
  checkRunning(options);
  requireNames('ignoreQuery', options.ignoreQuery, 'of parameters');
  const { variant, request } = options;
  requireSignal(options.signal);
  require('variant', variant === undefined || typeof variant === 'string', 'the id of a variant');
  requireOneOf({ 'request.credentials': request?.credentials }, { 'request.credentials': CREDENTIALS });
  require('request.headers', areHeaders(request?.headers), 'request headers');
  for (const name of ['refresh', 'onUpdate', 'onProgress'] as const) requireType(name, options[name], 'function');
  // Of 'no' nobody would expect that it counts.
  requireType('telemetry', options.telemetry, 'boolean');
  return options;
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
    const { maxBatch, maxWaitMs = 0 } = batch;
    const isCount = Number.isInteger(maxBatch) && maxBatch >= 1 && maxBatch <= BATCH_AXIS_COUNT_MAX;
    require('batch.maxBatch', isCount, `a whole number from 1 to ${BATCH_AXIS_COUNT_MAX}`);
    require('batch.maxWaitMs', isNumber(maxWaitMs) &&
      maxWaitMs >= 0 &&
      maxWaitMs <= BATCH_WAIT_MS_MAX, `a number from 0 to ${BATCH_WAIT_MS_MAX}`);
  }
  requireNames('resident', resident, 'of outputs');
  if (resident === undefined) return;
  require('resident', batch === undefined || resident.length === 0, 'empty beside `batch`');
}

/** @returns As `checkClientOptions`, of any run. @throws {SdkError} `invalid-option` */
export function knownRunOptions<T extends RunOptions>(given: T): T {
  return requireKnown('options', given, RUN);
}

/** @throws {SdkError} `invalid-option` */
export function checkRun(feeds: unknown, { signal, timeoutMs = 1 }: RunOptions): void {
  if (typeof feeds !== 'object' || feeds === null) require('feeds', false, 'an object of tensors by input');
  // A text would be joined to the time of the call.
  if (!isNumber(timeoutMs) || !(timeoutMs > 0)) require('timeoutMs', false, 'a number above 0');
  requireSignal(signal);
}

/** Not instanceof: a signal may come from another window. */
function requireSignal(signal: AbortSignal | undefined): void {
  require('signal', signal === undefined || typeof signal?.addEventListener === 'function', 'an AbortSignal');
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

/** @throws {SdkError} `invalid-option` */
export function checkConcurrency(concurrency: number): void {
  const isCount = Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= RUN_QUEUE_COUNT_MAX;
  require('concurrency', isCount, `a whole number from 1 to ${RUN_QUEUE_COUNT_MAX}`);
}

function isModelFile(source: unknown): boolean {
  const { name, bytes, beside = [] } = (source ?? {}) as Partial<ModelFile>;
  if (!Array.isArray(beside) || !beside.every(isModelFile)) return false;
  return typeof name === 'string' && (ArrayBuffer.isView(bytes) || /^.object (Blob|File|ArrayBuffer).$/.test(tagOf(bytes)));
}

function requireType(option: string, value: unknown, type: 'function' | 'boolean'): void {
  require(option, value === undefined || typeof value === type, `a ${type}`);
}

function requireNames(option: string, names: readonly string[] | undefined, of: string): void {
  const areNames = names === undefined || (Array.isArray(names) && names.every((name) => typeof name === 'string'));
  require(option, areNames, `a list of names ${of}`);
}

function requireOneOf(options: object, choices: Readonly<Record<string, Readonly<Record<string, true>>>>): void {
  for (const [name, allowed] of Object.entries(choices)) {
    const value = options[name as never];
    require(name, value === undefined || Object.hasOwn(allowed, value), `one of ${Object.keys(allowed).join(', ')}`);
  }
}
