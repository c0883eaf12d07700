/**
 * The inference worker: control calls over comlink, runs over a port of their own, both in front of one queue.
 *
 * Invariants
 *  - Every request is answered exactly once, and nothing throws across the boundary: errors travel as data.
 *  - A run's cells are read while this side still owns its tensors, and leave with its reply; nothing of an input stays.
 *  - A counter that throws costs the run its cells, never its outputs.
 *
 * Not here: deadlines and the window (page), the runtime (worker/runtime/session.ts).
 */
import * as comlink from 'comlink';
import { SdkError, toWire } from '../protocol/errors.ts';
import { LIFE_LOCK_TIMEOUT_MS, REVIEW_DELAY_MS, UPDATE_DELAY_MS } from '../protocol/limits.ts';
import type {
  ControlApi,
  Feeds,
  FileAddress,
  LoadHooks,
  LoadReply,
  LoadRequest,
  Reply,
  RunMessage,
  RunReply,
  RunRequest,
  StoreCheck,
  StoredModel,
  WorkerNews,
  WorkerSettings,
} from '../protocol/messages.ts';
import { LoadJob } from './load/load-job.ts';
import { ElsewhereSignal, Loader, type RunnableModel } from './load/loader.ts';
import type { PreparedRun } from './process/processing.ts';
import { startEarly } from './runtime/early-start.ts';
import { RunQueue } from './runtime/run-queue.ts';
import { ModelSource } from './store/model-source.ts';
import { ModelStore } from './store/model-store.ts';
import { checkStore } from './store/store-check.ts';
import { fetchUpdate } from './store/update.ts';

/** Before anything else: most of a warm start is the runtime's. */
const early = startEarly(self.name);

class InferenceWorker implements ControlApi<MessagePort> {
  private readonly queue = new RunQueue();
  private readonly models = new Map<number, RunnableModel>();
  private readonly loads = new Map<number, AbortController>();
  private readonly updates = new Map<number, () => void>();
  private readonly reviews = new Map<number, () => void>();
  private source = new ModelSource('memory', null);
  private loader: Loader | null = null;
  private readonly asks = new Map<number, (address: FileAddress | null) => void>();
  private nextAsk = 1;
  private tell: (news: WorkerNews) => void = () => undefined;

  async start(
    settings: WorkerSettings,
    runPort: MessagePort,
    newsPort: MessagePort,
  ): Promise<Reply<{ release: string; holdsLifeLock: boolean }>> {
    if (settings.release !== __RELEASE__) return refuse(new SdkError('release-mismatch', { page: settings.release, worker: __RELEASE__ }));
    this.source = new ModelSource(settings.cache, settings.trustedKeys);
    this.tell = (news) => newsPort.postMessage(news);
    this.loader = new Loader(settings, this.source, this.queue, () => this.tell({ type: 'device-lost' }), early);
    runPort.onmessage = (event: MessageEvent<RunMessage>) => this.receive(event.data, runPort);
    return { ok: true, value: { release: __RELEASE__, holdsLifeLock: await holdLock(settings.lifeLock) } };
  }

  async ping(): Promise<void> {}

  async load(id: number, request: LoadRequest): Promise<LoadReply> {
    const loader = this.loader as Loader;
    const controller = new AbortController();
    this.loads.set(id, controller);
    const hooks = this.hooksOf(id);
    const job = new LoadJob(id, request, controller.signal, hooks);
    try {
      const model = await loader.load(job);
      this.models.set(id, model);
      this.planUpdate(job, model, hooks);
      this.planReview(id, model);
      return { ok: true, value: model.loaded };
    } catch (error) {
      const { isSpoilt } = loader;
      if (error instanceof ElsewhereSignal) {
        return { ok: false, elsewhere: { provider: error.provider, considered: job.considered }, isSpoilt };
      }
      return { ok: false, failure: { modelVersion: job.modelVersion, error: toWire(error) }, isSpoilt };
    } finally {
      this.loads.delete(id);
    }
  }

  async cancelLoad(id: number): Promise<void> {
    this.loads.get(id)?.abort();
  }

  async close(handle: number): Promise<Reply<null>> {
    const model = this.models.get(handle);
    this.models.delete(handle);
    this.updates.delete(handle);
    this.reviews.delete(handle);
    if (model === undefined) return { ok: true, value: null };
    return reply(() => this.queue.control(() => model.session.release()).then(() => null));
  }

  storedModels(): Promise<Reply<readonly StoredModel[]>> {
    return this.withStore((store) => store.list());
  }

  removeStored(url: string | null): Promise<Reply<number>> {
    return this.withStore((store) => store.remove(url));
  }

  pinStored(url: string, isPinned: boolean): Promise<Reply<boolean>> {
    return this.withStore((store) => store.pin(url, isPinned));
  }

  checkStored(url: string | null): Promise<Reply<StoreCheck>> {
    return this.withStore((store) => checkStore(store, url));
  }

  async refreshed(ask: number, address: FileAddress | null): Promise<void> {
    this.asks.get(ask)?.(address);
    this.asks.delete(ask);
  }

  /** The page's side of a load, over the news port. */
  private hooksOf(id: number): LoadHooks {
    return {
      progress: (progress) => this.tell({ type: 'progress', id, progress }),
      refresh: (url) =>
        new Promise((resolve) => {
          const ask = this.nextAsk++;
          this.asks.set(ask, resolve);
          this.tell({ type: 'refresh', id, ask, url });
        }),
      updated: (update) => this.tell({ type: 'update-stored', id, update }),
      updateFailed: (error) => this.tell({ type: 'update-failed', id, error }),
    };
  }

