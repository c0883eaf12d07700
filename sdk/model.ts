/**
 * Model: the caller's handle on one session in a worker.
 *
 * Invariants
 *  - The caller's promise settles first; only then does the recorder hear of the run.
 *  - A fault of the telemetry half never reaches the caller.
 *  - After `close` every run rejects with `model-closed`.
 *
 * Not here: queueing and counting (worker), deadlines (sdk/run-channel.ts).
 */
import { isSdkError, SdkError } from '../protocol/errors.ts';
import { RUN_TIMEOUT_MS } from '../protocol/limits.ts';
import type { Manifest, Provider } from '../protocol/manifest.ts';
import type { LoadedModel } from '../protocol/messages.ts';
import type { Explanation, Model, RunOptions, RunResult, TensorInput } from './options.ts';
import type { Recorder } from './recorder.ts';
import { readyFeeds } from './tensor.ts';
import type { WorkerHost } from './worker-host.ts';

interface Finished {
  readonly result: RunResult;
  readonly cells: Uint32Array;
}

export class LoadedModelHandle implements Model {
  readonly manifest: Manifest;
  readonly modelVersion: string;
  readonly provider: Provider;
  readonly variant: string;
  private readonly loaded: LoadedModel;
  private readonly host: WorkerHost;
  private readonly recorder: Recorder | null;
  private readonly release: () => Promise<void>;
  private closing: Promise<void> | null = null;

  /** @param recorder Null when this model is not counted. */
  constructor(loaded: LoadedModel, host: WorkerHost, recorder: Recorder | null, release: () => Promise<void>) {
    this.loaded = loaded;
    this.host = host;
    this.recorder = recorder;
    this.release = release;
    this.manifest = loaded.manifest;
    this.modelVersion = loaded.modelVersion;
    this.provider = loaded.provider;
    this.variant = loaded.variant;
  }

  run(feeds: Readonly<Record<string, TensorInput>>, options: RunOptions = {}): Promise<RunResult> {
    const isCounted = this.recorder?.isCounting() === true;
    const finished = this.execute(feeds, options, isCounted);
    const answer = finished.then(({ result }) => result);
    // One microtask behind the caller's own reaction to `answer`, which is attached after this one.
    if (isCounted)
      answer.then(
        () => queueMicrotask(() => finished.then((run) => this.recordRun(run))),
        (error) => queueMicrotask(() => this.recordFailure(error)),
      );
    return answer;
  }

  explain(): Explanation {
    const { variant, provider, flavour, threadCount, fromCache, considered, timings } = this.loaded;
    const threads = provider === 'wasm' ? ` with ${threadCount === 1 ? 'one thread' : `${threadCount} threads`}` : '';
    const left = considered
      .filter(({ verdict }) => verdict !== 'chosen')
      .map((pair) => `${pair.variant} on ${pair.provider} was left: ${pair.reason}.`);
    const origin = fromCache ? 'The file came from the store of this browser' : 'The file came from outside and was verified';
    const refusal = this.loaded.storageRefusal === null ? '' : ` It could not be kept: ${this.loaded.storageRefusal}.`;
    const text = [`Variant ${variant} runs on ${provider}${threads}. ${origin}.${refusal}`, ...left].join(' ');
    return { variant, provider, flavour, threadCount, fromCache, considered, timings, text };
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  private async execute(feeds: Readonly<Record<string, TensorInput>>, options: RunOptions, isCounted: boolean): Promise<Finished> {
    const startMs = performance.now();
    if (this.closing !== null) throw new SdkError('model-closed', { model: this.manifest.name });
    const timeoutMs = options.timeoutMs ?? RUN_TIMEOUT_MS;
    if (!(timeoutMs > 0)) throw new SdkError('invalid-option', { option: 'timeoutMs', reason: 'it must be above 0' });
    const ready = readyFeeds(this.manifest, feeds, options.transfer === true);
    const { signal } = options;
    const { outputs, cells, queueMs, runMs } = await this.host.runs.run({
      handle: this.loaded.handle,
      ready,
      isCounted,
      timeoutMs,
      signal,
    });
    return { result: { outputs, queueMs, runMs, totalMs: performance.now() - startMs }, cells };
  }

  private recordRun({ result: { queueMs, runMs, totalMs }, cells }: Finished): void {
    this.recorder?.ran(this.loaded, { cells, queueMs, runMs, totalMs });
  }

  private recordFailure(error: unknown): void {
    if (isSdkError(error) && error.code !== 'aborted') this.recorder?.runFailed(this.loaded, error.code);
  }
}
