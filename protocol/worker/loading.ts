/**
 * Loading a model, as page and worker speak of it: what is asked for, what is told meanwhile, what comes back.
 *
 * Not here: the control calls themselves (protocol/worker/control.ts), runs (protocol/worker/runs.ts).
 */
import type { ErrorCode, ErrorWire } from '../errors.ts';
import type { Manifest, ManifestQuality, Provider } from '../manifest/manifest.ts';

/** Where the worker finds its files; absolute URLs, all of one release. */
export interface RuntimeUrls {
  /** Its module entry. */
  readonly module: string;
  /** Its binary. */
  readonly wasm: string;
  /** What the binary's start leaves in memory (worker/runtime/snapshot.ts); null for the builds with GPU providers, which have none. */
  readonly snapshot: string | null;
}

export interface AssetUrls {
  /** Each onnxruntime-web build. Only the chosen one is fetched. */
  readonly runtimes: Readonly<Record<RuntimeBuild, RuntimeUrls>>;
  /** Fetched only by a model that declares preprocessing of text. */
  readonly tokenizer: string;
}

/** The three builds of onnxruntime-web that we use; never the default entry (design: it returned wrong numbers). */
export const RUNTIME_BUILDS = ['wasm', 'webgpu', 'jspi'] as const;

export type RuntimeBuild = (typeof RUNTIME_BUILDS)[number];

/** A file that was handed over with a graph that may name it. */
export interface NamedBytes {
  readonly name: string;
  /** Read only if it is named. This folder has no DOM. */
  readonly bytes: Uint8Array | { readonly size: number; arrayBuffer(): Promise<ArrayBuffer> };
}

export interface LoadRequest {
  /** A manifest or a plain .onnx file: an absolute URL, or bytes that never came from a network. */
  readonly source: { readonly url: string } | { readonly bytes: Uint8Array; readonly name: string; readonly beside: readonly NamedBytes[] };
  /** Parameters of the URL's query that say nothing of the model. */
  readonly ignoreQuery: readonly string[];
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
  /** Milliseconds that a run waits for others of its batch, at the most, counted from its arrival in the worker. */
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

/** What the worker asks of the page about a load, or tells it; between the two lies the port of the calls. */
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
  readonly outcome: 'chosen' | 'slower' | 'not-asked' | 'unavailable' | 'failed' | 'wrong-outputs';
  /** For people; names and numbers only. */
  readonly reason: string;
  /** How far its answers were from the reference's when it was packed; absent where the manifest does not tell. */
  readonly quality?: ManifestQuality;
  /** Median of a few runs on the golden inputs, in milliseconds; absent when it was not timed. */
  readonly measuredMs?: number;
  /** Of a candidate that failed. */
  readonly error?: ErrorCode;
}

/** Why the chosen candidate was chosen: the load named it or left nothing else, the rules put it first, or it was the fastest of those timed. */
export interface Choice {
  readonly by: 'name' | 'rule' | 'measurement';
  /** True when an earlier visit chose, and nothing was looked at anew. */
  readonly isRemembered: boolean;
}

/** Milliseconds of each phase; 0 where it did not happen. */
export type LoadTimings = Readonly<Record<Exclude<LoadPhase, 'ready'>, number>>;

export interface LoadedModel {
  /** Names this model in later messages; unique within the client. */
  readonly loadId: number;
  readonly manifest: Manifest;
  /** First 8 bytes of the SHA-256 of the manifest as served, 16 hex digits. */
  readonly modelVersion: string;
  /** Hash of the data plan's cell layout, 16 hex digits. */
  readonly dataPlan: string;
  /** Cells of that plan. */
  readonly dataCellCount: number;
  /** Sentences on what the model's file has and a page cannot: outputs that are no tensors. */
  readonly leftOut: readonly string[];
  readonly variant: string;
  readonly provider: Provider;
  readonly build: RuntimeBuild;
  readonly threadCount: number;
  /** The runtime began with the snapshot of its memory. */
  readonly isFromSnapshot: boolean;
  /** True when no model byte came from the network. */
  readonly fromCache: boolean;
  /** Why the bytes could not be kept, if so: `storage-refused` or `storage-full`. */
  readonly storageRefusal: ErrorWire | null;
  readonly choice: Choice;
  /** Every candidate of the manifest, in the order of the rules. */
  readonly considered: readonly Consideration[];
  readonly timings: LoadTimings;
  /** Quantities that the worker measured, by the software metric that counts them (counts/plans/software-layout.ts). Others are dropped. */
  readonly measures: Readonly<Record<string, number>>;
  /** Why runs start alone although the load asked for batches; null otherwise. */
  readonly batchRefusal: string | null;
}

/** A load that failed, and what software telemetry may know of it. */
export interface LoadFailure {
  /** UNKNOWN_MODEL_VERSION when no manifest could be read. */
  readonly modelVersion: string;
  readonly error: ErrorWire;
}
