/**
 * Control: what page and worker say to each other beside runs: starting, loading, closing, the store; and the news that the worker
 * has for its page.
 *
 * Two channels. Runs are the worker's own messages (protocol/worker/runs.ts). Control calls go over a MessagePort (protocol/worker/calls.ts):
 * rare, and nicer as method calls. Not the other way round: the round trip of a tiny run took 0.20 ms by the worker's own messages
 * and 0.30 ms by a port, which an engine routes like one that may live in another process (Chromium 156).
 *
 * Invariants
 *  - Nothing throws across the boundary: every answer is a Reply or a LoadReply, an error is data (protocol/errors.ts).
 *
 * Not here: what a load asks for and brings (protocol/worker/loading.ts).
 */
import type { ErrorWire } from '../errors.ts';
import type { Provider } from '../manifest/manifest.ts';
import type {
  AssetUrls,
  Consideration,
  FileAddress,
  LoadedModel,
  LoadFailure,
  LoadProgress,
  LoadRequest,
  RuntimeUrls,
  StoredUpdate,
} from './loading.ts';
import type { RunMessage } from './runs.ts';

export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorWire };

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
  /** The stored model to be read. */
  readonly model: { readonly url: string; readonly ignoreQuery: readonly string[] } | null;
}

/** A model in the worker's store, or a download of one that broke off and will go on from there (`bytes` below `totalBytes`). */
export interface StoredModel {
  /** Its address, and in place of a query by which models are told apart a hash of it. `pin`, `verify` and `remove` take it as it is. */
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

/**
 * The end of a load in one worker. `otherWorker`: the next candidate needs a runtime that this worker cannot have, because it
 * holds another build; the page repeats the load in a worker that can. `isSpoilt`: this worker can load nothing any more,
 * because a runtime failed to start in it or its GPU device was lost.
 */
export type LoadReply =
  | { readonly ok: true; readonly value: LoadedModel }
  | { readonly ok: false; readonly failure: LoadFailure; readonly isSpoilt: boolean }
  | { readonly ok: false; readonly otherWorker: OtherWorker; readonly isSpoilt: boolean };

interface OtherWorker {
  /** The provider that the next candidate runs on. */
  readonly provider: Provider;
  readonly considered: readonly Consideration[];
}

/** The worker's methods. */
export interface ControlApi {
  /** First call. `holdsLifeLock` is false where the lock was not asked for or not given: its absence then proves nothing. */
  start(settings: WorkerSettings): Promise<Reply<{ release: string; holdsLifeLock: boolean }>>;
  /** Answers when the worker's thread is free: the page's way to tell a busy worker from a hung one. */
  ping(): Promise<void>;
  /** `id` is unique within the client; a loaded model has it as its `loadId`. */
  load(id: number, request: LoadRequest): Promise<LoadReply>;
  /** Aborts the load of that id; a no-op when it has ended. */
  cancelLoad(id: number): Promise<void>;
  refreshed(ask: number, address: FileAddress | null): Promise<void>;
  /** Of a model for which the page sends `last` as well. What was sent before is answered first. */
  close(loadId: number): Promise<Reply<null>>;
  storedModels(): Promise<Reply<readonly StoredModel[]>>;
  /** By manifest URL; null removes all. Resolves to the bytes freed. */
  removeStored(url: string | null): Promise<Reply<number>>;
  /** False when nothing is stored under that URL. */
  pinStored(url: string, isPinned: boolean): Promise<Reply<boolean>>;
  /** By manifest URL; null checks all. */
  checkStored(url: string | null): Promise<Reply<StoreCheck>>;
  /** The last call: stops what is under way, and answers when the store has finished what it is at. */
  retire(): Promise<void>;
}

/** Worker → page, over the port of the calls: what nobody asked for. `device-lost` comes once, also while nothing runs. */
export type WorkerNews =
  | { readonly type: 'progress'; readonly id: number; readonly progress: LoadProgress }
  | { readonly type: 'update-stored'; readonly id: number; readonly update: StoredUpdate }
  | { readonly type: 'update-failed'; readonly id: number; readonly error: ErrorWire }
  /** Where the file of a plain URL lies now; answered by `ControlApi.refreshed` with the same `ask`. */
  | { readonly type: 'refresh'; readonly id: number; readonly ask: number; readonly url: string }
  | { readonly type: 'device-lost' };

/** Page → worker. The first message brings the port for control calls, as a MessagePort of the realm; the rest are runs. */
export type PageMessage<Port> = { readonly type: 'control'; readonly port: Port } | RunMessage;
