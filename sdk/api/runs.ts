/**
 * Public types of running: what a model takes and gives, and what a run, many runs and a stream are asked and answer. Types only;
 * sdk/model/ and sdk/feeds/ hold the behaviour.
 */
import type { TensorType } from '../../protocol/tensors/tensors.ts';
import type { RowWire } from '../../protocol/worker/media.ts';
import type { RunResults } from '../../protocol/worker/results.ts';
import type { TensorInput, TensorOutput } from './tensors.ts';

/** What a model takes and gives, by name; `insitu types` prints one from a manifest. */
export interface ModelSignature {
  readonly feeds: object;
  readonly outputs: object;
}

/** A model of which nothing is known before it is loaded. */
export interface AnySignature {
  readonly feeds: FeedInputs;
  readonly outputs: Readonly<Record<string, TensorOutput>>;
}

/** Feeds of a signature, each also as a resident tensor of its type. */
export type FeedsOf<S extends ModelSignature> = {
  readonly [N in keyof S['feeds']]:
    | S['feeds'][N]
    | (TensorInput extends S['feeds'][N] ? ResidentTensor : S['feeds'][N] extends TensorInput<infer T> ? ResidentTensor<T> : never);
};

/** Outputs of a signature; those named `R` are resident. */
export type OutputsOf<S extends ModelSignature, R extends string = never> = {
  readonly [N in keyof S['outputs']]: N extends R
    ? S['outputs'][N] extends TensorOutput<infer T>
      ? ResidentTensor<T>
      : never
    : S['outputs'][N];
};

/**
 * A picture for an input that declares `preprocess` of kind image. A Blob or File is an encoded one (JPEG, PNG, WebP …). Elements
 * are taken as they are at the call. Each stays the caller's, whole; with `transfer: true` an ImageBitmap, a VideoFrame and the bytes of
 * an ImageData are handed over. A bitmap or frame that was handed over is closed, whatever its run comes to; a run that is refused for its
 * feeds or options, or because its model is closed, leaves it to the caller. Closing it once more does no harm.
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

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** From the call to the reply, waiting included. Default RUN_TIMEOUT_MS. */
  readonly timeoutMs?: number;
  /** Hand arrays and pictures over instead of copying them; afterwards arrays have length 0, bitmaps and frames are closed. */
  readonly transfer?: boolean;
  /** One of the manifest's own segments (`monitor.segments.own`). */
  readonly segment?: string;
}

export interface RunResult<S extends ModelSignature = AnySignature, R extends string = never> {
  /** As the runtime gave them, without those that stay in the worker (`postprocess.keepOutput: false`); those of `resident` as `ResidentTensor`. */
  readonly outputs: OutputsOf<S, R>;
  /** Of each output that declares `postprocess`, one entry for each item of the batch. */
  readonly results: RunResults;
  /**
   * Milliseconds in preprocessing, waiting for the runtime, inside it, in postprocessing, and from call to answer. Runs that started together
   * share one call of the runtime: `runMs` is its time.
   */
  readonly preMs: number;
  readonly queueMs: number;
  readonly runMs: number;
  readonly postMs: number;
  readonly totalMs: number;
}

/**
 * An output that stayed in its worker (`load(…, { resident })`). Feed it to any model of the same client: one in the same worker, which is one on
 * the same provider, takes it without a copy through the page; for another it is read and passed on.
 *
 * It holds memory until `release()`, or until its model is closed; at most RESIDENT_TENSOR_COUNT_MAX are kept in one worker.
 * Used after that, it is refused with `invalid-option`.
 */
export interface ResidentTensor<T extends TensorType = TensorType> {
  readonly type: T;
  readonly dims: readonly number[];
  /** On the GPU, or in the worker's memory. */
  readonly location: 'gpu' | 'memory';
  /**
   * A copy of its elements. Reading waits in the queue like a run.
   *
   * @throws {SdkError} `invalid-option` after `release()` or its model's `close()`; `aborted`, `run-timeout`, `queue-full`, `run-failed`, `device-lost`,
   *   `out-of-memory`, `worker-lost`, `client-closed`
   */
  read(options?: Pick<RunOptions, 'signal' | 'timeoutMs'>): Promise<TensorOutput<T>>;
  release(): void;
}

/** What one item came to. `index` is its place in the source, from 0. */
export type ItemOutcome<S extends ModelSignature = AnySignature, R extends string = never> =
  | { readonly index: number; readonly ok: true; readonly result: RunResult<S, R> }
  | { readonly index: number; readonly ok: false; readonly error: unknown };

export interface RunManyOptions extends RunOptions {
  /** Runs on their way or finished and not yet taken, at the most. Default 8, or twice `maxBatch` of a model with batches. */
  readonly concurrency?: number;
  /** True (default): in the order of the source. False: as they finish. */
  readonly ordered?: boolean;
  /** Called after each run. */
  readonly onProgress?: (progress: RunManyProgress) => void;
}

export interface RunManyProgress {
  readonly doneCount: number;
  /** Of those done. */
  readonly failedCount: number;
  /** Null when the source does not say. */
  readonly totalCount: number | null;
}

export interface StreamOptions<S extends ModelSignature = AnySignature> extends RunOptions {
  /** `yield` (default): a frame whose run failed is an outcome like any other. `throw`: it ends the stream. */
  readonly onError?: 'yield' | 'throw';
  /** Called with each frame that is dropped, for example to close a VideoFrame. */
  readonly onDrop?: (feeds: FeedsOf<S>, index: number) => void;
}

/** Frames: pushed by an async iterable, or pulled by a function, which ends the stream by giving null or undefined. */
export type StreamSource<F> = AsyncIterable<F> | (() => F | null | undefined | Promise<F | null | undefined>);

export type StreamOutcome<S extends ModelSignature = AnySignature, R extends string = never> = ItemOutcome<S, R> & {
  /** Frames dropped so far. */
  readonly droppedCount: number;
};

export interface BatchOptions {
  /** Items in one call of the runtime at the most, 1..BATCH_AXIS_COUNT_MAX. */
  readonly maxBatch: number;
  /**
   * Milliseconds that a run may wait for others to start with once it has its turn, counted from its arrival, 0..BATCH_WAIT_MS_MAX. It
   * never waits when enough are there, nor when anything else waits behind it. Default 0: what waits anyway starts together.
   */
  readonly maxWaitMs?: number;
}
