/**
 * Download: one body over HTTP into one array, with progress, a stall limit and typed ways to fail.
 *
 * Invariants
 *  - Nothing is handed on that the server did not send as a whole: status, content type and length are checked here, so
 *    that an error page never reaches the store or the runtime.
 *  - Every wait ends: by bytes, by the caller's signal or by LOAD_STALL_TIMEOUT_MS without a byte.
 *
 * Not here: hashes and the retry (worker/store/model-source.ts), resuming a part.
 */
import { SdkError } from '../../protocol/errors.ts';
import { LOAD_STALL_TIMEOUT_MS, MODEL_BYTES_MAX } from '../../protocol/limits.ts';

export interface DownloadRequest {
  readonly url: string;
  /** What the manifest says; null when nobody knows before the server does. */
  readonly expectedBytes: number | null;
  readonly bytesMax: number;
  readonly httpCache: RequestCache;
  readonly signal: AbortSignal;
  /** After each piece: the array so far, how much of it is filled, and how much there will be (0: unknown). */
  readonly onBytes?: (bytes: Uint8Array<ArrayBuffer>, filledBytes: number, totalBytes: number) => void;
}

export interface Download {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** ETag, else Last-Modified, else null. */
  readonly validator: string | null;
}

/** A URL as it may appear in an error: its query may be a secret. */
export function printable(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

export function validatorOf(response: Response): string | null {
  return response.headers.get('etag') ?? response.headers.get('last-modified');
}

/** @throws {SdkError} `model-unreachable`, `model-truncated`, `model-too-large`, `model-not-onnx` (a web page came), `load-stalled`, `aborted`. */
export async function download(request: DownloadRequest): Promise<Download> {
  const stall = new StallTimer(request);
  try {
    const response = await open(request, stall);
    const bytes = await readBody(request, response, stall);
    return { bytes, validator: validatorOf(response) };
  } finally {
    stall.stop();
  }
}

async function open(request: DownloadRequest, stall: StallTimer): Promise<Response> {
  const url = printable(request.url);
  let response: Response;
  try {
    response = await fetch(request.url, { cache: request.httpCache, signal: stall.signal });
  } catch (error) {
    throw stall.reason() ?? new SdkError('model-unreachable', { url, status: 0 }, { cause: error });
  }
  if (!response.ok) throw new SdkError('model-unreachable', { url, status: response.status });
  if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
    throw new SdkError('model-not-onnx', {
      url,
      reason: 'the server answered with a web page, which many servers do for a path that does not exist',
    });
  }
  return response;
}

async function readBody(request: DownloadRequest, response: Response, stall: StallTimer): Promise<Uint8Array<ArrayBuffer>> {
  const url = printable(request.url);
  const totalBytes = request.expectedBytes ?? announcedBytes(response);
  if (totalBytes > request.bytesMax) throw new SdkError('model-too-large', { url, bytes: totalBytes, bytesMax: request.bytesMax });
  const sink = new ByteSink(totalBytes);
  const isOver = () => sink.filledBytes > (totalBytes || request.bytesMax);
  try {
    const reader = response.body?.getReader();
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
      stall.restart();
      sink.append(piece.value);
      if (isOver()) break;
      request.onBytes?.(sink.bytes, sink.filledBytes, totalBytes);
    }
  } catch (error) {
    const cut = { url, expectedBytes: totalBytes, actualBytes: sink.filledBytes };
    throw stall.reason() ?? new SdkError('model-truncated', cut, { cause: error });
  }
  if (totalBytes === 0 && isOver()) throw new SdkError('model-too-large', { url, bytes: sink.filledBytes, bytesMax: request.bytesMax });
  if (totalBytes !== 0 && sink.filledBytes !== totalBytes) {
    throw new SdkError('model-truncated', { url, expectedBytes: totalBytes, actualBytes: sink.filledBytes });
  }
  return sink.finish();
}

/** 0 when the server does not say, or says it of the compressed body. */
function announcedBytes(response: Response): number {
  if (response.headers.get('content-encoding') !== null) return 0;
  return Math.min(Number(response.headers.get('content-length') ?? 0), MODEL_BYTES_MAX + 1);
}

/** One array that grows only when nobody said how long it will be. */
class ByteSink {
  bytes: Uint8Array<ArrayBuffer>;
  filledBytes = 0;

  constructor(totalBytes: number) {
    this.bytes = new Uint8Array(totalBytes || 64 * 1024);
  }

  append(piece: Uint8Array): void {
    const needed = this.filledBytes + piece.length;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.filledBytes));
      this.bytes = grown;
    }
    this.bytes.set(piece, this.filledBytes);
    this.filledBytes = needed;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.filledBytes === this.bytes.length ? this.bytes : this.bytes.slice(0, this.filledBytes);
  }
}

/** Aborts the fetch when no byte came for too long, or the caller wants no more; remembers which. */
class StallTimer {
  private readonly request: DownloadRequest;
  private readonly controller = new AbortController();
  private readonly onAbort = () => this.controller.abort();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hasStalled = false;

  constructor(request: DownloadRequest) {
    this.request = request;
    request.signal.addEventListener('abort', this.onAbort);
    if (request.signal.aborted) this.onAbort();
    this.restart();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  restart(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.hasStalled = true;
      this.controller.abort();
    }, LOAD_STALL_TIMEOUT_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.request.signal.removeEventListener('abort', this.onAbort);
    // A body that was left half-read must not keep its connection.
    this.controller.abort();
  }

  /** Why the fetch was aborted, or null when it broke by itself. */
  reason(): SdkError | null {
    if (this.hasStalled) return new SdkError('load-stalled', { url: printable(this.request.url), timeoutMs: LOAD_STALL_TIMEOUT_MS });
    return this.request.signal.aborted ? new SdkError('aborted', { stage: 'download' }) : null;
  }
}
