/**
 * Open model: what the caller holds of one session in a worker.
 *
 * Invariants
 *  - The caller's promise settles first; only then is the run counted and recorded, or counted before it where its outputs are handed over.
 *  - A fault of the telemetry half never reaches the caller.
 *  - After `close` every run rejects with `model-closed`.
 *
 * Not here: where it runs, and how it survives that place (sdk/model/model-binding.ts), queueing and counting (worker), deadlines
 * (sdk/workers/run-channel.ts), many runs (sdk/model/run-many.ts, sdk/model/stream.ts), words for a choice (sdk/model/explanation.ts).
 */
import { type ErrorCode, isSdkError, SdkError } from '../../protocol/errors.ts';
import { RUN_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { Manifest, Provider } from '../../protocol/manifest/manifest.ts';
import { closePictures } from '../../protocol/worker/media.ts';
import type { Explanation, Model } from '../api/load.ts';
import type { Feedback } from '../api/observe.ts';
import { checkRun, knownRunOptions } from '../api/option-checks.ts';
import { require } from '../api/option-rules.ts';
import type {
  AnySignature,
  BatchOptions,
  FeedsOf,
  ItemOutcome,
  RunManyOptions,
  RunOptions,
  RunResult,
  StreamOptions,
  StreamOutcome,
  StreamSource,
} from '../api/runs.ts';
import { readyFeeds } from '../feeds/feeds.ts';
import { warmUpFeeds } from '../feeds/warm-up.ts';
import type { TelemetryFiles } from '../telemetry/level.ts';
import type { Recorder } from '../telemetry/recorder.ts';
import { segmentOf } from '../telemetry/segment-facts.ts';
import { hasForeignFeed, type Owner, receivedOutputs, withForeignRead } from '../workers/resident.ts';
import type { ReadyFeeds } from '../workers/run-channel.ts';
import { explanationOf } from './explanation.ts';
import type { Bound, ModelBinding } from './model-binding.ts';
import { runMany } from './run-many.ts';
import { streamRuns } from './stream.ts';

type Feeds = FeedsOf<AnySignature>;

interface AnsweredRun {
  readonly segment: number;
  /** Resolves when telemetry was told of it; null when it is not counted. */
  readonly told: Promise<void> | null;
}

export class OpenModel implements Model {
  private readonly binding: ModelBinding;
  private readonly recorder: Recorder | null;
  private readonly loadCounts: TelemetryFiles['counts'];
  /** Of the results that a person may still say something about. */
  private readonly runs = new WeakMap<RunResult, AnsweredRun>();
  private readonly batch: BatchOptions | null;
  /** Of the resident tensors that its runs gave. */
  private readonly owner: Owner = { isClosed: false };
  private closing: Promise<void> | null = null;

  /** @param recorder Null when this model is not counted. */
  constructor(binding: ModelBinding, recorder: Recorder | null, loadCounts: TelemetryFiles['counts'], batch: BatchOptions | null) {
    this.binding = binding;
    this.recorder = recorder;
    this.loadCounts = loadCounts;
    this.batch = batch;
  }

  get manifest(): Manifest {
    return this.binding.loaded.manifest;
  }

  get modelVersion(): string {
    return this.binding.loaded.modelVersion;
  }

  get provider(): Provider {
    return this.binding.loaded.provider;
  }

  get variant(): string {
    return this.binding.loaded.variant;
  }

  run(feeds: Feeds, options: RunOptions = {}): Promise<RunResult> {
    const isCounted = this.recorder?.isCounting() === true;
    const answer = this.execute(feeds, options, isCounted);
    if (isCounted) answer.catch((error) => queueMicrotask(() => this.recordFailure(error)));
    return answer;
  }

  runMany(source: Iterable<Feeds> | AsyncIterable<Feeds>, options: RunManyOptions = {}): AsyncIterableIterator<ItemOutcome> {
    return runMany(
      (feeds, runOptions) => this.run(feeds, runOptions),
      source,
      knownRunOptions(options),
      this.batch === null ? 0 : this.batch.maxBatch,
    );
  }

  stream(source: StreamSource<Feeds>, options: StreamOptions = {}): AsyncIterableIterator<StreamOutcome> {
    return streamRuns((feeds, runOptions) => this.run(feeds, runOptions), source, knownRunOptions(options));
  }

  async warmUp(feeds: Feeds = warmUpFeeds(this.manifest), options: RunOptions = {}): Promise<number> {
    return (await this.execute(feeds, options, false)).totalMs;
  }

  async feedback(result: RunResult, feedback: Feedback): Promise<void> {
    const { recorder } = this;
    const { loaded } = this.binding;
    checkFeedback(loaded.manifest, feedback);
    const run = this.runs.get(result);
    if (recorder === null || run === undefined || !recorder.isCounting()) return;
    const { cellsOfFeedback } = await this.loadCounts();
    await run.told;
    recorder.fedBack(loaded, cellsOfFeedback(loaded.manifest, result.outputs, feedback), run.segment);
  }

  explain(): Explanation {
    return explanationOf(this.binding.loaded, [...this.binding.losses]);
  }

  close(): Promise<void> {
    this.owner.isClosed = true;
    this.closing ??= this.binding.close();
    return this.closing;
  }

  private async execute(feeds: Feeds, given: RunOptions, isCounted: boolean): Promise<RunResult> {
    const startMs = performance.now();
    const options = knownRunOptions(given);
    checkRun(feeds, options);
    const { timeoutMs = RUN_TIMEOUT_MS, signal } = options;
    const segment = segmentOf(this.manifest, this.provider, options.segment);
    const target = this.binding.ready?.host.runs ?? null;
    const near = hasForeignFeed(feeds, target) ? await withForeignRead(feeds, target, startMs, options) : feeds;
    if (this.closing !== null) throw new SdkError('model-closed', { model: this.manifest.name });
    // Taken before a rebuild is waited for: what the caller does with the arrays afterwards changes nothing.
    const ready = readyFeeds(this.manifest, near, options.transfer === true);
    const bound = this.binding.ready ?? (await this.rebuilt(ready, timeoutMs, signal));
    const { loaded } = bound;
    const { runs } = bound.host;
    // Its worker went while another feed was being read, and its resident feeds with it.
    if (runs !== target && hasForeignFeed(near, runs)) {
      closePictures(ready.buffers);
      throw new SdkError('worker-lost', { pendingCount: 1 });
    }
    try {
      const answer = await runs.run({ loadId: loaded.loadId, ready, isCounted, startMs, timeoutMs, signal });
      this.binding.answered(bound);
      const outputs = receivedOutputs(answer.outputs, runs, this.owner) as RunResult['outputs'];
      const { results, preMs, queueMs, runMs, postMs } = answer;
      const totalMs = performance.now() - startMs;
      const result = { outputs, results, preMs, queueMs, runMs, postMs, totalMs };
      const told =
        answer.cells === null ? null : (this.recorder?.answered(loaded, { segment, queueMs, runMs, totalMs }, answer.cells) ?? null);
      if (this.recorder !== null) this.runs.set(result, { segment, told });
      return result;
    } catch (error) {
      this.binding.failed(bound, error);
      throw error;
    }
  }

  /** Where to run after a loss. A run that does not get there gives up what it has taken. */
  private async rebuilt({ buffers }: ReadyFeeds, timeoutMs: number, signal: AbortSignal | undefined): Promise<Bound> {
    try {
      return await this.binding.rebuilt(timeoutMs, signal);
    } catch (error) {
      closePictures(buffers);
      throw error;
    }
  }

  private recordFailure(error: unknown): void {
    // A run that its caller, or the close of its own model or client, has cut off is no failure of anything.
    const isOwn = ['aborted', 'model-closed', 'client-closed'].some((code) => isSdkError(error, code as ErrorCode));
    if (isSdkError(error) && !isOwn) this.recorder?.runFailed(this.binding.loaded, error.code);
  }
}

/** The label is not named in the error: it may be what a person typed. @throws {SdkError} `invalid-option` */
function checkFeedback({ outputs }: Manifest, feedback: Feedback): void {
  if (typeof feedback === 'string' && ['accepted', 'redone', 'abandoned'].includes(feedback)) return;
  const label = (feedback as { corrected?: unknown } | null)?.corrected;
  const isKnown = outputs.some(({ labels }) => labels?.includes(label as string) === true);
  require('feedback', isKnown, "'accepted', 'redone', 'abandoned' or { corrected } with a label of the manifest");
}
