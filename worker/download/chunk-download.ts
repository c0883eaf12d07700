/**
 * Chunk download: the missing chunks of one published file, by ranges where the server allows, by the whole file where it does not.
 *
 * Three steps, each taken when the one before has not brought right bytes: the whole file (when nothing of it is here), ranges
 * of what is missing, the whole file past the HTTP cache. Behind the third stands an error. An interruption repeats a step,
 * with what has arrived in between left out.
 *
 * Invariants
 *  - A chunk is hashed when it is complete and handed on only when it is right; the stream goes on meanwhile.
 *  - An answer that is longer than the file, or not the range that was asked for, is left, never written past its place.
 *  - It ends: after DOWNLOAD_ATTEMPT_COUNT_MAX attempts in a row without a new chunk at the latest.
 *
 * Source: RFC 9110 §14 (range requests); fetch, "CORS-safelisted request-header" (a single range needs no preflight).
 */

import { sha256Hex } from '../../protocol/digest.ts';
import { isSdkError, SdkError } from '../../protocol/errors.ts';
import { DOWNLOAD_ATTEMPT_COUNT_MAX, RANGE_REQUEST_COUNT_MAX, STORE_WRITE_COUNT_MAX } from '../../protocol/limits.ts';
import type { Assembly } from '../store/assembly.ts';
import type { Chunk } from '../store/store-database.ts';
import type { Access } from './access.ts';
import { type Body, type BodyRequest, type ByteRange, backOff, Interruption, openBody, printable, RangeRefusal } from './download.ts';
import { type ChunkRange, planRanges } from './range-plan.ts';

interface FileDownload {
  readonly url: string;
  readonly assembly: Assembly;
  readonly access: Access;
  readonly isUrgent: boolean;
  readonly signal: AbortSignal;
  /** A chunk that is right. The download waits for the answer when STORE_WRITE_COUNT_MAX of them are open. Never rejects. */
  readonly onChunk: (chunk: Chunk, bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** Bytes of missing chunks that came, or (below 0) were of no use. */
  readonly onBytes: (bytes: number) => void;
}

/** Null: all went well. Else why an answer that came whole was not the file's. */
type Mismatch = SdkError<'model-corrupt' | 'model-truncated'> | null;

/** @throws {SdkError} `model-unreachable`, `model-truncated`, `model-corrupt`, `model-not-onnx`, `load-stalled`, `aborted`. */
export async function downloadMissing(download: FileDownload): Promise<void> {
  const { missing, published } = download.assembly;
  const isPartlyHere = () => missing.size < published.chunks.length;
  let step: 'whole' | 'ranges' | 'whole-again' = isPartlyHere() ? 'ranges' : 'whole';
  let failureCount = 0;
  while (missing.size > 0) {
    const missingBefore = missing.size;
    let failure: unknown;
    try {
      failure = step === 'ranges' ? await fetchRanges(download) : await fetchWhole(download, step === 'whole' ? 'default' : 'reload');
    } catch (error) {
      failure = error;
    }
    if (missing.size === 0) return;
    const hasMoved = missing.size < missingBefore;
    if (failure instanceof Interruption || (hasMoved && isSdkError(failure, 'load-stalled'))) {
      failureCount = hasMoved ? 1 : failureCount + 1;
      if (failure instanceof Interruption && failureCount >= DOWNLOAD_ATTEMPT_COUNT_MAX) throw failure.error;
      await backOff(failureCount, failure instanceof Interruption ? failure.retryAfterMs : null, download.signal);
      if (step === 'whole' && isPartlyHere()) step = 'ranges';
    } else if (failure instanceof RangeRefusal || (failure === null && step === 'ranges')) {
      // A server may answer less than was asked; one that answers nothing of it does not know ranges.
      if (failure !== null || !hasMoved) step = 'whole-again';
    } else if (isMismatch(failure) && step !== 'whole-again') {
      step = step === 'whole' && isPartlyHere() ? 'ranges' : 'whole-again';
    } else {
      throw failure;
    }
  }
}

function isMismatch(failure: unknown): boolean {
  return isSdkError(failure, 'model-corrupt') || isSdkError(failure, 'model-truncated');
}

async function fetchWhole(download: FileDownload, httpCache: RequestCache): Promise<Mismatch> {
  return takeWhole(download, await openBody(requestFor(download, httpCache)));
}

/** The first range alone shows whether the server knows ranges; then several at a time. */
async function fetchRanges(download: FileDownload): Promise<Mismatch> {
  const { assembly } = download;
  const waiting = [...planRanges(assembly.published.chunks, assembly.missing)];
  const firstRange = waiting.shift() as ChunkRange;
  const stopped = new AbortController();
  const within = { ...download, signal: AbortSignal.any([download.signal, stopped.signal]) };
  const first = await openRange(within, firstRange, null);
  if (first.response.status !== 206) return takeWhole(within, first);
  const etag = strongEtag(first);
  const takeNext = async (): Promise<void> => {
    for (let range = waiting.shift(); range !== undefined; range = waiting.shift()) {
      const body = await openRange(within, range, etag);
      // A file that has changed behind its address since the first range.
      if (body.response.status !== 206) {
        body.close();
        throw new RangeRefusal('a later range was answered with the whole');
      }
      mismatch ??= await takeRange(within, range, body);
    }
  };
  let mismatch: Mismatch = null;
  let failure: unknown = null;
  const guarded = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      failure ??= error;
      // What was merely cut off does not stop the others: they bring chunks that need not be fetched again.
      if (!(error instanceof Interruption)) stopped.abort();
    }
  };
  const takeFirst = async (): Promise<void> => {
    mismatch ??= await takeRange(within, firstRange, first);
    await takeNext();
  };
  await Promise.all([guarded(takeFirst()), ...Array.from({ length: RANGE_REQUEST_COUNT_MAX - 1 }, () => guarded(takeNext()))]);
  if (failure !== null) throw failure;
  return mismatch;
}

