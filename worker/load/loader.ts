/**
 * Loader: from a request to a session that has proved itself, by the first candidate that holds.
 *
 * One runtime flavour per worker. A wasm candidate needs the plain wasm build and a webgpu candidate one of the two larger
 * ones, so a load whose next candidate needs the other kind ends here with `elsewhere`, and the page repeats it in another
 * worker of the client. That costs a worker start only when a fallback crosses the border, keeps the choice where the
 * manifest is known, and lets a spoilt realm be given up without touching models that run in the other one.
 *
 * Invariants
 *  - No session is handed out that has not reproduced every golden output of its manifest.
 *  - A candidate that failed is released, recorded in `considered`, and not tried again in this load.
 *  - Downloading, reading the store and starting the runtime overlap; creating and warming up go through the run queue.
 *
 * Not here: measuring candidates against each other.
 */
import { dataPlanOf } from '../../counts/data-plan.ts';
import { planHash } from '../../counts/plan.ts';
import { createRunCounter, type RunCounter } from '../../counts/run-counter.ts';
import { type ErrorCode, firstLine, isSdkError, SdkError } from '../../protocol/errors.ts';
import type { Manifest, Provider } from '../../protocol/manifest.ts';
import type { Consideration, LoadedModel, WorkerSettings } from '../../protocol/messages.ts';
import { Gpu } from '../runtime/gpu.ts';
import type { RunQueue } from '../runtime/run-queue.ts';
import { flavourFor, type Session, type SessionFactory, startRuntime, UnreadableModelError } from '../runtime/session.ts';
import { printable } from '../store/download.ts';
import { fileFacts, type ModelBytes, type ModelSource, type OpenManifest, versionOf } from '../store/model-source.ts';
import { type Candidate, isAsked, noCandidateError, obstacle, pairsOf, requireVariant } from './candidates.ts';
import { notOnnxReason } from './file-signature.ts';
import { firstWrongOutput } from './golden.ts';
import { type FileFacts, implicitManifest, implicitVariant } from './implicit-manifest.ts';
import { isFileError, type LoadJob } from './load-job.ts';
import { requireRunOptions } from './run-options.ts';

/** What errors call a file that a person opened: its name is the person's. */
const DROPPED = 'The opened file';

export interface RunnableModel {
  readonly session: Session;
  readonly loaded: LoadedModel;
  readonly counter: RunCounter;
}

/** The next candidate belongs to another worker. */
export class ElsewhereSignal extends Error {
  override readonly name = 'ElsewhereSignal';
  readonly provider: Provider;

  constructor(provider: Provider) {
    super(`the next candidate runs on ${provider}`);
    this.provider = provider;
  }
}

/** Where a load's pairs, bytes and manifest come from: a manifest, or a plain file that describes itself once it is open. */
interface Origin {
  /** For errors: without query, and never the name of a person's file. */
  readonly url: string;
  readonly pairs: readonly Candidate[];
  open(candidate: Candidate): Promise<ModelBytes>;
  describe(session: Session): Promise<{ manifest: Manifest; modelVersion: string }>;
}

interface Attempt {
  readonly session: Session;
  readonly factory: SessionFactory;
  readonly file: ModelBytes;
}

export class Loader {
  private readonly settings: WorkerSettings;
  private readonly source: ModelSource;
  private readonly queue: RunQueue;
  private readonly gpu = new Gpu();
  private runtime: { readonly provider: Provider; readonly factory: Promise<SessionFactory> } | null = null;
  private hasRuntimeFailed = false;

  constructor(settings: WorkerSettings, source: ModelSource, queue: RunQueue) {
    this.settings = settings;
    this.source = source;
    this.queue = queue;
  }

  /** True when this worker can load nothing any more. */
  get isSpoilt(): boolean {
    return this.hasRuntimeFailed || this.gpu.isLost;
  }

  /** @throws {SdkError} what `Client.load` documents. @throws {ElsewhereSignal} */
  async load(job: LoadJob): Promise<RunnableModel> {
    if (crypto.subtle === undefined) throw new SdkError('crypto-unavailable', {});
    const { source } = job.request;
    if ('bytes' in source)
      return this.pick(
        job,
        this.plainOrigin(job, DROPPED, () => openBytes(source.bytes)),
      );
    if (/\.(onnx|ort)$/i.test(new URL(source.url).pathname)) {
      return this.pick(
        job,
        this.plainOrigin(job, printable(source.url), () => this.source.openPlain(source.url, job)),
      );
    }
    return this.loadManifest(job, source.url);
  }

