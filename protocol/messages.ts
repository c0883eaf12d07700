/**
 * What crosses between page and worker.
 *
 * Two channels. Runs are the worker's own messages, one typed message each way. Control calls (load, close, store) go through comlink over a
 * MessagePort: rare, and nicer as method calls. Not the other way round: the round trip of a tiny run took 0.20 ms by the worker's own messages and
 * 0.30 ms by a port, which an engine routes like one that may live in another process (Chromium 156; comlink adds 0.05), and
 * comlink's calls never settle when the worker dies (comlink issue 601).
 *
 * Invariants
 *  - Nothing throws across the boundary: every answer is a Reply, an error is data (protocol/errors.ts).
 *  - Runs that the page starts in one task travel in one RunMessage; replies come in the order in which runs finish, those of one batch in one message.
 *  - A counted run that was answered is followed by its cells, in a later message of the same channel.
 *  - Cells are all that the worker keeps of an input or output, and it keeps them only until it has posted them.
 *
 * Not here: the window that the cells go into; the page alone owns it.
 */
import type { ErrorCode, ErrorWire } from './errors.ts';
import type { Manifest, Provider, TensorType } from './manifest.ts';

export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorWire };

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

/** Row-major. `bool` is a Uint8Array of 0 and 1; `float16` a Uint16Array of bit patterns. */
export interface TensorWire {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}
export type Feeds = Readonly<Record<string, TensorWire>>;

/**
 * A picture on its way to the worker: an ImageBitmap, a VideoFrame or a Blob (this folder has no DOM, so the worker tells them
 * apart), or red, green, blue and alpha bytes, row by row, not premultiplied.
 */
