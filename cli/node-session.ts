/**
 * One model in Node, on the runtime that the pages run: onnxruntime-web's plain WASM build.
 *
 * Why the web build: a baseline must come from the arithmetic that answers in the field, and the native builds send
 * telemetry of their own.
 *
 * Invariants
 *  - One thread, no network, no file but the model that was handed in.
 *
 * Not here: the page's session with its providers and queue (worker/runtime/session.ts).
 */
import { existsSync } from 'node:fs';
import type * as ort from 'onnxruntime-web';
import type { Feeds, TensorWire } from '../protocol/messages.ts';

/** Where the published package keeps the runtime, seen from dist/node/. */
const PUBLISHED_RUNTIME = new URL('../ort/ort.wasm.bundle.min.mjs', import.meta.url);

export type NodeSession = (feeds: Feeds) => Promise<Feeds>;

/** Compiles the model; the answer runs it once per call. */
export async function createNodeSession(modelBytes: Uint8Array): Promise<NodeSession> {
  const runtime = await importRuntime();
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = 'error';
  const session = await runtime.InferenceSession.create(modelBytes, { executionProviders: ['wasm'] });
  return async (feeds) => {
    const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new runtime.Tensor(type, data as never, dims)]);
    const outputs = await session.run(Object.fromEntries(tensors));
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, wireOf(tensor)]));
  };
}

async function importRuntime(): Promise<typeof ort> {
  if (existsSync(PUBLISHED_RUNTIME)) return import(/* @vite-ignore */ PUBLISHED_RUNTIME.href);
  return import('onnxruntime-web/wasm');
}

function wireOf({ type, dims, data }: ort.Tensor): TensorWire {
  return { type: type as TensorWire['type'], dims, data: data as TensorWire['data'] };
}
