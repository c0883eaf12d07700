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
  RowWire,
  RunResults,
  RuntimeFlavour,
  StoreCheck,
  StoredModel,
  StoredUpdate,
  TensorData,
} from '../protocol/messages.ts';
import type { ReportKind } from '../protocol/report.ts';

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
}

/**
 * Bytes that came from the person, not the network: a dropped file. The model holds on to them, to be rebuilt from them after the loss of
 * its worker: leave an array as it is while the model is open.
 */
export interface ModelFile {
  readonly name: string;
  readonly bytes: Blob | Uint8Array;
}

/** A tensor as the caller writes it; `type` defaults to what the model declares. */
export interface TensorInput {
  readonly data: TensorData | readonly number[];
  readonly dims: readonly number[];
  readonly type?: TensorType;
}

/**
 * A picture for an input that declares `preprocess` of kind image. A Blob or File is an encoded one (JPEG, PNG, WebP …). Elements
 * are taken as they are at the call. Each stays the caller's, whole; with `transfer: true` an ImageBitmap, a VideoFrame and the bytes of
 * an ImageData are handed over.
 */
export type PictureInput =
  | ImageBitmap
  | ImageData
  | VideoFrame
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | Blob;

/**
 * Sound for an input that declares `preprocess` of kind audio: samples from -1 to 1, one array for each channel, at any whole rate
 * up to RECORDING_RATE_MAX. Copied; with `transfer: true` the arrays are handed over (not those of an AudioBuffer).
 */
export type RecordingInput = AudioBuffer | { readonly samples: Float32Array | readonly Float32Array[]; readonly sampleRate: number };

/**
 * Values by column name for an input that declares `preprocess` of kind row. Missing: null, undefined, NaN, an empty text, or no such
 * name. A boolean is 1 or 0 in a numeric column.
 */
export type RowInput = RowWire;

/** What an input takes that declares `preprocess`; a list has one item for each index of the batch axis. A string is a text. */
export type MediaInput =
  | PictureInput
  | readonly PictureInput[]
  | RecordingInput
  | readonly RecordingInput[]
  | RowInput
  | readonly RowInput[]
  | string
  | readonly string[];

/** By input name of the manifest. A tensor is always allowed and is fed as it is. */
export type FeedInputs = Readonly<Record<string, TensorInput | MediaInput>>;

export interface TensorOutput {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** From the call to the reply, waiting included. Default RUN_TIMEOUT_MS. */
  readonly timeoutMs?: number;
  /** Hand the arrays over instead of copying them; afterwards they have length 0. */
  readonly transfer?: boolean;
  /** One of the manifest's own segments (`monitor.segments.own`). */
  readonly segment?: string;
}

export interface RunResult {
  /** As the runtime gave them, without those that stay in the worker (`postprocess.keepOutput: false`). */
  readonly outputs: Readonly<Record<string, TensorOutput>>;
  /** Of each output that declares `postprocess`, one entry for each item of the batch. */
  readonly results: RunResults;
  /** Milliseconds in preprocessing, waiting for the runtime, inside it, in postprocessing, and from call to answer. */
  readonly preMs: number;
  readonly queueMs: number;
  readonly runMs: number;
  readonly postMs: number;
  readonly totalMs: number;
}

export interface Explanation {
  readonly variant: string;
  readonly provider: Provider;
  readonly flavour: RuntimeFlavour;
  readonly threadCount: number;
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
export interface Model {
  readonly manifest: Manifest;
  /** 16 hex digits; the version that reports carry. */
  readonly modelVersion: string;
  readonly provider: Provider;
  readonly variant: string;
  run(feeds: FeedInputs, options?: RunOptions): Promise<RunResult>;
  /**
   * Counts what a person did with an answer, where the manifest asks for it (`monitor.feedback`). Never throws because of telemetry.
   *
   * @param result What `run` of this model gave.
   * @throws {SdkError} `invalid-option` for a label that the model does not have.
   */
  feedback(result: RunResult, feedback: Feedback): Promise<void>;
  explain(): Explanation;
  /** Releases the session; the last one closed ends the worker, because a WASM heap never shrinks. */
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

/** What is kept on the device. Every call rejects with `storage-refused` where the browser keeps nothing. */
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
   * @throws {SdkError} `manifest-*`, `model-*`, `variant-unknown`, `provider-unavailable`, `session-failed`, `aborted`, `worker-*`, …
   */
  load(source: string | URL | ModelFile, options?: LoadOptions): Promise<Model>;
  /**
   * Counts a model that something else runs.
   *
   * @param source URL of a `model.json`; its `variants` may be empty.
   * @throws {SdkError} `manifest-unreachable`, `manifest-invalid`, `asset-unreachable`, `crypto-unavailable`, `client-closed`
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