export type PictureWire = object | PixelsWire;
export interface PixelsWire {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** Closes bitmaps and frames, which hold memory until then, a frame often that of a camera; anything else is left alone. Closing twice is closing once. */
export function closePictures(pictures: Iterable<PictureWire>): void {
  for (const picture of pictures) if ('close' in picture && typeof picture.close === 'function') picture.close();
}

/** Samples of each channel, from -1 to 1. */
export interface RecordingWire {
  readonly channels: readonly Float32Array[];
  readonly sampleRate: number;
}

/** Values by column name; a missing one is null, undefined, NaN, an empty text or not there. */
export type RowWire = Readonly<Record<string, number | bigint | string | boolean | null | undefined>>;

/** What an application has instead of a tensor, for an input that declares `preprocess`: one item for each index of the batch axis. */
export type MediaWire =
  | { readonly kind: 'image'; readonly items: readonly PictureWire[] }
  | { readonly kind: 'audio'; readonly items: readonly RecordingWire[] }
  | { readonly kind: 'row'; readonly items: readonly RowWire[] }
  | { readonly kind: 'text'; readonly items: readonly string[] };

/** What a run feeds, before preprocessing. */
export type RunFeeds = Readonly<Record<string, TensorWire | MediaWire | ResidentWire>>;

/** A class and its score; `label` is null where the manifest names none. */
export interface LabelScore {
  readonly index: number;
  readonly label: string | null;
  readonly score: number;
}

/** From its top left corner, in pixels of the picture that was fed; of the input tensor where a tensor was. */
export interface Box extends LabelScore {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the declared steps made of one item of the batch. */
export type OutputItem =
  /** After softmax or sigmoid alone: the item's values, row-major. */
  | { readonly kind: 'values'; readonly dims: readonly number[]; readonly values: Float32Array }
  /** After top-k, arg-max or threshold, best first. */
  | { readonly kind: 'top'; readonly top: readonly LabelScore[] }
  /** Best first. */
  | { readonly kind: 'boxes'; readonly boxes: readonly Box[] };
/** By name of the output that declares `postprocess`; one entry for each item of the batch. */
export type RunResults = Readonly<Record<string, readonly OutputItem[]>>;

/** An output that stays in its worker, by number: on the GPU, or in the worker's memory. */
export interface ResidentWire {
  readonly residentId: number;
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly location: 'gpu' | 'memory';
}
/** Tensors of one run, whole or by number. */
export type RunTensors = Readonly<Record<string, TensorWire | ResidentWire>>;

export function isResidentWire(tensor: TensorWire | MediaWire | ResidentWire): tensor is ResidentWire {
  return 'residentId' in tensor;
}

/** Where the worker finds its files; absolute URLs, all of one release. */
interface RuntimeUrls {
  /** Its module entry. */
  readonly module: string;
  /** Its binary. */
  readonly wasm: string;
  /** What the binary's start leaves in memory (worker/runtime/snapshot.ts); null for the builds with GPU providers, which have none. */
  readonly snapshot: string | null;
}

export interface AssetUrls {
  /** Each onnxruntime-web build. Only the chosen one is fetched. */
  readonly runtimes: Readonly<Record<RuntimeFlavour, RuntimeUrls>>;
  /** Fetched only by a model that declares preprocessing of text. */
  readonly tokenizer: string;
}
/** The three builds of onnxruntime-web that we use; never the default entry (design: it returned wrong numbers). */
export const RUNTIME_FLAVOURS = ['wasm', 'webgpu', 'jspi'] as const;
export type RuntimeFlavour = (typeof RUNTIME_FLAVOURS)[number];

export interface WorkerSettings {
  /** The page's release; the worker refuses another one. */
  readonly release: string;
  readonly assets: AssetUrls;
  readonly cache: 'indexeddb' | 'memory';
  /** WASM threads at the most; the worker uses 1 where the page is not cross-origin isolated. */
  readonly threadCountMax: number;
  /** Raw Ed25519 public keys in base64, one of which must have signed each manifest; null asks for no signature. */
  readonly trustedKeys: readonly string[] | null;
  /** A Web Lock that the worker holds for as long as it lives, so that the page learns of its death at once; null without Web Locks. */
  readonly lifeLock: string | null;
}

/** In the worker's name, behind `insitu` and a space, as JSON: what is to begin before the first message. */
export interface EarlyStart {
  /** The plain wasm build, where the load will need it whatever it finds. */
  readonly runtime: RuntimeUrls | null;
  readonly threadCountMax: number;
  /** URL, without query and hash, of the stored model to be read. */
  readonly model: string | null;
}

/**
 * What is told of an address: neither query nor hash, either of which may be a secret, and no credentials. Also the key of what is stored
 * under it, so that a signed address finds what an earlier signature has fetched.
 *
 * @param address A parsed URL; this folder has no DOM to parse one with.
 */
export function withoutQuery({ origin, pathname }: { readonly origin: string; readonly pathname: string }): string {
  return origin + pathname;
}

export interface LoadRequest {
  /** A manifest or a plain .onnx file: an absolute URL, or bytes that never came from a network. */
  readonly source: { readonly url: string } | { readonly bytes: Uint8Array; readonly name: string };
  readonly variant: string | null;
  readonly provider: Provider | 'auto';
  /** `background`: after the first result, look for a new version and keep it for the next load. `before`: ask the server first. */
  readonly update: 'background' | 'never' | 'before';
  readonly measure: Measure;
  /** For the model's own origin only; null where there is nothing to add. */
  readonly request: RequestWire | null;
  /** `LoadHooks.refresh` has an application behind it. */
  readonly hasRefresh: boolean;
  /** What another worker of this client already looked at for the same load, or what a rebuild leaves; not looked at again. */
  readonly considered: readonly Consideration[];
  /** Null: each run starts alone. */
  readonly batch: BatchRule | null;
  /** Names of outputs that stay in the worker. */
  readonly resident: readonly string[];
}

/** How runs of one model may start together. */
export interface BatchRule {
  /** Items of the batch axis in one call of the runtime, at the most. */
  readonly maxBatch: number;
  /** Milliseconds that a run waits for company, at the most, counted from its arrival in the worker. */
  readonly maxWaitMs: number;
}

/** When candidates are timed against each other: see `LoadOptions.measure`. */
export type Measure = 'auto' | 'before' | 'background' | 'never';

/** What requests for a model's manifest and files carry. */
export interface RequestWire {
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials?: 'omit' | 'same-origin' | 'include';
}

/** Where a file can be fetched at the moment. */
export interface FileAddress {
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A new version that is stored as a whole: the next load runs it. */
export interface StoredUpdate {
  readonly version: string;
  /** Null for a plain .onnx file, whose version is known once it is loaded. */
  readonly modelVersion: string | null;
  /** Bytes that were fetched for it. */
  readonly bytes: number;
}

/** What the worker asks of the page about a load, or tells it; between the two lies the news port. */
export interface LoadHooks {
  progress(progress: LoadProgress): void;
  /** Null: the application has no better address. */
  refresh(url: string): Promise<FileAddress | null>;
  updated(update: StoredUpdate): void;
  updateFailed(error: ErrorWire): void;
}

type LoadPhase = 'manifest' | 'runtime' | 'download' | 'verify' | 'compile' | 'warm-up' | 'ready';

/** Bytes are of all files of the variant; a cached model goes from 0 to all without a request. `ready` is reported by the page, once and last. */
export interface LoadProgress {
  readonly phase: LoadPhase;
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** How long the download will still take, by its recent speed; null while unknown and outside of a download. */
  readonly remainingMs: number | null;
}

/** One provider or variant that was looked at, and why it was taken or left. */
export interface Consideration {
  readonly variant: string;
  readonly provider: Provider;
  readonly verdict: 'chosen' | 'slower' | 'not-asked' | 'unavailable' | 'failed' | 'wrong-outputs';
  /** For people; names and numbers only. */
  readonly reason: string;
  /** Median of a few runs on the golden inputs, in milliseconds; absent when it was not timed. */
  readonly measuredMs?: number;
  /** Of a candidate that failed. */
  readonly error?: ErrorCode;
}

/** Why the chosen pair was chosen: the load named it or left nothing else, the rules put it first, or it was the fastest of those timed. */
export interface Choice {
  readonly by: 'name' | 'rule' | 'measurement';
  /** True when an earlier visit chose, and nothing was looked at anew. */
  readonly isRemembered: boolean;
}

/** Milliseconds of each phase; 0 where it did not happen. */
export type LoadTimings = Readonly<Record<Exclude<LoadPhase, 'ready'>, number>>;

export interface LoadedModel {
  /** Names this model in later messages; unique within the client. */
  readonly handle: number;
  readonly manifest: Manifest;
  /** First 8 bytes of the SHA-256 of the manifest as served, 16 hex digits. */
  readonly modelVersion: string;
  /** Hash of the data plan's cell layout, 16 hex digits. */
  readonly dataPlan: string;
  /** Cells of that plan. */
  readonly dataCellCount: number;
  readonly variant: string;
  readonly provider: Provider;
  readonly flavour: RuntimeFlavour;
  readonly threadCount: number;
  /** The runtime began with the snapshot of its memory. */
  readonly isFromSnapshot: boolean;
  /** True when no model byte came from the network. */
  readonly fromCache: boolean;
  /** Why the bytes could not be kept, if so: `storage-refused` or `storage-full`. */
  readonly storageRefusal: ErrorWire | null;
  readonly choice: Choice;
  /** Every pair of the manifest, in the order of the rules. */
  readonly considered: readonly Consideration[];
  readonly timings: LoadTimings;
  /** Why runs start alone although the load asked for batches; null otherwise. */
  readonly batchRefusal: string | null;
}

/** A model in the worker's store, or a download of one that broke off and will go on from there (`bytes` below `totalBytes`). */
export interface StoredModel {
  readonly url: string;
  readonly name: string;
  readonly version: string;
  /** Variants that are stored. */
  readonly variants: readonly string[];
  /** Bytes that are stored; chunks that several models share count for each. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Never evicted to make room for another model. */
  readonly isPinned: boolean;
  readonly storedAtMs: number;
  readonly usedAtMs: number;
}

/** What hashing stored models again has found. Damaged chunks were dropped; the next load fetches them. */
export interface StoreCheck {
  readonly checkedBytes: number;
  readonly damaged: readonly { readonly url: string; readonly variant: string; readonly chunkCount: number; readonly bytes: number }[];
}

/** A load that failed, and what software telemetry may know of it. */
export interface LoadFailure {
  /** UNKNOWN_MODEL_VERSION when no manifest could be read. */
  readonly modelVersion: string;
  readonly error: ErrorWire;
}

/**
 * The end of a load in one worker. `elsewhere`: the next candidate needs a runtime that this worker cannot have, because it
 * holds another flavour; the page repeats the load in a worker that can. `isSpoilt`: this worker can load nothing any more,
 * because a runtime failed to start in it or its GPU device was lost.
 */
export type LoadReply =
  | { readonly ok: true; readonly value: LoadedModel }
  | { readonly ok: false; readonly failure: LoadFailure; readonly isSpoilt: boolean }
  | { readonly ok: false; readonly elsewhere: Elsewhere; readonly isSpoilt: boolean };

interface Elsewhere {
  /** The provider that the next candidate runs on. */
  readonly provider: Provider;
  readonly considered: readonly Consideration[];
}

/** Comlink surface of the worker. `Port` is the realm's MessagePort. */
export interface ControlApi<Port> {
  /** First call. `holdsLifeLock` is false where the lock was not asked for or not given: its absence then proves nothing. */
  start(settings: WorkerSettings, newsPort: Port): Promise<Reply<{ release: string; holdsLifeLock: boolean }>>;
  /** Answers when the worker's thread is free: the page's way to tell a busy worker from a hung one. */
  ping(): Promise<void>;
  /** `id` is unique within the client; a loaded model has it as its handle. */
  load(id: number, request: LoadRequest): Promise<LoadReply>;
  /** Aborts the load of that id; a no-op when it has ended. */
  cancelLoad(id: number): Promise<void>;
  refreshed(ask: number, address: FileAddress | null): Promise<void>;
  /** Of a model for which the page sends `last` as well. What was sent before is answered first. */
  close(handle: number): Promise<Reply<null>>;
  storedModels(): Promise<Reply<readonly StoredModel[]>>;
  /** By manifest URL; null removes all. Resolves to the bytes freed. */
  removeStored(url: string | null): Promise<Reply<number>>;
  /** False when nothing is stored under that URL. */
  pinStored(url: string, isPinned: boolean): Promise<Reply<boolean>>;
  /** By manifest URL; null checks all. */
  checkStored(url: string | null): Promise<Reply<StoreCheck>>;
}

/**
 * Worker → page on the news port: what nobody asked for. A port and not comlink's callbacks, because each of those is a port that the page
 * could not close, and would outlive its worker. `device-lost` comes once, also while nothing runs.
 */
export type WorkerNews =
  | { readonly type: 'progress'; readonly id: number; readonly progress: LoadProgress }
  | { readonly type: 'update-stored'; readonly id: number; readonly update: StoredUpdate }
  | { readonly type: 'update-failed'; readonly id: number; readonly error: ErrorWire }
  /** Where the file of a plain URL lies now; answered by `ControlApi.refreshed` with the same `ask`. */
  | { readonly type: 'refresh'; readonly id: number; readonly ask: number; readonly url: string }
  | { readonly type: 'device-lost' };

/** Page → worker. The first message brings the port for control calls, as a MessagePort of the realm; the rest are runs. */
export type PageMessage<Port> = { readonly type: 'control'; readonly port: Port } | RunMessage;

export type RunMessage =
  | { readonly type: 'run'; readonly requests: readonly (RunRequest | ReadRequest)[] }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'release'; readonly residentIds: readonly number[] }
  /** No run of this model follows: its `close`, which comes by the other channel and may be faster, waits for this. */
  | { readonly type: 'last'; readonly handle: number };

export interface RunRequest {
  readonly id: number;
  readonly handle: number;
  readonly feeds: RunFeeds;
  /** Count this run and send its cells. False before consent, and for files that a person dropped. */
  readonly isCounted: boolean;
}

/** Asks for a resident tensor's elements; answered like a run, as the output `data`. */
export interface ReadRequest {
  readonly id: number;
  readonly residentId: number;
}

/** Worker → page. */
export type RunNews = RunReplies | { readonly counted: readonly RunCells[] };

/** One answer, or those of the runs that started together. */
export type RunReplies = RunReply | readonly RunReply[];

export interface RunCells {
  readonly id: number;
  /** Data cells that this run bumped: index and count alternate. Empty when it could not be counted. */
  readonly cells: Uint32Array;
}

export type RunReply =
  | {
      readonly id: number;
      readonly ok: true;
      /** Without those that stay in the worker (`postprocess.keepOutput`). */
      readonly outputs: RunTensors;
      readonly results: RunResults;
      /** Preprocessing, waiting for the runtime, inside it, postprocessing. */
      readonly preMs: number;
      readonly queueMs: number;
      readonly runMs: number;
      readonly postMs: number;
    }
  | { readonly id: number; readonly ok: false; readonly error: ErrorWire };
