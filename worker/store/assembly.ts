/**
 * Assembly: one published file on its way into memory, chunk by chunk, from the store first and the network second.
 *
 * Invariants
 *  - The file's memory is allocated once and each chunk is written where it belongs; an assembly that is only to be stored
 *    (a new version for the next visit) has memory for the chunks in flight and no more.
 *  - `missing` names the chunks without right bytes: a chunk leaves it when its SHA-256 was right, never before.
 *  - A stored chunk that is wrong is dropped and is missing.
 *
 * Not here: where missing chunks come from (worker/store/chunk-download.ts).
 */
import { toHex } from '../../protocol/bytes.ts';
import { SdkError } from '../../protocol/errors.ts';
import type { PublishedFile } from '../../protocol/manifest.ts';
import type { Chunk, ModelStore } from './model-store.ts';

/** Chunks read from the store at a time: 6 × 4 MiB in flight keep the disk and the hash busy; more only take memory. */
const READ_COUNT = 6;

export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

export class Assembly {
  readonly published: Pick<PublishedFile, 'file' | 'bytes' | 'chunks'>;
  /** Indices of chunks. */
  readonly missing: Set<number>;
  /** Where each chunk begins in the file. */
  readonly offsets: readonly number[];
  private readonly whole: Uint8Array<ArrayBuffer> | null;

  /** @param isKept False when the bytes are only to be stored. */
  constructor(published: Pick<PublishedFile, 'file' | 'bytes' | 'chunks'>, isKept: boolean) {
    this.published = published;
    this.missing = new Set(published.chunks.keys());
    this.whole = isKept ? new Uint8Array(published.bytes) : null;
    let offset = 0;
    this.offsets = published.chunks.map(({ bytes }) => {
      offset += bytes;
      return offset - bytes;
    });
  }

  chunk(index: number): Chunk {
    return this.published.chunks[index] as Chunk;
  }

  get missingBytes(): number {
    return [...this.missing].reduce((sum, index) => sum + this.chunk(index).bytes, 0);
  }

  /** Memory for the bytes of one chunk, all of it to be written. */
  placeOf(index: number): Uint8Array<ArrayBuffer> {
    const { bytes } = this.chunk(index);
    const offset = this.offsets[index] as number;
    return this.whole?.subarray(offset, offset + bytes) ?? new Uint8Array(bytes);
  }

  /** The chunk's bytes are right; so are those of its equals in this file. */
  arrived(index: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { sha256 } = this.chunk(index);
    this.missing.delete(index);
    for (const other of this.missing) {
      if (this.chunk(other).sha256 !== sha256) continue;
      if (this.whole !== null) this.placeOf(other).set(bytes);
      this.missing.delete(other);
    }
  }

  /** All bytes of the file. Only for a kept one that misses nothing. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.whole === null || this.missing.size > 0) throw new Error('the file is not whole');
    return this.whole;
  }
}

export function missingBytesOf(assemblies: readonly Assembly[]): number {
  return assemblies.reduce((sum, assembly) => sum + assembly.missingBytes, 0);
}

/** Fills in what the store has and proves it. @throws {SdkError} `aborted`. A store that refuses has nothing. */
export async function fillFromStore(
  store: ModelStore,
  assemblies: readonly Assembly[],
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const wanted = assemblies.flatMap((assembly) => [...assembly.missing].map((index) => ({ assembly, index })));
  if (wanted.length === 0) return;
  let reads: ReturnType<ModelStore['readChunks']>;
  try {
    reads = store.readChunks(wanted.map(({ assembly, index }) => assembly.chunk(index).sha256));
  } catch {
    // The connection was closed, by the browser or for a later release: nothing is stored as far as this load goes.
    return;
  }
  let next = 0;
  const fillOne = async (): Promise<void> => {
    for (let at = next++; at < wanted.length; at = next++) {
      if (signal.aborted) throw new SdkError('aborted', { stage: 'verify' });
      const { assembly, index } = wanted[at] as (typeof wanted)[number];
      const bytes = await reads[at]?.();
      if (bytes === undefined || !(await isRight(store, assembly.chunk(index), bytes))) continue;
      if (!assembly.missing.has(index)) continue;
      assembly.placeOf(index).set(bytes);
      assembly.arrived(index, bytes);
      onBytes(bytes.length);
    }
  };
  await Promise.all(Array.from({ length: READ_COUNT }, fillOne));
}

/** Takes off what the store has, without reading it: for files that are only to be stored. */
export async function skipStored(store: ModelStore, assemblies: readonly Assembly[]): Promise<void> {
  const hashes = assemblies.flatMap((assembly) => [...assembly.missing].map((index) => assembly.chunk(index).sha256));
  const present = await store.present(hashes);
  for (const assembly of assemblies) {
    for (const index of assembly.missing) if (present.has(assembly.chunk(index).sha256)) assembly.missing.delete(index);
  }
}

async function isRight(store: ModelStore, chunk: Chunk, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  if (bytes.length === chunk.bytes && (await sha256Hex(bytes)) === chunk.sha256) return true;
  // A chunk that cannot be dropped is found wrong again next time; that costs a download, never a wrong model.
  await store.dropChunk(chunk.sha256).catch(() => undefined);
  return false;
}
