/**
 * Run port: the worker's end of the channel that runs travel on. Requests in, queue, runtime, counts, answers out.
 *
 * Invariants
 *  - Every request is answered exactly once, and nothing throws across the boundary: errors travel as data.
 *  - A run's cells are read while this side still owns its tensors, and leave with its reply; nothing of an input stays.
 *  - A counter that throws costs the run its cells, never its outputs.
 *  - A run that started with others gets what it would have got alone: its own outputs in memory of its own, its own cells, its own
 *    `queueMs`; `runMs` is the time of the call that it shared. If that call fails, each is run again by itself, so that an error stays with its cause.
 *
 * Not here: deadlines and the window (page), when runs start (worker/runtime/run-queue.ts), the runtime (worker/runtime/session.ts).
 */
import type { Elsewhere } from '../counts/run-counter.ts';
import { SdkError, toWire } from '../protocol/errors.ts';
import { TRANSFER_BYTES_MIN } from '../protocol/limits.ts';
import {
  type BatchRule,
  type Feeds,
  isResidentWire,
  type ReadRequest,
  type ResidentWire,
  type RunFeeds,
  type RunMessage,
  type RunReplies,
  type RunReply,
  type RunRequest,
  type RunResults,
  type RunTensors,
  type TensorWire,
} from '../protocol/messages.ts';
import type { RunnableModel } from './load/loader.ts';
import type { PreparedRun, Processing, UnpreparedFeeds } from './process/processing.ts';
import { batchShapeOf, joinFeeds, splitOutputs } from './runtime/batch.ts';
import type { Pin, ResidentStore } from './runtime/resident-store.ts';
import type { Company, QueuedRun, RunQueue } from './runtime/run-queue.ts';
import { KeptTensor, type SessionTensors } from './runtime/session.ts';

export interface PortModel extends Pick<RunnableModel, 'session' | 'watch' | 'counter' | 'processing'> {
  /** Null: its runs start alone. */
  readonly batch: BatchRule | null;
  /** Outputs that one run leaves here. */
  readonly residentCount: number;
}

type Post = (replies: RunReplies, transfer: ArrayBuffer[]) => void;

interface Ending {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

const NO_CELLS = new Uint32Array();
const NO_RESULTS: RunResults = {};

export class RunPort {
  readonly residents: ResidentStore;
  private readonly post: Post;
  private readonly models: ReadonlyMap<number, PortModel>;
  private readonly queue: RunQueue;
  private readonly onAnswered: (handle: number) => void;
  private readonly endings = new Map<number, Ending>();
  /** Per model: resolves when every run that is being prepared has entered the queue, or was refused. */
  private readonly preparing = new Map<number, Promise<void>>();

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

  answer(replies: RunReplies, handle: number | null): void {
    this.post(replies, buffersOf(replies));
    if (handle !== null) this.onAnswered(handle);
  }

  receive(message: RunMessage): void {
    if (message.type === 'cancel') this.cancel(message.id);
    else if (message.type === 'release') this.residents.release(message.residentIds);
    else if (message.type === 'run') this.enter(message.requests);
    else if (message.type === 'last') this.endingOf(message.handle).resolve();
  }

  /** Resolves once every run of this model that the page has sent is in the queue. */
  async allEntered(handle: number): Promise<void> {
    await this.endingOf(handle).promise;
    await this.preparing.get(handle);
    this.endings.delete(handle);
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

  /** Media become tensors ahead of the queue, and enter it in order of arrival. */
  private prepare(model: PortModel, processing: Processing, request: RunRequest): void {
    const arrivedMs = performance.now();
    const entering = processing.prepare(request.id, withoutResidents(request.feeds)).then(
      (prepared) => {
        const run = this.answered(request.id, () => new PortRun(this, model, request, prepared, arrivedMs));
        if (run !== null) this.queue.enter([run]);
      },
      (error) => this.answer(failure(request.id, error), null),
    );
    const earlier = this.preparing.get(request.handle);
    this.preparing.set(request.handle, earlier === undefined ? entering : earlier.then(() => entering));
  }

  /** Null when it was answered at once, or is being prepared. */
  private jobOf(request: RunRequest | ReadRequest): QueuedRun | null {
    return this.answered(request.id, () => {
      if ('residentId' in request) return new PortRead(this, request, this.residents.pin(request.residentId));
      const model = this.models.get(request.handle);
      if (model === undefined) throw new SdkError('model-closed', { model: String(request.handle) });
      if (model.processing === null) return new PortRun(this, model, request, null, performance.now());
      this.prepare(model, model.processing, request);
      return null;
    });
  }

  private answered<Run extends QueuedRun>(id: number, make: () => Run | null): Run | null {
    try {
      return make();
    } catch (error) {
      this.answer(failure(id, error), null);
      return null;
    }
  }
}

/** One run in the queue. */
class PortRun implements QueuedRun {
  readonly id: number;
  readonly arrivedMs: number;
  readonly company: Company | null;
  readonly itemCount: number;
  private readonly port: RunPort;
  private readonly model: PortModel;
  private readonly request: RunRequest;
  /** Null where the manifest declares no processing: the page let nothing but tensors through. */
  private readonly prepared: PreparedRun | null;
  /** Whole tensors and numbers of resident ones. */
  private readonly tensors: RunTensors;
  private readonly pins: ReadonlyMap<string, Pin>;

