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
import { UPDATE_DELAY_MS } from '../protocol/limits.ts';
import type {
  ControlApi,
  Feeds,
  LoadProgress,
  LoadReply,
  LoadRequest,
  Reply,
  RunMessage,
  RunReply,
  RunRequest,
  StoredModel,
  WorkerSettings,
} from '../protocol/messages.ts';
import { LoadJob } from './load/load-job.ts';
import { ElsewhereSignal, Loader, type RunnableModel } from './load/loader.ts';
import type { PreparedRun } from './process/processing.ts';
import { RunQueue } from './runtime/run-queue.ts';
import { ModelSource } from './store/model-source.ts';
import { ModelStore } from './store/model-store.ts';

class InferenceWorker implements ControlApi<MessagePort> {
  private readonly queue = new RunQueue();
  private readonly models = new Map<number, RunnableModel>();
  private readonly loads = new Map<number, AbortController>();
  private readonly updates = new Map<number, () => void>();
  private source = new ModelSource('memory');
  private loader: Loader | null = null;

  async start(settings: WorkerSettings, runPort: MessagePort): Promise<Reply<{ release: string; holdsLifeLock: boolean }>> {
    if (settings.release !== __RELEASE__) return refuse(new SdkError('release-mismatch', { page: settings.release, worker: __RELEASE__ }));
    this.source = new ModelSource(settings.cache);
    this.loader = new Loader(settings, this.source, this.queue);
    runPort.onmessage = (event: MessageEvent<RunMessage>) => this.receive(event.data, runPort);
    return { ok: true, value: { release: __RELEASE__, holdsLifeLock: await holdLock(settings.lifeLock) } };
  }

  async ping(): Promise<void> {}

  async load(id: number, request: LoadRequest, onProgress: (progress: LoadProgress) => void): Promise<LoadReply> {
    const loader = this.loader as Loader;
    const controller = new AbortController();
    this.loads.set(id, controller);
    const job = new LoadJob(id, request, controller.signal, onProgress);
    try {
      const model = await loader.load(job);
      this.models.set(id, model);
      this.planUpdate(id, request, model);
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
    if (model === undefined) return { ok: true, value: null };
    return reply(() => this.queue.control(() => model.session.release()).then(() => null));
  }

  storedModels(): Promise<Reply<readonly StoredModel[]>> {
    return this.withStore((store) => store.list());
  }

  removeStored(url: string | null): Promise<Reply<number>> {
    return this.withStore((store) => store.remove(url));
  }

  private withStore<T>(work: (store: ModelStore) => Promise<T>): Promise<Reply<T>> {
    return reply(async () => {
      const store = await this.source.openStore();
      if (!(store instanceof ModelStore)) throw new SdkError('storage-refused', { reason: store });
      return work(store);
    }, 'storage-refused');
  }

  /** A cached model is looked up anew once it has proved useful: after its first result, when the page's own start is over. */
  private planUpdate(handle: number, { source, update }: LoadRequest, { loaded }: RunnableModel): void {
    if (update === 'never' || !loaded.fromCache || !('url' in source)) return;
    this.updates.set(handle, () => {
      this.updates.delete(handle);
      setTimeout(() => {
        const watch = { signal: new AbortController().signal, onBytes: () => undefined };
        // Offline is the normal case of a cached model: what is stored stays, and the next visit asks again.
        void this.source.update(source.url, loaded.variant, watch).catch(() => undefined);
      }, UPDATE_DELAY_MS);
    });
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
    if (answer.ok) this.updates.get(request.handle)?.();
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
    const outputs = await model.session.run(feeds);
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

/** Resolves once the lock is held, until the worker ends, or is refused; a refusal costs the page its early warning, nothing else. */
function holdLock(name: string | null): Promise<boolean> {
  if (name === null || navigator.locks === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const hold = () => {
      resolve(true);
      return new Promise<void>(() => undefined);
    };
    navigator.locks.request(name, hold).catch(() => resolve(false));
  });
}

comlink.expose(new InferenceWorker());
