/**
 * Assembly: one published file on its way into memory, chunk by chunk, from the store first and the network second.
 *
 * Invariants
 *  - The file's memory is allocated once and each chunk is written where it belongs; weights stay in the chunks that they came in
 *    (worker/store/piecewise-bytes.ts); an assembly that is only to be stored (a new version for the next visit) has memory for the chunks in
 *    flight and no more.
 *  - `missing` names the chunks without right bytes: a chunk leaves it when its SHA-256 was right. Weights from the store leave it before, because
 *    a session is created of them meanwhile; `proved` says what came of it, and nobody gets a result until then.
 *  - A stored chunk that is wrong is dropped and is missing.
 *
 * Not here: where missing chunks come from (worker/download/chunk-download.ts).
 */

import { sha256Hex } from '../../protocol/digest.ts';
import { SdkError } from '../../protocol/errors.ts';
import type { PublishedFile } from '../../protocol/manifest/manifest.ts';
import type { ModelStore } from './model-store.ts';
import { PiecewiseBytes } from './piecewise-bytes.ts';
import type { Chunk } from './store-database.ts';

/** Chunks read from the store at a time: 6 × 4 MiB in flight keep the disk and the hash busy; more only take memory. */
const READ_COUNT = 6;

export class Assembly {
  readonly published: Pick<PublishedFile, 'file' | 'bytes' | 'chunks'>;
  /** Indices of chunks. */
  readonly missing: Set<number>;
  /** Where each chunk begins in the file. */
  readonly offsets: readonly number[];
  /** Weights: data that nothing parses. Stored bytes are proved while they are used. */
  readonly isData: boolean;
  private readonly whole: Uint8Array<ArrayBuffer> | null;
  /** In place of `whole`, where it is data. */
  private readonly pieces: Uint8Array<ArrayBuffer>[] = [];
  private readonly proofs: Promise<void>[] = [];

  /** @param isKept False when the bytes are only to be stored. @param isData For a kept one: nothing parses it, so that nothing wrong in it can crash the runtime. */
  constructor(published: Pick<PublishedFile, 'file' | 'bytes' | 'chunks'>, isKept: boolean, isData = false) {
    this.published = published;
    this.isData = isData;
    this.missing = new Set(published.chunks.keys());
    this.whole = isKept && !isData ? new Uint8Array(published.bytes) : null;
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
    if (this.whole !== null) return this.whole.subarray(offset, offset + bytes);
    const place = new Uint8Array(bytes);
    if (this.isData) this.pieces[index] = place;
    return place;
  }

  /** Takes the bytes of one chunk: they belong to the assembly now. */
  put(index: number, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.isData) this.pieces[index] = bytes;
    else this.whole?.set(bytes, this.offsets[index]);
  }

  /**
   * The chunk's bytes are right; so are those of its equals in this file.
   *
   * @param proof Whether they are, where that is still to be seen. Never rejects.
   */
  arrived(index: number, bytes: Uint8Array<ArrayBuffer>, proof: Promise<boolean> | null = null): void {
    const { sha256 } = this.chunk(index);
    const equals = [index, ...[...this.missing].filter((other) => other !== index && this.chunk(other).sha256 === sha256)];
    for (const equal of equals) {
      if (equal !== index) this.put(equal, bytes);
      this.missing.delete(equal);
    }
    const takeBack = (isRight: boolean) => {
      if (!isRight) for (const equal of equals) this.missing.add(equal);
    };
    if (proof !== null) this.proofs.push(proof.then(takeBack));
  }

  /** False when bytes have turned out wrong: their chunks are missing now. */
  async proved(): Promise<boolean> {
    await Promise.all(this.proofs.splice(0));
    return this.missing.size === 0;
  }

  /** All bytes of the file. Only for a kept one that misses nothing. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.missing.size > 0) throw new Error('the file is not whole');
    if (this.isData) return new PiecewiseBytes(this.pieces, this.offsets, this.published.bytes);
    if (this.whole === null) throw new Error('the file is not kept');
    return this.whole;
  }
}

export function missingBytesOf(assemblies: readonly Assembly[]): number {
  return assemblies.reduce((sum, assembly) => sum + assembly.missingBytes, 0);
}

/**
 * Fills in what the store has and proves it, or goes on proving where it is data.
 *
 * @throws {SdkError} `aborted`. A store that refuses has nothing.
 */
export async function fillFromStore(
  store: ModelStore,
  assemblies: readonly Assembly[],
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const wanted = assemblies.flatMap((assembly) => [...assembly.missing].map((index) => ({ assembly, index })));
  if (wanted.length === 0) return;
  let reads: Awaited<ReturnType<ModelStore['readChunks']>>;
  try {
    reads = await store.readChunks(wanted.map(({ assembly, index }) => assembly.chunk(index).sha256));
  } catch {
    // The database cannot be opened again, as when a later release has it: nothing is stored as far as this load goes.
    return;
  }
  let next = 0;
  const fillOne = async (): Promise<void> => {
    for (let at = next++; at < wanted.length; at = next++) {
      if (signal.aborted) throw new SdkError('aborted', { stage: 'verify' });
      const { assembly, index } = wanted[at] as (typeof wanted)[number];
      const bytes = await reads[at]?.();
      if (bytes === undefined) continue;
      // Not waited for where it is data: engines hash one after the other, slower than the disk reads.
      const proof = isRight(store, assembly.chunk(index), bytes);
      const isLater = assembly.isData && bytes.length === assembly.chunk(index).bytes;
      if ((!isLater && !(await proof)) || !assembly.missing.has(index)) continue;
      assembly.put(index, bytes);
      assembly.arrived(index, bytes, isLater ? proof : null);
      onBytes(bytes.length);
    }
  };
  await Promise.all(Array.from({ length: READ_COUNT }, fillOne));
}

/** The assemblies of a variant's files: graph, external data, what preprocessing needs. */
export function assembliesOf(files: readonly PublishedFile[], externalCount: number): readonly Assembly[] {
  return files.map((file, index) => new Assembly(file, true, index > 0 && index <= externalCount));
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
  const digest = bytes.length === chunk.bytes ? await sha256Hex(bytes).catch(() => null) : null;
  if (digest === chunk.sha256) return true;
  // A chunk that cannot be dropped is found wrong again next time; that costs a download, never a wrong model.
  await store.dropChunk(chunk.sha256).catch(() => undefined);
  return false;
}