  constructor(port: RunPort, model: PortModel, request: RunRequest, prepared: PreparedRun | null, arrivedMs: number) {
    this.id = request.id;
    this.arrivedMs = arrivedMs;
    this.port = port;
    this.model = model;
    this.request = request;
    this.prepared = prepared;
    this.tensors = prepared === null ? (request.feeds as RunTensors) : { ...residentsIn(request.feeds), ...prepared.feeds };
    const shape = model.batch === null ? null : batchShapeOf(request.handle, this.tensors);
    this.company = shape === null || model.batch === null ? null : { key: shape.key, ...model.batch };
    this.itemCount = shape?.itemCount ?? 1;
    this.pins = pinsOf(this.tensors, port.residents);
  }

  start(together: readonly this[]): Promise<void> {
    return together.length === 1 ? this.startAlone() : this.startTogether(together);
  }

  refuse(error: unknown): void {
    this.unpin();
    this.port.answer(failure(this.id, error), null);
  }

  private async startTogether(together: readonly this[]): Promise<void> {
    if (await this.startBatch(together)) return;
    for (const run of together) await run.startAlone();
  }

  private async startAlone(): Promise<void> {
    let reply: RunReply;
    try {
      this.port.residents.requireRoom(this.model.residentCount);
      const feeds = this.feeds();
      const startMs = performance.now();
      const outputs = await this.model.watch.runKeeping(feeds);
      reply = this.reply(feeds, outputs, startMs, performance.now() - startMs);
    } catch (error) {
      this.refuse(error);
      return;
    }
    this.port.answer(reply, this.request.handle);
    this.unpin();
  }

  /** False when it could not be done together; nothing was answered then. */
  private async startBatch(together: readonly this[]): Promise<boolean> {
    let replies: RunReply[];
    try {
      const feeds = together.map(({ tensors }) => tensors as Feeds);
      const startMs = performance.now();
      const outputs = await this.model.watch.run(joinFeeds(feeds));
      const runMs = performance.now() - startMs;
      const shares = splitOutputs(
        outputs,
        together.map(({ itemCount }) => itemCount),
      );
      if (shares === null) return false;
      replies = together.map((run, index) => run.reply(feeds[index] as Feeds, shares[index] as Feeds, startMs, runMs));
    } catch {
      return false;
    }
    this.port.answer(replies, this.request.handle);
    return true;
  }

  private reply(feeds: SessionTensors, outputs: SessionTensors, startMs: number, runMs: number): RunReply {
    const { id, isCounted } = this.request;
    const counted = this.prepared === null ? feeds : { ...feeds, ...this.prepared.counted };
    const cells = isCounted && !hasPrivacySignal() ? countedCells(this.model, counted, outputs) : NO_CELLS;
    const { preMs = 0 } = this.prepared ?? {};
    const queueMs = startMs - this.arrivedMs - preMs;
    const { kept, results, postMs } = this.finished(outputs);
    return { id, ok: true, outputs: this.sent(kept), results, cells, preMs, queueMs: Math.max(0, queueMs), runMs, postMs };
  }

  /** What the declared steps make of the outputs that are whole tensors here. */
  private finished(outputs: SessionTensors): { kept: SessionTensors; results: RunResults; postMs: number } {
    if (this.prepared === null || this.model.processing === null) return { kept: outputs, results: NO_RESULTS, postMs: 0 };
    const whole = Object.entries(outputs).filter((entry): entry is [string, TensorWire] => !(entry[1] instanceof KeptTensor));
    const { outputs: left, results, postMs } = this.model.processing.finish(Object.fromEntries(whole), this.prepared);
    const resident = Object.entries(outputs).filter(([, output]) => output instanceof KeptTensor);
    return { kept: { ...Object.fromEntries(resident), ...left }, results, postMs };
  }

