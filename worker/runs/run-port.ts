/**
 * Run port: the worker's end of the channel that runs travel on. Requests in, queue, runtime, counts, answers out.
 *
 * Invariants
 *  - Every request is answered exactly once, and nothing throws across the boundary: errors travel as data.
 *  - A run is counted behind its answer, so that its caller does not wait for that; before it where buffers leave with the answer. Its cells leave before
 *    the next run starts; nothing of an input stays.
 *  - A counter that throws costs the run its cells, never its outputs.
 *  - A run that started with others gets what it would have got alone: its own outputs in memory of its own, its own cells, its own
 *    `queueMs`; `runMs` is the time of the call that it shared. If that call fails, each is run again by itself, so that an error stays with its cause.
 *
 * Not here: deadlines and the window (page), when runs start (worker/queue/run-queue.ts), the runtime (worker/runtime/session.ts).
 */
import { SdkError, toWire } from '../../protocol/errors.ts';
import { TRANSFER_BYTES_MIN } from '../../protocol/limits.ts';
import type { Feeds, ResidentWire, RunTensors, TensorWire } from '../../protocol/tensors/tensors.ts';
import { isResidentWire } from '../../protocol/worker/media.ts';
import type { ReadRequest, RunCells, RunMessage, RunNews, RunReplies, RunReply, RunRequest } from '../../protocol/worker/runs.ts';
import { closeFed } from '../prepare/pixels.ts';
import type { PreparedRun, Processing } from '../prepare/processing.ts';
import { batchShapeOf, joinFeeds, splitOutputs } from '../queue/batch.ts';
import type { Pin, ResidentStore } from '../queue/resident-store.ts';
import type { Company, QueuedRun, RunQueue } from '../queue/run-queue.ts';
import { disposeKept, KeptTensor, type SessionTensors } from '../runtime/session.ts';
import type { PortModel } from './port-model.ts';
import { countedCells, hasPrivacySignal, NO_CELLS, readable } from './run-counting.ts';

type Post = (news: RunNews, transfer: ArrayBuffer[]) => void;

interface Ending {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

const NOT_COUNTED: readonly RunCells[] = [];

export class RunPort {
  readonly residents: ResidentStore;
  private readonly post: Post;
  private readonly models: ReadonlyMap<number, PortModel>;
  private readonly queue: RunQueue;
  private readonly onAnswered: (handle: number) => void;
  private readonly endings = new Map<number, Ending>();
  /** Runs of each model that are not tensors yet. */
  private readonly preparing = new Map<number, Set<Promise<void>>>();

  /** @param onAnswered Called with the model's handle after each run that went well. */
  constructor(
    post: Post,
    models: ReadonlyMap<number, PortModel>,
    residents: ResidentStore,
    queue: RunQueue,
    onAnswered: (handle: number) => void,
  ) {
    this.post = post;
    this.models = models;
    this.residents = residents;
    this.queue = queue;
    this.onAnswered = onAnswered;
  }

  /** Answers runs that went well, and counts them. @param count Called once, while what it counts is whole. */
  answer(replies: RunReplies, handle: number, count: () => readonly RunCells[]): void {
    const buffers = buffersOf(replies);
    const early = buffers.length > 0 ? count() : null;
    this.post(replies, buffers);
    const counted = early ?? count();
    if (counted.length > 0) this.post({ counted }, []);
    this.onAnswered(handle);
  }

  /** Answers what is no run, or has failed. */
  tell(reply: RunReply): void {
    this.post(reply, buffersOf(reply));
  }

  receive(message: RunMessage): void {
    if (message.type === 'cancel') this.cancel(message.id);
    else if (message.type === 'release') this.residents.release(message.residentIds);
    else if (message.type === 'run') this.enter(message.requests);
    else if (message.type === 'last') this.endingOf(message.loadId).resolve();
  }

  /** Resolves once every run of this model that the page has sent is in the queue. */
  async allEntered(handle: number): Promise<void> {
    await this.endingOf(handle).promise;
    this.endings.delete(handle);
    await Promise.all(this.preparing.get(handle) ?? []);
    this.preparing.delete(handle);
  }

  private cancel(id: number): void {
    this.queue.cancel(id);
    for (const { processing } of this.models.values()) processing?.cancel(id);
  }

  private endingOf(handle: number): Ending {
    const known = this.endings.get(handle);
    if (known !== undefined) return known;
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const ending = { promise, resolve };
    this.endings.set(handle, ending);
    return ending;
  }

