/**
 * Model binding: the worker that a model lives in now, and its way into a new one when that worker, its GPU or its provider is lost.
 *
 * Why: a caller holds a model for as long as the page lives; a worker may hang, run out of memory or lose its GPU at any time. The
 * model object outlives all of them: its next run loads it again, from the store, and goes on.
 *
 * Invariants
 *  - A run is never repeated. What was pending is rejected with the reason; the next run works.
 *  - One rebuild at a time. Runs that come meanwhile wait for it, at most RUN_QUEUE_COUNT_MAX of them, each to its own deadline.
 *  - A rebuild that fails rejects the runs that wait with the load's error and leaves nothing behind; a later run tries again.
 *  - A model that loses WORKER_LOSS_COUNT_MAX workers within WORKER_LOSS_WINDOW_MS waits for that time to be over.
 *  - What a lost GPU or a wrong answer rules out is ruled out for this model on this page, and remembered nowhere else.
 *
 * Not here: how a worker's death is noticed (sdk/workers/worker-host.ts) and what a run is (sdk/model/model.ts).
 */
import { type ErrorCode, fromWire, isSdkError, SdkError } from '../../protocol/errors.ts';
import {
  REBUILD_BACKOFF_MS_MAX,
  REBUILD_BACKOFF_MS_MIN,
  RUN_QUEUE_COUNT_MAX,
  WORKER_LOSS_COUNT_MAX,
  WORKER_LOSS_WINDOW_MS,
} from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Consideration, LoadedModel } from '../../protocol/worker/loading.ts';
import type { LoadOptions } from '../api/load.ts';
import { TIMER_MS_MAX } from '../workers/run-channel.ts';
import type { WorkerHost } from '../workers/worker-host.ts';

export interface Bound {
  readonly loaded: LoadedModel;
  readonly host: WorkerHost;
}

/** What a binding needs of its client. */
interface BindingDeps {
  /** Loads the model once more. Candidates in `considered` are not tried; the signal says that it is not wanted any more. */
  rebuild(considered: readonly Consideration[], signal: AbortSignal): Promise<Bound>;
  release(bound: Bound): Promise<void>;
  /** A loss that no run was rejected with. */
  lostIdle(loaded: LoadedModel, code: ErrorCode): void;
}

export class ModelBinding {
  /** Codes of the losses that were recovered from, oldest first. */
  readonly losses: ErrorCode[] = [];
  private readonly deps: BindingDeps;
  private readonly asked: Pick<LoadOptions, 'variant' | 'provider'>;
  private bound: Bound;
  /** Why `bound` is of no use any more, though its worker may live. */
  private reason: ErrorCode | null = null;
  /** The last run in `bound` did not answer: whether the loss was this model's doing cannot be told, but it may have been. */
  private isSuspect = false;
  private rebuilding: Promise<Bound> | null = null;
  private waitingCount = 0;
  private left: readonly Consideration[] = [];
  private lossTimesMs: number[] = [];
  private refusal: { readonly error: unknown; readonly untilMs: number; readonly backoffMs: number } | null = null;
  private readonly closing = new AbortController();

  constructor(bound: Bound, asked: Pick<LoadOptions, 'variant' | 'provider'>, deps: BindingDeps) {
    this.bound = bound;
    this.asked = asked;
    this.deps = deps;
  }

  get loaded(): LoadedModel {
    return this.bound.loaded;
  }

  /** Where to run now; null when the model has to be rebuilt first. */
  get ready(): Bound | null {
    return this.lossNow() === null ? this.bound : null;
  }

  /**
   * Where to run, rebuilt.
   *
   * @throws {SdkError} what `Client.load` throws; `run-timeout`, `aborted`, `queue-full`, `worker-lost`.
   */
  rebuilt(timeoutMs: number, signal: AbortSignal | undefined): Promise<Bound> {
    if (this.waitingCount >= RUN_QUEUE_COUNT_MAX) return Promise.reject(new SdkError('queue-full', { countMax: RUN_QUEUE_COUNT_MAX }));
    if (signal?.aborted === true) return Promise.reject(new SdkError('aborted', { stage: 'run' }));
    this.rebuilding ??= this.rebuild().finally(() => {
      this.rebuilding = null;
    });
    return this.waitFor(this.rebuilding, timeoutMs, signal);
  }

  answered(bound: Bound): void {
    if (bound === this.bound) this.isSuspect = false;
  }

  /** Draws the conclusion from a run that failed there. */
  failed(bound: Bound, error: unknown): void {
    if (!isSdkError(error)) return;
    const { code } = error;
    const isWorkerGone = code === 'worker-lost' || code === 'out-of-memory';
    // The worker's own word that its runtime cannot go on; what else waits in it is over too.
    if (isWorkerGone && !bound.host.hasEnded) bound.host.end((pendingCount) => lossError(error, pendingCount));
    if (bound !== this.bound) return;
    if (isWorkerGone || code === 'run-timeout') this.isSuspect = true;
    if (code === 'device-lost') {
      bound.host.isSpoilt = true;
      bound.host.isDeviceLost = true;
    }
    if (code === 'model-outputs-wrong') this.leaveWrong(bound.loaded, error.message);
    if (isWorkerGone || code === 'device-lost' || code === 'model-outputs-wrong') this.reason ??= code;
  }

