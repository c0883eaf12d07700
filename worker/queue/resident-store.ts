/**
 * Resident store: outputs that stay in this worker because the page asked for its number instead of a copy.
 *
 * Invariants
 *  - A tensor lives until the page has released it and no queued run needs it any more, or until its model closes,
 *    whichever is first. Its memory is then given back; a later use is refused, never answered with other numbers.
 *  - At most RESIDENT_TENSOR_COUNT_MAX are kept; one whose memory waits in the queue to be given back is not counted.
 *  - Memory of the GPU is given back through the queue: nothing enters the runtime while a run is in flight.
 */
import { SdkError } from '../../protocol/errors.ts';
import { RESIDENT_TENSOR_COUNT_MAX } from '../../protocol/limits.ts';
import type { ResidentWire, TensorWire } from '../../protocol/tensors/tensors.ts';
import type { KeptTensor } from '../runtime/session.ts';
import type { RunQueue } from './run-queue.ts';

/** A tensor that a queued run or read holds on to. */
export interface Pin {
  /** @throws {SdkError} `invalid-option` when its model has closed meanwhile. */
  tensor(): KeptTensor;
  /** A copy of its elements. @throws as `tensor` and the model's guard. */
  read(): Promise<TensorWire>;
  unpin(): void;
}

/** Reads a kept tensor, and notices when what it lies on is lost. */
interface Reader {
  read(tensor: KeptTensor): Promise<TensorWire>;
}

interface Resident {
  readonly owner: number;
  readonly tensor: KeptTensor;
  readonly reader: Reader;
  pinCount: number;
  isReleased: boolean;
  isGone: boolean;
}

export class ResidentStore {
  private readonly queue: RunQueue;
  private readonly residents = new Map<number, Resident>();
  private nextId = 1;

  constructor(queue: RunQueue) {
    this.queue = queue;
  }

  /** @throws {SdkError} `invalid-option` when too many are kept; asked before a run, so that nothing has to be thrown away. */
  requireRoom(count: number): void {
    if (count === 0 || this.residents.size + count <= RESIDENT_TENSOR_COUNT_MAX) return;
    const heldCount = [...this.residents.values()].filter((resident) => !isFree(resident)).length;
    if (heldCount + count <= RESIDENT_TENSOR_COUNT_MAX) return;
    const reason = `${heldCount} resident tensors are held, ${RESIDENT_TENSOR_COUNT_MAX} are the most; release() those that are no longer needed`;
    throw new SdkError('invalid-option', { option: 'resident', reason });
  }

  /** @param owner Load id of the model that made it. */
  keep(owner: number, reader: Reader, tensor: KeptTensor): ResidentWire {
    const residentId = this.nextId++;
    this.residents.set(residentId, { owner, reader, tensor, pinCount: 0, isReleased: false, isGone: false });
    const { type, dims, location } = tensor;
    return { residentId, type, dims, location };
  }

  /** @throws {SdkError} `invalid-option` when it was released. */
  pin(residentId: number): Pin {
    const resident = this.residents.get(residentId);
    if (resident === undefined || resident.isReleased) throw released();
    resident.pinCount++;
    let isHeld = true;
    const tensor = () => {
      if (resident.isGone) throw released();
      return resident.tensor;
    };
    return {
      tensor,
      read: async () => resident.reader.read(tensor()),
      unpin: () => {
        if (!isHeld) return;
        isHeld = false;
        resident.pinCount--;
        this.dropIfFree(residentId, resident);
      },
    };
  }

  /** The page needs them no more; unknown ones went with their model. */
  release(residentIds: readonly number[]): void {
    for (const id of residentIds) {
      const resident = this.residents.get(id);
      if (resident === undefined) continue;
      resident.isReleased = true;
      this.dropIfFree(id, resident);
    }
  }

  /** Called in the queue, before the session is released: its tensors are gone with it. */
  dropOf(owner: number): void {
    for (const [id, resident] of this.residents) if (resident.owner === owner) this.drop(id, resident);
  }

  private dropIfFree(id: number, resident: Resident): void {
    if (!isFree(resident)) return;
    if (resident.tensor.location === 'memory') this.drop(id, resident);
    else void this.queue.control(async () => this.drop(id, resident));
  }

  private drop(id: number, resident: Resident): void {
    if (resident.isGone) return;
    resident.isGone = true;
    this.residents.delete(id);
    resident.tensor.dispose();
  }
}

function isFree({ isReleased, pinCount }: Resident): boolean {
  return isReleased && pinCount === 0;
}

function released(): SdkError<'invalid-option'> {
  return new SdkError('invalid-option', {
    option: 'feeds',
    reason: 'a resident tensor was used after it was released, or after its model was closed',
  });
}
