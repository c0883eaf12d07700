/**
 * Trial: one candidate from its bytes to a session that has reproduced the golden outputs, and how long its runs take.
 *
 * Invariants
 *  - A trial that fails leaves no session behind.
 *  - Reading or downloading and the start of the runtime overlap; creating and running go through the run queue.
 *
 * Not here: which candidates get one (worker/load/chooser.ts).
 */
import { firstLine, isSdkError, SdkError } from '../../protocol/errors.ts';
import type { Manifest, ManifestVariant } from '../../protocol/manifest.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { RunQueue } from '../runtime/run-queue.ts';
import { type Execution, type Session, type SessionFactory, UnreadableModelError } from '../runtime/session.ts';
import type { Webnn } from '../runtime/webnn.ts';
import type { ModelBytes } from '../store/model-source.ts';
import type { Candidate } from './candidates.ts';
import { notOnnxReason } from './file-signature.ts';
import { feedsOf, firstWrongOutput } from './golden.ts';
import type { LoadJob } from './load-job.ts';
import { medianRunMs } from './measure.ts';

/** Where a load's pairs, bytes and manifest come from: a manifest, or a plain file that describes itself once it is open. */
export interface Origin {
  /** For errors: without query, and never the name of a person's file. */
  readonly url: string;
  readonly pairs: readonly Candidate[];
  /** Null for a plain file, which has neither goldens nor a version before it is open. */
  readonly manifest: Manifest | null;
  /** The manifest came from the store. */
  readonly isCached: boolean;
  open(candidate: Candidate): Promise<ModelBytes>;
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
}

export class Trials {
  private readonly queue: RunQueue;
  private readonly gpu: Gpu;
  private readonly webnn: Webnn;

  constructor(queue: RunQueue, gpu: Gpu, webnn: Webnn) {
    this.queue = queue;
    this.gpu = gpu;
    this.webnn = webnn;
  }

  /** @throws {SdkError} of the file, the runtime, the session, or `model-outputs-wrong`. */
  async start(job: LoadJob, origin: Origin, candidate: Candidate, starting: Promise<SessionFactory>): Promise<Trial> {
    const { variant, provider } = candidate;
    const [factory, file] = await Promise.all([
      job.timed('runtime', () => starting),
      job.timed(
        'verify',
        () => origin.open(candidate),
        ({ fromCache }) => (fromCache ? 'verify' : 'download'),
      ),
    ]);
    const reason = notOnnxReason(file.files.graph);
    if (reason !== null) throw new SdkError('model-not-onnx', { url: origin.url, reason });
    const session = await job.timed('compile', () => this.queue.control(() => this.create(factory, file, candidate, origin)));
    try {
      const { manifest, modelVersion } = await origin.describe(session);
      const trial = { candidate, session, factory, file, manifest, modelVersion, measuredMs: null };
      const wrong = await job.timed('warm-up', () => this.wrongOutput(trial));
      if (wrong !== null) throw new SdkError('model-outputs-wrong', { variant: variant.id, provider, output: wrong });
      job.requireWanted('warm-up');
      return trial;
    } catch (error) {
      await this.release({ session });
      throw error;
    }
  }

  /** Name of the first output that is not the golden one, or null. */
  wrongOutput({ session, manifest, candidate: { variant, provider } }: Trial): Promise<string | null> {
    const packed = manifest.variants.find((known) => known.id === variant.id) ?? variant;
    return this.queue.control(async () => {
      try {
        return await firstWrongOutput((feeds) => session.run(feeds), manifest, packed);
      } catch (error) {
        throw sessionError({ variant, provider }, error);
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
      await session.run(feeds);
      return performance.now() - startMs;
    };
    try {
      return { ...trial, measuredMs: await medianRunMs(() => this.queue.control(run)) };
    } catch (error) {
      throw sessionError(candidate, error);
    }
  }

  release({ session }: Pick<Trial, 'session'>): Promise<void> {
    // A session of a lost device may refuse; its worker is given up anyway.
    return this.queue.control(() => session.release()).catch(() => undefined);
  }

  private async create(factory: SessionFactory, { files }: ModelBytes, candidate: Candidate, origin: Origin): Promise<Session> {
    try {
      return await factory.create(files, await this.execution(candidate, origin.manifest), candidate.variant.optimized === true);
    } catch (error) {
      if (!(error instanceof UnreadableModelError)) throw sessionError(candidate, error);
      throw new SdkError('model-not-onnx', { url: origin.url, reason: error.message }, { cause: error });
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

function sessionError(
  { variant, provider }: Pick<Candidate, 'provider'> & { variant: Pick<ManifestVariant, 'id'> },
  error: unknown,
): SdkError {
  if (isSdkError(error)) return error;
  return new SdkError('session-failed', { variant: variant.id, provider, reason: firstLine(error) }, { cause: error });
}