  /** Resolves when the model is released, wherever it is by then. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.rebuilding?.catch(() => undefined);
    await this.deps.release(this.bound);
  }

  private lossNow(): ErrorCode | null {
    if (this.reason !== null) return this.reason;
    const { host } = this.bound;
    // A model on wasm may live in a worker that has a GPU for others.
    if (host.isDeviceLost && this.bound.loaded.provider !== 'wasm') return 'device-lost';
    return host.hasEnded ? 'worker-lost' : null;
  }

  private async rebuild(): Promise<Bound> {
    const loss = this.lossNow();
    if (loss === null) return this.bound;
    this.requirePermission();
    const lost = this.bound;
    if (this.reason === null) this.deps.lostIdle(lost.loaded, loss);
    this.reason = loss;
    if (loss === 'device-lost') this.leaveDevice(lost.loaded);
    // Not awaited: a runtime whose device is gone may never answer, and what it holds ends with its worker.
    void this.deps.release(lost).catch(() => undefined);
    try {
      const bound = await this.deps.rebuild(this.left, this.closing.signal);
      await this.requireSameInterface(lost.loaded, bound);
      this.settleIn(bound, loss);
      return bound;
    } catch (error) {
      if (this.closing.signal.aborted) throw new SdkError('model-closed', { model: lost.loaded.manifest.name });
      this.refuse(error);
      throw error;
    }
  }

  /** @throws {SdkError} `manifest-invalid` when a newer version has come into the store's place and takes other feeds. */
  private async requireSameInterface({ manifest }: LoadedModel, bound: Bound): Promise<void> {
    if (hasSameInterface(manifest, bound.loaded.manifest)) return;
    await this.deps.release(bound);
    const reason = 'its inputs or outputs are not those of the version that was open; load it again';
    throw new SdkError('manifest-invalid', { url: manifest.name, reason });
  }

  private settleIn(bound: Bound, loss: ErrorCode): void {
    this.bound = bound;
    this.reason = null;
    this.refusal = null;
    this.losses.push(loss);
    if (this.isSuspect) this.lossTimesMs.push(performance.now());
    this.isSuspect = false;
  }

  /** @throws {SdkError} while a failed rebuild's wait, or that of a model that keeps losing workers, is not over. */
  private requirePermission(): void {
    const nowMs = performance.now();
    if (this.refusal !== null && nowMs < this.refusal.untilMs) throw this.refusal.error;
    this.lossTimesMs = this.lossTimesMs.filter((lossMs) => nowMs - lossMs < WORKER_LOSS_WINDOW_MS);
    // The loss at hand is the last of them.
    const lossCount = this.lossTimesMs.length + (this.isSuspect ? 1 : 0);
    if (lossCount >= WORKER_LOSS_COUNT_MAX) {
      throw new SdkError('worker-lost', { pendingCount: 0, lossCount, withinMs: WORKER_LOSS_WINDOW_MS });
    }
  }

  private refuse(error: unknown): void {
    const backoffMs = Math.min(REBUILD_BACKOFF_MS_MAX, this.refusal === null ? REBUILD_BACKOFF_MS_MIN : 2 * this.refusal.backoffMs);
    this.refusal = { error, backoffMs, untilMs: performance.now() + backoffMs };
    // A new device on the provider that was lost is better than none.
    this.left = this.left.filter(({ outcome }) => outcome === 'wrong-outputs');
  }

  /** A provider that was named is never replaced, and the only one there is gets a new device. */
  private leaveDevice({ considered, provider }: LoadedModel): void {
    if ((this.asked.provider ?? 'auto') !== 'auto') return;
    const lost = considered.filter((entry) => entry.provider === provider);
    if (lost.length === considered.length) return;
    const reason = 'its GPU device was lost on this page';
    this.leave(lost.map(({ variant }) => ({ variant, provider, outcome: 'failed', reason })));
  }

  private leaveWrong({ variant, provider }: LoadedModel, reason: string): void {
    const isNamed = this.asked.variant !== undefined && (this.asked.provider ?? 'auto') !== 'auto';
    if (!isNamed) this.leave([{ variant, provider, outcome: 'wrong-outputs', reason }]);
  }

  private leave(candidates: readonly Consideration[]): void {
    const isKnown = (left: Consideration) =>
      this.left.some(({ variant, provider }) => variant === left.variant && provider === left.provider);
    this.left = [...this.left, ...candidates.filter((candidate) => !isKnown(candidate))];
  }

  private waitFor(rebuilding: Promise<Bound>, timeoutMs: number, signal: AbortSignal | undefined): Promise<Bound> {
    this.waitingCount++;
    let stop: () => void = () => undefined;
    const waiting = new Promise<Bound>((resolve, reject) => {
      const timer = setTimeout(() => reject(new SdkError('run-timeout', { timeoutMs })), Math.min(timeoutMs, TIMER_MS_MAX));
      const onAbort = () => reject(new SdkError('aborted', { stage: 'run' }));
      signal?.addEventListener('abort', onAbort);
      stop = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      rebuilding.then(resolve, reject);
    });
    return waiting.finally(() => {
      this.waitingCount--;
      stop();
    });
  }
}

function lossError(error: SdkError, pendingCount: number): SdkError {
  return isSdkError(error, 'out-of-memory') ? fromWire(error) : new SdkError('worker-lost', { pendingCount });
}

/** The caller's feeds are made for the inputs that the model had when it was opened. */
function hasSameInterface(before: Manifest, after: Manifest): boolean {
  const textOf = ({ inputs, outputs }: Manifest) =>
    JSON.stringify([inputs, outputs].map((side) => side.map(({ name, type, dims }) => [name, type, dims])));
  return textOf(before) === textOf(after);
}
