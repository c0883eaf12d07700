/**
 * Client: where the two halves of the page side are put together, inference and telemetry.
 *
 * Invariants
 *  - Options are checked here, once, before anything starts.
 *  - Telemetry hears of loads and runs through the recorder only, and only of models that are counted.
 *  - After `close` every call rejects with `client-closed`.
 *
 * Not here: workers (sdk/workers/worker-set.ts), how a model survives one (sdk/model/model-binding.ts), runs (sdk/model/model.ts), what telemetry does (sdk/telemetry/telemetry.ts).
 */
import { inTime } from '../protocol/deadline.ts';
import { firstLine, fromWire, isSdkError, SdkError, toWire } from '../protocol/errors.ts';
import { KEEP_FILES_TIMEOUT_MS, LOAD_STALL_TIMEOUT_MS, MODEL_BYTES_MAX } from '../protocol/limits.ts';
import { UNKNOWN_MODEL_VERSION } from '../protocol/report/window.ts';
import * as shipped from '../protocol/shipped-files.json';
import type {
  Consideration,
  FileAddress,
  LoadedModel,
  LoadHooks,
  LoadProgress,
  LoadRequest,
  NamedBytes,
  RuntimeBuild,
} from '../protocol/worker/loading.ts';
import type { Client, ClientOptions } from './api/client.ts';
import { isUrl, requireWorkers, resolved, tagOf } from './api/foreign.ts';
import type { LoadOptions, Model, ModelFile, ModelStore } from './api/load.ts';
import type { Logger } from './api/logger.ts';
import type { Observer } from './api/observe.ts';
import { checkAddress, checkClientOptions, checkLoad } from './api/option-checks.ts';
import type { ModelSignature } from './api/runs.ts';
import { askAsset } from './assets/ask-asset.ts';
import { type AssetTable, assetsIn } from './assets/assets.ts';
import { keepFiles } from './assets/offline-files.ts';
import { createLogger } from './logger.ts';
import { OpenModel } from './model/model.ts';
import { type Bound, ModelBinding } from './model/model-binding.ts';
import type { TelemetryFiles } from './telemetry/level.ts';
import type { Recorder } from './telemetry/recorder.ts';
import { createTelemetry, type OwnedTelemetry } from './telemetry/telemetry.ts';
import { StoredModels } from './workers/stored-models.ts';
import { WorkerHost } from './workers/worker-host.ts';
import { type LoadOutcome, WorkerSet } from './workers/worker-set.ts';

/** Threads that still helped on the models measured; more cost memory and start-up. */
const THREAD_COUNT_DEFAULT_MAX = 4;

/**
 * @param besideScript The files beside the script that was loaded; asked only when `options.assets` does not name another place.
 * @throws {SdkError} `invalid-option`
 */
export function createClientWith(given: ClientOptions, besideScript: () => AssetTable): Client {
  const options = checkClientOptions(given);
  return new PageClient(options, options.assets === undefined ? besideScript() : assetsIn(options.assets));
}

class PageClient implements Client {
  readonly models: ModelStore;
  readonly telemetry: OwnedTelemetry;
  private readonly logger: Logger;
  private readonly workers: WorkerSet;
  private readonly recorder: Recorder;
  private readonly files: TelemetryFiles;
  private readonly assets: AssetTable;
  /** Of the runtimes that models were opened with. */
  private readonly builds = new Set<RuntimeBuild>();
  private closing: Promise<void> | null = null;

  constructor(options: ClientOptions, assets: AssetTable) {
    this.logger = createLogger(options);
    const { worker, runtimes, tokenizer } = assets;
    this.assets = assets;
    this.files = {
      delivery: oneImportOf(shipped.delivery, assets.delivery),
      counts: oneImportOf(shipped.counts, assets.counts),
      localDp: oneImportOf(shipped.localDp, assets.localDp),
    };
    this.telemetry = createTelemetry({ ...options, logger: this.logger }, { files: this.files });
    // A page knows of no candidate yet.
    this.recorder = this.telemetry.recorderOf('stable');
    const threadCountMax =
      options.threads ?? Math.min(THREAD_COUNT_DEFAULT_MAX, Math.ceil((globalThis.navigator?.hardwareConcurrency || 2) / 2));
    const settings = {
      assets: { runtimes, tokenizer },
      cache: options.cache ?? 'indexeddb',
      threadCountMax,
      trustedKeys: options.trustedKeys === undefined ? null : [...options.trustedKeys],
    };
    this.workers = new WorkerSet((onEnd, first) => new WorkerHost(worker, settings, onEnd, first));
    this.models = new StoredModels(this.workers);
  }

