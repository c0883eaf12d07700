/**
 * The public vocabulary: options in, results out. Types only; sdk/client.ts and sdk/model.ts hold the behaviour.
 */
import type { ErrorCode } from '../protocol/errors.ts';
import type { Manifest, Provider, TensorType } from '../protocol/manifest.ts';
import type {
  Box,
  Choice,
  Consideration,
  FileAddress,
  LabelScore,
  LoadProgress,
  LoadTimings,
  Measure,
  OutputItem,
  RunResults,
  RuntimeFlavour,
  StoreCheck,
  StoredModel,
  StoredUpdate,
  TensorData,
} from '../protocol/messages.ts';
import type { ReportKind } from '../protocol/report.ts';
import type {
  AnySignature,
  BatchOptions,
  FeedsOf,
  ItemOutcome,
  ModelSignature,
  RunManyOptions,
  RunOptions,
  RunResult,
  StreamOptions,
  StreamOutcome,
  StreamSource,
  TensorInput,
} from './run-options.ts';

export type * from './run-options.ts';

export type Consent = 'required' | 'granted';

export interface ClientOptions {
  /** Where reports go. Without it nothing is counted or sent. `url` is the collector's origin, `key` its write key. */
  readonly collector?: { readonly url: string; readonly key: string };
  /** `required` (default): nothing of telemetry is stored or sent until `telemetry.grant()`. */
  readonly consent?: Consent;
  /** Where model files are kept. `memory` stores nothing on the device. Default `indexeddb`. */
  readonly cache?: 'indexeddb' | 'memory';
  /**
   * Raw Ed25519 public keys, 32 bytes each, in base64. When given, a manifest runs only with a `model.json.sig` beside it that
   * one of them made (`insitu pack --sign`); everything else that comes from a URL ends in `signature-invalid`, plain .onnx files
   * too. Files that a person opened are not asked for a signature.
   */
  readonly trustedKeys?: readonly string[];
  /** Folder that holds insitu's dist/ files. Default: beside the script that was loaded. */
  readonly assets?: string | URL;
  /** WASM threads at the most. Default min(4, half the cores, rounded up); 1 where the page is not cross-origin isolated. */
  readonly threads?: number;
  /**
   * `counts` (default): histograms of at least 8 runs. `local-dp`: one noised report per epoch of a week, for the whole site, and nothing else;
   * see docs/local-dp.md for the guarantee and its price.
   */
  readonly privacy?: PrivacyLevel;
  /**
   * Asked with a copy of the very bytes of each request, before it is made, also while the page is being hidden: answer at once.
   * False, or a throw, and the report is dropped and counted as `vetoed`.
   */
  readonly onBeforeSend?: (bytes: Uint8Array) => boolean;
  /**
   * The site's service worker calls `sendOnSync` (insitu/service-worker): it is woken to send what a closed page has left, once there
   * is a network. Chromium only; elsewhere the next visit sends. Default false.
   */
  readonly backgroundSync?: boolean;
  /** Receives what happened and what to do: codes and counts, never an input, output or identifier. Default: none. */
  readonly logger?: Logger;
  /** The least that the logger is told. Default `warn`. */
  readonly logLevel?: LogLevel;
}

export type PrivacyLevel = 'counts' | 'local-dp';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Logger = (level: LogLevel, code: string, message: string) => void;

