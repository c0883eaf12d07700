/**
 * The inference worker: runs over the worker's own messages, control calls over a port, both in front of one queue.
 *
 * Invariants
 *  - Nothing throws across the boundary: errors travel as data.
 *
 * Not here: runs (worker/runs/run-port.ts), deadlines and the window (page), the runtime (worker/runtime/session.ts).
 */
import { SdkError, toWire } from '../protocol/errors.ts';
import { LIFE_LOCK_TIMEOUT_MS, RETEST_DELAY_MS, UPDATE_DELAY_MS } from '../protocol/limits.ts';
import { answerCall, type Call, type EarlierCall, refuseEarlier } from '../protocol/worker/calls.ts';
import type {
  ControlApi,
  LoadReply,
  PageMessage,
  Reply,
  StoreCheck,
  StoredModel,
  WorkerNews,
  WorkerSettings,
} from '../protocol/worker/control.ts';
import type { BatchRule, FileAddress, LoadedModel, LoadHooks, LoadRequest } from '../protocol/worker/loading.ts';
import { LoadJob } from './choice/load-job.ts';
import { OtherWorkerSignal } from './choice/runtime-slot.ts';
import { Loader, type RunnableModel } from './load/loader.ts';
import { ResidentStore } from './queue/resident-store.ts';
import { RunQueue } from './queue/run-queue.ts';
import type { PortModel } from './runs/port-model.ts';
import { RunPort } from './runs/run-port.ts';
import { earlyStartOf, startEarly } from './runtime/early-start.ts';
import { modelAddress } from './source/model-address.ts';
import { ModelSource } from './source/model-source.ts';
import { ReadAhead } from './source/read-ahead.ts';
import { fetchUpdate } from './source/update.ts';
import { ModelStore } from './store/model-store.ts';
import { checkStore } from './store/store-check.ts';
import { batchRefusal } from './trust/batch-proof.ts';

/** Before anything else: most of a warm start is the runtime's. */
const earlyStart = earlyStartOf(self.name);
const earlyRuntime = startEarly(earlyStart);
const readAhead = earlyStart.model === null ? null : new ReadAhead(earlyStart.model);

class InferenceWorker implements ControlApi {
  private readonly queue = new RunQueue();
  private readonly residents = new ResidentStore(this.queue);
  private readonly models = new Map<number, PortModel>();
  private readonly loads = new Map<number, AbortController>();
  private readonly updates = new Map<number, ReturnType<typeof setTimeout>>();
  private readonly retests = new Map<number, () => void>();
  /** Of models with a retest: aborted when the model is closed. */
  private readonly retested = new Map<number, AbortController>();
  readonly runs = new RunPort(
    (news, transfer) => self.postMessage(news, transfer),
    this.models,
    this.residents,
    this.queue,
    (loadId) => {
      this.retests.get(loadId)?.();
      this.fillCodeCache();
    },
  );
  private isSnapshotKept = false;
  private isCodeCacheFilled = false;
  private source = new ModelSource('memory', null, null);
  private loader: Loader | null = null;
  private readonly asks = new Map<number, (address: FileAddress | null) => void>();
  private nextAsk = 1;
  /** The page's end of the port. */
  tell: (news: WorkerNews) => void = () => undefined;