  async load<S extends ModelSignature, R extends string>(source: string | URL | ModelFile, given: LoadOptions = {}): Promise<Model<S, R>> {
    const options = checkLoad(source, given);
    const recorder = (options.telemetry ?? isServed(source)) ? this.recorder : null;
    const binding = new ModelBinding(await this.open(source, options, recorder, null), options, {
      rebuild: (considered, signal) => {
        const { onProgress, ...asked } = options;
        // The version that was open is meant, not a newer one.
        return this.open(source, { ...asked, signal, update: 'never' }, recorder, considered);
      },
      release: ({ host, loaded }) => this.workers.closeModel(host, loaded.loadId),
      lostIdle: (loaded, code) => {
        if (this.closing === null) recorder?.lost(loaded, code);
      },
    });
    const model = new OpenModel(binding, recorder, this.files.counts, options.batch ?? null);
    // What the caller says of feeds and outputs is a promise to the compiler; at run time every model is checked the same way.
    return model as unknown as Model<S, R>;
  }

  /** @param considered Null for the first load; else what a rebuild leaves. */
  private async open(
    source: string | URL | ModelFile,
    options: LoadOptions,
    recorder: Recorder | null,
    considered: readonly Consideration[] | null,
  ): Promise<Bound> {
    const startMs = performance.now();
    const outcome = await this.outcomeOf(source, options, considered);
    if (!outcome.ok) {
      const error = fromWire(outcome.failure.error);
      // What the caller has cut off, as a framework does that mounts twice, is no failure.
      const isOwn = error.code === 'aborted' || error.code === 'client-closed';
      if (!isOwn) recorder?.loadFailed(outcome.failure);
      this.logger(isOwn ? 'debug' : 'error', error.code, error.message);
      throw error;
    }
    const { loaded, host } = outcome;
    if (loaded.storageRefusal !== null) {
      const { code, message } = loaded.storageRefusal;
      this.logger('warn', code, message);
    }
    for (const sentence of loaded.leftOut) this.logger('warn', 'output-left-out', sentence);
    this.builds.add(loaded.build);
    recorder?.loaded(loaded, performance.now() - startMs);
    return { loaded, host };
  }

  async observe(source: string | URL): Promise<Observer> {
    checkAddress('source', source);
    if (this.closing !== null) throw new SdkError('client-closed', {});
    requireWorkers();
    const { createObserver } = await this.files.counts();
    return createObserver(resolved(source).href, this.recorder, this.logger);
  }

  keepOffline(): Promise<boolean> {
    return inTime(keepFiles(this.assets, this.builds), KEEP_FILES_TIMEOUT_MS).catch(() => false);
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await this.workers.close();
    await this.telemetry.close();
  }

  /** A page that fails to answer has no better address, and one that throws about an update has still been told. */
  private hooksOf({ refresh, onUpdate }: LoadOptions, progress: LoadHooks['progress']): LoadHooks {
    return {
      progress,
      refresh: async (url) => addressOf((await refresh?.({ url })) ?? {}),
      updated: (update) => {
        this.logger('info', 'update-stored', `Version ${update.version} is stored; the next load runs it.`);
        onUpdate?.(update);
      },
      updateFailed: ({ code, message }) => this.logger('debug', code, message),
    };
  }

  /** A worker that does not start or is lost fails the load as much as a missing file does. */
  private async outcomeOf(
    source: string | URL | ModelFile,
    options: LoadOptions,
    considered: readonly Consideration[] | null,
  ): Promise<LoadOutcome> {
    const { signal } = options;
    let report = options.onProgress;
    try {
      // Asked here, before a worker is started for nothing.
      if (crypto.subtle === undefined) throw new SdkError('crypto-unavailable', {});
      refuseTooLarge(source);
      const hooks = this.hooksOf(options, (progress) => report?.(progress));
      // Reading a file may take as long as it likes: its caller's abort is heard meanwhile.
      const loading = requestOf(source, options, considered).then((request) => this.workers.load(request, signal, hooks));
      const outcome = await untilAborted(loading, signal, (late) => this.workers.closeModel(late.host, late.loaded.loadId));
      if (outcome.ok) told(() => report?.(readyProgress(outcome.loaded)));
      return outcome;
    } catch (error) {
      if (!isSdkError(error)) throw error;
      return { ok: false, failure: { modelVersion: UNKNOWN_MODEL_VERSION, error: toWire(error) } };
    } finally {
      // Progress has a port of its own; what arrives behind the end of the load is dropped.
      report = undefined;
    }
  }
}

/** Bytes that a person opened are no model that somebody serves: their hash alone would say which file it was. */
function isServed(source: string | URL | ModelFile): boolean {
  return isUrl(source) && !/^(blob|data):$/.test(resolved(source).protocol);
}

/** What a callback of the page throws is the page's own uncaught error, as in a listener, and no failure of a load that is done. */
function told(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    reportError(error);
  }
}

/** The signed address of a file, as an application may answer. */
function addressOf(answer: string | URL | FileAddress): FileAddress {
  return isUrl(answer) ? { url: String(answer) } : { ...answer };
}