export interface LoadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** A variant id of the manifest. Default: chosen on the device. A named variant is used or refused, never replaced. */
  readonly variant?: string;
  /** Default `auto`: the best that reproduces the golden outputs. A named provider is used or refused, never replaced. */
  readonly provider?: Provider | 'auto';
  /**
   * When the best candidates (at most FINALIST_COUNT_MAX) are timed against each other on the golden inputs. The outcome is
   * remembered on the device, per model version, GPU and runtime, so that later loads go straight to it; with `cache: 'memory'` it is not.
   *
   * `auto` (default): within the load when that costs at most MEASURE_BYTES_MAX more to fetch, else `background`. `before`: within
   * the load, whatever it costs. `background`: the rules choose, and after the first result candidates are timed for the next load,
   * when at most MEASURE_BACKGROUND_BYTES_MAX are missing. `never`: the rules choose.
   */
  readonly measure?: Measure;
  /**
   * `background` (default): a cached model is used at once; after its first result the manifest is asked for, and of a new
   * version what is missing is fetched and kept for the next load. `never`: a cached model is used until it is removed.
   * `before`: the server is asked first, and a cached model is used when it does not answer.
   */
  readonly update?: 'background' | 'never' | 'before';
  /**
   * Called when a new version has been stored as a whole (`update: 'background'`). This model goes on as it is; load again when
   * it suits the page, and the new version runs.
   */
  readonly onUpdate?: (update: StoredUpdate) => void;
  /**
   * What the requests for the manifest and the files carry. It goes to the origin of the model's URL only, whatever the manifest
   * names; with headers, redirects are refused, because a browser would carry them along. Default: no header, credentials
   * `same-origin`.
   */
  readonly request?: { readonly headers?: HeadersInit; readonly credentials?: RequestCredentials };
  /**
   * For signed URLs: answers where the file of a plain URL can be fetched now, and with which headers. Asked when a server answers
   * 400, 401, 403 or 410, for each file by its URL without the signature's query; the download goes on where it was. Files beside
   * a signed manifest are asked for without its query first. The answer is kept in memory, and the store's keys ignore every query.
   */
  readonly refresh?: (file: { readonly url: string }) => Promise<string | URL | FileAddress>;
  /** False: runs of this model are not counted. Use it for files that a person opened. Default true. */
  readonly telemetry?: boolean;
  /**
   * Runs that wait at the same time start together, if the first axis of every input and output is named "batch". Each gets what it would
   * get alone: a model for which that does not hold bit for bit on this device (tried at load) runs one by one, and `explain()` says so.
   */
  readonly batch?: BatchOptions;
  /**
   * Names of outputs that stay in the worker, on the GPU where the model runs on it: `run` gives a `ResidentTensor` in their place. Not
   * together with `batch`.
   */
  readonly resident?: readonly string[];
}

/**
 * Bytes that came from the person, not the network: a dropped file. The model holds on to them, to be rebuilt from them after the loss of
 * its worker: leave an array as it is while the model is open.
 */
export interface ModelFile {
  readonly name: string;
  readonly bytes: Blob | Uint8Array;
}

export interface Explanation {
  readonly variant: string;
  readonly provider: Provider;
  readonly flavour: RuntimeFlavour;
  readonly threadCount: number;
  /** The runtime began with the snapshot of its memory, which an earlier visit fetched: only on the plain WASM build, from the page's own origin. */
  readonly isFromSnapshot: boolean;
  readonly fromCache: boolean;
  readonly choice: Choice;
  /** Every pair of variant and provider, in the order of the rules: taken or left, why, and how long a run took where it was timed. */
  readonly considered: readonly Consideration[];
  readonly timings: LoadTimings;
  /** What the model was rebuilt after, oldest first: `worker-lost`, `out-of-memory`, `device-lost`, `model-outputs-wrong`. */
  readonly losses: readonly ErrorCode[];
  /** One paragraph for people. */
  readonly text: string;
}

/**
 * An open model. It outlives its worker: when that dies, hangs, runs out of memory or loses its GPU, what is pending rejects with a code, and
 * the next `run` loads the model again from the store and goes on; `provider` and `variant` then say where it is.
 */