  async start(settings: WorkerSettings): Promise<Reply<{ release: string; holdsLifeLock: boolean }>> {
    if (settings.release !== __RELEASE__) return refuse(new SdkError('release-mismatch', { page: settings.release, worker: __RELEASE__ }));
    this.source = new ModelSource(settings.cache, settings.trustedKeys, readAhead);
    this.loader = new Loader(settings, this.source, this.queue, () => this.tell({ type: 'device-lost' }), earlyRuntime);
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
      const loaded = await this.admit(id, request, model);
      this.planUpdate(job, model, hooks);
      this.planRetest(id, model);
      this.planSnapshot();
      return { ok: true, value: loaded };
    } catch (error) {
      const { isSpoilt } = loader;
      if (error instanceof OtherWorkerSignal) {
        return { ok: false, otherWorker: { provider: error.provider, considered: job.considered }, isSpoilt };
      }
      return { ok: false, failure: { modelVersion: job.modelVersion, error: toWire(error) }, isSpoilt };
    } finally {
      this.loads.delete(id);
    }
  }

  async cancelLoad(id: number): Promise<void> {
    this.loads.get(id)?.abort();
  }

  async close(loadId: number): Promise<Reply<null>> {
    await this.runs.allEntered(loadId);
    const model = this.models.get(loadId);
    this.models.delete(loadId);
    clearTimeout(this.updates.get(loadId));
    this.updates.delete(loadId);
    this.retests.delete(loadId);
    this.retested.get(loadId)?.abort();
    this.retested.delete(loadId);
    if (model === undefined) return { ok: true, value: null };
    const release = () => {
      this.residents.dropOf(loadId);
      return model.session.release();
    };
    return reply(() => this.queue.control(release).then(() => null));
  }

  storedModels(): Promise<Reply<readonly StoredModel[]>> {
    return this.withStore((store) => store.list());
  }

  removeStored(url: string | null): Promise<Reply<number>> {
    return this.withStore(async (store) => store.remove(url === null ? null : await store.keyOf(url)));
  }

  pinStored(url: string, isPinned: boolean): Promise<Reply<boolean>> {
    return this.withStore(async (store) => store.pin(await store.keyOf(url), isPinned));
  }

  checkStored(url: string | null): Promise<Reply<StoreCheck>> {
    return this.withStore(async (store) => checkStore(store, url === null ? null : await store.keyOf(url)));
  }

  async retire(): Promise<void> {
    for (const loading of this.loads.values()) loading.abort();
    await this.source.close();
  }

  async refreshed(ask: number, address: FileAddress | null): Promise<void> {
    this.asks.get(ask)?.(address);
    this.asks.delete(ask);
  }

  /** The page's side of a load. */
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

  /** Lets runs of this model in, together where the load asked for it and the model has proved that it may. */
  private async admit(loadId: number, { batch, resident }: LoadRequest, model: RunnableModel): Promise<LoadedModel> {
    const { session, guard, counter, processing, loaded } = model;
    const prove = () => batchRefusal((feeds) => guard.run(feeds), loaded.manifest, batch as BatchRule);
    const refusal = batch === null ? null : await this.queue.control(prove);
    this.models.set(loadId, {
      session,
      guard,
      counter,
      processing,
      batch: refusal === null ? batch : null,
      residentCount: resident.length,
    });
    return { ...loaded, batchRefusal: refusal };
  }

  /** A cached model is looked up anew when the page's own start is over, whether anything ran or not: a request must not tell that. */
  private planUpdate(job: LoadJob, { loaded }: RunnableModel, hooks: LoadHooks): void {
    const { source, update } = job.request;
    if (update !== 'background' || !loaded.fromCache || !('url' in source)) return;
    this.updates.set(
      job.id,
      setTimeout(() => void this.update(source.url, job, loaded.variant, hooks), UPDATE_DELAY_MS),
    );
  }

  /** What the choice left open is found out behind the first result, too. */
  private planRetest(loadId: number, { retest }: RunnableModel): void {
    if (retest === null) return;
    const closing = new AbortController();
    this.retested.set(loadId, closing);
    this.retests.set(loadId, () => {
      this.retests.delete(loadId);
      // A retest that fails, most often because the model was closed, leaves the question to the next visit.
      setTimeout(() => void (this.models.has(loadId) && retest(closing.signal).catch(() => undefined)), RETEST_DELAY_MS);
    });
  }

  /** Behind the first load, as an update is, and once. */
  private planSnapshot(): void {
    if (this.isSnapshotKept) return;
    this.isSnapshotKept = true;
    setTimeout(() => void this.loader?.keepSnapshot(), UPDATE_DELAY_MS);
  }

  /** Behind the first result of any model, and once: it takes the processor and asks no server. */
  private fillCodeCache(): void {
    if (this.isCodeCacheFilled) return;
    this.isCodeCacheFilled = true;
    setTimeout(() => void this.loader?.fillCodeCache(), RETEST_DELAY_MS);
  }

  private async update(url: string, { access, request }: LoadJob, variant: string, hooks: LoadHooks): Promise<void> {
    const downloadHooks = { signal: new AbortController().signal, access, onBytes: () => undefined };
    try {
      const update = await fetchUpdate(
        this.source,
        await modelAddress(url, request.ignoreQuery),
        { id: variant, isNamed: request.variant !== null },
        downloadHooks,
      );
      if (update !== null) hooks.updated(update);
    } catch (error) {
      // Offline is the normal case of a cached model: what is stored stays, and the next visit asks again.
      hooks.updateFailed(toWire(error));
    }
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

const worker = new InferenceWorker();
addEventListener('message', ({ data }: MessageEvent<PageMessage<MessagePort>>) => {
  if (data.type !== 'control') return worker.runs.receive(data);
  const { port } = data;
  worker.tell = (news) => port.postMessage(news);
  port.onmessage = ({ data: call }: MessageEvent<Call | EarlierCall>) => {
    if ('id' in call) port.postMessage(refuseEarlier(call, __RELEASE__));
    else void answerCall(worker, call, (answer) => port.postMessage(answer));
  };
});
