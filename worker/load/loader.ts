/**
 * Loader: from a request to a session that has proved itself.
 *
 * One runtime build per worker: the plain wasm build for loads that use no GPU, else the build that has GPU providers and
 * wasm. A load that needs another one than this worker has ends here with `otherWorker`, and the page repeats it in another
 * worker of the client. That costs a worker start only when models of both kinds are loaded or a runtime fails, keeps the
 * choice where the manifest is known, and lets a spoilt realm be given up without touching models that run in the other one.
 *
 * Invariants
 *  - At most one runtime is ever started in this realm.
 *  - A load that began in one runtime stays there: what falls back from the GPU to wasm needs no second one.
 *
 * Not here: which candidate (worker/choice/chooser.ts), and what one must prove (worker/choice/trial.ts).
 */

import { planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { repeatsOf } from '../../counts/run/repeats.ts';
import { createRunCounter, type RunCounter } from '../../counts/run/run-counter.ts';
import { SdkError, toWire } from '../../protocol/errors.ts';
import type { Provider } from '../../protocol/manifest/manifest.ts';
import { modelVersionOf } from '../../protocol/manifest/served-manifest.ts';
import { preprocessFiles } from '../../protocol/manifest/text.ts';
import type { WorkerSettings } from '../../protocol/worker/control.ts';
import type { LoadedModel, NamedBytes, RuntimeBuild } from '../../protocol/worker/loading.ts';
import { isInline } from '../../protocol/worker/model-address.ts';
import { candidatesOf, requireVariant } from '../choice/candidates.ts';
import { Chooser, type Chosen } from '../choice/chooser.ts';
import { isFileError, type LoadJob } from '../choice/load-job.ts';
import { OtherWorkerSignal, type RuntimeSlot } from '../choice/runtime-slot.ts';
import { type TrialSource, Trials } from '../choice/trial.ts';
import { hasSimd, memoryBytes } from '../device/device-facts.ts';
import { Gpu } from '../device/gpu.ts';
import { Webnn } from '../device/webnn.ts';
import { printable } from '../download/download.ts';
import { type Processing, processingOf } from '../prepare/processing.ts';
import { openTokenizers, tokenizerLibrary } from '../prepare/text.ts';
import type { TextTokenizer } from '../prepare/tokenizer.ts';
import type { RunQueue } from '../queue/run-queue.ts';
import { gpuBuild, type Session, type SessionFactory, startRuntime, threadCountOf } from '../runtime/session.ts';
import { givenBeside } from '../source/external-data.ts';
import { fileFacts } from '../source/file-facts.ts';
import type { OpenManifest } from '../source/manifest-source.ts';
import { type ModelAddress, modelAddress } from '../source/model-address.ts';
import { type ModelSource, type PlainBytes, PROVED, type Precedence } from '../source/model-source.ts';
import { RunGuard } from '../trust/run-guard.ts';
import { fillCodeCache } from './code-cache.ts';
import { implicitManifest, implicitVariant, type PlainFile, readPlainFile } from './implicit-manifest.ts';
import { requireFittingOptions } from './load-checks.ts';

/** What errors call a file that a person opened: its name is the person's. */
const DROPPED = 'The opened file';

export interface RunnableModel {
  readonly session: Session;
  /** The way to run it that notices what goes wrong. */
  readonly guard: RunGuard;
  readonly loaded: LoadedModel;
  readonly counter: RunCounter;
  /** Null where the manifest declares none. */
  readonly processing: Processing | null;
  /**
   * To be called once, some time behind the first result; null when nothing is left to find out. May reject. The signal says that the model
   * was closed.
   */
  readonly retest: ((signal: AbortSignal) => Promise<void>) | null;
}

type OpenPlain = PlainBytes & { readonly plain: PlainFile };

interface TokenizedTrialSource extends TrialSource {
  /** By input; filled when the first candidate is open. */
  readonly tokenizers: ReadonlyMap<string, TextTokenizer>;
}

export class Loader implements RuntimeSlot {
  readonly threadCount: number;
  private readonly settings: WorkerSettings;
  private readonly source: ModelSource;
  private readonly queue: RunQueue;
  private readonly chooser: Chooser;
  private readonly gpu = new Gpu();
  private runtime: { readonly build: RuntimeBuild; readonly starting: Promise<SessionFactory> } | null = null;
  private hasRuntimeFailed = false;
  private hasStartFailed = false;

  /** @param early The plain wasm runtime, if the worker's name has started it already. */
  constructor(
    settings: WorkerSettings,
    source: ModelSource,
    queue: RunQueue,
    onDeviceLost: () => void,
    early: Promise<SessionFactory> | null,
  ) {
    this.settings = settings;
    if (early !== null) this.runtime = { build: 'wasm', starting: this.spoiling(early) };
    // Whoever loads hears of a failure; until then there is nobody.
    this.runtime?.starting.catch(() => undefined);
    this.source = source;
    this.queue = queue;
    this.gpu.onLost(onDeviceLost);
    this.threadCount = threadCountOf('wasm', settings.assets, settings.threadCountMax);
    const webnn = new Webnn();
    const device = {
      hasSimd: hasSimd(),
      memoryBytes: memoryBytes(),
      gpuFeatures: () => this.gpu.features(),
      webnnRefusal: () => webnn.refusal(),
    };
    this.chooser = new Chooser(this, new Trials(queue, this.gpu, webnn, () => this.spoil()), source, this.gpu, device);
  }

  /** True when this worker can load nothing any more. */
  get isSpoilt(): boolean {
    return this.hasRuntimeFailed || this.gpu.isLost;
  }

  /** Fetches what the next visit's runtime begins with. Never rejects. */
  async keepSnapshot(): Promise<void> {
    (await this.runtime?.starting.catch(() => null))?.keepSnapshot();
  }

  /** Has the browser keep what it has compiled, for the next visit. Never rejects. */
  async fillCodeCache(): Promise<void> {
    const factory = await this.runtime?.starting.catch(() => null);
    if (factory) await fillCodeCache(factory, this.queue, this.source).catch(() => undefined);
  }

  claim(job: LoadJob, provider: Provider): Promise<SessionFactory> {
    const build = provider === 'wasm' ? (job.build ?? 'wasm') : gpuBuild();
    // One that did not start fails here, or each worker that begins with it would send the load on to the next.
    const isOwnFailure = this.hasStartFailed && this.runtime?.build === build;
    if ((this.isSpoilt && !isOwnFailure) || (this.runtime !== null && this.runtime.build !== build)) throw new OtherWorkerSignal(provider);
    job.build = build;
    this.runtime ??= { build, starting: this.start(build) };
    return this.runtime.starting;
  }

  /** @throws {SdkError} what `Client.load` documents. @throws {OtherWorkerSignal} */
  async load(job: LoadJob): Promise<RunnableModel> {
    if (crypto.subtle === undefined) throw new SdkError('crypto-unavailable', {});
    const { source } = job.request;
    if ('bytes' in source)
      return this.pick(
        job,
        this.plainTrialSource(job, DROPPED, () => openBytes(source.bytes, source.beside, DROPPED)),
      );
    const url = new URL(source.url);
    if (isInline(url)) return this.loadInline(job, source.url);
    const address = await modelAddress(source.url, job.request.ignoreQuery);
    const open = () => this.source.openPlain(address, job, precedenceOf(job));
    if (/\.(onnx|ort)$/i.test(url.pathname)) return this.loadPlain(job, address, open);
    if (!/\.json$/i.test(url.pathname) && this.source.trustedKeys === null) {
      // The address does not tell: what it leads to does.
      const found = await job.timed('manifest', () => this.source.openUnnamed(address, job, precedenceOf(job)));
      if ('facts' in found) return this.loadPlain(job, address, () => Promise.resolve(found));
      return this.loadManifest(job, address, found);
    }
    return this.loadManifest(job, address, await job.timed('manifest', () => this.source.openManifest(address, job, precedenceOf(job))));
  }

  private loadPlain(job: LoadJob, { url }: ModelAddress, open: () => Promise<PlainBytes>): Promise<RunnableModel> {
    return this.pick(job, this.plainTrialSource(job, printable(url), open));
  }

  /** What lies in the page itself: a `blob:` or `data:` address. Nothing of it is kept, and nothing lies beside it. */
  private async loadInline(job: LoadJob, url: string): Promise<RunnableModel> {
    return this.pick(
      job,
      this.plainTrialSource(job, printable(url), async () => openBytes(await this.source.inlineBytes(url, job), [], printable(url))),
    );
  }

  private async loadManifest(job: LoadJob, address: ModelAddress, opened: OpenManifest): Promise<RunnableModel> {
    const consideredBefore = job.considered.length;
    try {
      return await this.pick(job, this.manifestTrialSource(job, opened));
    } catch (error) {
      // The files behind a cached manifest may have been replaced on the server: ask it what it has now.
      if (!opened.isCached || !isFileError(error)) throw error;
      job.considered.length = consideredBefore;
      const current = await job.timed('manifest', () => this.source.openManifest(address, job, 'server-only'));
      return this.pick(job, this.manifestTrialSource(job, current));
    }
  }

  private manifestTrialSource(job: LoadJob, opened: OpenManifest): TokenizedTrialSource {
    const { manifest, modelVersion } = opened;
    job.modelVersion = modelVersion;
    requireVariant(manifest, job.request.variant);
    requireFittingOptions(manifest, job.request);
    const library = () => tokenizerLibrary(this.settings.assets.tokenizer);
    // It arrives while the model does; who needs it hears of a failure.
    if (preprocessFiles(manifest.inputs).length > 0) library().catch(() => undefined);
    const tokenizers = new Map<string, TextTokenizer>();
    return {
      tokenizers,
      url: printable(opened.address.url),
      candidates: candidatesOf(manifest),
      manifest,
      isCached: opened.isCached,
      open: async ({ variant }, asking) => {
        const file = await this.source.openVariant(opened, variant, asking);
        if (tokenizers.size === 0) await openTokenizers(manifest, file.beside, library, printable(opened.address.url), tokenizers);
        return file;
      },
      describe: () => Promise.resolve({ manifest, modelVersion, leftOut: [] }),
    };
  }

  private plainTrialSource(job: LoadJob, url: string, open: () => Promise<PlainBytes>): TokenizedTrialSource {
    // Facts are known only once the bytes are there; the candidates do not depend on them.
    const variant = implicitVariant({ name: url, bytes: 0, sha256: '', chunks: [], external: [] });
    let opening: Promise<OpenPlain> | null = null;
    const once = () => {
      opening ??= open().then((opened) => {
        const plain = readPlainFile(opened.files);
        return { ...opened, files: plain.files, plain };
      });
      return opening;
    };
    return {
      tokenizers: new Map(),
      url,
      candidates: variant.providers.map((provider) => ({ variant, provider })),
      manifest: null,
      isCached: false,
      open: once,
      describe: async (session) => {
        const { facts, plain } = await once();
        const { manifest, leftOut } = implicitManifest(facts, plain, session, url);
        requireFittingOptions(manifest, job.request);
        const modelVersion = await modelVersionOf(JSON.stringify(manifest));
        job.modelVersion = modelVersion;
        return { manifest, modelVersion, leftOut: leftOut.map((output) => `Left out: ${output}, which cannot be handed to a page.`) };
      },
    };
  }

  private async pick(job: LoadJob, trialSource: TokenizedTrialSource): Promise<RunnableModel> {
    const chosen = await this.chooser.choose(job, trialSource);
    const { manifest, session } = chosen.trial;
    const plan = dataPlanOf(manifest);
    const dataPlan = await planHash(plan);
    const refusal = await chosen.trial.file.stored;
    const storageRefusal = refusal === null ? null : toWire(refusal);
    const loaded = describe(job, chosen, { dataPlan, dataCellCount: plan.cellCount, storageRefusal });
    const { provider, variant } = chosen.trial.candidate;
    const known = manifest.variants.find(({ id }) => id === variant.id) ?? variant;
    const { trial, retest: open } = chosen;
    const gpu = provider === 'webgpu' ? this.gpu : null;
    const guard = new RunGuard(session, manifest, { variant: known, provider }, gpu, () => this.chooser.distrust(trial));
    const retestGoldens = async (signal: AbortSignal) => {
      const wrong = await this.chooser.retested(trial);
      if (wrong !== null) guard.distrust(wrong);
      else await open?.(signal);
    };
    return {
      session,
      guard,
      loaded,
      counter: createRunCounter(manifest, plan, repeatsOf(loaded.modelVersion, manifest.inputs)),
      processing: processingOf(manifest, trialSource.tokenizers),
      retest: trial.isTrustedFromMemory ? retestGoldens : open,
    };
  }

  private start(build: RuntimeBuild): Promise<SessionFactory> {
    return this.spoiling(startRuntime(build, this.settings.assets, this.settings.threadCountMax));
  }

  private async spoiling(starting: Promise<SessionFactory>): Promise<SessionFactory> {
    try {
      return await starting;
    } catch (error) {
      this.hasStartFailed = true;
      this.spoil();
      throw error;
    }
  }

  private spoil(): void {
    this.hasRuntimeFailed = true;
  }
}

function describe(
  job: LoadJob,
  { trial, choice }: Chosen,
  more: Pick<LoadedModel, 'dataPlan' | 'dataCellCount' | 'storageRefusal'>,
): LoadedModel {
  const { candidate, factory, file, manifest, modelVersion, leftOut } = trial;
  return {
    loadId: job.id,
    manifest,
    modelVersion,
    ...more,
    leftOut,
    variant: candidate.variant.id,
    provider: candidate.provider,
    build: factory.build,
    threadCount: factory.threadCount,
    isFromSnapshot: factory.isFromSnapshot,
    fromCache: file.fromCache,
    choice,
    considered: job.considered,
    timings: job.timings,
    measures: { ...job.measures },
    batchRefusal: null,
  };
}

function precedenceOf({ request }: LoadJob): Precedence {
  return request.update === 'before' ? 'server-first' : 'store-first';
}

async function openBytes(bytes: Uint8Array, beside: readonly NamedBytes[], name: string): Promise<PlainBytes> {
  const own = bytes as Uint8Array<ArrayBuffer>;
  const external = await givenBeside(name, own, beside);
  return {
    files: { graph: own, external },
    beside: [],
    proof: PROVED,
    fromCache: false,
    stored: Promise.resolve(null),
    facts: await fileFacts('model.onnx', own, external),
  };
}
