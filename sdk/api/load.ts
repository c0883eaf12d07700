/**
 * Public types of a load: options, the open model and why it runs as it does, the store of models. Types only; sdk/client.ts, sdk/model/
 * and sdk/workers/stored-models.ts hold the behaviour.
 */
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Manifest, Provider } from '../../protocol/manifest/manifest.ts';
import type { StoreCheck, StoredModel } from '../../protocol/worker/control.ts';
import type {
  Choice,
  Consideration,
  FileAddress,
  LoadProgress,
  LoadTimings,
  Measure,
  RuntimeBuild,
  StoredUpdate,
} from '../../protocol/worker/loading.ts';
import type { Feedback } from './observe.ts';
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
} from './runs.ts';

export interface LoadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  /**
   * A variant id of the manifest. Default: chosen on the device, among those within the manifest's `qualityLimit`. A named variant is used or
   * refused, never replaced.
   */
  readonly variant?: string;
  /** Default `auto`: the best that reproduces the golden outputs. A named provider is used or refused, never replaced. */
  readonly provider?: Provider | 'auto';
  /**
   * When the best candidates (at most TIMED_CANDIDATE_COUNT_MAX) are timed against each other on the golden inputs. The outcome is
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
   * a signed manifest are asked for without its query first. The answer is kept in memory; the model is stored under the address that
   * was loaded.
   */
  readonly refresh?: (file: { readonly url: string }) => Promise<string | URL | FileAddress>;
  /**
   * Names of query parameters that say nothing of the model: signatures, when they expire, who asks. All others are part of what the model
   * is stored under, so that `?id=a` and `?id=b` are two models; of two addresses that differ in these alone, the second finds what the first
   * has fetched, offline too. Example: `['X-Amz-Signature', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-Credential']`.
   */
  readonly ignoreQuery?: readonly string[];
  /**
   * Whether loads and runs of this model are counted. Default: a model from an address is, bytes are not, and neither is a `blob:` or `data:`
   * address: a report names the model by a hash, which would say which file a person has opened. Pass true for bytes that your application
   * publishes.
   */
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
  readonly bytes: Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer>;
  /** The files that its graph keeps weights in, by the path that the graph names, or the last part of it. What it does not name is left alone. */
  readonly beside?: readonly Omit<ModelFile, 'beside'>[];
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
   *   1 and more; of more than BATCH_AXIS_COUNT_MAX every n-th is counted. Arrays are copied; with `transfer: true` their buffers are handed over.
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

/** How a model runs, and why. */
export interface Explanation {
  readonly variant: string;
  readonly provider: Provider;
  readonly build: RuntimeBuild;
  readonly threadCount: number;
  /** The runtime began with the snapshot of its memory, which an earlier visit fetched: only on the plain WASM build, from the page's own origin. */
  readonly isFromSnapshot: boolean;
  readonly fromCache: boolean;
  readonly choice: Choice;
  /**
   * Every candidate, a variant on a provider, in the order of the rules: taken or left, why, how far its answers were from the reference's
   * when it was packed, and how long a run took where it was timed.
   */
  readonly considered: readonly Consideration[];
  readonly timings: LoadTimings;
  /** What the model was rebuilt after, oldest first: `worker-lost`, `out-of-memory`, `device-lost`, `model-outputs-wrong`. */
  readonly losses: readonly ErrorCode[];
  /** One paragraph for people. */
  readonly text: string;
}

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