  private enter(requests: readonly (RunRequest | ReadRequest)[]): void {
    const runs: QueuedRun[] = [];
    for (const request of requests) {
      const run = this.jobOf(request);
      if (run !== null) runs.push(run);
    }
    this.queue.enter(runs);
  }

  /** Null when it was answered at once, or enters the queue later. */
  private jobOf(request: RunRequest | ReadRequest): QueuedRun | null {
    try {
      if ('residentId' in request) return new PortRead(this, request, this.residents.pin(request.residentId));
      const model = this.models.get(request.loadId);
      if (model === undefined) throw new SdkError('model-closed', { model: String(request.loadId) });
      const pins = pinsOf(request, this.residents);
      // A model that declares nothing enters the queue at once: the page let nothing but tensors through.
      if (model.processing === null) return new PortRun(this, model, request, unprocessed(request), pins);
      this.prepare(model, model.processing, request, pins);
      return null;
    } catch (error) {
      if ('feeds' in request) closeFed(request.feeds);
      this.tell(failure(request.id, error));
      return null;
    }
  }

  private prepare(model: PortModel, processing: Processing, request: RunRequest, pins: ReadonlyMap<string, Pin>): void {
    const among = this.preparing.get(request.loadId) ?? new Set();
    this.preparing.set(request.loadId, among);
    const entering = processing
      .prepare(request.id, request.feeds)
      .then(
        (prepared) => this.queue.enter([new PortRun(this, model, request, prepared, pins)]),
        (error) => {
          for (const pin of pins.values()) pin.unpin();
          this.tell(failure(request.id, error));
        },
      )
      .finally(() => among.delete(entering));
    among.add(entering);
  }
}

const NO_PLACEMENTS: PreparedRun['placements'] = new Map();

/** A run of a model that declares no processing. */
function unprocessed({ feeds }: RunRequest): PreparedRun {
  return { feeds: feeds as RunTensors, counted: feeds as RunTensors, preMs: 0, placements: NO_PLACEMENTS };
}

/** One run in the queue. */
class PortRun implements QueuedRun {
  readonly id: number;
  readonly arrivedMs = performance.now();
  readonly company: Company | null;
  readonly itemCount: number;
  private readonly port: RunPort;
  private readonly model: PortModel;
  private readonly request: RunRequest;
  private readonly prepared: PreparedRun;
  private readonly pins: ReadonlyMap<string, Pin>;

  constructor(port: RunPort, model: PortModel, request: RunRequest, prepared: PreparedRun, pins: ReadonlyMap<string, Pin>) {
    this.id = request.id;
    this.port = port;
    this.model = model;
    this.request = request;
    const shape = model.batch === null ? null : batchShapeOf(request.loadId, prepared.feeds);
    this.company = shape === null || model.batch === null ? null : { key: shape.key, ...model.batch };
    this.itemCount = shape?.itemCount ?? 1;
    this.prepared = prepared;
    this.pins = pins;
  }

  start(together: readonly this[]): Promise<void> {
    return together.length === 1 ? this.startAlone() : this.startTogether(together);
  }

  refuse(error: unknown): void {
    this.unpin();
    this.port.tell(failure(this.id, error));
  }

  private async startTogether(together: readonly this[]): Promise<void> {
    if (await this.startBatch(together)) return;
    for (const run of together) await run.startAlone();
  }

  private async startAlone(): Promise<void> {
    let outputs: SessionTensors = {};
    let reply: RunReply;
    try {
      this.port.residents.requireRoom(this.model.residentCount);
      const feeds = this.held(this.prepared.feeds);
      const startMs = performance.now();
      outputs = await this.model.watch.runKeeping(feeds);
      reply = this.reply(outputs, startMs, performance.now() - startMs);
    } catch (error) {
      disposeKept(outputs);
      this.refuse(error);
      return;
    }
    this.port.answer(reply, this.request.loadId, () => this.cells(outputs));
    this.unpin();
  }

  /** False when it could not be done together; nothing was answered then. */
  private async startBatch(together: readonly this[]): Promise<boolean> {
    let replies: RunReply[];
    let cells: () => readonly RunCells[];
    try {
      const feeds = together.map(({ prepared }) => prepared.feeds as Feeds);
      const startMs = performance.now();
      const outputs = await this.model.watch.run(joinFeeds(feeds));
      const runMs = performance.now() - startMs;
      const shares = splitOutputs(
        outputs,
        together.map(({ itemCount }) => itemCount),
      );
      if (shares === null) return false;
      replies = together.map((run, index) => run.reply(shares[index] as Feeds, startMs, runMs));
      cells = () => together.flatMap((run, index) => run.cells(shares[index] as Feeds));
    } catch {
      return false;
    }
    this.port.answer(replies, this.request.loadId, cells);
    return true;
  }

