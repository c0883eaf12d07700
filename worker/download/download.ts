/**
 * Download: one answer over HTTP, whole or a range of it, with a stall limit and typed ways to fail.
 *
 * Invariants
 *  - Nothing is handed on that the server did not send as what was asked for: status, content type, range and length are
 *    checked, so that an error page never reaches the store or the runtime.
 *  - Every wait ends: by bytes, by the caller's signal, or by LOAD_STALL_TIMEOUT_MS in which fewer than
 *    DOWNLOAD_STALL_BYTES_MIN arrived.
 *  - What may succeed when it is repeated is an `Interruption`; every other failure is final.
 *
 * Not here: hashes and chunks (worker/download/chunk-download.ts), whose headers go where (worker/download/access.ts).
 */
import { isPageLike } from '../../onnx/file-signature.ts';
import { SdkError } from '../../protocol/errors.ts';
import {
  DOWNLOAD_ATTEMPT_COUNT_MAX,
  DOWNLOAD_RETRY_AFTER_MS_MAX,
  DOWNLOAD_RETRY_MS_MIN,
  DOWNLOAD_STALL_BYTES_MIN,
  LOAD_STALL_TIMEOUT_MS,
  MODEL_BYTES_MAX,
} from '../../protocol/limits.ts';
import { printableAddress } from '../../protocol/worker/model-address.ts';
import type { Access } from './access.ts';

export interface BodyRequest {
  readonly url: string;
  readonly access: Access;
  readonly httpCache: RequestCache;
  readonly signal: AbortSignal;
  /** Of a new version for the next visit: the page's own requests come first. */
  readonly isUrgent: boolean;
  readonly range?: ByteRange;
  /** Strong ETag of the answers that came before. */
  readonly etag?: string | null;
}

/** First and last byte, as HTTP counts them. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** A failure of the way, not of the file: the same request may succeed later. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  readonly error: SdkError;
  readonly retryAfterMs: number | null;

  constructor(error: SdkError, retryAfterMs: number | null = null) {
    super(error.message, { cause: error });
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/** This server does not answer ranges, or not rightly: ask for the whole file. */
export class RangeRefusal extends Error {
  override readonly name = 'RangeRefusal';
}

/** A URL as it may appear in an error: its query may be a secret. */
export function printable(url: string): string {
  return printableAddress(new URL(url));
}

/** ETag, else Last-Modified, else null. */
function validatorOf(response: Response): string | null {
  return response.headers.get('etag') ?? response.headers.get('last-modified');
}

/** Statuses that say "later". */
const LATER = [408, 425, 429, 500, 502, 503, 504];

/** An answer whose head was taken; its body is read piece by piece. */
export class Body {
  readonly response: Response;
  private readonly request: BodyRequest;
  private readonly stall: StallTimer;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private readBytes = 0;

  constructor(request: BodyRequest, response: Response, stall: StallTimer) {
    this.request = request;
    this.response = response;
    this.stall = stall;
    this.reader = response.body?.getReader();
  }

  /** What the server says that will come; 0 when it does not, or says it of the compressed body. */
  get announcedBytes(): number {
    const { headers } = this.response;
    if (headers.get('content-encoding') !== null) return 0;
    return Math.min(Number(headers.get('content-length') ?? 0), MODEL_BYTES_MAX + 1);
  }

  /** The next piece, null behind the last. @throws {Interruption} @throws {SdkError} `load-stalled`, `aborted` */
  async read(): Promise<Uint8Array | null> {
    try {
      const piece = await this.reader?.read();
      if (piece === undefined || piece.done) return null;
      this.readBytes += piece.value.length;
      this.stall.moved(piece.value.length);
      return piece.value;
    } catch (error) {
      const cut = { url: printable(this.request.url), expectedBytes: this.announcedBytes, actualBytes: this.readBytes };
      throw this.stall.reason() ?? new Interruption(new SdkError('model-truncated', cut, { cause: error }));
    }
  }

