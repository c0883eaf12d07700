/**
 * Store writer: keeps the chunks of one download as they arrive, and commits the entry when all are there.
 *
 * Invariants
 *  - Nothing here rejects or fails a load: the first refusal ends the writing, and its reason is what `finish` answers.
 *  - The partial record is there before the first chunk, so that a page that is closed now goes on from here later.
 *  - A download that does not fit leaves nothing behind; one that broke off leaves its chunks for PARTIAL_AGE_MS_MAX.
 *  - A write that is not answered in time counts as refused (worker/store/store-database.ts).
 */
import { firstLine, isSdkError, SdkError } from '../../protocol/errors.ts';
import { type ModelStore, StoreRefusal } from './model-store.ts';
import { makeRoom } from './room.ts';
import type { Chunk, PartialDownload, StoreEntry } from './store-database.ts';

export class StoreWriter {
  private readonly store: ModelStore;
  private readonly partial: PartialDownload;
  private readonly beginning: Promise<void>;
  private missingBytes: number;
  private refusal: SdkError | null = null;

  /** @param missingBytes What is not in the store yet. */
  constructor(store: ModelStore, partial: PartialDownload, missingBytes: number) {
    this.store = store;
    this.partial = partial;
    this.missingBytes = missingBytes;
    this.beginning = this.guarded(() => this.begin());
  }

  /** Settles when the chunk is stored or never will be. */
  async put(chunk: Chunk, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.beginning;
    await this.guarded(() => this.withRoom(() => this.store.putChunk(chunk.sha256, bytes)));
    this.missingBytes -= chunk.bytes;
  }

  /** Commits what was put, and answers why it could not be kept, if so. */
  async finish(entry: StoreEntry): Promise<SdkError | null> {
    await this.beginning;
    await this.guarded(() => this.withRoom(() => this.store.commit(entry, this.partial.key)));
    if (this.refusal !== null && isSdkError(this.refusal, 'storage-full')) await this.giveUp();
    return this.refusal;
  }

  private async begin(): Promise<void> {
    const full = await makeRoom(this.store, this.partial.url, this.missingBytes, false);
    if (full !== null) throw full;
    await this.withRoom(() => this.store.begin(this.partial));
  }

  /** The estimate may be wrong, or another tab was faster: after an eviction a write gets one more chance. */
  private async withRoom(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof StoreRefusal) || !error.isFull) throw error;
      const full = await makeRoom(this.store, this.partial.url, this.missingBytes, true);
      if (full !== null) throw full;
      await write();
    }
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    if (this.refusal !== null) return;
    try {
      await work();
    } catch (error) {
      this.refusal ??= isSdkError(error) ? error : new SdkError('storage-refused', { reason: firstLine(error) }, { cause: error });
    }
  }

  /** What is stored of a model that does not fit would only take the room of one that does. */
  private async giveUp(): Promise<void> {
    await this.store.abandon(this.partial.key).catch(() => undefined);
    await this.store.sweep().catch(() => 0);
  }
}
