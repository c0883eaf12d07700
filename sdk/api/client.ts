/**
 * Public types of a client and its options, and those that page and worker share. Types only; sdk/client.ts holds the behaviour.
 */
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Manifest, Provider } from '../../protocol/manifest/manifest.ts';
import type { TensorData, TensorType } from '../../protocol/tensors/tensors.ts';
import type { StoreCheck, StoredModel } from '../../protocol/worker/control.ts';
import type { Choice, Consideration, FileAddress, LoadProgress, LoadTimings, StoredUpdate } from '../../protocol/worker/loading.ts';
import type { Box, LabelScore, OutputItem, RunResults } from '../../protocol/worker/results.ts';
import type { LoadOptions, Model, ModelFile, ModelStore } from './load.ts';
import type { LogOptions } from './logger.ts';
import type { Observer } from './observe.ts';
import type { AnySignature, ModelSignature } from './runs.ts';
import type { Telemetry, TelemetryOptions } from './telemetry.ts';

export interface ClientOptions extends TelemetryOptions, LogOptions {
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
