/**
 * The runtime: the only file that knows onnxruntime-web.
 *
 * Why a build is imported by URL and not bundled: its threads start from the module's own URL, and a visitor without a GPU
 * must not download the builds that have one. Exactly one build per worker; the default entry is never used
 * (it returned wrong numbers for int8 and zeros for fp16 without `shader-f16`).
 *
 * Invariants
 *  - A runtime that failed to start has spoilt its realm for good: the caller must give the worker up.
 *  - Module and binary are of the release that this worker was built with.
 *  - Outputs are in memory of their own, ready to be transferred, or kept tensors; nothing here points into the WASM heap.
 *  - Callers serialise: one create or run at a time (worker/queue/run-queue.ts).
 *
 * Source: onnxruntime-web 1.30 lib/backend-impl.ts and lib/wasm/wasm-factory.ts ("previous call to 'initWasm()' failed").
 */

import type * as ort from 'onnxruntime-web';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { firstLine, SdkError } from '../../protocol/errors.ts';
import { ASSET_ASK_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { Feeds, ResidentWire, TensorData, TensorWire } from '../../protocol/tensors/tensors.ts';
import { TENSOR_TYPES, type TensorType } from '../../protocol/tensors/tensors.ts';
import { assetFault } from '../../protocol/worker/asset-fault.ts';
import type { AssetUrls, RuntimeBuild } from '../../protocol/worker/loading.ts';
import { growHeapBySmallSteps } from './heap-growth.ts';
import { fatalError, namelessReason } from './runtime-fault.ts';
import { RuntimeFile } from './runtime-file.ts';
import { createBound, type SessionBinding } from './session-binding.ts';
import { type Snapshot, snapshotOf } from './snapshot.ts';
import { trustThreads } from './trusted-threads.ts';

type Runtime = typeof ort;

/** What the model file itself says of one tensor. Null: dims or type that the file leaves open or that we cannot carry. */
export interface SessionTensor {
  readonly name: string;
  readonly type: TensorType | null;
  readonly dims: readonly (number | string)[] | null;
}

/** A file that the runtime could not read as ONNX, told apart from one that this provider cannot run. */
export class UnreadableModelError extends Error {
  override readonly name = 'UnreadableModelError';
}

/** The build that has the GPU providers here. It runs wasm too. */
export function gpuBuild(): RuntimeBuild {
  return 'Suspending' in WebAssembly ? 'jspi' : 'webgpu';
}

/** Threads that a session has here: one where the page is not cross-origin isolated, or the runtime comes from elsewhere. */
export function threadCountOf(build: RuntimeBuild, assets: Pick<AssetUrls, 'runtimes'>, threadCountMax: number): number {
  const isSameOrigin = new URL(assets.runtimes[build].module).origin === self.origin;
  return self.crossOriginIsolated && isSameOrigin ? threadCountMax : 1;
}

/** y = Identity(x), scalar float32, opset 13: the smallest session there is. It starts the runtime while the model is still on its way. */
// biome-ignore format: one field per line says more than one number per line
const IDENTITY_MODEL = new Uint8Array([
  8, 8, 58, 55,
  10, 16, 10, 1, 120, 18, 1, 121, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121, 18, 1, 103,
  90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1,
  98, 15, 10, 1, 121, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1,
  66, 2, 16, 13,
]);

/**
 * Imports one build and starts it.
 *
 * @throws {SdkError} `asset-unreachable` or `runtime-mismatch` with the file that is to blame. The realm is spoilt then.
 */
export async function startRuntime(
  build: RuntimeBuild,
  assets: Pick<AssetUrls, 'runtimes'>,
  threadCountMax: number,
): Promise<SessionFactory> {
  const { module, wasm, snapshot: snapshotUrl } = assets.runtimes[build];
  const snapshot = snapshotOf(snapshotUrl);
  const file = new RuntimeFile(wasm, __RUNTIME_BYTES__[build], snapshot);
  const runtime = await importRuntime(module);
  const actual = String(runtime.env.versions.web);
  if (actual !== __RUNTIME__) throw new SdkError('runtime-mismatch', { asset: fileName(module), expected: __RUNTIME__, actual });
  const threadCount = threadCountOf(build, assets, threadCountMax);
  if (threadCount > 1) trustThreads();
  growHeapBySmallSteps();
  runtime.env.logLevel = 'fatal';
  runtime.env.wasm.numThreads = threadCount;
  runtime.env.wasm.wasmPaths = { wasm };
  const tellLanguage = hideLanguage();
  try {
    await file.served(() => rehearsal(runtime));
  } finally {
    tellLanguage();
  }
  return new SessionFactory(runtime, build, threadCount, wasm, snapshot);
}

/** One session from its creation to its release: the runtime starts with the first. */
async function rehearsal(runtime: Runtime): Promise<void> {
  const session = await runtime.InferenceSession.create(IDENTITY_MODEL, { executionProviders: ['wasm'] });
  await session.release();
}

/**
 * The runtime copies the person's language into its memory, where it reads it nowhere; a snapshot begins with the memory of one without.
 * The answer gives it back.
 */
function hideLanguage(): () => void {
  Object.defineProperty(navigator, 'language', { value: 'C', configurable: true });
  return () => {
    delete (navigator as { language?: string }).language;
  };
}

async function importRuntime(module: string): Promise<Runtime> {
  try {
    return await import(/*webpackIgnore:true*/ /*@vite-ignore*/ module);
  } catch (error) {
    const asking = fetch(module, { signal: AbortSignal.timeout(ASSET_ASK_TIMEOUT_MS) });
    const fault = await assetFault(module, asking, firstLine(error), self.origin === 'null');
    throw new SdkError('asset-unreachable', { asset: fileName(module), ...fault }, { cause: error });
  }
}

/** What a session runs on; graphs on WebNN have no open axes. */
export type Execution =
  | { readonly provider: 'wasm' }
  | { readonly provider: 'webgpu'; readonly device: GPUDevice }
  | { readonly provider: 'webnn'; readonly context: object; readonly axes: Readonly<Record<string, number>> };

export class SessionFactory {
  readonly build: RuntimeBuild;
  readonly threadCount: number;
  readonly binaryUrl: string;
  private readonly runtime: Runtime;
  private readonly snapshot: Snapshot | null;

  constructor(runtime: Runtime, build: RuntimeBuild, threadCount: number, binaryUrl: string, snapshot: Snapshot | null) {
    this.runtime = runtime;
    this.build = build;
    this.threadCount = threadCount;
    this.binaryUrl = binaryUrl;
    this.snapshot = snapshot;
  }

  get isFromSnapshot(): boolean {
    return this.snapshot?.isLaidIn === true;
  }

  /** Creates and releases the smallest session, as often as that. */
  async rehearse(count: number): Promise<void> {
    for (let time = 0; time < count; time++) await rehearsal(this.runtime);
  }

  /** Sees to it that the next visit's runtime can begin with the snapshot. */
  keepSnapshot(): void {
    this.snapshot?.keep();
  }

  /**
   * @param keptOutputs Names of outputs that stay here; on the GPU where the session is.
   * @throws {UnreadableModelError} when the bytes are no ONNX model; what else the runtime throws, as it is.
   */
  async create(
    { graph, external }: ModelFiles,
    execution: Execution,
    isOptimized: boolean,
    keptOutputs: readonly string[],
  ): Promise<Session> {
    const isBound = execution.provider === 'webgpu' && keptOutputs.length > 0;
    const options: ort.InferenceSession.SessionOptions = {
      executionProviders: [executionProvider(execution)],
      graphOptimizationLevel: isOptimized ? 'disabled' : 'all',
      ...(isBound ? { preferredOutputLocation: Object.fromEntries(keptOutputs.map((name) => [name, 'gpu-buffer' as const])) } : {}),
      ...(external.length > 0 ? { externalData: external } : {}),
      ...(execution.provider === 'webnn' ? { freeDimensionOverrides: execution.axes } : {}),
      ...SILENT,
    };
    try {
      const open = () => this.runtime.InferenceSession.create(graph, options);
      const kept = new Set(keptOutputs);
      if (!isBound) return new Session(this.runtime, await open(), kept, null);
      const { session, binding } = await createBound(open);
      return new Session(this.runtime, session, kept, { reset: () => binding?.reset() === true });
    } catch (error) {
      if (!UNREADABLE.test(String(error))) throw error;
      const said = firstLine(error).replace(/\.$/, '');
      throw new UnreadableModelError(`${said}; check the file, or export the model anew`, { cause: error });
    }
  }
}

function executionProvider(execution: Execution): ort.InferenceSession.ExecutionProviderConfig {
  if (execution.provider === 'wasm') return 'wasm';
  // The types of the runtime know neither its own `device` nor WebNN's context.
  const { provider: name, ...rest } = execution;
  return { name, ...rest } as unknown as ort.InferenceSession.ExecutionProviderConfig;
}

/** The runtime has texts and no codes; test/browser/run/faults.test.ts pins those that matter. */
const UNREADABLE = /protobuf|ModelProto|failed to load model|no graph was found|ir_version|unsupported model IR|opset_import/i;

/**
 * Fatal only, for each session and run, because both ignore the level of the environment. What goes wrong is thrown; the
 * runtime's own line about it on the console quotes values of inputs.
 */
const SILENT = { logSeverityLevel: 4 } as const;

/** Tensors of one run, as this realm has them. */
export type SessionTensors = Readonly<Record<string, TensorWire | KeptTensor>>;

/** An output that stays in this realm. It belongs to whoever ran the session, until `dispose`. */
export class KeptTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly location: ResidentWire['location'];
  /** The elements where they lie in plain memory; null on the GPU. */
  readonly wire: TensorWire | null;
  /** For sessions of this realm alone. */
  readonly tensor: ort.Tensor;

  constructor(tensor: ort.Tensor) {
    this.tensor = tensor;
    this.type = tensor.type as TensorType;
    this.dims = [...tensor.dims];
    this.location = tensor.location === 'cpu' ? 'memory' : 'gpu';
    this.wire = tensor.location === 'cpu' ? wireOf(tensor) : null;
  }

  /** A copy of the elements. On the GPU this is a call into the runtime: one at a time, like a run. */
  async read(): Promise<TensorWire> {
    // The runtime's tensor keeps what it has downloaded, and uploads it again when it is fed: hand out a copy.
    const data = this.wire === null ? plainData(await this.tensor.getData()) : this.wire.data;
    return { type: this.type, dims: this.dims, data: data.slice() };
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

/** Gives back what was kept of a run's outputs and belongs to nobody else. */
export function disposeKept(outputs: SessionTensors): void {
  for (const output of Object.values(outputs)) if (output instanceof KeptTensor) output.dispose();
}

export class Session {
  readonly inputs: readonly SessionTensor[];
  /** Sequences, maps and optional values are left out: only tensors cross to the page. */
  readonly outputs: readonly SessionTensor[];
  private readonly runtime: Runtime;
  private readonly session: ort.InferenceSession;
  private readonly kept: ReadonlySet<string>;
  private readonly outputNames: readonly string[];
  private readonly binding: Pick<SessionBinding, 'reset'> | null;
  private hasLostBinding = false;

  /** @param binding Of a session that keeps outputs on the GPU; null of any other. */
  constructor(runtime: Runtime, session: ort.InferenceSession, kept: ReadonlySet<string>, binding: Pick<SessionBinding, 'reset'> | null) {
    this.runtime = runtime;
    this.session = session;
    this.kept = kept;
    this.binding = binding;
    this.inputs = session.inputMetadata.map(toSessionTensor);
    this.outputs = session.outputMetadata.filter((meta) => meta.isTensor).map(toSessionTensor);
    this.outputNames = this.outputs.map(({ name }) => name);
  }

  /** Runs once and reads every output. */
  async run(feeds: SessionTensors): Promise<Feeds> {
    const wires: Record<string, TensorWire> = {};
    const outputs = await this.runKeeping(feeds);
    try {
      for (const [name, output] of Object.entries(outputs)) wires[name] = output instanceof KeptTensor ? await output.read() : output;
    } finally {
      disposeKept(outputs);
    }
    return wires;
  }

  /** Runs once; the outputs named at creation stay here, as kept tensors. */
  async runKeeping(feeds: SessionTensors): Promise<SessionTensors> {
    const tensors: Record<string, ort.Tensor> = {};
    for (const name of Object.keys(feeds)) tensors[name] = this.toTensor(feeds[name] as TensorWire | KeptTensor);
    if (this.hasLostBinding) throw new Error('an earlier run of this session failed and its outputs stay on the GPU; load the model again');
    let outputs: ort.InferenceSession.OnnxValueMapType;
    try {
      outputs = await this.session.run(tensors, this.outputNames, SILENT);
    } catch (error) {
      this.hasLostBinding = this.binding?.reset() === false;
      // The runtime's texts quote values of inputs ("idx=4711 must be within …"): their numbers stay here, the cause too.
      throw fatalError(error) ?? new Error(namelessReason(error));
    }
    const results: Record<string, TensorWire | KeptTensor> = {};
    for (const name of this.outputNames) {
      const tensor = outputs[name] as ort.Tensor;
      // What is not to be kept is in plain memory whatever the session runs on: that is the runtime's preferred location.
      results[name] = this.kept.has(name) ? new KeptTensor(tensor) : wireOf(tensor);
    }
    return results;
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private toTensor(feed: TensorWire | KeptTensor): ort.Tensor {
    if (feed instanceof KeptTensor) return feed.tensor;
    return new this.runtime.Tensor(feed.type as 'float32', feed.data as Float32Array, feed.dims);
  }
}

function toSessionTensor(meta: ort.InferenceSession.ValueMetadata): SessionTensor {
  if (!meta.isTensor) return { name: meta.name, type: null, dims: null };
  const type = TENSOR_TYPES.find((known) => known === meta.type) ?? null;
  return { name: meta.name, type, dims: meta.shape };
}

/** The runtime has copied an output out of the WASM heap already (wasm-core-impl.ts, "new typedArrayConstructor(size)"): no second copy. */
function wireOf(tensor: ort.Tensor): TensorWire {
  return { type: tensor.type as TensorType, dims: tensor.dims, data: plainData(tensor.data) };
}

/** float16 as bit patterns, whatever array the engine has for it. */
function plainData(data: ort.Tensor.DataType): TensorData {
  if (!ArrayBuffer.isView(data)) return data as readonly string[];
  const view = data as Exclude<TensorData, readonly string[]>;
  if (view[Symbol.toStringTag] !== ('Float16Array' as string)) return view;
  return new Uint16Array(view.buffer, view.byteOffset, view.length);
}

function fileName(url: string): string {
  return new URL(url).pathname.split('/').pop() ?? url;
}