  /** Kept tensors go into the store, and by number to the page. */
  private sent(outputs: SessionTensors): Record<string, TensorWire | ResidentWire> {
    if (this.model.residentCount === 0) return outputs as Feeds;
    const { residents } = this.port;
    return Object.fromEntries(
      Object.entries(outputs).map(([name, output]) => [
        name,
        output instanceof KeptTensor ? residents.keep(this.request.handle, output) : output,
      ]),
    );
  }

  private feeds(): SessionTensors {
    if (this.pins.size === 0) return this.tensors as Feeds;
    return Object.fromEntries(
      Object.entries(this.tensors).map(([name, feed]) => [name, this.pins.get(name)?.tensor() ?? (feed as TensorWire)]),
    );
  }

  private unpin(): void {
    if (this.pins.size > 0) for (const pin of this.pins.values()) pin.unpin();
  }
}

const NO_PINS: ReadonlyMap<string, Pin> = new Map();

/** @throws {SdkError} `invalid-option` when one was released; none is pinned then. */
function pinsOf(feeds: RunTensors, residents: ResidentStore): ReadonlyMap<string, Pin> {
  let pins: Map<string, Pin> | null = null;
  try {
    for (const name of Object.keys(feeds)) {
      const feed = feeds[name] as TensorWire | ResidentWire;
      if (!isResidentWire(feed)) continue;
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
      const data = await this.pin.tensor().read();
      const [queueMs, runMs] = [startMs - this.arrivedMs, performance.now() - startMs];
      this.pin.unpin();
      const times = { preMs: 0, queueMs, runMs, postMs: 0 };
      this.port.answer({ id: this.id, ok: true, outputs: { data }, results: NO_RESULTS, cells: NO_CELLS, ...times }, null);
    } catch (error) {
      this.refuse(error);
    }
  }

  refuse(error: unknown): void {
    this.pin.unpin();
    this.port.answer(failure(this.id, error), null);
  }
}

/** Feeds of a model that declares processing: what has to become tensors, or is one. */
function withoutResidents(feeds: RunFeeds): UnpreparedFeeds {
  return Object.fromEntries(Object.entries(feeds).filter((entry): entry is [string, UnpreparedFeeds[string]] => !isResident(entry[1])));
}

function residentsIn(feeds: RunFeeds): Readonly<Record<string, ResidentWire>> {
  return Object.fromEntries(Object.entries(feeds).filter((entry): entry is [string, ResidentWire] => isResident(entry[1])));
}

function isResident(feed: RunFeeds[string]): feed is ResidentWire {
  return !('kind' in feed) && isResidentWire(feed);
}

function failure(id: number, error: unknown): RunReply {
  return { id, ok: false, error: toWire(error) };
}

function countedCells({ counter }: PortModel, feeds: SessionTensors, outputs: SessionTensors): Uint32Array {
  try {
    const [readFeeds, unreadInputs] = readable(feeds);
    const [readOutputs, unreadOutputs] = readable(outputs);
    return counter(readFeeds, readOutputs, { inputs: unreadInputs, outputs: unreadOutputs } satisfies Elsewhere);
  } catch {
    // Telemetry never throws: the page counts a counted run that comes without cells.
    return NO_CELLS;
  }
}

const NONE: ReadonlySet<string> = new Set();

/** What can be looked at here, and the names of what lies on the GPU. */
function readable(tensors: SessionTensors): readonly [Feeds, ReadonlySet<string>] {
  if (!hasKept(tensors)) return [tensors as Feeds, NONE];
  const wires = Object.entries(tensors).map(([name, tensor]) => [name, tensor instanceof KeptTensor ? tensor.wire : tensor] as const);
  const unread = wires.filter(([, wire]) => wire === null).map(([name]) => name);
  return [Object.fromEntries(wires.filter((entry): entry is readonly [string, TensorWire] => entry[1] !== null)), new Set(unread)];
}

function hasKept(tensors: SessionTensors): boolean {
  for (const name of Object.keys(tensors)) if (tensors[name] instanceof KeptTensor) return true;
  return false;
}

/** The page asks too; here it is the realm that reads the tensors that asks. Source: W3C Global Privacy Control, WorkerNavigator. */
function hasPrivacySignal(): boolean {
  return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true;
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