async function openRange(download: FileDownload, range: ChunkRange, etag: string | null): Promise<Body> {
  const asked = bytesOfRange(download.assembly, range);
  const body = await openBody({ ...requestFor(download, 'no-store'), range: asked, etag });
  if (body.response.status === 206 && !isAnswerTo(asked, body.response, download.assembly.published.bytes)) {
    body.close();
    throw new RangeRefusal('another range than the one that was asked for');
  }
  return body;
}

function bytesOfRange(assembly: Assembly, { first, end }: ChunkRange): ByteRange {
  const last = (assembly.offsets[end - 1] as number) + assembly.chunk(end - 1).bytes - 1;
  return { first: assembly.offsets[first] as number, last };
}

function requestFor({ url, access, signal, isUrgent }: FileDownload, httpCache: RequestCache): BodyRequest {
  return { url, access, httpCache, signal, isUrgent };
}

/** A server may shorten a range; what it leaves out is asked for again. From another origin the header is often hidden from us. */
function isAnswerTo(asked: ByteRange, response: Response, fileBytes: number): boolean {
  if (response.headers.get('content-encoding') !== null) return false;
  if (/^multipart\//i.test(response.headers.get('content-type') ?? '')) return false;
  const header = response.headers.get('content-range');
  if (header === null) return response.type === 'cors';
  const parts = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header);
  if (parts === null) return false;
  const [first, last, total] = [Number(parts[1]), Number(parts[2]), parts[3]];
  return first === asked.first && last <= asked.last && (total === '*' || Number(total) === fileBytes);
}

function strongEtag({ response }: Body): string | null {
  const etag = response.headers.get('etag');
  return etag?.startsWith('"') === true ? etag : null;
}