  /** A body that was left half-read must not keep its connection. */
  close(): void {
    this.stall.stop();
  }
}

/**
 * Asks, and asks once more under a fresh address where the application has one.
 *
 * @throws {Interruption} @throws {RangeRefusal} on 416
 * @throws {SdkError} `model-unreachable`, `model-not-onnx` (a web page came), `load-stalled`, `aborted`.
 */
export async function openBody(request: BodyRequest): Promise<Body> {
  const stall = new StallTimer(request);
  try {
    return new Body(request, await open(request, stall), stall);
  } catch (error) {
    stall.stop();
    throw error;
  }
}

async function open(request: BodyRequest, stall: StallTimer): Promise<Response> {
  const url = printable(request.url);
  for (;;) {
    const address = request.access.addressOf(request.url);
    let response: Response;
    try {
      response = await fetch(address.url, initOf(request, address, stall.signal));
    } catch (error) {
      throw stall.reason() ?? new Interruption(new SdkError('model-unreachable', { url, status: 0 }, { cause: error }));
    }
    stall.restart();
    const { status } = response;
    if (response.ok) {
      address.isProven = true;
      return isNamedPage(response) ? requireNoPage(response, url) : response;
    }
    if (await request.access.renew(request.url, address, status, request.signal)) continue;
    if (status === 416 && request.range !== undefined) throw new RangeRefusal('416');
    const failure = new SdkError('model-unreachable', { url, status });
    throw LATER.includes(status) ? new Interruption(failure, retryAfterMs(response)) : failure;
  }
}

function initOf(request: BodyRequest, address: ReturnType<Access['addressOf']>, signal: AbortSignal): RequestInit {
  const { range, etag, httpCache, isUrgent } = request;
  const headers = new Headers(address.headers);
  const isPrivate = [...headers].length > 0;
  if (range !== undefined) {
    headers.set('Range', `bytes=${range.first}-${range.last}`);
    // From another origin this header would cost a preflight, which file servers do not answer. The hashes find a changed file too.
    if (typeof etag === 'string' && new URL(address.url).origin === self.origin) headers.set('If-Range', etag);
  }
  return {
    headers,
    cache: httpCache,
    credentials: address.credentials,
    redirect: isPrivate ? 'error' : 'follow',
    priority: isUrgent ? 'auto' : 'low',
    signal,
  };
}

function isNamedPage(response: Response): boolean {
  return /^text\/html/i.test(response.headers.get('content-type') ?? '');
}

/** Many servers answer a path that does not exist with a page; some send any file by that name. The first byte tells. */
async function requireNoPage(response: Response, url: string): Promise<Response> {
  if (response.body === null) return response;
  const [head, body] = response.body.tee();
  const reader = head.getReader();
  const { value } = await reader.read().catch(() => ({ value: undefined }));
  // Not awaited: it settles when the other branch is done, too.
  void reader.cancel();
  if (!isPageLike(value ?? new Uint8Array())) return new Response(body, response);
  void body.cancel();
  const reason = 'the server answered with a web page, which many servers do for a path that does not exist';
  throw new SdkError('model-not-onnx', { url, reason });
}

/** Seconds or a date; null when the server does not say. */
function retryAfterMs(response: Response): number | null {
  const text = response.headers.get('retry-after');
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), DOWNLOAD_RETRY_AFTER_MS_MAX) : null;
}

interface WholeRequest extends BodyRequest {
  readonly bytesMax: number;
  /** After each piece: how much is there, and how much there will be (0: unknown). */
  readonly onBytes?: (loadedBytes: number, totalBytes: number) => void;
}

export interface Download {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly validator: string | null;
}

