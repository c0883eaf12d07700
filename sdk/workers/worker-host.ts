/**
 * Worker host: one inference worker, from its start to its end, and everything that waits for it.
 *
 * Why so much care: a call never settles when the worker dies, a hung runtime answers nothing, and neither shows in any event.
 * Death is learnt from four sides: the error event, a Web Lock that the worker holds while it lives, a ping
 * that stays unanswered after a run's deadline, and silence during a load.
 *
 * Invariants
 *  - Whatever ends the worker, each pending call rejects once, and the host is of no use afterwards: `onEnd` says so.
 *  - A worker of another release is never used.
 *  - None of these waits is measured by the clock (protocol/awake-time.ts): a page that slept does not end a worker that slept with it.
 *  - Each wait for a control call is bounded: while one is open the worker is pinged, and a worker that is silent is ended, as
 *    is one that answers and gets nowhere: browsers have left a request of IndexedDB or for a Web Lock unanswered for good.
 *
 * Not here: which worker a load goes to (sdk/workers/worker-set.ts).
 */
import { afterAwake, everyStep } from '../../protocol/awake-time.ts';
import { inTime } from '../../protocol/deadline.ts';
import { firstLine, fromWire, SdkError } from '../../protocol/errors.ts';
import {
  WORKER_PING_INTERVAL_MS,
  WORKER_PING_TIMEOUT_MS,
  WORKER_RETIRE_MS_MAX,
  WORKER_SILENCE_MS_MAX,
  WORKER_STANDSTILL_MS_MAX,
  WORKER_START_TIMEOUT_MS,
} from '../../protocol/limits.ts';
import type { Provider } from '../../protocol/manifest/manifest.ts';
import * as shipped from '../../protocol/shipped-files.json';
import { type Answer, Caller } from '../../protocol/worker/calls.ts';
import type {
  ControlApi,
  EarlyStart,
  LoadReply,
  PageMessage,
  Reply,
  StoreCheck,
  StoredModel,
  WorkerNews,
  WorkerSettings,
} from '../../protocol/worker/control.ts';
import type { FileAddress, LoadHooks, LoadRequest } from '../../protocol/worker/loading.ts';
import { requireWorkers } from '../api/foreign.ts';
import { askAsset } from '../assets/ask-asset.ts';
import { RunChannel } from './run-channel.ts';
import { refusalAdvice, trustedUrl } from './trusted-url.ts';

type Failure = (pendingCount: number) => SdkError;

const LOST: Failure = (pendingCount) => new SdkError('worker-lost', { pendingCount });

export class WorkerHost {
  readonly runs: RunChannel;
  /** Of the models that live in this worker. */
  readonly loadIds = new Set<number>();
  /** What its runtime serves, once that is known. */
  provider: Provider | null = null;
  /** No load may go here any more. */
  isSpoilt = false;
  /** Its GPU device is gone: the models in it answer nothing any more. */
  isDeviceLost = false;
  /** Loads, closes and questions to its store that are under way. */
  callCount = 0;
  private readonly worker: Worker;
  private readonly control: Caller<ControlApi>;
  private readonly port: MessagePort;
  /** What the page has behind each load and open model, for what the worker asks and tells. */
  private readonly hooks = new Map<number, LoadHooks>();
  private readonly ready: Promise<void>;
  private readonly onEnd: () => void;
  private readonly waiting = new Set<(error: SdkError) => void>();
  private readonly ended = new AbortController();
  private failure: Failure | null = null;
  private isPinging = false;
  /** How often a control call began, went on or ended. */
  private moveCount = 0;