/** The body is that of the whole file: the missing chunks are taken out of it. */
async function takeWhole(download: FileDownload, body: Body): Promise<Mismatch> {
  const { published } = download.assembly;
  const url = printable(download.url);
  const { announcedBytes } = body;
  if (announcedBytes !== 0 && announcedBytes !== published.bytes) {
    body.close();
    return new SdkError('model-truncated', { url, expectedBytes: published.bytes, actualBytes: announcedBytes });
  }
  const filler = new ChunkFiller(download, { first: 0, end: published.chunks.length });
  await pour(body, filler);
  if (filler.wrong !== null) return new SdkError('model-corrupt', { url, ...filler.wrong });
  if (filler.takenBytes === published.bytes && !filler.isOver) return null;
  return new SdkError('model-truncated', { url, expectedBytes: published.bytes, actualBytes: filler.takenBytes });
}

async function takeRange(download: FileDownload, range: ChunkRange, body: Body): Promise<Mismatch> {
  const filler = new ChunkFiller(download, range);
  await pour(body, filler);
  if (filler.isOver) throw new RangeRefusal('more than the range that was asked for');
  return filler.wrong === null ? null : new SdkError('model-corrupt', { url: printable(download.url), ...filler.wrong });
}

/** Reads to the end, or until the filler has had enough; what was complete is hashed either way. */
async function pour(body: Body, filler: ChunkFiller): Promise<void> {
  try {
    for (let piece = await body.read(); piece !== null; piece = await body.read()) {
      filler.push(piece);
      if (filler.isOver) return;
      await filler.room();
    }
  } finally {
    body.close();
    await filler.end();
  }
}

/** Cuts a stream that begins at a chunk's border into chunks, keeps the missing ones and skips the rest. */
class ChunkFiller {
  takenBytes = 0;
  /** More came than the chunks hold. */
  isOver = false;
  /** The first chunk that had other bytes. */
  wrong: { readonly expectedSha256: string; readonly actualSha256: string } | null = null;
  private readonly download: FileDownload;
  private readonly endIndex: number;
  private index: number;
  private place: Uint8Array<ArrayBuffer> | null = null;
  private filledBytes = 0;
  private readonly open = new Set<Promise<void>>();

  constructor(download: FileDownload, { first, end }: ChunkRange) {
    this.download = download;
    this.index = first;
    this.endIndex = end;
  }

  push(piece: Uint8Array): void {
    const { assembly, onBytes } = this.download;
    for (let at = 0; at < piece.length; ) {
      if (this.index === this.endIndex) {
        this.isOver = true;
        return;
      }
      const { bytes } = assembly.chunk(this.index);
      // Asked for each piece: an equal chunk elsewhere may have proved right meanwhile, and its bytes lie in this place by now.
      if (!assembly.missing.has(this.index)) this.place = null;
      else if (this.filledBytes === 0) this.place = assembly.placeOf(this.index);
      const part = piece.subarray(at, at + bytes - this.filledBytes);
      this.place?.set(part, this.filledBytes);
      if (this.place !== null) onBytes(part.length);
      at += part.length;
      this.takenBytes += part.length;
      this.filledBytes += part.length;
      if (this.filledBytes === bytes) this.finishChunk();
    }
  }

  /** Until fewer than STORE_WRITE_COUNT_MAX chunks wait to be written. */
  async room(): Promise<void> {
    while (this.open.size >= STORE_WRITE_COUNT_MAX) await Promise.race(this.open);
  }

  /** The stream has ended, somewhere. */
  async end(): Promise<void> {
    if (this.place !== null && this.filledBytes > 0) this.download.onBytes(-this.filledBytes);
    await Promise.all(this.open);
  }

  private finishChunk(): void {
    const { index, place } = this;
    this.index++;
    this.filledBytes = 0;
    this.place = null;
    if (place === null) return;
    const checking = this.check(index, place).finally(() => this.open.delete(checking));
    this.open.add(checking);
  }

  private async check(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { assembly, onChunk, onBytes } = this.download;
    const chunk = assembly.chunk(index);
    const actualSha256 = await sha256Hex(bytes);
    if (actualSha256 === chunk.sha256) {
      assembly.arrived(index, bytes);
      await onChunk(chunk, bytes);
    } else {
      onBytes(-bytes.length);
      this.wrong ??= { expectedSha256: chunk.sha256, actualSha256 };
    }
  }
}
