/**
 * Runtime snapshot: what the plain WASM build writes into its memory while it starts, laid in instead of being computed again.
 *
 * Why: it registers some thousand operators and kernels by functions that are compiled when they are first called: half of the time
 * from the compiled binary to the first session, with the same outcome at each start. scripts/runtime-snapshot.mjs makes the file of
 * the release that is shipped.
 *
 * Invariants
 *  - The browser's own cache alone is asked; what it does not hold is fetched by `keep`, for the next visit. WebKit's private sessions have no cache
 *    and ask the network instead: a start waits SNAPSHOT_WAIT_MS_MAX for it at the most.
 *  - Laid in only if it was made of the very binary that this release ships, and what memory holds where it writes is what the binary holds
 *    there: its data, and the allocator's own numbers, which another history of allocations would have changed. Else the runtime starts as it would
 *    have, and a snapshot that did not fit is fetched anew.
 *  - Laid in before the runtime's own start, which then finds its registries, and makes what is of this visit: threads, log level.
 *
 * Not here: what a snapshot holds and how it is proved (scripts/runtime-snapshot.mjs).
 */
import { SNAPSHOT_WAIT_MS_MAX } from '../../protocol/limits.ts';
import { savesData } from '../device/device-facts.ts';

interface Facts {
  /** Of the runtime's binary and of how the snapshot was made. */
  readonly id: string;
  /** The runtime's own start, by the short name that its binary has for it. */
  readonly initExport: string;
  /** Functions in its table: hardly another build has as many. */
  readonly tableLength: number;
  readonly memoryBytes: number;
}

const HEADER_BYTES = 8;

/** Null for builds that have none, and where the browser's cache cannot be asked alone: on another origin than the worker's. */
export function snapshotOf(url: string | null): Snapshot | null {
  return url === null || new URL(url).origin !== self.origin ? null : new Snapshot(url);
}

export class Snapshot {
  /** The runtime began with it. */
  isLaidIn = false;
  private readonly url: string;
  private readonly cached: Promise<WebAssembly.Module | null>;
  /** How to fetch it for the next visit. */
  private wanted: RequestCache = 'default';

  constructor(url: string) {
    this.url = url;
    this.cached = this.compiled().catch(() => null);
  }

  /** The instance; its start lays the snapshot in first. */
  async before(instance: WebAssembly.Instance, imports: WebAssembly.Imports): Promise<WebAssembly.Instance> {
    const module = await Promise.race([this.cached, nothingAfter(SNAPSHOT_WAIT_MS_MAX)]);
    if (module === null) return instance;
    const memory = find(Object.values(imports).flatMap(Object.values), WebAssembly.Memory);
    const facts = factsOf(module);
    const start = facts === null ? undefined : instance.exports[facts.initExport];
    if (facts?.id !== __SNAPSHOT__ || memory === undefined || typeof start !== 'function') return instance;
    const startLaidIn = (...args: unknown[]): unknown => {
      this.layIn(module, facts, instance, memory);
      return start(...args);
    };
    return { exports: { ...instance.exports, [facts.initExport]: startLaidIn } };
  }

  private layIn(module: WebAssembly.Module, facts: Facts, instance: WebAssembly.Instance, memory: WebAssembly.Memory): void {
    try {
      const table = find(Object.values(instance.exports), WebAssembly.Table);
      const isSameBuild = table?.length === facts.tableLength && memory.buffer.byteLength === facts.memoryBytes;
      if (!isSameBuild || !isAsBefore(memory, sectionOf(module, 'insitu.before'))) return;
      // All segments are within bounds, so that either all of them are written or the import was refused before.
      new WebAssembly.Instance(module, { runtime: { memory } });
      this.isLaidIn = true;
    } catch {
      // It is none of ours.
    }
  }

  /** To be called once: fetches it into the browser's cache where the runtime began without it. A next visit that goes without costs time and nothing else. */
  keep(): void {
    if (this.isLaidIn || savesData()) return;
    void fetch(this.url, { cache: this.wanted, priority: 'low' } as RequestInit)
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined);
  }

  private async compiled(): Promise<WebAssembly.Module> {
    // Fails at once where the cache has nothing.
    const answer = await fetch(this.url, { cache: 'only-if-cached', mode: 'same-origin' });
    // Where that does not fit, another one must take its place.
    this.wanted = 'no-cache';
    return WebAssembly.compile(await answer.arrayBuffer());
  }
}

function nothingAfter(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms));
}

function find<T>(values: readonly unknown[], kind: new (...args: never[]) => T): T | undefined {
  return values.find((value): value is T => value instanceof kind);
}

function sectionOf(module: WebAssembly.Module, name: string): ArrayBuffer {
  return WebAssembly.Module.customSections(module, name)[0] ?? new ArrayBuffer(0);
}

/** Null where the module is no snapshot of ours. */
function factsOf(module: WebAssembly.Module): Facts | null {
  try {
    return JSON.parse(new TextDecoder().decode(sectionOf(module, 'insitu.facts'))) as Facts;
  } catch {
    return null;
  }
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