/** One import for all callers. A failed one is tried again by the next; browsers remember a failure by its URL, so it may need a new page. */
function oneImportOf<T>(asset: string, url: string): () => Promise<T> {
  let loading: Promise<T> | null = null;
  return () => {
    loading ??= inTime(imported<T>(url), LOAD_STALL_TIMEOUT_MS).catch(async (error) => {
      loading = null;
      throw new SdkError('asset-unreachable', { asset, ...(await askAsset(url, firstLine(error))) }, { cause: error });
    });
    return loading as Promise<T>;
  };
}

/**
 * WebKit sends the page's address with an import, query included where the page's policy allows that; what was preloaded it does not ask
 * for again.
 *
 * The comments keep bundlers off: the address is known in the page alone. Unless told, webpack and Turbopack put a context of modules in its
 * place, in which it is not found. Both read webpack's word.
 */
function imported<T>(url: string): Promise<T> {
  const { document } = globalThis;
  document?.head?.append(Object.assign(document.createElement('link'), { rel: 'modulepreload', referrerPolicy: 'no-referrer', href: url }));
  return import(/*webpackIgnore:true*/ /*@vite-ignore*/ url);
}

function readyProgress({ manifest, variant }: LoadedModel): LoadProgress {
  const chosen = manifest.variants.find(({ id }) => id === variant);
  const bytes = [chosen, ...(chosen?.external ?? [])].reduce((sum, file) => sum + (file?.bytes ?? 0), 0);
  return { phase: 'ready', loadedBytes: bytes, totalBytes: bytes, remainingMs: null };
}

async function requestOf(
  source: string | URL | ModelFile,
  options: LoadOptions,
  considered: readonly Consideration[] | null,
): Promise<LoadRequest> {
  return {
    source: isUrl(source)
      ? { url: resolved(source).href }
      : { name: source.name, bytes: await bytesOf(source.bytes), beside: await besideOf(source) },
    ignoreQuery: [...(options.ignoreQuery ?? [])],
    variant: options.variant ?? null,
    provider: options.provider ?? 'auto',
    update: options.update ?? 'background',
    measure: options.measure ?? 'auto',
    request: wireOf(options.request),
    hasRefresh: options.refresh !== undefined,
    considered: considered ?? [],
    batch: options.batch === undefined ? null : { maxBatch: options.batch.maxBatch, maxWaitMs: options.batch.maxWaitMs ?? 0 },
    resident: [...(options.resident ?? [])],
  };
}

function wireOf(request: LoadOptions['request']): LoadRequest['request'] {
  if (request === undefined) return null;
  const { headers, credentials } = request;
  return {
    ...(headers === undefined ? {} : { headers: Object.fromEntries(new Headers(headers)) }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

/** Files are read where it is known which of them the graph names. */
function besideOf({ beside = [] }: ModelFile): Promise<readonly NamedBytes[]> {
  return Promise.all(beside.map(async ({ name, bytes }) => ({ name, bytes: 'size' in bytes ? bytes : await bytesOf(bytes) })));
}

/** @throws {SdkError} `invalid-option` where they cannot be read: a file that was moved or written meanwhile, a buffer that was handed over. */
async function bytesOf(bytes: ModelFile['bytes']): Promise<Uint8Array> {
  try {
    if ('arrayBuffer' in bytes) return new Uint8Array(await bytes.arrayBuffer());
    const whole = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
    // No hash is made of memory that may change meanwhile: what is shared, or may grow, is copied.
    const { buffer } = whole as { readonly buffer: ArrayBufferLike & { readonly resizable?: boolean } };
    return tagOf(buffer) === '[object ArrayBuffer]' && buffer.resizable !== true ? whole : whole.slice();
  } catch (error) {
    const name = error instanceof Error ? error.name : 'no reason was given';
    const reason = `its bytes cannot be read (${name}); open it again`;
    throw new SdkError('invalid-option', { option: 'source', reason }, { cause: error });
  }
}

/** Before a file is read: one that no array can hold would take the page's memory first. @throws {SdkError} `model-too-large` */
function refuseTooLarge(source: string | URL | ModelFile): void {
  if (typeof source === 'string' || !('bytes' in source)) return;
  const bytes = 'size' in source.bytes ? source.bytes.size : source.bytes.byteLength;
  if (bytes > MODEL_BYTES_MAX) throw new SdkError('model-too-large', { url: source.name, bytes, bytesMax: MODEL_BYTES_MAX });
}

/** Rejects at once when the caller aborts; a load that finishes all the same is given back. */
function untilAborted(
  loading: Promise<LoadOutcome>,
  signal: AbortSignal | undefined,
  giveBack: (late: Extract<LoadOutcome, { ok: true }>) => Promise<void>,
): Promise<LoadOutcome> {
  if (signal === undefined) return loading;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(new SdkError('aborted', { stage: 'load' }));
      loading.then(
        (outcome) => (outcome.ok ? giveBack(outcome) : undefined),
        () => undefined,
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    loading.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
