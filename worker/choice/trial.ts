/**
 * Trial: one candidate from its bytes to a session that has reproduced the golden outputs, and how long its runs take.
 *
 * Invariants
 *  - A trial that fails leaves no session behind.
 *  - Reading or downloading and the start of the runtime overlap; creating and running go through the run queue.
 *
 * Not here: which candidates get one (worker/choice/chooser.ts).
 */

import { notOnnxReason } from '../../onnx/file-signature.ts';
import { splitWhereLarge } from '../../onnx/weight-split.ts';
import { feedsOf, firstWrongOutput } from '../../processing/golden.ts';
import { firstLine, isSdkError, SdkError } from '../../protocol/errors.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Gpu } from '../device/gpu.ts';
import type { Webnn } from '../device/webnn.ts';
import type { RunQueue } from '../queue/run-queue.ts';
import { fatalError } from '../runtime/runtime-fault.ts';
import { type Execution, type Session, type SessionFactory, UnreadableModelError } from '../runtime/session.ts';
import type { ModelBytes } from '../source/model-source.ts';
import type { Candidate } from '../trust/candidate.ts';
import type { LoadJob } from './load-job.ts';
import { medianRunMs } from './measure.ts';

/** Where a load's candidates, bytes and manifest come from: a manifest, or a plain file that describes itself once it is open. */
export interface TrialSource {
  /** For errors: without query, and never the name of a person's file. */
  readonly url: string;
  readonly candidates: readonly Candidate[];
  /** Null for a plain file, which has neither goldens nor a version before it is open. */
  readonly manifest: Manifest | null;
  /** The manifest came from the store. */
  readonly isCached: boolean;
  /** @param job The load, or the retest behind its first result, that wants them. */
  open(candidate: Candidate, job: LoadJob): Promise<ModelBytes>;
  describe(session: Session): Promise<{ manifest: Manifest; modelVersion: string }>;
}

export interface Trial {
  readonly candidate: Candidate;
  readonly session: Session;
  readonly factory: SessionFactory;
  readonly file: ModelBytes;
  readonly manifest: Manifest;
  readonly modelVersion: string;
  readonly measuredMs: number | null;
  /** The golden outputs were reproduced on an earlier visit, and are still to be in this one. */
  readonly isTrustedFromMemory: boolean;
}

export class Trials {
  private readonly queue: RunQueue;
  private readonly gpu: Gpu;
  private readonly webnn: Webnn;
  private readonly onSpoilt: () => void;

  /** @param onSpoilt A trial filled the heap or crashed the runtime: nothing more may start in this realm. */
  constructor(queue: RunQueue, gpu: Gpu, webnn: Webnn, onSpoilt: () => void) {
    this.queue = queue;
    this.gpu = gpu;
    this.webnn = webnn;
    this.onSpoilt = onSpoilt;
  }

  /**
   * @param remembered Whether the golden outputs may wait until the first result is there: `wrongOutput` is the caller's then.
   * @throws {SdkError} of the file, the runtime, the session, or `model-outputs-wrong`.
   */
  async start(
    job: LoadJob,
    source: TrialSource,
    candidate: Candidate,
    starting: Promise<SessionFactory>,
    remembered: Promise<boolean>,
  ): Promise<Trial> {
    const { variant, provider } = candidate;
    const [factory, opened] = await Promise.all([
      job.timed('runtime', () => starting),
      job.timed(
        'verify',
        () => source.open(candidate, job),
        ({ fromCache }) => (fromCache ? 'verify' : 'download'),
      ),
    ]);
    const { session, file } = await this.created(job, source, candidate, factory, opened);
    try {
      const { manifest, modelVersion } = await source.describe(session);
      const trial = { candidate, session, factory, file, manifest, modelVersion, measuredMs: null, isTrustedFromMemory: await remembered };
      const wrong = trial.isTrustedFromMemory ? null : await job.timed('warm-up', () => this.wrongOutput(trial));
      if (wrong !== null) throw new SdkError('model-outputs-wrong', { variant: variant.id, provider, output: wrong });
      job.requireWanted('warm-up');
      return trial;
    } catch (error) {
      await this.release({ session });
      throw error;
    }
  }

