/**
 * Model: the caller's handle on one session in a worker.
 *
 * Invariants
 *  - The caller's promise settles first; only then does the recorder hear of the run.
 *  - A fault of the telemetry half never reaches the caller.
 *  - After `close` every run rejects with `model-closed`.
 *
 * Not here: queueing and counting (worker), deadlines (sdk/run-channel.ts), many runs (sdk/run-many.ts, sdk/stream.ts).
 */
import { isSdkError, SdkError } from '../protocol/errors.ts';
import { RUN_TIMEOUT_MS } from '../protocol/limits.ts';
import type { Manifest, Provider } from '../protocol/manifest.ts';
import type { LoadedModel } from '../protocol/messages.ts';
import { checkRun } from './option-checks.ts';
import type {
  AnySignature,
  BatchOptions,
  Explanation,
  Feedback,
  FeedsOf,
  ItemOutcome,
  Model,
  RunManyOptions,
  RunOptions,
  RunResult,
  StreamOptions,
  StreamOutcome,
  StreamSource,
} from './options.ts';
import type { Recorder } from './recorder.ts';
import { hasForeignFeed, type Owner, receivedOutputs, withForeignRead } from './resident.ts';
import { runMany } from './run-many.ts';
import { segmentOf } from './segment-facts.ts';
import { streamRuns } from './stream.ts';
import type { TelemetryFiles } from './telemetry.ts';
import { readyFeeds } from './tensor.ts';
import { warmUpFeeds } from './warm-up.ts';
import type { WorkerHost } from './worker-host.ts';

type Feeds = FeedsOf<AnySignature>;

export class LoadedModelHandle implements Model {
  readonly manifest: Manifest;
  readonly modelVersion: string;
  readonly provider: Provider;
  readonly variant: string;
  private readonly loaded: LoadedModel;
  private readonly host: WorkerHost;
  private readonly recorder: Recorder | null;
  private readonly loadCounts: TelemetryFiles['counts'];
  /** Segments of the runs that a person may still say something about. */
  private readonly segments = new WeakMap<RunResult, number>();
  private readonly batch: BatchOptions | null;
  private readonly release: () => Promise<void>;
  /** Of the resident tensors that its runs gave. */
  private readonly owner: Owner = { isClosed: false };
  private closing: Promise<void> | null = null;

  /** @param recorder Null when this model is not counted. */
  constructor(
    loaded: LoadedModel,
    host: WorkerHost,
    recorder: Recorder | null,
    loadCounts: TelemetryFiles['counts'],
    batch: BatchOptions | null,
    release: () => Promise<void>,
  ) {
    this.loaded = loaded;
    this.host = host;
    this.recorder = recorder;
    this.loadCounts = loadCounts;
    this.batch = batch;
    this.release = release;
    this.manifest = loaded.manifest;
    this.modelVersion = loaded.modelVersion;
    this.provider = loaded.provider;
    this.variant = loaded.variant;
  }

  run(feeds: Feeds, options: RunOptions = {}): Promise<RunResult> {
    const isCounted = this.recorder?.isCounting() === true;
    const answer = this.execute(feeds, options, isCounted);
    if (isCounted) answer.catch((error) => queueMicrotask(() => this.recordFailure(error)));
    return answer;
  }

  runMany(source: Iterable<Feeds> | AsyncIterable<Feeds>, options: RunManyOptions = {}): AsyncIterableIterator<ItemOutcome> {
    return runMany((feeds, runOptions) => this.run(feeds, runOptions), source, options, this.batch === null ? 0 : this.batch.maxBatch);
  }

  stream(source: StreamSource<Feeds>, options: StreamOptions = {}): AsyncIterableIterator<StreamOutcome> {
    return streamRuns((feeds, runOptions) => this.run(feeds, runOptions), source, options);
  }

  async warmUp(feeds: Feeds = warmUpFeeds(this.manifest), options: RunOptions = {}): Promise<number> {
    return (await this.execute(feeds, options, false)).totalMs;
  }

