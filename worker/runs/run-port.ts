/**
 * Run port: the worker's end of the channel that runs travel on. Requests in and into the queue, answers and cells out.
 *
 * Invariants
 *  - Every request is answered exactly once, and nothing throws across the boundary: errors travel as data.
 *  - A run is counted behind its answer, so that its caller does not wait for that; before it where buffers leave with the answer. Its cells leave before
 *    the next run starts; nothing of an input stays.
 *  - A counter that throws costs the run its cells, never its outputs.
 *
 * Not here: a run (worker/runs/port-run.ts), deadlines and the window (page), when runs start (worker/queue/run-queue.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { TRANSFER_BYTES_MIN } from '../../protocol/limits.ts';
import type { ResidentWire, TensorWire } from '../../protocol/tensors/tensors.ts';
import { isResidentWire } from '../../protocol/worker/media.ts';
import type { ReadRequest, RunCells, RunMessage, RunNews, RunReplies, RunReply, RunRequest } from '../../protocol/worker/runs.ts';
import { closeFed } from '../prepare/pixels.ts';
import type { Processing } from '../prepare/processing.ts';
import type { Pin, ResidentStore } from '../queue/resident-store.ts';
import type { QueuedRun, RunQueue } from '../queue/run-queue.ts';
import type { PortModel } from './port-model.ts';
import { type AnsweringPort, failure, PortRead, PortRun, pinsOf, unprocessed } from './port-run.ts';

type Post = (news: RunNews, transfer: ArrayBuffer[]) => void;

interface Ending {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

export class RunPort implements AnsweringPort {
  readonly residents: ResidentStore;
  private readonly post: Post;
  private readonly models: ReadonlyMap<number, PortModel>;
  private readonly queue: RunQueue;
  private readonly onAnswered: (loadId: number) => void;
  private readonly endings = new Map<number, Ending>();
  /** Runs of each model that are not tensors yet. */
  private readonly preparing = new Map<number, Set<Promise<void>>>();

  /** @param onAnswered Called with the model's load id after each run that went well. */
  constructor(
    post: Post,
    models: ReadonlyMap<number, PortModel>,
    residents: ResidentStore,
    queue: RunQueue,
    onAnswered: (loadId: number) => void,
  ) {
    this.post = post;
    this.models = models;
    this.residents = residents;
    this.queue = queue;
    this.onAnswered = onAnswered;
  }

  answer(replies: RunReplies, loadId: number, count: () => readonly RunCells[]): void {
    const buffers = buffersOf(replies);
    const early = buffers.length > 0 ? count() : null;
    this.post(replies, buffers);
    const counted = early ?? count();
    if (counted.length > 0) this.post({ counted }, []);
    this.onAnswered(loadId);
  }

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
  async allEntered(loadId: number): Promise<void> {
    await this.endingOf(loadId).promise;
    this.endings.delete(loadId);
    await Promise.all(this.preparing.get(loadId) ?? []);
    this.preparing.delete(loadId);
  }

  private cancel(id: number): void {
    this.queue.cancel(id);
    for (const { processing } of this.models.values()) processing?.cancel(id);
  }

  private endingOf(loadId: number): Ending {
    const known = this.endings.get(loadId);
    if (known !== undefined) return known;
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const ending = { promise, resolve };
    this.endings.set(loadId, ending);
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
