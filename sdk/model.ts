/**
 * Model: the caller's handle on one session in a worker.
 *
 * Invariants
 *  - The caller's promise settles first; only then does the recorder hear of the run.
 *  - A fault of the telemetry half never reaches the caller.
 *  - After `close` every run rejects with `model-closed`.
 *
 * Not here: where it runs, and how it survives that place (sdk/model-binding.ts), queueing and counting (worker), deadlines (sdk/run-channel.ts).
 */
import { fromWire, isSdkError, SdkError } from '../protocol/errors.ts';
import { RUN_TIMEOUT_MS } from '../protocol/limits.ts';
import type { Manifest, Provider } from '../protocol/manifest.ts';
import type { Choice, LoadedModel } from '../protocol/messages.ts';
import type { ModelBinding } from './model-binding.ts';
import type { Explanation, Feedback, FeedInputs, Model, RunOptions, RunResult } from './options.ts';
import type { Recorder } from './recorder.ts';
import { segmentOf } from './segment-facts.ts';
import type { TelemetryFiles } from './telemetry.ts';
import { readyFeeds } from './tensor.ts';

const CHOSEN_BY: Readonly<Record<Choice['by'], string>> = {
  name: 'the load named it',
  rule: 'it comes first by the rules',
  measurement: 'it was timed against others',
};

interface Finished {
  /** As it was when it ran: a rebuild may have moved it meanwhile. */
  readonly loaded: LoadedModel;
  readonly result: RunResult;
  readonly cells: Uint32Array;
  readonly segment: number;
}

export class LoadedModelHandle implements Model {
  private readonly binding: ModelBinding;
  private readonly recorder: Recorder | null;
  private readonly loadCounts: TelemetryFiles['counts'];
  /** Segments of the runs that a person may still say something about. */
  private readonly segments = new WeakMap<RunResult, number>();
  private closing: Promise<void> | null = null;

  /** @param recorder Null when this model is not counted. */
  constructor(binding: ModelBinding, recorder: Recorder | null, loadCounts: TelemetryFiles['counts']) {
    this.binding = binding;
    this.recorder = recorder;
    this.loadCounts = loadCounts;
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

  run(feeds: FeedInputs, options: RunOptions = {}): Promise<RunResult> {
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

  async feedback(result: RunResult, feedback: Feedback): Promise<void> {
    const { recorder } = this;
    const { loaded } = this.binding;
    checkFeedback(loaded.manifest, feedback);
    const segment = this.segments.get(result);
    if (recorder === null || segment === undefined || !recorder.isCounting()) return;
    const { cellsOfFeedback } = await this.loadCounts();
    recorder.fedBack(loaded, cellsOfFeedback(loaded.manifest, result.outputs, feedback), segment);
  }

  explain(): Explanation {
    const { variant, provider, flavour, threadCount, fromCache, choice, considered, timings, storageRefusal } = this.binding.loaded;
    const losses = [...this.binding.losses];
    const threads = provider === 'wasm' ? ` with ${threadCount === 1 ? 'one thread' : `${threadCount} threads`}` : '';
    const left = considered
      .filter(({ verdict }) => verdict !== 'chosen')
      .map((pair) => `${pair.variant} on ${pair.provider} was left: ${pair.reason}.`);
    const reason = considered.find(({ verdict }) => verdict === 'chosen')?.reason ?? '';
    const memory = choice.isRemembered ? ' An earlier visit found this out.' : '';
    const origin = fromCache ? 'The file came from the store of this browser' : 'The file came from outside and was verified';
    const refusal = storageRefusal === null ? '' : ` It could not be kept: ${fromWire(storageRefusal).message}`;
    const rebuilt = losses.length === 0 ? [] : [`It was rebuilt after ${losses.join(', ')}.`];
    const why = `${CHOSEN_BY[choice.by]}; ${reason}.${memory}`;
    const text = [`Variant ${variant} runs on ${provider}${threads}: ${why} ${origin}.${refusal}`, ...rebuilt, ...left].join(' ');
    return { variant, provider, flavour, threadCount, fromCache, choice, considered, timings, losses, text };
  }

  close(): Promise<void> {
    this.closing ??= this.binding.close();
    return this.closing;
  }

  private async execute(feeds: FeedInputs, options: RunOptions, isCounted: boolean): Promise<Finished> {
    const startMs = performance.now();
    if (this.closing !== null) throw new SdkError('model-closed', { model: this.manifest.name });
    const timeoutMs = options.timeoutMs ?? RUN_TIMEOUT_MS;
    if (!(timeoutMs > 0)) throw new SdkError('invalid-option', { option: 'timeoutMs', reason: 'it must be above 0' });
    const segment = segmentOf(this.manifest, this.provider, options.segment);
    const ready = readyFeeds(this.manifest, feeds, options.transfer === true);
    const { signal } = options;
    const bound = this.binding.ready ?? (await this.binding.rebuilt(timeoutMs, signal));
    const leftMs = Math.max(1, timeoutMs - (performance.now() - startMs));
    try {
      const order = { handle: bound.loaded.handle, ready, isCounted, timeoutMs: leftMs, signal };
      const { outputs, results, cells, preMs, queueMs, runMs, postMs } = await bound.host.runs.run(order);
      this.binding.answered(bound);
      const result = { outputs, results, preMs, queueMs, runMs, postMs, totalMs: performance.now() - startMs };
      this.segments.set(result, segment);
      return { loaded: bound.loaded, result, cells, segment };
    } catch (error) {
      this.binding.failed(bound, error);
      throw error;
    }
  }

  private recordRun({ loaded, result: { queueMs, runMs, totalMs }, cells, segment }: Finished): void {
    this.recorder?.ran(loaded, { cells, segment, queueMs, runMs, totalMs });
  }

  private recordFailure(error: unknown): void {
    if (isSdkError(error) && error.code !== 'aborted') this.recorder?.runFailed(this.binding.loaded, error.code);
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
