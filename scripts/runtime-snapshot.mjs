/**
 * Runtime snapshot: what onnxruntime-web's plain WASM build writes into its memory while it starts, as a WASM module that writes the same.
 *
 * Why: a start registers some thousand operators and kernels, by 3,500 functions that are compiled when they are first called. That took half of the time
 * from the compiled binary to the first session, and its outcome is the same bytes at each start. A page whose browser keeps the
 * snapshot lays them in (worker/runtime/snapshot.ts).
 * Why a WASM module and not a file of our own: its data segments are written by the engine, and servers know the type and compress it.
 *
 * How: the build is started here, with one thread; a session is created and released, and the runtime's environment with its pool
 * of threads is given back by its own C API. What is left is what the runtime keeps for the life of the process. The bytes that differ from those
 * before the start are the snapshot.
 *
 *   node scripts/runtime-snapshot.mjs FOLDER ID FILE    (FOLDER: onnxruntime-web's dist/; ID: see scripts/definitions.mjs)
 *
 * Invariants
 *  - Two starts leave the same bytes, or there is no snapshot and the build fails: nothing of a clock is in it.
 *  - A runtime that was laid in starts, with threads, and answers; that is tried here before the file is written.
 *  - Sections `insitu.facts` and `insitu.before` tell the worker which build it is of and what memory must hold before.
 *  - The language of whoever builds is hidden, as the worker hides the visitor's: the runtime copies it into its memory.
 *
 * Source: the idea is that of Wizer (Bytecode Alliance) and of V8's startup snapshots; OrtApi in onnxruntime_c_api.h, whose first 102 entries
 * never move ("Size of version 1 API cannot change").
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const PAGE_BYTES = 65_536;
/** As the runtime's module asks for it (ort-wasm-simd-threaded.mjs: `new WebAssembly.Memory`). */
const MEMORY_PAGES_MAX = 65_536;
/** A segment costs about that much itself. */
const GAP_BYTES_MAX = 16;
const CREATE_STATUS = 0;
const GET_ERROR_CODE = 1;
const CREATE_ENV = 3;
const RELEASE_ENV = 92;
const API_LENGTH_MIN = 102;
const LOG_FATAL = 4;

/** y = Identity(x), scalar float32, opset 13. */
// biome-ignore format: one field per line says more than one number per line
const IDENTITY_MODEL = new Uint8Array([
  8, 8, 58, 55,
  10, 16, 10, 1, 120, 18, 1, 121, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121, 18, 1, 103,
  90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1,
  98, 15, 10, 1, 121, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1,
  66, 2, 16, 13,
]);

/** @param folder onnxruntime-web's dist/. @param id What the worker knows it by. */
async function runtimeSnapshot(folder, id) {
  const glue = readFileSync(`${folder}ort-wasm-simd-threaded.mjs`, 'utf8');
  const start = {
    factory: (await import(pathToFileURL(`${folder}ort-wasm-simd-threaded.mjs`).href)).default,
    module: await WebAssembly.compile(readFileSync(`${folder}ort-wasm-simd-threaded.wasm`)),
    // The runtime's file gives short names to its exports, other ones in each release.
    initExport: nameIn(glue, /\b_OrtInit=\w+\.([\w$]+)/),
  };
  const api = await apiAddress(start);
  const [one, other] = [await startedOnce(start, api), await startedOnce(start, api)];
  if (Buffer.compare(one.before, other.before) !== 0 || Buffer.compare(one.after, other.after) !== 0)
    throw new Error('two starts of the runtime leave different bytes in its memory: no snapshot can be made of this release');
  const snapshot = encoded(one, { id, initExport: start.initExport });
  await proved(start, snapshot);
  return snapshot;
}

function nameIn(glue, pattern) {
  const name = pattern.exec(glue)?.[1];
  if (name === undefined) throw new Error(`the runtime's module has changed: ${pattern} is not in it`);
  return name;
}

/** The runtime with its memory, not started yet. What it reads of its surroundings is what a worker of ours shows it. */
async function instantiated({ factory, module }, numThreads) {
  const { argv } = process;
  process.argv = argv.slice(0, 1);
  const { navigator } = globalThis;
  Object.defineProperty(globalThis, 'navigator', { value: { ...navigator, language: 'C' }, configurable: true });
  try {
    const found = {};
    const runtime = await factory({
      numThreads,
      instantiateWasm(imports, done) {
        found.memory = Object.values(imports.a).find((value) => value instanceof WebAssembly.Memory);
        WebAssembly.instantiate(module, imports).then((instance) => {
          found.exports = instance.exports;
          done(instance, module);
        });
      },
    });
    const table = Object.values(found.exports).find((value) => value instanceof WebAssembly.Table);
    return { runtime, memory: found.memory, table };
  } finally {
    process.argv = argv;
    Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  }
}

async function startedOnce(start, apiAt) {
  const { runtime, memory, table } = await instantiated(start, 1);
  const before = bytesOf(memory);
  const api = (index) => table.get(runtime.getValue(apiAt + 4 * index, 'i32'));
  if (runtime._OrtInit(1, LOG_FATAL) !== 0) throw new Error('the runtime does not start');
  runtime._OrtReleaseSession(createSession(runtime));
  // Asked for once more, the one environment is handed out again: now it is held twice.
  const out = runtime._malloc(16);
  runtime.setValue(out, 0, 'i32');
  runtime.setValue(out + 8, 0, 'i32');
  if (api(CREATE_ENV)(LOG_FATAL, out + 8, out) !== 0) throw new Error('the runtime does not hand out its environment');
  const environment = runtime.getValue(out, 'i32');
  for (let held = 0; held < 2; held++) api(RELEASE_ENV)(environment);
  runtime._free(out);
  const after = bytesOf(memory);
  if (after.length !== before.length) throw new Error('the runtime grows its memory while it starts: a snapshot would have to, too');
  return { before, after, tableLength: table.length };
}