export interface Model<S extends ModelSignature = AnySignature, R extends string = never> {
  readonly manifest: Manifest;
  /** 16 hex digits; the version that reports carry. */
  readonly modelVersion: string;
  readonly provider: Provider;
  readonly variant: string;
  /**
   * Runs the model once.
   *
   * @param feeds One tensor per model input, by name. `dims` must match the manifest axis by axis; the axis named "batch" takes
   *   1..BATCH_AXIS_COUNT_MAX. Arrays are copied; with `transfer: true` their buffers are handed over.
   * @throws {SdkError} Before anything is sent: `invalid-option`, `input-missing`, `input-unknown`, `tensor-type-mismatch`,
   *   `tensor-dims-mismatch`, `tensor-data-mismatch`, `preprocess-failed`, `model-closed`. Later: `aborted`, `run-timeout`, `queue-full`,
   *   `preprocess-failed`, `invalid-option` (no room for resident outputs, or a resident feed whose model closed), `run-failed`, `client-closed`; and
   *   `worker-lost`, `out-of-memory`, `device-lost`, `model-outputs-wrong`, after which the next run loads the model again and goes on. Where that
   *   fails it rejects as `Client.load` does. Never because of telemetry.
   */
  run(feeds: FeedsOf<S>, options?: RunOptions): Promise<RunResult<S, R>>;
  /**
   * Runs every item of a source, several at a time, and gives what each came to. The source is pulled only as outcomes are taken. An item
   * that fails is an outcome, whatever the error; it stops nothing.
   *
   * @throws {SdkError} `invalid-option` at the call. While iterating: `aborted`; what the source itself throws, after the outcomes before it.
   */
  runMany(source: Iterable<FeedsOf<S>> | AsyncIterable<FeedsOf<S>>, options?: RunManyOptions): AsyncIterableIterator<ItemOutcome<S, R>>;
  /**
   * Runs the newest frame each time an outcome is asked for; frames that a newer one has overtaken are dropped. One run is in flight, one
   * frame waits. It ends with the source, with `break`, or quietly when `signal` is aborted.
   *
   * @throws {SdkError} `invalid-option` at the call. While iterating: `model-closed`, `client-closed`; what the source throws; any error of a run with `onError: 'throw'`.
   */
  stream(source: StreamSource<FeedsOf<S>>, options?: StreamOptions<S>): AsyncIterableIterator<StreamOutcome<S, R>>;
  /**
   * Runs once without counting, so that what a first run pays for is paid: memory, and shaders on WebGPU, which are compiled for each new dims.
   *
   * @param feeds Default: the first golden inputs of the manifest, or zeros where every axis but "batch" has a length.
   * @returns Milliseconds from call to answer.
   * @throws {SdkError} as `run` does; `invalid-option` when the dims have to be given.
   */
  warmUp(feeds?: FeedsOf<S>, options?: RunOptions): Promise<number>;
  /**
   * Counts what a person did with an answer, where the manifest asks for it (`monitor.feedback`).
   *
   * @param result What `run` of this model gave.
   * @throws {SdkError} `invalid-option` for a label that the model does not have; `asset-unreachable` when what counts it (insitu.counts.js) cannot be fetched.
   */
  feedback(result: RunResult<S, R>, feedback: Feedback): Promise<void>;
  explain(): Explanation;
  /**
   * Answers the runs that were started before, then releases the session and its resident tensors; the last one closed ends the worker, because a
   * WASM heap never shrinks. Runs that are not wanted any more are best aborted first.
   *
   * @throws {SdkError} `run-failed` when the runtime refuses to release it. Not when its worker is lost: that releases it too.
   */
  close(): Promise<void>;
}

/** One request that left the page, byte for byte. */
export interface SentReport {
  readonly sentAtMs: number;
  /** `POST /v1/report/<key>` */
  readonly requestLine: string;
  readonly bytes: Uint8Array;
  /** 0 while unanswered or when no answer came. */
  readonly status: number;
  readonly windows: readonly DecodedWindow[];
}

/** A window in words: what each count means. */
export interface DecodedWindow {
  readonly report: ReportKind;
  readonly id: string;
  readonly modelVersion: string;
  readonly plan: string;
  readonly hour: number;
  readonly runs: number;
  readonly cells: readonly { readonly metric: string; readonly cell: string; readonly count: number }[];
}

export interface TelemetryStatus {
  readonly consent: Consent;
  /** Why nothing is counted, or null. */
  readonly offReason: 'no-collector' | 'consent-required' | 'opted-out' | 'global-privacy-control' | 'do-not-track' | null;
  readonly privacy: PrivacyLevel;
  /** Counting goes on, sending does not. */
  readonly isPaused: boolean;
  readonly openRuns: number;
  readonly outboxWindows: number;
  readonly outboxBytes: number;
  readonly sentWindows: number;
  /** Earliest next attempt, milliseconds since 1970, or null when nothing waits. */
  readonly nextAttemptAtMs: number | null;
  readonly storage: 'indexeddb' | 'memory';
}

export interface Telemetry {
  /** The person agreed. Counting starts with the next run. */
  grant(): Promise<void>;
  /** The person took it back: the open window, rests, outbox and lock records are deleted, nothing more is sent. */
  withdraw(): Promise<void>;
  /** As `withdraw`, and remembered on this device by one bit that outranks every later `grant()`. */
  optOut(): Promise<void>;
  /** Forgets that bit. Consent is asked for as before. */
  optIn(): void;
  /**
   * Deletes all that telemetry has stored or holds here; counting goes on from zero where consent stands. Sums that have left
   * cannot be found again: nothing in them says whose they are.
   */
  erase(): Promise<void>;
  /** Seals what may be sealed and sends it; resolves when the outbox is empty or the next attempt is set. */
  flush(): Promise<void>;
  /** Sends nothing until `resume()`, not even while the page is being hidden. Counts are kept as offline. */
  pause(): void;
  resume(): void;
  status(): TelemetryStatus;
  /**
   * The last INSPECT_COUNT_MAX requests, newest last: the verbatim bytes, and what they say, decoded from them.
   *
   * @throws {SdkError} `asset-unreachable` when the words (insitu.counts.js) cannot be fetched
   */
  inspect(): Promise<readonly SentReport[]>;
  /** Calls back after each change of `status()` or `inspect()`. Returns the way to stop. */
  subscribe(listener: () => void): () => void;
}

