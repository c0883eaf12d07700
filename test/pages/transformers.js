/**
 * A page whose model transformers.js runs and Insitu only observes. Driven by test/e2e/transformers.test.ts.
 */
import { createClient } from '/insitu/insitu.js';
import { env, pipeline } from '/transformers/transformers.min.js';

env.allowRemoteModels = false;
env.allowLocalModels = true;
env.localModelPath = '/models/';
env.useBrowserCache = false;
env.backends.onnx.wasm.wasmPaths = '/runtime/';
env.backends.onnx.wasm.numThreads = 1;

window.start = async (collector) => {
  window.client = createClient({ collector: { url: collector, key: 'demo' }, consent: 'granted' });
  const loading = [
    pipeline('text-classification', 'tiny-text', { dtype: 'fp32', device: 'wasm' }),
    window.client.observe('/models/tiny-text/observe.json'),
  ];
  [window.classify, window.observer] = await Promise.all(loading);
};

/** Classifies, hands text and scores to the observer, and answers the label. */
window.answer = async (text) => {
  const startMs = performance.now();
  const answers = await window.classify(text, { top_k: null });
  const [{ labels }] = window.observer.manifest.outputs;
  const scores = labels.map((label) => answers.find((answer) => answer.label === label).score);
  window.observer.record({ feeds: { text }, outputs: { scores }, durationMs: performance.now() - startMs });
  return answers[0].label;
};
window.ready = true;
