/**
 * One run of the port in the queue: its tensors into the runtime, its outputs and its cells into an answer. Beside it, one reading of
 * a resident tensor.
 *
 * Invariants
 *  - Each is answered exactly once, whether it ran alone, with others or not at all; its pins are taken off then.
 *  - A run that started with others gets what it would have got alone: its own outputs in memory of its own, its own cells, its own
 *    `queueMs`; `runMs` is the time of the call that it shared. If that call fails, each is run again by itself, so that an error stays with its cause.
 *
 * Not here: how answers leave (worker/runs/run-port.ts), when runs start (worker/queue/run-queue.ts).
 */
import { toWire } from '../../protocol/errors.ts';
import type { Feeds, ResidentWire, RunTensors, TensorWire } from '../../protocol/tensors/tensors.ts';
import { isResidentWire } from '../../protocol/worker/media.ts';
import type { ReadRequest, RunCells, RunReplies, RunReply, RunRequest } from '../../protocol/worker/runs.ts';
import type { PreparedRun } from '../prepare/processing.ts';
import { batchShapeOf, joinFeeds, splitOutputs } from '../queue/batch.ts';
import type { Pin, ResidentStore } from '../queue/resident-store.ts';
import type { BatchGroup, QueuedRun } from '../queue/run-queue.ts';
import { disposeKept, KeptTensor, type SessionTensors } from '../runtime/session.ts';
import type { PortModel } from './port-model.ts';
import { countedCells, hasPrivacySignal, NO_CELLS, readable } from './run-counting.ts';

/** The port, as its runs need it. */
export interface AnsweringPort {
  readonly residents: ResidentStore;
  /** Answers runs that went well, and counts them. @param count Called once, while what it counts is whole. */
  answer(replies: RunReplies, loadId: number, count: () => readonly RunCells[]): void;
  /** Answers what is no run, or has failed. */
  tell(reply: RunReply): void;
}

const NOT_COUNTED: readonly RunCells[] = [];

const NO_PLACEMENTS: PreparedRun['placements'] = new Map();

/** A run of a model that declares no processing. */
export function unprocessed({ feeds }: RunRequest): PreparedRun {
  return { feeds: feeds as RunTensors, counted: feeds as RunTensors, preMs: 0, placements: NO_PLACEMENTS };
}

/** One run in the queue. */
export class PortRun implements QueuedRun {
  readonly id: number;
  readonly arrivedMs = performance.now();
  readonly batchGroup: BatchGroup | null;
  readonly itemCount: number;
  private readonly port: AnsweringPort;
  private readonly model: PortModel;
  private readonly request: RunRequest;
  private readonly prepared: PreparedRun;
  private readonly pins: ReadonlyMap<string, Pin>;

  constructor(port: AnsweringPort, model: PortModel, request: RunRequest, prepared: PreparedRun, pins: ReadonlyMap<string, Pin>) {
    this.id = request.id;
    this.port = port;
    this.model = model;
    this.request = request;
    const shape = model.batch === null ? null : batchShapeOf(request.loadId, prepared.feeds);
    this.batchGroup = shape === null || model.batch === null ? null : { key: shape.key, ...model.batch };
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
      outputs = await this.model.guard.runKeeping(feeds);
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
      const outputs = await this.model.guard.run(joinFeeds(feeds));
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
      if (output instanceof KeptTensor) sent[name] = residents.keep(this.request.loadId, this.model.guard, output);
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
export function pinsOf({ feeds }: RunRequest, residents: ResidentStore): ReadonlyMap<string, Pin> {
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
export class PortRead implements QueuedRun {
  readonly id: number;
  readonly arrivedMs = performance.now();
  readonly batchGroup = null;
  readonly itemCount = 1;
  private readonly port: AnsweringPort;
  private readonly pin: Pin;

  constructor(port: AnsweringPort, request: ReadRequest, pin: Pin) {
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

export function failure(id: number, error: unknown): RunReply {
  return { id, ok: false, error: toWire(error) };
}