  private async loadManifest(job: LoadJob, url: string): Promise<RunnableModel> {
    const consideredBefore = job.considered.length;
    const opened = await job.timed('manifest', () => this.source.openManifest(url, job, true));
    try {
      return await this.pick(job, this.manifestOrigin(job, opened));
    } catch (error) {
      // The files behind a cached manifest may have been replaced on the server: ask it what it has now.
      if (!opened.isCached || !isFileError(error)) throw error;
      job.considered.length = consideredBefore;
      const current = await job.timed('manifest', () => this.source.openManifest(url, job, false));
      return this.pick(job, this.manifestOrigin(job, current));
    }
  }

  private manifestOrigin(job: LoadJob, opened: OpenManifest): Origin {
    const { manifest, modelVersion } = opened;
    job.modelVersion = modelVersion;
    requireVariant(manifest, job.request.variant);
    requireRunOptions(manifest, job.request);
    return {
      url: printable(opened.url),
      pairs: pairsOf(manifest),
      open: ({ variant }) => this.source.openVariant(opened, variant, job),
      describe: () => Promise.resolve({ manifest, modelVersion }),
    };
  }

  private plainOrigin(job: LoadJob, url: string, open: () => Promise<ModelBytes & { facts: FileFacts }>): Origin {
    // Facts are known only once the bytes are there; the pairs do not depend on them.
    const variant = implicitVariant({ name: url, bytes: 0, sha256: '', chunks: [] });
    let opening: Promise<ModelBytes & { facts: FileFacts }> | null = null;
    const once = () => {
      opening ??= open();
      return opening;
    };
    return {
      url,
      pairs: variant.providers.map((provider) => ({ variant, provider })),
      open: once,
      describe: async (session) => {
        const manifest = implicitManifest((await once()).facts, session.inputs, session.outputs, url);
        requireRunOptions(manifest, job.request);
        const modelVersion = await versionOf(JSON.stringify(manifest));
        job.modelVersion = modelVersion;
        return { manifest, modelVersion };
      },
    };
  }

  private async pick(job: LoadJob, origin: Origin): Promise<RunnableModel> {
    let lastError: unknown = null;
    for (const candidate of origin.pairs) {
      if (job.hasConsidered(candidate)) continue;
      if (!isAsked(candidate, job.request)) {
        job.consider(candidate, 'not-asked', 'the load named another one');
        continue;
      }
      const reason = await obstacle(candidate, () => this.gpu.features());
      if (reason !== null) {
        job.consider(candidate, 'unavailable', reason);
        continue;
      }
      this.requireRuntimeFor(candidate.provider);
      try {
        return await this.attempt(job, origin, candidate);
      } catch (error) {
        if (isFileError(error) || ['aborted', 'load-stalled', 'invalid-option'].some((code) => isSdkError(error, code as ErrorCode)))
          throw error;
        lastError = error;
        this.recordFailure(job, origin, candidate, error);
      }
    }
    throw lastError ?? noCandidateError(job.request, job.considered);
  }

  private recordFailure(job: LoadJob, origin: Origin, candidate: Candidate, error: unknown): void {
    const verdict: Consideration['verdict'] = isSdkError(error, 'model-outputs-wrong') ? 'wrong-outputs' : 'failed';
    job.consider(candidate, verdict, firstLine(error));
    if (!isSdkError(error, 'asset-unreachable')) return;
    // Without its runtime no pair of this provider can run.
    for (const pair of origin.pairs) {
      if (pair.provider === candidate.provider && !job.hasConsidered(pair)) job.consider(pair, 'failed', firstLine(error));
    }
  }

  private requireRuntimeFor(provider: Provider): void {
    if (this.isSpoilt || (this.runtime !== null && this.runtime.provider !== provider)) throw new ElsewhereSignal(provider);
  }

