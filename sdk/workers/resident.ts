/**
 * Resident tensors: the page's handles on outputs that stay in a worker.
 *
 * Invariants
 *  - A handle names its worker: the same worker takes it by number, any other gets the elements read and passed on.
 *  - Used after `release`, or after its model was closed, it is refused here, before anything is sent.
 *  - What a caller forgets is released when the handle is collected. That is a net, not the way: nothing says when.
 *
 * Not here: how long the worker keeps a tensor (worker/queue/resident-store.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { RUN_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { ResidentWire, RunTensors, TensorWire } from '../../protocol/tensors/tensors.ts';
import { isResidentWire } from '../../protocol/worker/media.ts';
import type { FeedInputs, ResidentTensor, RunOptions } from '../api/runs.ts';
import type { TensorOutput } from '../api/tensors.ts';
import type { RunChannel } from './run-channel.ts';

/** Set when the model that made the tensors is closed. */
export interface Owner {
  isClosed: boolean;
}

const forgotten = new FinalizationRegistry<{ channel: RunChannel; residentId: number }>(({ channel, residentId }) =>
  channel.release([residentId]),
);

export class PageResident implements ResidentTensor {
  readonly type: ResidentWire['type'];
  readonly dims: readonly number[];
  readonly location: ResidentWire['location'];
  readonly channel: RunChannel;
  private readonly sent: ResidentWire;
  private readonly owner: Owner;
  private isReleased = false;

  constructor(sent: ResidentWire, channel: RunChannel, owner: Owner) {
    this.type = sent.type;
    this.dims = sent.dims;
    this.location = sent.location;
    this.sent = sent;
    this.channel = channel;
    this.owner = owner;
    forgotten.register(this, { channel, residentId: sent.residentId }, this);
  }

  /** @throws {SdkError} `invalid-option` */
  wire(): ResidentWire {
    if (!this.isReleased && !this.owner.isClosed) return this.sent;
    const what = this.isReleased ? 'it was released' : 'the model that made it was closed';
    throw new SdkError('invalid-option', { option: 'feeds', reason: `a resident tensor cannot be used after ${what}` });
  }

  read(options: Pick<RunOptions, 'signal' | 'timeoutMs'> = {}): Promise<TensorOutput> {
    return this.readFrom(undefined, options);
  }

  async readFrom(
    startMs: number | undefined,
    { signal, timeoutMs = RUN_TIMEOUT_MS }: Pick<RunOptions, 'signal' | 'timeoutMs'>,
  ): Promise<TensorOutput> {
    const { residentId } = this.wire();
    const { outputs } = await this.channel.read(residentId, { startMs, timeoutMs, signal });
    return outputs.data as TensorWire;
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    forgotten.unregister(this);
    if (!this.owner.isClosed) this.channel.release([this.sent.residentId]);
  }
}

/** Outputs as the caller gets them: what stays in the worker as a handle. */
export function receivedOutputs(
  outputs: RunTensors,
  channel: RunChannel,
  owner: Owner,
): Readonly<Record<string, TensorOutput | ResidentTensor>> {
  const received: Record<string, TensorOutput | ResidentTensor> = {};
  for (const name of Object.keys(outputs)) {
    const output = outputs[name] as TensorWire | ResidentWire;
    received[name] = isResidentWire(output) ? new PageResident(output, channel, owner) : output;
  }
  return received;
}

type GivenFeeds = Readonly<Record<string, FeedInputs[string] | ResidentTensor>>;

/** Whether a feed lies in another worker than the one that `channel` leads to; null: there is none yet. */
export function hasForeignFeed(feeds: GivenFeeds, channel: RunChannel | null): boolean {
  for (const name of Object.keys(feeds)) {
    const feed = feeds[name];
    if (feed instanceof PageResident && feed.channel !== channel) return true;
  }
  return false;
}

/** The feeds with those of another worker read into the page. */
export async function withForeignRead(
  feeds: GivenFeeds,
  channel: RunChannel | null,
  startMs: number,
  options: RunOptions,
): Promise<GivenFeeds> {
  const read = Object.entries(feeds).map(async ([name, feed]) => {
    const isForeign = feed instanceof PageResident && feed.channel !== channel;
    return [name, isForeign ? await feed.readFrom(startMs, options) : feed] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}