  private reply(outputs: SessionTensors, startMs: number, runMs: number): RunReply {
    const { processing } = this.model;
    const timed = { id: this.id, ok: true, preMs: this.prepared.preMs, queueMs: startMs - this.arrivedMs, runMs } as const;
    if (processing === null) return { ...timed, outputs: this.sent(outputs, outputs), results: {}, postMs: 0 };
    const finished = processing.finish(readable(outputs)[0], this.prepared);
    return { ...timed, outputs: this.sent(outputs, finished.outputs), results: finished.results, postMs: finished.postMs };
  }

  /** None when it is not to be counted. */
  private cells(outputs: SessionTensors): readonly RunCells[] {
    if (!this.request.isCounted) return NOT_COUNTED;
    const cells = hasPrivacySignal() ? NO_CELLS : countedCells(this.model, () => this.held(this.prepared.counted), outputs);
    return [{ id: this.id, cells }];
  }

  /**
   * Of the outputs, those that the page is to have; kept tensors go into the store, and by number to the page. The last step of a reply: what
   * the store has is the page's, and the page learns of it by this reply.
   */
  private sent(outputs: SessionTensors, wanted: SessionTensors): RunTensors {
    if (this.model.residentCount === 0) return wanted as Feeds;
    const { residents } = this.port;
    const sent: Record<string, TensorWire | ResidentWire> = {};
    for (const [name, output] of Object.entries(outputs)) {
      if (output instanceof KeptTensor) sent[name] = residents.keep(this.request.loadId, this.model.watch, output);
      else if (wanted[name] !== undefined) sent[name] = output;
    }
    return sent;
  }

  /** The tensors with those that stay here in place of their numbers. */
  private held(tensors: RunTensors): SessionTensors {
    if (this.pins.size === 0) return tensors as Feeds;
    return Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, this.pins.get(name)?.tensor() ?? (tensor as TensorWire)]),
    );
  }

  private unpin(): void {
    if (this.pins.size > 0) for (const pin of this.pins.values()) pin.unpin();
  }
}

const NO_PINS: ReadonlyMap<string, Pin> = new Map();

/** @throws {SdkError} `invalid-option` when one was released; none is pinned then. */
function pinsOf({ feeds }: RunRequest, residents: ResidentStore): ReadonlyMap<string, Pin> {
  let pins: Map<string, Pin> | null = null;
  try {
    for (const name of Object.keys(feeds)) {
      const feed = feeds[name];
      if (feed === undefined || !isResidentWire(feed)) continue;
      pins ??= new Map();
      pins.set(name, residents.pin(feed.residentId));
    }
  } catch (error) {
    for (const pin of pins?.values() ?? []) pin.unpin();
    throw error;
  }
  return pins ?? NO_PINS;
}

/** The way of a resident tensor's elements to the page: through the queue, because on the GPU reading enters the runtime. */
class PortRead implements QueuedRun {
  readonly id: number;
  readonly arrivedMs = performance.now();
  readonly company = null;
  readonly itemCount = 1;
  private readonly port: RunPort;
  private readonly pin: Pin;

  constructor(port: RunPort, request: ReadRequest, pin: Pin) {
    this.id = request.id;
    this.port = port;
    this.pin = pin;
  }

  async start(): Promise<void> {
    const startMs = performance.now();
    try {
      const data = await this.pin.read();
      const [queueMs, runMs] = [startMs - this.arrivedMs, performance.now() - startMs];
      this.pin.unpin();
      this.port.tell({ id: this.id, ok: true, outputs: { data }, results: {}, preMs: 0, queueMs, runMs, postMs: 0 });
    } catch (error) {
      this.refuse(error);
    }
  }

  refuse(error: unknown): void {
    this.pin.unpin();
    this.port.tell(failure(this.id, error));
  }
}

function failure(id: number, error: unknown): RunReply {
  return { id, ok: false, error: toWire(error) };
}

/** Buffers worth handing over, each once. */
function buffersOf(replies: RunReplies): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const reply of Array.isArray(replies) ? (replies as readonly RunReply[]) : [replies as RunReply]) {
    if (!reply.ok) continue;
    for (const name of Object.keys(reply.outputs)) {
      const output = reply.outputs[name] as TensorWire | ResidentWire;
      if (isResidentWire(output) || !ArrayBuffer.isView(output.data) || output.data.byteLength < TRANSFER_BYTES_MIN) continue;
      const buffer = output.data.buffer as ArrayBuffer;
      if (!buffers.includes(buffer)) buffers.push(buffer);
    }
  }
  return buffers;
}
