/**
 * Worker host: one inference worker, from its start to its end, and everything that waits for it.
 *
 * Why so much care: comlink's calls never settle when the worker dies, a hung runtime answers nothing, and neither shows in any event.
 * Death is learnt from four sides: the error event, a Web Lock that the worker holds while it lives, a ping
 * that stays unanswered after a run's deadline, and silence during a load.
 *
 * Invariants
 *  - Whatever ends the worker, each pending call rejects once, and the host is of no use afterwards: `onEnd` says so.
 *  - A worker of another release is never used.
 *
 * Not here: which worker a load goes to (sdk/worker-set.ts).
 */
import * as comlink from 'comlink';
import { firstLine, fromWire, SdkError } from '../protocol/errors.ts';
import { WORKER_PING_INTERVAL_MS, WORKER_PING_TIMEOUT_MS, WORKER_SILENCE_MS_MAX, WORKER_START_TIMEOUT_MS } from '../protocol/limits.ts';
import type { Provider } from '../protocol/manifest.ts';
import type {
  ControlApi,
  LoadProgress,
  LoadReply,
  LoadRequest,
  PageMessage,
  Reply,
  StoredModel,
  WorkerSettings,
} from '../protocol/messages.ts';
import { RunChannel } from './run-channel.ts';
import { trustedUrl } from './trusted-url.ts';

type Failure = (pendingCount: number) => SdkError;

const WORKER_FILE = 'insitu.worker.js';
const LOST: Failure = (pendingCount) => new SdkError('worker-lost', { pendingCount });

export class WorkerHost {
  readonly runs: RunChannel;
  /** Handles of the models that live in this worker. */
  readonly handles = new Set<number>();
  /** What its runtime serves, once that is known. */
  provider: Provider | null = null;
  /** No load may go here any more. */
  isSpoilt = false;
  loadCount = 0;
  private readonly worker: Worker;
  private readonly control: ControlApi;
  private readonly controlPort: MessagePort;
  private readonly ready: Promise<void>;
  private readonly onEnd: () => void;
  private readonly waiting = new Set<(error: SdkError) => void>();
  private readonly ended = new AbortController();
  private failure: Failure | null = null;
  private isPinging = false;

  /** Starts a worker. Failures of the start reject every call that follows. */
  constructor(url: string, settings: Omit<WorkerSettings, 'release' | 'lifeLock'>, onEnd: () => void) {
    this.onEnd = onEnd;
    this.worker = spawn(url);
    this.runs = new RunChannel(this.worker, () => this.askWhetherAlive());
    const { port1, port2 } = new MessageChannel();
    this.worker.postMessage({ type: 'control', port: port2 } satisfies PageMessage<MessagePort>, [port2]);
    // Every method returns a promise already, so comlink's mapped type would only split the unions of its answers.
    this.controlPort = port1;
    this.control = comlink.wrap(port1) as unknown as ControlApi;
    let isReady = false;
    this.worker.onerror = (event) => {
      event.preventDefault?.();
      const reason = event.message || 'it was not found, is not a script, or a Content-Security-Policy forbids it';
      this.end(isReady ? LOST : () => new SdkError('asset-unreachable', { asset: WORKER_FILE, reason }));
    };
    this.worker.onmessageerror = () => this.end(LOST);
    this.ready = this.start(settings).then(() => {
      isReady = true;
    });
    // Each call awaits `ready` and reports its failure; without any call there is nobody to tell.
    this.ready.catch(() => undefined);
  }

  async load(id: number, request: LoadRequest, onProgress: (progress: LoadProgress) => void): Promise<LoadReply> {
    await this.ready;
    const stopWatching = this.watchForSilence();
    try {
      return await this.guarded(this.control.load(id, request, comlink.proxy(onProgress)));
    } finally {
      stopWatching();
    }
  }

  cancelLoad(id: number): void {
    if (this.failure === null) void this.control.cancelLoad(id);
  }