  /**
   * Starts a worker. Failures of the start reject every call that follows.
   *
   * @param first The load that it is started for, if any: what that will need begins with the worker.
   */
  constructor(url: string, settings: Omit<WorkerSettings, 'release' | 'lifeLock'>, onEnd: () => void, first: LoadRequest | null) {
    requireWorkers();
    this.onEnd = onEnd;
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.control = new Caller((call) => port1.postMessage(call));
    port1.onmessage = ({ data }: MessageEvent<Answer | WorkerNews>) => ('type' in data ? this.hear(data) : this.control.settle(data));
    this.worker = spawn(url, first === null ? null : earlyStart(settings, first));
    this.runs = new RunChannel(this.worker, () => this.askWhetherAlive());
    this.worker.postMessage({ type: 'control', port: port2 } satisfies PageMessage<MessagePort>, [port2]);
    let isReady = false;
    this.worker.onerror = (event) => {
      event.preventDefault?.();
      if (isReady) this.end(LOST);
      else
        void askAsset(url, event.message).then((fault) =>
          this.end(() => new SdkError('asset-unreachable', { asset: shipped.worker, ...fault })),
        );
    };
    this.worker.onmessageerror = () => this.end(LOST);
    this.ready = this.start(settings).then(() => {
      isReady = true;
    });
    // Each call awaits `ready` and reports its failure; without any call it is not reported.
    this.ready.catch(() => undefined);
  }

  /** It answers nothing any more. */
  get hasEnded(): boolean {
    return this.failure !== null;
  }

  async load(id: number, request: LoadRequest, hooks: LoadHooks): Promise<LoadReply> {
    this.hooks.set(id, hooks);
    // Behind the start's message, not behind its answer: the port keeps the order, and a start that fails ends this host with all that waits.
    const reply = await this.watched(() => this.control.call('load', id, request));
    // An open model may still have news: of an update.
    if (!reply.ok) this.hooks.delete(id);
    return reply;
  }

  cancelLoad(id: number): void {
    if (this.failure === null) void this.control.call('cancelLoad', id);
  }

  async closeModel(loadId: number): Promise<void> {
    this.runs.endRunsOf(loadId);
    this.hooks.delete(loadId);
    unwrap(await this.watched(() => this.control.call('close', loadId)));
  }

  async storedModels(): Promise<readonly StoredModel[]> {
    await this.ready;
    return unwrap(await this.watched(() => this.control.call('storedModels')));
  }

  async removeStored(url: string | null): Promise<number> {
    await this.ready;
    return unwrap(await this.watched(() => this.control.call('removeStored', url)));
  }

  async pinStored(url: string, isPinned: boolean): Promise<boolean> {
    await this.ready;
    return unwrap(await this.watched(() => this.control.call('pinStored', url, isPinned)));
  }

  async checkStored(url: string | null): Promise<StoreCheck> {
    await this.ready;
    return unwrap(await this.watched(() => this.control.call('checkStored', url)));
  }

  /** Ends the worker at once and rejects what waits for it. */
  end(failure: Failure): void {
    if (this.failure !== null) return;
    this.terminate();
    this.giveUp(failure);
  }

  /**
   * As `end`, of a worker that is well and not needed: its store finishes first what it is at. Resolves when it is gone.
   *
   * Why: an engine has kept the store locked for good, in every tab, after a worker was ended in the midst of a write.
   */
  async retire(failure: Failure): Promise<void> {
    if (this.failure !== null) return;
    this.giveUp(failure);
    await inTime(this.control.call('retire'), WORKER_RETIRE_MS_MAX).catch(() => undefined);
    this.terminate();
  }

  private terminate(): void {
    this.worker.terminate();
    this.port.close();
  }

  private giveUp(failure: Failure): void {
    this.failure = failure;
    this.ended.abort();
    const pendingCount = this.waiting.size + this.runs.pendingCount;
    for (const reject of this.waiting) reject(failure(pendingCount));
    this.waiting.clear();
    this.runs.failAll(() => failure(pendingCount));
    this.onEnd();
  }

  private async start(settings: Omit<WorkerSettings, 'release' | 'lifeLock'>): Promise<void> {
    const lifeLock = navigator.locks === undefined || crypto.randomUUID === undefined ? null : `insitu-worker-${crypto.randomUUID()}`;
    const stopWaiting = afterAwake(WORKER_START_TIMEOUT_MS, () =>
      this.end(() => new SdkError('worker-start-timeout', { timeoutMs: WORKER_START_TIMEOUT_MS })),
    );
    try {
      const started = this.control.call('start', { ...settings, release: __RELEASE__, lifeLock });
      const { holdsLifeLock } = unwrap(await this.guarded(started));
      if (holdsLifeLock && lifeLock !== null) this.waitForDeath(lifeLock);
    } catch (error) {
      this.end(() => error as SdkError);
      throw error;
    } finally {
      stopWaiting();
    }
  }

