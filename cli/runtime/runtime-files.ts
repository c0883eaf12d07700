/**
 * Runtime files: what onnxruntime-web writes to a file, caught as bytes.
 *
 * Why: the runtime can write the graph that it has optimised, but its web build has no file system, so the three system calls
 * end in stubs. Answering them here gives the optimised graph out of the very build that will run it in the field: no second
 * runtime, no native package of 262 MB (which phones home since 1.29), no question whether a graph of one release loads in another.
 *
 * Invariants
 *  - Only the calls about our own path and our own descriptor are answered; every other one goes to the runtime's own import.
 *  - The imports are told by what they are called with, not by their names: names are shortened anew in each release.
 *  - `WebAssembly.instantiate` is ours for one instantiation and is put back.
 *
 * Source: emscripten's `__syscall_openat(AT_FDCWD, path, flags, varargs)`, WASI's `fd_write(fd, iovs, count, written)` and `fd_close(fd)`.
 */

/** Recognised by the openat call. Nothing of this name is ever on a disk. */
export const CAUGHT_PATH = 'insitu-optimized.onnx';
/** No descriptor of the runtime is this high: it has the three standard ones. */
const DESCRIPTOR = 7_311;
const AT_FDCWD = -100;

type Import = (...args: number[]) => unknown;
interface Memory {
  readonly buffer: ArrayBuffer;
}
type Instantiate = (source: unknown, imports?: Record<string, Record<string, unknown>>) => Promise<unknown>;

/** Node has it; the types of Node 20 do not. */
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { instantiate: Instantiate; Memory: new () => Memory } };

let caught: Uint8Array[] | null = null;

/** Sees to it that the next WebAssembly instance's files can be caught. */
export function watchNextInstance(): void {
  const own = wasm.instantiate;
  wasm.instantiate = (source, imports) => {
    wasm.instantiate = own;
    for (const table of Object.values(imports ?? {})) watchTable(table);
    return own(source, imports);
  };
}

/** What the runtime writes to CAUGHT_PATH during `work`. */
export async function caughtDuring(work: () => Promise<void>): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  caught = pieces;
  try {
    await work();
  } finally {
    caught = null;
  }
  return pieces;
}

function watchTable(table: Record<string, unknown>): void {
  const memory = Object.values(table).find((value) => value instanceof wasm.Memory);
  if (memory === undefined) return;
  for (const [name, value] of Object.entries(table)) {
    if (typeof value === 'function' && (value.length === 4 || value.length === 1)) table[name] = watched(value as Import, memory);
  }
}

function watched(own: Import, memory: Memory): Import {
  return (...args) => {
    if (caught === null) return own(...args);
    if (args.length === 4 && args[0] === AT_FDCWD && isCaughtPath(memory, args[1] as number)) return DESCRIPTOR;
    if (args[0] !== DESCRIPTOR) return own(...args);
    if (args.length === 1) return 0;
    return args.length === 4 ? take(caught, memory, args) : own(...args);
  };
}

function isCaughtPath(memory: Memory, address: number): boolean {
  const bytes = new Uint8Array(memory.buffer, address >>> 0, CAUGHT_PATH.length + 1);
  return bytes[CAUGHT_PATH.length] === 0 && String.fromCharCode(...bytes.subarray(0, -1)) === CAUGHT_PATH;
}

/** fd_write: the vectors' bytes, and how many they were. */
function take(pieces: Uint8Array[], memory: Memory, [, vectors = 0, count = 0, written = 0]: readonly number[]): number {
  const view = new DataView(memory.buffer);
  let bytes = 0;
  for (let at = vectors >>> 0; at < (vectors >>> 0) + 8 * count; at += 8) {
    const length = view.getUint32(at + 4, true);
    pieces.push(new Uint8Array(memory.buffer, view.getUint32(at, true), length).slice());
    bytes += length;
  }
  view.setUint32(written >>> 0, bytes, true);
  return 0;
}
