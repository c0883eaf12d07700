/**
 * The floor: onnxruntime-web in a worker with nothing around it. Answers what the runtime itself makes of a case.
 */
let runtime;

self.onmessage = async ({ data: { id, provider, model, feeds } }) => {
  try {
    runtime ??= await start(provider);
    const options = { executionProviders: [provider], logSeverityLevel: 4 };
    const session = await runtime.InferenceSession.create(new Uint8Array(model), options);
    try {
      const tensors = {};
      session.inputNames.forEach((name, index) => {
        if (feeds[index] !== undefined) tensors[name] = new runtime.Tensor(feeds[index].type, feeds[index].data, feeds[index].dims);
      });
      const outputs = await session.run(tensors, session.outputNames, { logSeverityLevel: 4 });
      const answer = [];
      for (const name of session.outputNames) {
        const { type, dims } = outputs[name];
        answer.push({ name, type, dims: [...dims], data: copyOf(await outputs[name].getData()) });
      }
      postMessage({ id, inputs: session.inputNames, outputs: answer });
    } finally {
      await session.release();
    }
  } catch (error) {
    postMessage({
      id,
      error: String(error?.message ?? error)
        .split('\n', 1)[0]
        .slice(0, 200),
    });
  }
};

async function start(provider) {
  const build = provider === 'wasm' ? 'wasm' : 'Suspending' in WebAssembly ? 'jspi' : 'webgpu';
  const started = await import(`/insitu/ort/ort.${build}.bundle.min.mjs`);
  const binary = { wasm: '', jspi: '.jspi', webgpu: '.asyncify' }[build];
  started.env.wasm.wasmPaths = { wasm: new URL(`/insitu/ort/ort-wasm-simd-threaded${binary}.wasm`, location.href).href };
  started.env.wasm.numThreads = 1;
  started.env.logLevel = 'fatal';
  return started;
}

function copyOf(data) {
  if (Array.isArray(data)) return data;
  const copy = data.slice();
  return copy[Symbol.toStringTag] === 'Float16Array' ? new Uint16Array(copy.buffer) : copy;
}
