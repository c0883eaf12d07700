/**
 * What a good engineer writes without a library: the plain wasm build, the Cache API, one session, transferred buffers.
 */
import * as ort from '/ort/ort.wasm.bundle.min.mjs';

ort.env.wasm.numThreads = Number(self.name);
ort.env.wasm.wasmPaths = { wasm: new URL('/ort/ort-wasm-simd-threaded.wasm', location.origin).href };
let session;

async function load(url) {
  const startMs = performance.now();
  const cache = await caches.open('models');
  let response = await cache.match(url);
  if (response === undefined) {
    response = await fetch(url);
    await cache.put(url, response.clone());
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  const readMs = performance.now();
  session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  return { timings: { importMs: startMs, readMs: readMs - startMs, createMs: performance.now() - readMs } };
}

async function run(feeds) {
  const tensors = feeds.map(({ name, type, data, dims }) => [name, new ort.Tensor(type, data, dims)]);
  const results = await session.run(Object.fromEntries(tensors));
  return { outputs: Object.values(results).map(({ type, dims, data }) => ({ type, dims, data })) };
}

self.onmessage = async ({ data }) => {
  try {
    const answer = data.type === 'load' ? await load(data.url) : await run(data.feeds);
    self.postMessage(answer, answer.outputs?.map((output) => output.data.buffer) ?? []);
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