  async feedback(result: RunResult, feedback: Feedback): Promise<void> {
    const { recorder, loaded } = this;
    checkFeedback(loaded.manifest, feedback);
    const segment = this.segments.get(result);
    if (recorder === null || segment === undefined || !recorder.isCounting()) return;
    const { cellsOfFeedback } = await this.loadCounts();
    recorder.fedBack(loaded, cellsOfFeedback(loaded.manifest, result.outputs, feedback), segment);
  }

  explain(): Explanation {
    const { variant, provider, flavour, threadCount, fromCache, considered, timings } = this.loaded;
    const threads = provider === 'wasm' ? ` with ${threadCount === 1 ? 'one thread' : `${threadCount} threads`}` : '';
    const left = considered
      .filter(({ verdict }) => verdict !== 'chosen')
      .map((pair) => `${pair.variant} on ${pair.provider} was left: ${pair.reason}.`);
    const origin = fromCache ? 'The file came from the store of this browser' : 'The file came from outside and was verified';
    const refusal = this.loaded.storageRefusal === null ? '' : ` It could not be kept: ${this.loaded.storageRefusal}.`;
    const { batchRefusal } = this.loaded;
    const alone = batchRefusal === null ? [] : [`Its runs are not batched: ${batchRefusal}.`];
    const text = [`Variant ${variant} runs on ${provider}${threads}. ${origin}.${refusal}`, ...alone, ...left].join(' ');
    return { variant, provider, flavour, threadCount, fromCache, considered, timings, text };
  }

  close(): Promise<void> {
    this.owner.isClosed = true;
    this.closing ??= this.release();
    return this.closing;
  }

  private async execute(feeds: Feeds, options: RunOptions, isCounted: boolean): Promise<RunResult> {
    const startMs = performance.now();
    const { timeoutMs = RUN_TIMEOUT_MS, signal } = options;
    checkRun(feeds, timeoutMs, signal);
    const segment = segmentOf(this.manifest, this.provider, options.segment);
    const { runs } = this.host;
    const near = hasForeignFeed(feeds, runs) ? await withForeignRead(feeds, runs, startMs, options) : feeds;
    if (this.closing !== null) throw new SdkError('model-closed', { model: this.manifest.name });
    const ready = readyFeeds(this.manifest, near, options.transfer === true);
    const answer = await runs.run({ handle: this.loaded.handle, ready, isCounted, startMs, timeoutMs, signal });
    const outputs = receivedOutputs(answer.outputs, runs, this.owner) as RunResult['outputs'];
    const { queueMs, runMs, cells } = answer;
    const totalMs = performance.now() - startMs;
    const result = { outputs, queueMs, runMs, totalMs };
    if (this.recorder !== null) this.segments.set(result, segment);
    // One microtask before and one behind the caller's reaction to this result.
    if (isCounted) queueMicrotask(() => queueMicrotask(() => this.recorder?.ran(this.loaded, { cells, segment, queueMs, runMs, totalMs })));
    return result;
  }

  private recordFailure(error: unknown): void {
    if (isSdkError(error) && error.code !== 'aborted') this.recorder?.runFailed(this.loaded, error.code);
  }
}

/** The label is not named in the error: it may be what a person typed. @throws {SdkError} `invalid-option` */
function checkFeedback({ outputs }: Manifest, feedback: Feedback): void {
  if (typeof feedback === 'string' && ['accepted', 'redone', 'abandoned'].includes(feedback)) return;
  const label = (feedback as { corrected?: unknown } | null)?.corrected;
  const isKnown = outputs.some(({ labels }) => labels?.includes(label as string) === true);
  if (!isKnown) {
    throw new SdkError('invalid-option', {
      option: 'feedback',
      reason: "it must be 'accepted', 'redone', 'abandoned' or { corrected } with a label of the manifest",
    });
  }
}
