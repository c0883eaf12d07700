/**
 * The inference worker: runs over the worker's own messages, control calls over a port and comlink, both in front of one queue.
 *
 * Invariants
 *  - Nothing throws across the boundary: errors travel as data.
 *
 * Not here: runs (worker/run-port.ts), deadlines and the window (page), the runtime (worker/runtime/session.ts).
 */
import * as comlink from 'comlink';
import { SdkError, toWire } from '../protocol/errors.ts';
import { UPDATE_DELAY_MS } from '../protocol/limits.ts';
import type {
  BatchRule,
  ControlApi,
  LoadedModel,
  LoadProgress,
  LoadReply,
  LoadRequest,
  PageMessage,
  Reply,
  StoredModel,
  WorkerSettings,
} from '../protocol/messages.ts';
import { batchRefusal } from './load/batch-proof.ts';
import { LoadJob } from './load/load-job.ts';
import { ElsewhereSignal, Loader, type RunnableModel } from './load/loader.ts';
import { type PortModel, RunPort } from './run-port.ts';
import { ResidentStore } from './runtime/resident-store.ts';
import { RunQueue } from './runtime/run-queue.ts';
import { ModelSource } from './store/model-source.ts';
import { ModelStore } from './store/model-store.ts';

class InferenceWorker implements ControlApi {
  private readonly queue = new RunQueue();
  private readonly residents = new ResidentStore(this.queue);
  private readonly models = new Map<number, PortModel>();
  private readonly loads = new Map<number, AbortController>();
  private readonly updates = new Map<number, () => void>();
  readonly runs = new RunPort(
    (replies, transfer) => self.postMessage(replies, { transfer }),
    this.models,
    this.residents,
    this.queue,
    (handle) => this.updates.get(handle)?.(),
  );
  private source = new ModelSource('memory');
  private loader: Loader | null = null;

  async start(settings: WorkerSettings): Promise<Reply<{ release: string; holdsLifeLock: boolean }>> {
    if (settings.release !== __RELEASE__) return refuse(new SdkError('release-mismatch', { page: settings.release, worker: __RELEASE__ }));
    this.source = new ModelSource(settings.cache);
    this.loader = new Loader(settings, this.source, this.queue);
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
      const loaded = await this.admit(id, request, model);
      this.planUpdate(id, request, model);
      return { ok: true, value: loaded };
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
    await this.runs.allEntered(handle);
    const model = this.models.get(handle);
    this.models.delete(handle);
    this.updates.delete(handle);
    if (model === undefined) return { ok: true, value: null };
    const release = () => {
      this.residents.dropOf(handle);
      return model.session.release();
    };
    return reply(() => this.queue.control(release).then(() => null));
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

  /** Lets runs of this model in, together where the load asked for it and the model has proved that it may. */
  private async admit(handle: number, { batch, resident }: LoadRequest, { session, counter, loaded }: RunnableModel): Promise<LoadedModel> {
    const prove = () => batchRefusal((feeds) => session.run(feeds), loaded.manifest, batch as BatchRule);
    const refusal = batch === null ? null : await this.queue.control(prove);
    this.models.set(handle, { session, counter, batch: refusal === null ? batch : null, residentCount: resident.length });
    return { ...loaded, batchRefusal: refusal };
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

const worker = new InferenceWorker();
addEventListener('message', ({ data }: MessageEvent<PageMessage<MessagePort>>) => {
  if (data.type === 'control') comlink.expose(worker, data.port);
  else worker.runs.receive(data);
});
