/**
 * Runtime snapshot: what the plain WASM build writes into its memory while it starts, laid in instead of being computed again.
 *
 * Why: it registers some thousand operators and kernels by functions that are compiled when they are first called: half of the time
 * from the compiled binary to the first session, with the same outcome at each start. scripts/runtime-snapshot.mjs makes the file of
 * the release that is shipped.
 *
 * Invariants
 *  - No start waits for a network: what the browser's own cache does not hold is fetched by `keep`, for the next visit.
 *  - Laid in only where memory is as it was where the snapshot was made; else the runtime starts as it would have.
 *  - Laid in before the runtime's own start, which then finds its registries, and makes what is of this visit: threads, log level.
 *
 * Not here: what a snapshot holds and how it is proved (scripts/runtime-snapshot.mjs).
 */
interface Facts {
  /** The runtime's own start, by the short name that its binary has for it. */
  readonly initExport: string;
  /** Functions in its table: hardly another build has as many. */
  readonly tableLength: number;
  readonly memoryBytes: number;
}

const HEADER_BYTES = 8;

export class Snapshot {
  /** The runtime began with it. */
  isLaidIn = false;
  private readonly url: string;
  private readonly cached: Promise<WebAssembly.Module | null>;
  private isMissing = false;

  constructor(url: string) {
    this.url = url;
    // Fails at once where the cache has nothing, and on another origin than the page's.
    this.cached = compiled(url, { cache: 'only-if-cached', mode: 'same-origin' }).catch(() => {
      this.isMissing = true;
      return null;
    });
  }

  /** The instance; its start lays the snapshot in first. */
  async before(instance: WebAssembly.Instance, imports: WebAssembly.Imports): Promise<WebAssembly.Instance> {
    const module = await this.cached;
    const memory = find(Object.values(imports).flatMap(Object.values), WebAssembly.Memory);
    const table = find(Object.values(instance.exports), WebAssembly.Table);
    if (module === null || memory === undefined || table === undefined) return instance;
    const facts = JSON.parse(new TextDecoder().decode(sectionOf(module, 'insitu.facts'))) as Facts;
    const start = instance.exports[facts.initExport];
    if (typeof start !== 'function' || table.length !== facts.tableLength) return instance;
    const startLaidIn = (...args: unknown[]): unknown => {
      if (memory.buffer.byteLength === facts.memoryBytes && isAsBefore(memory, sectionOf(module, 'insitu.before'))) {
        new WebAssembly.Instance(module, { runtime: { memory } });
        this.isLaidIn = true;
      }
      return start(...args);
    };
    return { exports: { ...instance.exports, [facts.initExport]: startLaidIn } };
  }

  /** Fetches it into the browser's cache, once, where that had none. A next visit that goes without costs time and nothing else. */
  keep(): void {
    if (!this.isMissing) return;
    this.isMissing = false;
    void fetch(this.url, { priority: 'low' } as RequestInit)
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined);
  }
}

async function compiled(url: string, init: RequestInit): Promise<WebAssembly.Module> {
  const answer = await fetch(url, init);
  return WebAssembly.compile(await answer.arrayBuffer());
}

function find<T>(values: readonly unknown[], kind: new (...args: never[]) => T): T | undefined {
  return values.find((value): value is T => value instanceof kind);
}

function sectionOf(module: WebAssembly.Module, name: string): ArrayBuffer {
  return WebAssembly.Module.customSections(module, name)[0] ?? new ArrayBuffer(0);
}

/** Section `insitu.before`: offset and length, 32 bits each, little endian, and the bytes; again and again. */
function isAsBefore(memory: WebAssembly.Memory, section: ArrayBuffer): boolean {
  const [view, held, found] = [new DataView(section), new Uint8Array(section), new Uint8Array(memory.buffer)];
  for (let at = 0; at < held.length; ) {
    const [offset, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    at += HEADER_BYTES;
    for (let index = 0; index < length; index++) if (found[offset + index] !== held[at + index]) return false;
    at += length;
  }
  return true;
}