  /** The session, of bytes that are right: stored weights are proved while it is created, and fetched where they were not what they should be. */
  private async created(
    job: LoadJob,
    source: TrialSource,
    candidate: Candidate,
    factory: SessionFactory,
    opened: ModelBytes,
  ): Promise<Pick<Trial, 'session' | 'file'>> {
    let file = opened;
    for (;;) {
      const reason = notOnnxReason(file.files.graph);
      if (reason !== null) throw new SdkError('model-not-onnx', { url: source.url, reason });
      const creating = job.timed('compile', () =>
        this.queue.control(() => this.create(factory, file, candidate, source, job.request.resident)),
      );
      // What wrong bytes have led to is no news to anybody.
      creating.catch(() => undefined);
      if (await file.proof) return { session: await creating, file };
      await creating.then(
        (session) => this.release({ session }),
        () => undefined,
      );
      file = await job.timed('download', () => source.open(candidate, job));
    }
  }

  /** Name of the first output that is not the golden one, or null. */
  wrongOutput({ session, manifest, candidate }: Trial): Promise<string | null> {
    const { variant } = candidate;
    const packed = manifest.variants.find((known) => known.id === variant.id) ?? variant;
    return this.queue.control(async () => {
      try {
        return await firstWrongOutput((feeds) => this.watched(candidate, () => session.run(feeds)), manifest, packed);
      } catch (error) {
        throw this.sessionError(candidate, error);
      }
    });
  }

  /** The trial with the median of its runs on the first golden input. */
  async measured(trial: Trial): Promise<Trial> {
    const { session, manifest, candidate } = trial;
    const golden = manifest.golden[0];
    if (golden === undefined) return trial;
    const feeds = feedsOf(golden, manifest);
    const run = async () => {
      const startMs = performance.now();
      await this.watched(candidate, () => session.run(feeds));
      return performance.now() - startMs;
    };
    try {
      return { ...trial, measuredMs: await medianRunMs(() => this.queue.control(run)) };
    } catch (error) {
      throw this.sessionError(candidate, error);
    }
  }

  release({ session }: Pick<Trial, 'session'>): Promise<void> {
    // A session of a lost device may refuse; its worker is given up anyway.
    return this.queue.control(() => session.release()).catch(() => undefined);
  }

  private async create(
    factory: SessionFactory,
    { files }: ModelBytes,
    candidate: Candidate,
    source: TrialSource,
    keptOutputs: readonly string[],
  ): Promise<Session> {
    try {
      const execution = await this.execution(candidate, source.manifest);
      return await this.watched(candidate, () =>
        factory.create(splitWhereLarge(files), execution, candidate.variant.optimized === true, keptOutputs),
      );
    } catch (error) {
      if (!(error instanceof UnreadableModelError)) throw this.sessionError(candidate, error);
      throw new SdkError('model-not-onnx', { url: source.url, reason: error.message }, { cause: error });
    }
  }

  private async execution({ provider }: Candidate, manifest: Manifest | null): Promise<Execution> {
    if (provider === 'wasm') return { provider };
    if (provider === 'webgpu') {
      const device = await this.gpu.device();
      if (device === null) throw new Error('the WebGPU adapter gave no device');
      return { provider, device };
    }
    const context = await this.webnn.context();
    if (context === null) throw new Error('WebNN gives no context');
    return { provider, context, axes: fixedAxes(manifest) };
  }

  /** Work on a GPU ends with the GPU, whether or not the runtime ever answers. */
  private watched<T>({ provider }: Candidate, work: () => Promise<T>): Promise<T> {
    return provider === 'webgpu' ? this.gpu.untilLost(work) : work();
  }

  /** A full heap, a crash or a lost GPU spoil the worker; a crash has no code of its own that would say so of a load. */
  private sessionError({ variant, provider }: Candidate, error: unknown): SdkError {
    const fatal = isSdkError(error) ? error : fatalError(error);
    if (fatal?.code === 'out-of-memory' || fatal?.code === 'worker-lost') this.onSpoilt();
    if (fatal !== null && fatal.code !== 'worker-lost') return fatal;
    return new SdkError('session-failed', { variant: variant.id, provider, reason: firstLine(error) }, { cause: error });
  }
}

/** WebNN compiles for fixed lengths: those of the first golden input, else 1. Other lengths fail there. */
function fixedAxes(manifest: Manifest | null): Readonly<Record<string, number>> {
  const axes: Record<string, number> = {};
  for (const { name, dims } of manifest?.inputs ?? []) {
    const lengths = manifest?.golden[0]?.inputs[name]?.dims;
    for (const [index, axis] of dims.entries()) if (typeof axis === 'string') axes[axis] = lengths?.[index] ?? 1;
  }
  return axes;
}
