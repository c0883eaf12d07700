/**
 * Worker set: the client's workers, and which one a load goes to.
 *
 * One worker holds one runtime build, so a client has one worker for models on wasm and one for models on webgpu, each
 * started when first needed and ended with its last model, because a WASM heap never shrinks.
 *
 * Invariants
 *  - No worker ends under a call or a run; one that hangs ends by itself (sdk/workers/worker-host.ts).
 *  - A load is repeated only in a worker that has not refused it yet, so it ends.
 *  - A spoilt worker gets no further load and ends when its last model closes; the next load starts a fresh one.
 */
import { SdkError } from '../../protocol/errors.ts';
import type { Provider } from '../../protocol/manifest/manifest.ts';
import type { LoadedModel, LoadFailure, LoadHooks, LoadRequest } from '../../protocol/worker/loading.ts';
import type { WorkerHost } from './worker-host.ts';

export type LoadOutcome =
  | { readonly ok: true; readonly loaded: LoadedModel; readonly host: WorkerHost }
  | { readonly ok: false; readonly failure: LoadFailure };

export class WorkerSet {
  private readonly startHost: (onEnd: () => void, first: LoadRequest | null) => WorkerHost;
  private readonly hosts = new Set<WorkerHost>();
  private nextId = 1;
  private isClosed = false;

  /** @param startHost `first`: the load that the worker is started for, if any. */
  constructor(startHost: (onEnd: () => void, first: LoadRequest | null) => WorkerHost) {
    this.startHost = startHost;
  }

  /** @throws {SdkError} when a worker does not start or is lost; failures of the load itself are an outcome. */
  async load(request: LoadRequest, signal: AbortSignal | undefined, hooks: LoadHooks): Promise<LoadOutcome> {
    const id = this.nextId++;
    const refusedBy = new Set<WorkerHost>();
    let pending = request;
    let provider: Provider | null = request.provider === 'auto' ? null : request.provider;
    for (;;) {
      if (signal?.aborted === true) throw new SdkError('aborted', { stage: 'load' });
      const host = this.hostFor(provider, refusedBy, pending);
      const onAbort = () => host.cancelLoad(id);
      signal?.addEventListener('abort', onAbort);
      host.callCount++;
      try {
        const reply = await host.load(id, pending, hooks);
        if (!reply.ok && reply.isSpoilt) host.isSpoilt = true;
        if (reply.ok) {
          host.provider = reply.value.build === 'wasm' ? 'wasm' : 'webgpu';
          host.loadIds.add(id);
          return { ok: true, loaded: reply.value, host };
        }
        if ('failure' in reply) return { ok: false, failure: reply.failure };
        refusedBy.add(host);
        provider = reply.otherWorker.provider;
        pending = { ...pending, considered: reply.otherWorker.considered };
      } finally {
        signal?.removeEventListener('abort', onAbort);
        host.callCount--;
        this.endIfIdle(host);
      }
    }
  }

  /** Resolves when the runs that were sent before are answered and counted. Never rejects because the worker is gone: that closes its models too. */
  async closeModel(host: WorkerHost, loadId: number): Promise<void> {
    host.loadIds.delete(loadId);
    // With its last model the whole worker ends, which releases more than the session can.
    const isAtRest = host.loadIds.size === 0 && host.callCount === 0 && host.runs.pendingCount === 0;
    // Its session is not released one by one, so no load may find it.
    if (isAtRest) host.isSpoilt = true;
    host.callCount++;
    try {
      if (!isAtRest && !host.hasEnded) await host.closeModel(loadId);
      // The answer came over the port, and may have overtaken those of runs, which the worker has sent before.
      if (host.loadIds.size === 0) await host.runs.allAnswered();
      await host.runs.allCounted();
    } catch (error) {
      if (!host.hasEnded) throw error;
    } finally {
      host.callCount--;
    }
    this.endIfIdle(host);
  }

  /** Every call rejects from now on; resolves when the workers have counted what they had answered, and have ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    const closed = () => new SdkError('client-closed', {});
    for (const { runs } of this.hosts) runs.refuseAll(closed);
    await Promise.all(Array.from(this.hosts, ({ runs }) => runs.allCounted()));
    await Promise.all(Array.from(this.hosts, (host) => host.retire(closed)));
  }

  /** A call that any worker can answer, in one that is there or starts for it. */
  async withAnyHost<T>(call: (host: WorkerHost) => Promise<T>): Promise<T> {
    const host = this.hostFor(null, new Set(), null);
    host.callCount++;
    try {
      return await call(host);
    } finally {
      host.callCount--;
      this.endIfIdle(host);
    }
  }

  private hostFor(provider: Provider | null, refusedBy: ReadonlySet<WorkerHost>, first: LoadRequest | null): WorkerHost {
    if (this.isClosed) throw new SdkError('client-closed', {});
    for (const host of this.hosts) {
      const isFit = provider === null || host.provider === null || (host.provider === 'wasm') === (provider === 'wasm');
      if (isFit && !host.isSpoilt && !refusedBy.has(host)) return host;
    }
    const host = this.startHost(() => this.hosts.delete(host), first === null ? null : { ...first, provider: provider ?? 'auto' });
    this.hosts.add(host);
    return host;
  }

  private endIfIdle(host: WorkerHost): void {
    if (host.loadIds.size === 0 && host.callCount === 0) void host.retire(() => new SdkError('worker-lost', { pendingCount: 0 }));
  }
}