  private withStore<T>(work: (store: ModelStore) => Promise<T>): Promise<Reply<T>> {
    return reply(async () => {
      const store = await this.source.openStore();
      if (!(store instanceof ModelStore)) throw new SdkError('storage-refused', { reason: store });
      return work(store);
    }, 'storage-refused');
  }

  /** A cached model is looked up anew once it has proved useful: after its first result, when the page's own start is over. */
  private planUpdate(job: LoadJob, { loaded }: RunnableModel, hooks: LoadHooks): void {
    const { source, update } = job.request;
    if (update !== 'background' || !loaded.fromCache || !('url' in source)) return;
    this.updates.set(job.id, () => {
      this.updates.delete(job.id);
      setTimeout(() => void this.update(source.url, job, loaded.variant, hooks), UPDATE_DELAY_MS);
    });
  }

  /** What the choice left open is looked at behind the first result, too. */
  private planReview(handle: number, { review }: RunnableModel): void {
    if (review === null) return;
    this.reviews.set(handle, () => {
      this.reviews.delete(handle);
      // A review that fails, most often because the model was closed, leaves the question to the next visit.
      setTimeout(() => void (this.models.has(handle) && review().catch(() => undefined)), REVIEW_DELAY_MS);
    });
  }

  private async update(url: string, { access }: LoadJob, variant: string, hooks: LoadHooks): Promise<void> {
    const watch = { signal: new AbortController().signal, access, onBytes: () => undefined };
    try {
      const update = await fetchUpdate(this.source, url, variant, watch);
      if (update !== null) hooks.updated(update);
    } catch (error) {
      // Offline is the normal case of a cached model: what is stored stays, and the next visit asks again.
      hooks.updateFailed(toWire(error));
    }
  }

  private receive(message: RunMessage, port: MessagePort): void {
    if (message.type === 'cancel') {
      this.queue.cancel(message.id);
      for (const { processing } of this.models.values()) processing?.cancel(message.id);
    } else for (const request of message.requests) void this.answer(request, port);
  }

  private async answer(request: RunRequest, port: MessagePort): Promise<void> {
    let answer: RunReply;
    try {
      const { processing } = this.model(request);
      // A model that declares nothing enters the queue at once.
      const prepared = processing === null ? unprocessed(request) : await processing.prepare(request.id, request.feeds);
      const queuedMs = performance.now();
      // It may have been closed while its run was being prepared.
      const model = this.model(request);
      const finished = await this.queue.run(request.id, () => this.run(model, request, prepared, queuedMs));
      answer = processing === null ? finished : { ...finished, ...processing.finish(finished.outputs, prepared) };
    } catch (error) {
      answer = { id: request.id, ok: false, error: toWire(error) };
    }
    port.postMessage(answer, answer.ok ? [...buffersOf(answer.outputs), answer.cells.buffer as ArrayBuffer] : []);
    if (!answer.ok) return;
    this.updates.get(request.handle)?.();
    this.reviews.get(request.handle)?.();
  }

  private model({ handle }: RunRequest): RunnableModel {
    const model = this.models.get(handle);
    if (model === undefined) throw new SdkError('model-closed', { model: String(handle) });
    return model;
  }

  private async run(
    model: RunnableModel,
    request: RunRequest,
    { feeds, counted, preMs }: PreparedRun,
    queuedMs: number,
  ): Promise<Extract<RunReply, { ok: true }>> {
    const startMs = performance.now();
    const outputs = await model.watch.run(feeds);
    const runMs = performance.now() - startMs;
    const cells = request.isCounted && !hasPrivacySignal() ? countedCells(model, counted, outputs) : new Uint32Array();
    return { id: request.id, ok: true, outputs, results: {}, cells, preMs, queueMs: startMs - queuedMs, runMs, postMs: 0 };
  }
}

const NO_PLACEMENTS = new Map();

/** A run of a model that declares no processing: the page let nothing but tensors through. */
function unprocessed({ feeds }: RunRequest): PreparedRun {
  return { feeds: feeds as Feeds, counted: feeds as Feeds, preMs: 0, placements: NO_PLACEMENTS };
}

function countedCells(model: RunnableModel, feeds: Feeds, outputs: Feeds): Uint32Array {
  try {
    return model.counter(feeds, outputs);
  } catch {
    // Telemetry never throws: the page counts a counted run that comes without cells.
    return new Uint32Array();
  }
}

/** The page asks too; here it is the realm that reads the tensors that asks. Source: W3C Global Privacy Control, WorkerNavigator. */
function hasPrivacySignal(): boolean {
  return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true;
}

function* buffersOf(outputs: Feeds): Generator<ArrayBuffer> {
  for (const { data } of Object.values(outputs)) if (ArrayBuffer.isView(data)) yield data.buffer as ArrayBuffer;
}

function refuse(error: SdkError): { readonly ok: false; readonly error: ReturnType<typeof toWire> } {
  return { ok: false, error: toWire(error) };
}

async function reply<T>(work: () => Promise<T>, fallback?: 'run-failed' | 'storage-refused'): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toWire(error, fallback) };
  }
}

/**
 * Resolves once the lock is held, until the worker ends, or is refused; a refusal costs the page its early warning, nothing else. Nobody
 * else asks for this name, so a lock that is not there at once never comes.
 */
function holdLock(name: string | null): Promise<boolean> {
  if (name === null || navigator.locks === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), LIFE_LOCK_TIMEOUT_MS);
    const answer = (isHeld: boolean) => {
      clearTimeout(timer);
      resolve(isHeld);
    };
    const hold = () => {
      answer(true);
      return new Promise<void>(() => undefined);
    };
    navigator.locks.request(name, hold).catch(() => answer(false));
  });
}

comlink.expose(new InferenceWorker());