  async closeModel(handle: number): Promise<void> {
    this.handles.delete(handle);
    this.runs.endRunsOf(handle);
    unwrap(await this.guarded(this.control.close(handle)));
  }

  async storedModels(): Promise<readonly StoredModel[]> {
    await this.ready;
    return unwrap(await this.guarded(this.control.storedModels()));
  }

  async removeStored(url: string | null): Promise<number> {
    await this.ready;
    return unwrap(await this.guarded(this.control.removeStored(url)));
  }

  /** Ends the worker at once and rejects what waits for it. */
  end(failure: Failure): void {
    if (this.failure !== null) return;
    this.failure = failure;
    this.ended.abort();
    this.worker.terminate();
    this.controlPort.close();
    const pendingCount = this.waiting.size + this.runs.pendingCount;
    for (const reject of this.waiting) reject(failure(pendingCount));
    this.waiting.clear();
    this.runs.failAll(() => failure(pendingCount));
    this.onEnd();
  }

  private async start(settings: Omit<WorkerSettings, 'release' | 'lifeLock'>): Promise<void> {
    const lifeLock = navigator.locks === undefined ? null : `insitu-worker-${crypto.randomUUID()}`;
    const timer = setTimeout(
      () => this.end(() => new SdkError('worker-start-timeout', { timeoutMs: WORKER_START_TIMEOUT_MS })),
      WORKER_START_TIMEOUT_MS,
    );
    try {
      const started = this.control.start({ ...settings, release: __RELEASE__, lifeLock });
      const { holdsLifeLock } = unwrap(await this.guarded(started));
      if (holdsLifeLock && lifeLock !== null) this.waitForDeath(lifeLock);
    } catch (error) {
      this.end(() => error as SdkError);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The lock is granted to the page when the worker that held it is gone. */
  private waitForDeath(lifeLock: string): void {
    navigator.locks
      .request(lifeLock, { signal: this.ended.signal }, () => this.end(LOST))
      // Aborted by our own end, or refused: the other three signs remain.
      .catch(() => undefined);
  }

  /** After a deadline: a busy worker answers when its run is over, a hung one never. */
  private askWhetherAlive(): void {
    if (this.isPinging || this.failure !== null) return;
    this.isPinging = true;
    const timer = setTimeout(() => this.end(LOST), WORKER_PING_TIMEOUT_MS);
    this.guarded(this.control.ping())
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(timer);
        this.isPinging = false;
      });
  }

  private watchForSilence(): () => void {
    let heardAtMs = performance.now();
    const timer = setInterval(() => {
      if (performance.now() - heardAtMs > WORKER_SILENCE_MS_MAX) this.end(LOST);
      else
        void this.control.ping().then(() => {
          heardAtMs = performance.now();
        });
    }, WORKER_PING_INTERVAL_MS);
    return () => clearInterval(timer);
  }

  /** The call's answer, or the failure that ends this host. */
  private guarded<T>(call: Promise<T>): Promise<T> {
    if (this.failure !== null) return Promise.reject(this.failure(0));
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      call.then(resolve, reject).finally(() => this.waiting.delete(reject));
    });
  }
}

/**
 * A module worker; from another origin through a one-line module of our own, because workers must be same-origin.
 *
 * @throws {SdkError} `asset-unreachable` where the engine refuses at once what others report as an event (WebKit: a policy against workers).
 */
function spawn(url: string): Worker {
  const isSameOrigin = new URL(url).origin === location.origin;
  const source = isSameOrigin ? url : URL.createObjectURL(new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' }));
  try {
    return new Worker(trustedUrl(source), { type: 'module', name: 'insitu' });
  } catch (error) {
    throw new SdkError('asset-unreachable', { asset: WORKER_FILE, reason: firstLine(error) }, { cause: error });
  } finally {
    // The worker's fetch has its own hold on the blob; see "resolve a blob URL" in the File API.
    if (!isSameOrigin) URL.revokeObjectURL(source);
  }
}

function unwrap<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value;
  throw fromWire(reply.error);
}