/** A file of which nobody knows the length beforehand. @throws as `openBody`, and {SdkError} `model-too-large`, `model-truncated`. */
export async function download(request: WholeRequest): Promise<Download> {
  const url = printable(request.url);
  const body = await openBody(request);
  try {
    const totalBytes = body.announcedBytes;
    if (totalBytes > request.bytesMax) throw new SdkError('model-too-large', { url, bytes: totalBytes, bytesMax: request.bytesMax });
    const sink = new ByteSink(totalBytes);
    for (let piece = await body.read(); piece !== null; piece = await body.read()) {
      sink.append(piece);
      if (sink.filledBytes > (totalBytes || request.bytesMax)) break;
      request.onBytes?.(sink.filledBytes, totalBytes);
    }
    if (totalBytes === 0 && sink.filledBytes > request.bytesMax) {
      throw new SdkError('model-too-large', { url, bytes: sink.filledBytes, bytesMax: request.bytesMax });
    }
    if (totalBytes !== 0 && sink.filledBytes !== totalBytes) {
      throw new SdkError('model-truncated', { url, expectedBytes: totalBytes, actualBytes: sink.filledBytes });
    }
    return { bytes: sink.finish(), validator: validatorOf(body.response) };
  } finally {
    body.close();
  }
}

/** What a file server says of a file without sending it; null when it does not answer well. */
export async function askForValidator(url: string, access: Access, signal: AbortSignal): Promise<string | null> {
  const address = access.addressOf(url);
  const request = { url, access, httpCache: 'no-cache', signal, isUrgent: false } as const;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LOAD_STALL_TIMEOUT_MS)]);
  const response = await fetch(address.url, { ...initOf(request, address, limited), method: 'HEAD' });
  return response.ok ? validatorOf(response) : null;
}

/** Repeats what was interrupted. @throws {SdkError} the interruption's own error when it lasts, and what else `attempt` throws. */
export async function withRetries<T>(signal: AbortSignal, attemptCountMax: number, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      if (count >= attemptCountMax) throw error.error;
      await backOff(count, error.retryAfterMs, signal);
    }
  }
}

/** @param failureCount In a row, this one included. @throws {SdkError} `aborted` */
export function backOff(failureCount: number, askedMs: number | null, signal: AbortSignal): Promise<void> {
  const longestMs = DOWNLOAD_RETRY_MS_MIN * 2 ** (Math.min(failureCount, DOWNLOAD_ATTEMPT_COUNT_MAX) - 1);
  const chance = (crypto.getRandomValues(new Uint8Array(1))[0] as number) / 255;
  return sleep(askedMs ?? longestMs * (0.5 + chance / 2), signal);
}

/** @throws {SdkError} `aborted` */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clearTimeout(timer);
      reject(new SdkError('aborted', { stage: 'download' }));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** One array that grows only when nobody said how long it will be. */
class ByteSink {
  private bytes: Uint8Array<ArrayBuffer>;
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

/** Aborts the fetch when too little came for too long, or the caller wants no more; remembers which. */
class StallTimer {
  private readonly request: BodyRequest;
  private readonly controller = new AbortController();
  private readonly onAbort = () => this.controller.abort();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private movedBytes = 0;
  private hasStalled = false;

  constructor(request: BodyRequest) {
    this.request = request;
    request.signal.addEventListener('abort', this.onAbort);
    if (request.signal.aborted) this.onAbort();
    this.restart();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  moved(bytes: number): void {
    this.movedBytes += bytes;
    if (this.movedBytes >= DOWNLOAD_STALL_BYTES_MIN) this.restart();
  }

  restart(): void {
    this.movedBytes = 0;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.hasStalled = true;
      this.controller.abort();
    }, LOAD_STALL_TIMEOUT_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.request.signal.removeEventListener('abort', this.onAbort);
    this.controller.abort();
  }

  /** Why the fetch was aborted, or null when it broke by itself. */
  reason(): SdkError | null {
    if (this.hasStalled) return new SdkError('load-stalled', { url: printable(this.request.url), timeoutMs: LOAD_STALL_TIMEOUT_MS });
    return this.request.signal.aborted ? new SdkError('aborted', { stage: 'download' }) : null;
  }
}
