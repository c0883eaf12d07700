/**
 * Runtime file: the runtime's binary, found in the place where it is served, plain or gzipped.
 *
 * Why gzipped: one of the three binaries is over the 25 MiB that a large static host allows per file. Where the plain file is
 * missing, the one beside it named `.gz` is inflated on its way. Why not always: the browser keeps compiled code
 * for an address that it streams itself, and not for bytes (the same start took 904 ms streamed and 1,572 ms from bytes).
 * Why by standing in for `fetch` and `instantiateStreaming`: the file comes and is compiled while the runtime's module, which would
 * ask for it, is still on its way; the runtime asks for the file itself and is spoilt for good by an answer that it cannot use,
 * so a missing file must be noticed before it is; and a stream of ours is compiled while it arrives, bytes only afterwards.
 *
 * Invariants
 *  - `fetch` is replaced for the time of the start, in this realm, which is ours alone, and for this one address.
 *  - A start that works costs no request more than without this.
 */
import { firstLine, SdkError } from '../../protocol/errors.ts';
import type { Snapshot } from './snapshot.ts';

const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d] as const;
/** What engines say of WebAssembly that a policy forbids. */
const FORBIDDEN = /content.?security.?policy|\bCSP\b|unsafe-eval/i;
const GZIP_MAGIC = [0x1f, 0x8b] as const;

export class RuntimeFile {
  private readonly url: string;
  private readonly bytes: number;
  private readonly snapshot: Snapshot | null;
  /** Why neither address gave the file. */
  private missing: string | null = null;
  private readonly answer: Promise<Response>;
  private readonly compiled: Promise<WebAssembly.Module>;

  /**
   * Begins to fetch and to compile it.
   *
   * @param bytes Length of the file of this release.
   * @param snapshot What the runtime begins with; null for builds that have none.
   */
  constructor(url: string, bytes: number, snapshot: Snapshot | null) {
    this.url = url;
    this.bytes = bytes;
    this.snapshot = snapshot;
    this.answer = this.open(self.fetch, { credentials: 'same-origin' });
    this.compiled = WebAssembly.compileStreaming(this.answer);
    // Heard in `served`, if that is ever called.
    this.compiled.catch(() => undefined);
  }

  get name(): string {
    return new URL(this.url).pathname.split('/').pop() ?? this.url;
  }

  /** Runs `start`, which fetches the file. @throws {SdkError} `asset-unreachable`, `runtime-mismatch` */
  async served<T>(start: () => Promise<T>): Promise<T> {
    const plain = self.fetch;
    const { instantiateStreaming } = WebAssembly;
    let isFirst = true;
    self.fetch = (input, init) => {
      if ((input instanceof Request ? input.url : String(input)) !== this.url) return plain(input, init);
      // The runtime asks once more when it could not use the first answer.
      const answer = isFirst ? this.answer : this.open(plain, init);
      isFirst = false;
      return answer;
    };
    WebAssembly.instantiateStreaming = async (source, imports) => {
      if (source !== this.answer) return instantiateStreaming(source, imports);
      const module = await this.compiled;
      const instance = await WebAssembly.instantiate(module, imports);
      return { module, instance: (await this.snapshot?.before(instance, imports ?? {})) ?? instance };
    };
    try {
      return await start();
    } catch (error) {
      throw await this.failure(error, plain);
    } finally {
      self.fetch = plain;
      WebAssembly.instantiateStreaming = instantiateStreaming;
    }
  }

  private async open(fetch: typeof self.fetch, init: RequestInit | undefined): Promise<Response> {
    const answer = await fetch(this.url, init);
    if (isFile(answer)) return answer;
    await answer.body?.cancel();
    const address = new URL(this.url);
    address.pathname += '.gz';
    const zipped = await fetch(address.href, init).catch(() => null);
    if (zipped !== null && isFile(zipped)) {
      return new Response(await inflated(zipped), { headers: { 'Content-Type': 'application/wasm' } });
    }
    await zipped?.body?.cancel();
    this.missing = `${described(answer)}, and ${this.name}.gz is not there either`;
    return answer;
  }

  /** The start failed: is the file another release's, or not there? It is read once more to tell, which nobody waits for. */
  private async failure(error: unknown, fetch: typeof self.fetch): Promise<SdkError> {
    const unreachable = (reason: string, advice?: string) => {
      const fault = { asset: this.name, reason, ...(advice === undefined ? {} : { advice }) };
      return new SdkError('asset-unreachable', fault, { cause: error });
    };
    if (this.missing !== null) return unreachable(this.missing);
    if (FORBIDDEN.test(String(error)))
      return unreachable(
        'the Content-Security-Policy forbids WebAssembly',
        "Add 'wasm-unsafe-eval' to script-src, in the policy that insitu's files are sent with too.",
      );
    try {
      const bytes = new Uint8Array(await (await this.open(fetch, undefined)).arrayBuffer());
      if (!startsWith(bytes, WASM_MAGIC)) return unreachable('the server answered with something that is no WebAssembly');
      if (bytes.length === this.bytes) return unreachable(firstLine(error));
      const [expected, actual] = [this.bytes, bytes.length].map((length) => `${length} bytes`) as [string, string];
      return new SdkError('runtime-mismatch', { asset: this.name, expected, actual }, { cause: error });
    } catch {
      // It cannot be read a second time: what the start said must do.
      return unreachable(firstLine(error));
    }
  }
}

/** Many servers answer a path that does not exist with a page. */
function isFile(answer: Response): boolean {
  return answer.ok && !/^text\/html/i.test(answer.headers.get('content-type') ?? '');
}

function described(answer: Response): string {
  return answer.ok ? 'the server answered with a web page' : `HTTP ${answer.status}`;
}

/** The body, inflated unless the browser did that already because the server named the encoding. */
async function inflated(answer: Response): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const [head, body] = (answer.body as ReadableStream<Uint8Array<ArrayBuffer>>).tee();
  const reader = head.getReader();
  const { value } = await reader.read();
  // Not awaited: it settles when the other branch is done, too.
  void reader.cancel();
  return startsWith(value ?? new Uint8Array(), GZIP_MAGIC) ? body.pipeThrough(new DecompressionStream('gzip')) : body;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}
