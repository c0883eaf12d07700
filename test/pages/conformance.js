/**
 * ONNX's node tests twice: by the runtime alone in a worker of its own, and through the library. Answers what differs.
 *
 * Invariants
 *  - The runtime alone starts as it does; on wasm the library's begins with the snapshot of its memory.
 *  - Both sides get the same bytes and the same feeds. Equal means the same names, types, dims and bits.
 *  - The runtime passes a case when every output is within ONNX's own tolerances (rtol 1e-3, atol 1e-7) of what the case expects.
 */
import { createClient } from '/insitu/insitu.js';
import { tensorOf } from './tensor-proto.js';

const RAW_TIMEOUT_MS = 20_000;
const SNAPSHOT = '/insitu/ort/ort-wasm-simd-threaded.snapshot.wasm';
let raw = null;
let client = null;
/** Resolves once a model holds the library's worker, which would otherwise end with each case. */
let anchor = null;

/** Verdicts on the named cases, one per case. */
window.verdictsOf = async (provider, cases) => {
  client ??= createClient({ cache: 'memory', threads: 1 });
  anchor ??= anchored(provider);
  await anchor;
  const verdicts = [];
  for (const each of cases) verdicts.push({ name: each.name, ...(await verdictOf(provider, each)) });
  return verdicts;
};

/** On wasm with the snapshot that a later visit has: what a start leaves behind must be right in it for every operator. */
async function anchored(provider) {
  await bytesOf(SNAPSHOT);
  const model = await client.load('/models/digits/model.json', { provider, variant: 'fp32', telemetry: false });
  if (provider === 'wasm' && !model.explain().isFromSnapshot) throw new Error('the runtime did not begin with its snapshot');
}

async function verdictOf(provider, { name, inputCount, outputCount }) {
  const model = await bytesOf(`/onnx/${name}/model.onnx`);
  const feeds = await tensorsOf(name, 'input', inputCount);
  const expected = await tensorsOf(name, 'output', outputCount);
  if ([...feeds, ...expected].includes(null)) return { left: 'a value that is no plain tensor' };
  const floor = await rawRun(provider, model, feeds);
  if (floor.error !== undefined) return { raw: false, reason: floor.error };
  const wrong = expected.findIndex((tensor, index) => !isNear(tensor, floor.outputs[index]));
  if (wrong >= 0) return { raw: false, reason: `output ${wrong} is not as expected` };
  try {
    const outputs = await ourRun(provider, model, floor.inputs, feeds);
    const unequal = floor.outputs.find((output) => !isEqual(output, outputs[output.name]));
    return { raw: true, ours: unequal === undefined, reason: unequal === undefined ? null : `output ${unequal.name} differs` };
  } catch (error) {
    return { raw: true, ours: false, reason: `${error.code}: ${error.message}` };
  }
}

async function ourRun(provider, model, names, feeds) {
  const loaded = await client.load({ name: 'case.onnx', bytes: new Uint8Array(model) }, { provider, telemetry: false });
  try {
    const named = Object.fromEntries(feeds.map((tensor, index) => [names[index], tensor]));
    return (await loaded.run(named, { timeoutMs: RAW_TIMEOUT_MS })).outputs;
  } finally {
    await loaded.close();
  }
}

/** A case that hangs or kills the runtime costs its worker, not the run. */
function rawRun(provider, model, feeds) {
  raw ??= new Worker('conformance-worker.js', { type: 'module' });
  return new Promise((resolve) => {
    const id = crypto.randomUUID();
    const give = (answer) => {
      clearTimeout(timer);
      resolve(answer);
    };
    const giveUp = (error) => {
      raw.terminate();
      raw = null;
      give({ error });
    };
    const timer = setTimeout(() => giveUp('no answer'), RAW_TIMEOUT_MS);
    raw.onerror = ({ message }) => giveUp(message ?? 'the worker failed');
    raw.onmessage = ({ data }) => data.id === id && give(data);
    raw.postMessage({ id, provider, model, feeds });
  });
}

async function tensorsOf(name, side, count) {
  const files = Array.from({ length: count }, (_, index) => `/onnx/${name}/test_data_set_0/${side}_${index}.pb`);
  return Promise.all(files.map(async (file) => tensorOf(await bytesOf(file))));
}

async function bytesOf(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
  return response.arrayBuffer();
}

function isNear(expected, actual) {
  if (actual === undefined || String(expected.dims) !== String(actual.dims) || expected.type !== actual.type) return false;
  const [wanted, got] = [numbers(expected), numbers(actual)];
  return wanted.length === got.length && wanted.every((value, index) => isClose(value, got[index]));
}

function isClose(wanted, got) {
  if (typeof wanted !== 'number' || Object.is(wanted, got) || wanted === got) return wanted === got || Object.is(wanted, got);
  return Math.abs(wanted - got) <= 1e-7 + 1e-3 * Math.abs(wanted);
}

/** Strings and big integers as they are, halves as numbers. */
function numbers({ type, data }) {
  return type === 'float16' ? Array.from(data, fromHalf) : Array.from(data);
}

function fromHalf(bits) {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function isEqual(raw, ours) {
  if (ours === undefined || raw.type !== ours.type || String(raw.dims) !== String(ours.dims)) return false;
  if (Array.isArray(raw.data)) return JSON.stringify(raw.data) === JSON.stringify(ours.data);
  const [a, b] = [raw.data, ours.data].map((data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