function createSession(runtime) {
  const options = runtime._OrtCreateSessionOptions(0, true, true, 0, false, 0, 0, LOG_FATAL, 0, 0);
  const model = runtime._malloc(IDENTITY_MODEL.length);
  runtime.HEAPU8.set(IDENTITY_MODEL, model);
  const session = runtime._OrtCreateSession(model, IDENTITY_MODEL.length, options);
  runtime._free(model);
  runtime._OrtReleaseSessionOptions(options);
  if (session === 0) throw new Error('the runtime creates no session');
  return session;
}

/**
 * Where OrtApi lies: a long row of table indices that follow one another, told by what its first two do.
 * In an instance of its own, because trying leaves traces.
 */
async function apiAddress(start) {
  const { runtime, memory, table } = await instantiated(start, 1);
  const words = new Uint32Array(memory.buffer);
  let from = 0;
  for (let at = 0; at < words.length; at++) {
    if (words[at] > 0 && words[at] < table.length && words[at + 1] === words[at] + 1) continue;
    if (at - from + 1 >= API_LENGTH_MIN && isApi(runtime, (index) => table.get(words[from + index]))) return 4 * from;
    from = at + 1;
  }
  throw new Error('the C API of the runtime was not found in its memory');
}

function isApi(runtime, call) {
  const text = runtime._malloc(8);
  runtime.stringToUTF8('probe', text, 8);
  const code = 7;
  try {
    return call(GET_ERROR_CODE)(call(CREATE_STATUS)(code, text)) === code;
  } catch {
    return false;
  }
}

function bytesOf(memory) {
  return new Uint8Array(memory.buffer).slice();
}

function encoded({ before, after, tableLength }, known) {
  const ranges = changedRanges(before, after);
  const segments = ranges.map(([from, to]) =>
    Buffer.concat([Buffer.from([0, I32_CONST]), signed(from), Buffer.from([END]), vector(after.subarray(from, to))]),
  );
  const facts = { ...known, tableLength, memoryBytes: before.length };
  return new Uint8Array(
    Buffer.concat([
      Buffer.from('\0asm\x01\0\0\0', 'latin1'),
      custom('insitu.facts', Buffer.from(JSON.stringify(facts))),
      custom(
        'insitu.before',
        Buffer.concat(heldRanges(before, ranges).flatMap(([from, to]) => [words(from, to - from), before.subarray(from, to)])),
      ),
      section(
        IMPORT_SECTION,
        list([Buffer.concat([vector(Buffer.from('runtime')), vector(Buffer.from('memory')), memoryType(before.length)])]),
      ),
      section(DATA_SECTION, list(segments)),
    ]),
  );
}

/** [from, to) of the bytes that differ; gaps that cost less than a segment are bridged where they are the same in both. */
function changedRanges(before, after) {
  const ranges = [];
  for (let at = 0; at < after.length; at++) {
    if (before[at] === after[at]) continue;
    const last = ranges.at(-1);
    if (last !== undefined && at - last[1] <= GAP_BYTES_MAX) last[1] = at + 1;
    else ranges.push([at, at + 1]);
  }
  return ranges;
}

/** What these ranges held before, where that was not nothing. */
function heldRanges(before, ranges) {
  const held = [];
  for (const [from, to] of ranges) {
    for (let at = from; at < to; at++) {
      if (before[at] === 0) continue;
      const last = held.at(-1);
      if (last !== undefined && last[1] === at) last[1] = at + 1;
      else held.push([at, at + 1]);
    }
  }
  return held;
}

/** A runtime that begins with the snapshot starts two threads' worth of pool and answers. */
async function proved(start, snapshot) {
  const { runtime, memory } = await instantiated(start, 2);
  new WebAssembly.Instance(new WebAssembly.Module(snapshot), { runtime: { memory } });
  if (runtime._OrtInit(2, LOG_FATAL) !== 0) throw new Error('the runtime does not start from its snapshot');
  runtime._OrtReleaseSession(createSession(runtime));
}

const IMPORT_SECTION = 2;
const DATA_SECTION = 11;
const I32_CONST = 0x41;
const END = 0x0b;
const MEMORY_IMPORT = 2;
const SHARED_WITH_MAXIMUM = 3;

function section(id, content) {
  return Buffer.concat([Buffer.from([id]), vector(content)]);
}

function custom(name, content) {
  return section(0, Buffer.concat([vector(Buffer.from(name)), content]));
}

function list(items) {
  return Buffer.concat([unsigned(items.length), ...items]);
}

function vector(bytes) {
  return Buffer.concat([unsigned(bytes.length), bytes]);
}

function memoryType(bytes) {
  const limits = [unsigned(bytes / PAGE_BYTES), unsigned(MEMORY_PAGES_MAX)];
  return Buffer.concat([Buffer.from([MEMORY_IMPORT, SHARED_WITH_MAXIMUM]), ...limits]);
}

function words(...values) {
  return Buffer.from(Uint32Array.from(values).buffer);
}

/** LEB128. */
function unsigned(value) {
  return leb128(value, 0x80);
}

/** LEB128 of a number that is not negative, read with its sign: the last byte leaves room for that. */
function signed(value) {
  return leb128(value, 0x40);
}

function leb128(value, lastEnd) {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < lastEnd) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

const [folder, id, file] = process.argv.slice(2);
// Under another name until it is whole: a build that finds it uses it.
writeFileSync(`${file}.unfinished`, await runtimeSnapshot(folder, id));
renameSync(`${file}.unfinished`, file);
// Its threads would keep this process.
process.exit(0);
