/**
 * One model in Node, on the runtime that the pages run: onnxruntime-web's plain WASM build.
 *
 * Why the web build: a baseline must come from the arithmetic that answers in the field, a graph is best optimised by the build that
 * will run it, and the native builds send telemetry of their own.
 *
 * Invariants
 *  - One thread, no network, no file but the model that was handed in.
 *
 * Not here: the page's session with its providers and queue (worker/runtime/session.ts).
 */
import { existsSync } from 'node:fs';
import type * as ort from 'onnxruntime-web';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { wasmModule } from '../../protocol/shipped-files.json';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { CAUGHT_PATH, caughtDuring, watchNextInstance } from './runtime-files.ts';

/** Where the published package keeps the runtime, seen from dist/node/. */
const PUBLISHED_RUNTIME = new URL(`../${wasmModule}`, import.meta.url);

/** As the runtime names them; each includes the one before. */
export type OptimizationLevel = 'basic' | 'extended' | 'all';

export type NodeSession = (feeds: Feeds) => Promise<Feeds>;

interface OpenSession {
  readonly run: NodeSession;
  /** The heap is free for the next session; it never gets smaller. */
  readonly release: () => Promise<void>;
}

/** Compiles the model; the answer runs it once per call. */
export async function createNodeSession(model: Uint8Array | ModelFiles): Promise<NodeSession> {
  return (await openNodeSession(model, 'all')).run;
}

/** @param level `disabled` for a graph that was optimised when it was packed, or to see what the graph itself computes. */
export async function openNodeSession(model: Uint8Array | ModelFiles, level: 'all' | 'disabled'): Promise<OpenSession> {
  const runtime = await startRuntime();
  const session = await createSession(runtime, model, { graphOptimizationLevel: level });
  // Sequences and maps cannot be read here either.
  const outputNames = session.outputMetadata.filter((meta) => meta.isTensor).map(({ name }) => name);
  return {
    run: async (feeds) => {
      const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new runtime.Tensor(type, data as never, dims)]);
      const outputs = await session.run(Object.fromEntries(tensors), outputNames, SILENT);
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, wireOf(tensor)]));
    },
    release: () => session.release(),
  };
}

/**
 * The graph as the runtime optimises it. Weights that it leaves as they are stay where they were.
 *
 * @returns null when the runtime has written nothing.
 */
export async function optimizedGraph(model: ModelFiles, level: OptimizationLevel): Promise<Uint8Array | null> {
  const runtime = await startRuntime();
  const pieces = await caughtDuring(async () => {
    const session = await createSession(runtime, model, { graphOptimizationLevel: level, optimizedModelFilePath: CAUGHT_PATH });
    await session.release();
  });
  return pieces.length === 0 ? null : Buffer.concat(pieces);
}

function createSession(
  runtime: typeof ort,
  model: Uint8Array | ModelFiles,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  const { graph, external } = model instanceof Uint8Array ? { graph: model, external: [] } : model;
  return runtime.InferenceSession.create(graph, { ...options, executionProviders: ['wasm'], externalData: external, ...SILENT });
}

/** Errors are thrown; the runtime's own lines, some about values of inputs, are no news to whoever runs a command. */
const SILENT = { logSeverityLevel: 4 } as const;

let starting: Promise<typeof ort> | null = null;

function startRuntime(): Promise<typeof ort> {
  starting ??= importRuntime().then((runtime) => {
    runtime.env.wasm.numThreads = 1;
    runtime.env.logLevel = 'error';
    watchNextInstance();
    return runtime;
  });
  return starting;
}

async function importRuntime(): Promise<typeof ort> {
  if (existsSync(PUBLISHED_RUNTIME)) return import(/* @vite-ignore */ PUBLISHED_RUNTIME.href);
  return import('onnxruntime-web/wasm');
}

function wireOf({ type, dims, data }: ort.Tensor): TensorWire {
  return { type: type as TensorWire['type'], dims, data: data as TensorWire['data'] };
}