  private hear(news: WorkerNews): void {
    if (news.type === 'device-lost') {
      this.isSpoilt = true;
      this.isDeviceLost = true;
      return;
    }
    const hooks = this.hooks.get(news.id);
    switch (news.type) {
      case 'progress':
        this.moveCount++;
        hooks?.progress(news.progress);
        break;
      case 'update-stored':
        hooks?.updated(news.update);
        break;
      case 'update-failed':
        hooks?.updateFailed(news.error);
        break;
      case 'refresh':
        void this.answerRefresh(news.ask, hooks?.refresh(news.url));
    }
  }

  /** An application that throws has no better address. */
  private async answerRefresh(ask: number, asked: Promise<FileAddress | null> | undefined): Promise<void> {
    const address = await asked?.catch(() => null);
    this.moveCount++;
    if (this.failure === null) void this.control.call('refreshed', ask, address ?? null);
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
    const stopWaiting = afterAwake(WORKER_PING_TIMEOUT_MS, () => this.end(LOST));
    this.guarded(this.control.call('ping'))
      .catch(() => undefined)
      .finally(() => {
        stopWaiting();
        this.isPinging = false;
      });
  }

  /** A call that ends with the worker's silence at the latest. */
  private async watched<T>(call: () => Promise<T>): Promise<T> {
    if (this.failure !== null) throw this.failure(0);
    const answer = this.guarded(call());
    // Heard below; when the start fails, its own error is the one to report.
    answer.catch(() => undefined);
    // Until then the start has a limit of its own.
    await this.ready;
    const stopWatching = this.watchForSilence();
    try {
      return await answer;
    } finally {
      this.moveCount++;
      stopWatching();
    }
  }

  private watchForSilence(): () => void {
    this.moveCount++;
    let [silentMs, stillMs, seenMoveCount] = [0, 0, this.moveCount];
    return everyStep(WORKER_PING_INTERVAL_MS, (isWaking) => {
      silentMs += WORKER_PING_INTERVAL_MS;
      stillMs = this.moveCount === seenMoveCount ? stillMs + WORKER_PING_INTERVAL_MS : 0;
      seenMoveCount = this.moveCount;
      const isStuck = silentMs > WORKER_SILENCE_MS_MAX || stillMs > WORKER_STANDSTILL_MS_MAX;
      if (isStuck && !isWaking) this.end(LOST);
      else
        void this.control.call('ping').then(() => {
          silentMs = 0;
        });
    });
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
function spawn(url: string, order: EarlyStart | null): Worker {
  const source = sourceOf(url);
  try {
    return new Worker(trustedUrl(source), { type: 'module', name: order === null ? 'insitu' : `insitu ${JSON.stringify(order)}` });
  } catch (error) {
    throw new SdkError('asset-unreachable', { asset: shipped.worker, reason: firstLine(error), advice: refusalAdvice() }, { cause: error });
  } finally {
    // The worker's fetch has its own hold on the blob; see "resolve a blob URL" in the File API.
    if (source !== url) URL.revokeObjectURL(source);
  }
}

/** The address itself, or one of a module that imports it. */
function sourceOf(url: string): string {
  // Not the page's address: a sandboxed frame has an origin of its own, to which everything is foreign.
  if (new URL(url).origin === self.origin) return url;
  const script = `import ${JSON.stringify(url)};`;
  // Chromium starts no module worker of a blob that such a frame has made.
  if (self.origin === 'null') return `data:text/javascript,${encodeURIComponent(script)}`;
  return URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
}

function unwrap<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value;
  throw fromWire(reply.error);
}

/** What the worker begins with, before its first message. A stored model is read ahead where nothing else decides whether it may be used. */
function earlyStart(
  settings: Omit<WorkerSettings, 'release' | 'lifeLock'>,
  { source, ignoreQuery, provider, update }: LoadRequest,
): EarlyStart {
  const { assets, threadCountMax, cache, trustedKeys } = settings;
  const isReadAhead = 'url' in source && cache === 'indexeddb' && trustedKeys === null && update !== 'before';
  return {
    runtime: provider === 'wasm' ? assets.runtimes.wasm : null,
    threadCountMax,
    model: isReadAhead ? { url: source.url, ignoreQuery } : null,
  };
}