  private async attempt(job: LoadJob, origin: Origin, candidate: Candidate): Promise<RunnableModel> {
    const { variant, provider } = candidate;
    const [factory, file] = await Promise.all([
      job.timed('runtime', () => this.runtimeFor(provider)),
      job.timed(
        'verify',
        () => origin.open(candidate),
        ({ fromCache }) => (fromCache ? 'verify' : 'download'),
      ),
    ]);
    const reason = notOnnxReason(file.bytes);
    if (reason !== null) throw new SdkError('model-not-onnx', { url: origin.url, reason });
    const session = await job.timed('compile', () => this.queue.control(() => this.create(job, factory, file, candidate, origin.url)));
    try {
      const { manifest, modelVersion } = await origin.describe(session);
      const wrong = await job.timed('warm-up', () => this.queue.control(() => this.warmUp(session, manifest, candidate)));
      if (wrong !== null) throw new SdkError('model-outputs-wrong', { variant: variant.id, provider, output: wrong });
      job.requireWanted('warm-up');
      job.consider(candidate, 'chosen', manifest.golden.length > 0 ? 'reproduces the golden outputs' : 'no golden outputs to compare');
      return await this.describeLoaded(job, origin, { session, factory, file }, candidate, manifest, modelVersion);
    } catch (error) {
      await this.queue.control(() => session.release());
      throw error;
    }
  }

  private async create(
    job: LoadJob,
    factory: SessionFactory,
    file: ModelBytes,
    { variant, provider }: Candidate,
    url: string,
  ): Promise<Session> {
    const device = provider === 'webgpu' ? await this.gpu.device() : null;
    const fail = (reason: string, cause?: unknown) => new SdkError('session-failed', { variant: variant.id, provider, reason }, { cause });
    if (provider === 'webgpu' && device === null) throw fail('the WebGPU adapter gave no device');
    try {
      return await factory.create(file.bytes, device, variant.optimized === true, job.request.resident);
    } catch (error) {
      if (error instanceof UnreadableModelError) throw new SdkError('model-not-onnx', { url, reason: error.message }, { cause: error });
      throw fail(firstLine(error), error);
    }
  }

  private async warmUp(session: Session, manifest: Manifest, { variant, provider }: Candidate): Promise<string | null> {
    const packed = manifest.variants.find((known) => known.id === variant.id) ?? variant;
    try {
      return await firstWrongOutput((feeds) => session.run(feeds), manifest, packed);
    } catch (error) {
      throw new SdkError('session-failed', { variant: variant.id, provider, reason: firstLine(error) }, { cause: error });
    }
  }

  private async describeLoaded(
    job: LoadJob,
    origin: Origin,
    { session, factory, file }: Attempt,
    { variant, provider }: Candidate,
    manifest: Manifest,
    modelVersion: string,
  ): Promise<RunnableModel> {
    const plan = dataPlanOf(manifest);
    const dataPlan = await planHash(plan, (text) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
    const storageRefusal = await file.stored;
    for (const pair of origin.pairs) {
      if (!job.hasConsidered(pair)) job.consider(pair, 'not-asked', 'an earlier one was chosen');
    }
    const loaded: LoadedModel = {
      handle: job.id,
      manifest,
      modelVersion,
      dataPlan,
      dataCellCount: plan.cellCount,
      variant: variant.id,
      provider,
      flavour: factory.flavour,
      threadCount: factory.threadCount,
      fromCache: file.fromCache,
      storageRefusal,
      considered: job.considered,
      timings: job.timings,
      batchRefusal: null,
    };
    return { session, loaded, counter: createRunCounter(manifest, plan) };
  }

  private async runtimeFor(provider: Provider): Promise<SessionFactory> {
    this.runtime ??= {
      provider,
      factory: startRuntime(flavourFor(provider), this.settings.assets, this.settings.threadCountMax),
    };
    try {
      return await this.runtime.factory;
    } catch (error) {
      this.hasRuntimeFailed = true;
      throw error;
    }
  }
}

async function openBytes(bytes: Uint8Array): Promise<ModelBytes & { facts: FileFacts }> {
  const own = bytes as Uint8Array<ArrayBuffer>;
  return { bytes: own, fromCache: false, stored: Promise.resolve(null), facts: await fileFacts('model.onnx', own) };
}