/** A value as another library hands it out: a tensor, its bare elements in the declared order, or a single value. */
export type ObservedValue = TensorInput | TensorData | readonly number[] | number | string;

export interface ObservedRun {
  /** Values by input and output name of the manifest. What is absent is counted as missing. */
  readonly feeds?: Readonly<Record<string, ObservedValue>>;
  readonly outputs?: Readonly<Record<string, ObservedValue>>;
  /** One of the manifest's own segments. */
  readonly segment?: string;
  /** From call to answer, in milliseconds. */
  readonly durationMs?: number;
}

export interface Observer {
  readonly manifest: Manifest;
  /** 16 hex digits; the version that reports carry. */
  readonly modelVersion: string;
  /** Counts one run. Never throws; keeps no value. */
  record(run: ObservedRun): void;
}

/** What a person did with an answer. `corrected` names the right label of the model's only labelled output. */
export type Feedback = 'accepted' | 'redone' | 'abandoned' | { readonly corrected: string };

/**
 * What is kept on the device. Every call rejects with `storage-refused` where the browser keeps nothing, and, because a worker answers it, with
 * `asset-unreachable`, `release-mismatch`, `worker-start-timeout`, `worker-lost` or `client-closed`.
 */
export interface ModelStore {
  /** Stored models, and downloads that broke off and will go on from there. */
  list(): Promise<readonly StoredModel[]>;
  /**
   * Keeps a stored model when room is made for another one (least recently used go first), or lets it go again. Pinning also asks
   * the browser to keep this site's storage when the disk runs full, without waiting for its answer (`navigator.storage.persisted()`
   * tells it); Firefox asks the person, so call it after an act of theirs.
   *
   * @returns False when nothing is stored under that URL, and nothing was pinned.
   */
  pin(url: string, isPinned?: boolean): Promise<boolean>;
  /** Hashes one stored model, or all, again. Damaged chunks are dropped; the next load fetches them and nothing else. */
  verify(url?: string): Promise<StoreCheck>;
  /** Removes one model by its manifest URL, or all and what was measured about them. Resolves to the bytes freed. */
  remove(url?: string): Promise<number>;
}

export interface Client {
  /**
   * Loads a model.
   *
   * @param source URL of a `model.json` or of a plain `.onnx` file, or a file that a person opened.
   * @typeParam S What the model takes and gives, as `insitu types` prints it. A promise of the caller's: names, types and dims are checked at each run.
   * @typeParam R Names of `options.resident`.
   * @throws {SdkError} What was asked: `invalid-option`, `aborted`, `client-closed`, `variant-unknown`, `provider-unavailable`. The manifest:
   *   `manifest-unreachable`, `manifest-invalid`, `signature-invalid`. Its files: `model-unreachable`, `model-truncated`, `model-corrupt`, `model-not-onnx`,
   *   `model-too-large`, `load-stalled`. Running it: `session-failed`, `model-outputs-wrong`, `out-of-memory`, `device-lost`, `run-failed`. The page and
   *   its files: `asset-unreachable`, `runtime-mismatch`, `release-mismatch`, `worker-start-timeout`, `worker-lost`, `crypto-unavailable`. Not
   *   `storage-refused` and `storage-full`: the model then runs from memory, and `explain()` says so.
   */
  load<S extends ModelSignature = AnySignature, R extends string = never>(
    source: string | URL | ModelFile,
    options?: LoadOptions & { readonly resident?: readonly R[] },
  ): Promise<Model<S, R>>;
  /**
   * Counts a model that something else runs.
   *
   * @param source URL of a `model.json`; its `variants` may be empty.
   * @throws {SdkError} `invalid-option`, `manifest-unreachable`, `manifest-invalid`, `asset-unreachable`, `crypto-unavailable`, `client-closed`
   */
  observe(source: string | URL): Promise<Observer>;
  /**
   * Asks the site's service worker, where that calls `keepAssets` (insitu/service-worker), to keep the files that this device uses: call it after
   * the first result. With the model in the store, the next visit then needs no network.
   *
   * @returns False where there is no such service worker, or a file could not be fetched. Never rejects.
   */
  keepOffline(): Promise<boolean>;
  readonly models: ModelStore;
  readonly telemetry: Telemetry;
  /** Ends the worker, seals and stores what was counted. Pending calls reject with `client-closed`. */
  close(): Promise<void>;
}

export type {
  Box,
  Choice,
  Consideration,
  ErrorCode,
  FileAddress,
  LabelScore,
  LoadProgress,
  LoadTimings,
  Manifest,
  OutputItem,
  Provider,
  RunResults,
  StoreCheck,
  StoredModel,
  StoredUpdate,
  TensorData,
  TensorType,
};
