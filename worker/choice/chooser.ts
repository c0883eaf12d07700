/**
 * Chooser: which candidate a load ends with. From memory where an earlier visit has decided, else by the rules, by trust and by time.
 *
 * With a verdict a load goes straight to its pair: it asks for no adapter that the pair does not need and starts the smallest
 * runtime that runs it. Without one, a load that could use a GPU starts the runtime that has both kinds of provider, so that
 * they are compared in one worker without a second download of a runtime.
 *
 * Invariants
 *  - No trial is handed out that has not reproduced every golden output of its manifest: at this start, or, on wasm, at an earlier one of the
 *    same model version, runtime and threads, and then again behind the first result.
 *  - A candidate that failed is released, recorded in `considered`, and not tried again in this load; one that failed for
 *    good reason is not tried again under the verdict's key.
 *  - A verdict is believed whole or forgotten. What failed for want of a file or of memory is never held against a candidate.
 *  - What is timed within a load costs at most MEASURE_BYTES_MAX more to fetch, unless the load asked for more.
 */
import { MEASURE_BACKGROUND_BYTES_MAX, MEASURE_BYTES_MAX, MEMORY_SHARE_RATIO_MAX } from '../../protocol/limits.ts';
import { filesWithPreprocess, type ManifestVariant, type Provider } from '../../protocol/manifest/manifest.ts';
import { type Choice, RUNTIME_BUILDS, type RuntimeBuild } from '../../protocol/worker/loading.ts';
import { savesData } from '../device/device-facts.ts';
import type { Gpu } from '../device/gpu.ts';
import type { ModelSource } from '../source/model-source.ts';
import { type Candidate, isSamePair } from '../trust/candidate.ts';
import { bytesOf, type Device, finalistsOf, type Inputs, isAsked, noCandidateError, obstacle, ruleOrder } from './candidates.ts';
import { completeConsidered, type Field, isFatal, judge, recordFailure, rememberRejections, trustReason } from './consideration.ts';
import type { LoadJob } from './load-job.ts';
import { ElsewhereSignal, type RuntimeSlot } from './runtime-slot.ts';
import type { Origin, Trial, Trials } from './trial.ts';
import { isConclusive, rejectionsIn, trustKey, type Verdict, Verdicts, verdictKey } from './verdict.ts';

export interface Chosen {
  readonly trial: Trial;
  readonly choice: Choice;
  /** What is still to be found out once the first result is there: nothing, other candidates' times, or whether the GPU is the same. */
  readonly review: ((signal: AbortSignal) => Promise<void>) | null;
}

type Measuring = 'before' | 'background' | 'none';

export class Chooser {
  private readonly runtime: RuntimeSlot;
  private readonly trials: Trials;
  private readonly source: ModelSource;
  private readonly gpu: Gpu;
  private readonly device: Device;
  private readonly verdicts: Verdicts;

  constructor(runtime: RuntimeSlot, trials: Trials, source: ModelSource, gpu: Gpu, device: Device) {
    this.runtime = runtime;
    this.trials = trials;
    this.source = source;
    this.gpu = gpu;
    this.device = device;
    this.verdicts = new Verdicts(source);
  }

  /** @throws {SdkError} @throws {ElsewhereSignal} */
  async choose(job: LoadJob, origin: Origin): Promise<Chosen> {
    for (const { verdict, variant, provider } of job.request.considered) {
      // It was right once and is not any more: the next visit asks it again before it believes it.
      const pair = origin.pairs.find((each) => verdict === 'wrong-outputs' && isSamePair(each, { variant, provider }));
      if (pair === undefined) continue;
      for (const build of RUNTIME_BUILDS) this.verdicts.forget(trustKey(job.modelVersion, this.runtime.threadCount, pair, build));
    }
    const asked = ruleOrder(origin.pairs).filter((pair) => isAsked(pair, job.request));
    // After a loss on this page, or a runtime that was not there, what is found out holds for this load alone.
    const isRemembered = asked.length > 1 && origin.manifest !== null && isConclusive(job.request.considered);
    const key = isRemembered ? verdictKey(job.modelVersion, this.runtime.threadCount, job.request) : null;
    const field = { job, origin, asked, key };
    const verdict = await this.verdicts.of(key);
    const remembered = verdict === null ? null : await this.fromMemory(field, verdict);
    return remembered ?? this.fromTrials(field);
  }

  /** The remembered choice, or null when there is none or it does not hold. */
  private async fromMemory(field: Field, verdict: Verdict): Promise<Chosen | null> {
    const { job, asked, origin, key } = field;
    const { chosen, considered, adapterClass } = verdict;
    const candidate = asked.find((pair) => chosen !== null && isSamePair(pair, chosen) && !job.hasConsidered(pair));
    const usesGpu = (candidate === undefined ? rejectionsIn(considered) : [candidate]).some(({ provider }) => provider !== 'wasm');
    // The runtime starts while the adapter is looked for. A failed start shows in the trial.
    if (usesGpu && candidate !== undefined) this.runtime.claim(job, candidate.provider).catch(() => undefined);
    if (usesGpu && adapterClass !== (await this.gpu.adapterClass())) return this.verdicts.forget(key);
    if (chosen === null || candidate === undefined) return rememberRejections(field, considered);
    try {
      const trial = await this.attempt(job, origin, candidate);
      job.considered.push(...considered.filter((entry) => !job.hasConsidered(entry)));
      const review = usesGpu || adapterClass === null ? null : () => this.reviewAdapter(key, adapterClass);
      return this.finish(field, trial, { by: chosen.by, isRemembered: true }, review);
    } catch (error) {
      if (isFatal(error)) throw error;
      this.verdicts.forget(key);
      recordFailure(job, origin, candidate, error);
      return null;
    }
  }

  private async fromTrials(field: Field): Promise<Chosen> {
    const { job, origin, asked } = field;
    const canMeasure = job.request.measure !== 'never' && (origin.manifest?.golden.length ?? 0) > 0 && asked.length > 1;
    const finalists = canMeasure ? await this.atHandFirst(origin, finalistsOf(await this.eligible(field))) : [];
    const gpuPair = finalists.find(({ provider }) => provider !== 'wasm');
    // Before the first trial: in the plain wasm build the GPU could not be tried any more. A failed start shows in the trial.
    if (gpuPair !== undefined) this.runtime.claim(job, gpuPair.provider).catch(() => undefined);
    const measuring = await this.measuringOf(field, finalists);
    const favourite = await this.firstThatHolds(job, origin, [...finalists, ...asked.filter((pair) => !finalists.includes(pair))]);
    const rivals = finalists.filter((pair) => pair !== favourite.candidate && !job.hasConsidered(pair));
    if (measuring === 'before' && rivals.length > 0) return this.race(field, favourite, rivals);
    job.consider(favourite.candidate, 'chosen', trustReason(favourite));
    const isOpen = measuring === 'background' && rivals.length > 0;
    const review = isOpen ? (signal: AbortSignal) => this.timeLater(field, favourite, rivals, signal) : null;
    const isNamed = job.request.variant !== null || job.request.provider !== 'auto';
    const chosen = this.finish(field, favourite, { by: isNamed ? 'name' : 'rule', isRemembered: false }, review);
    await this.remember(field, isOpen ? null : chosen);
    return chosen;
  }

  /** Times the favourite and its rivals within the load; the losers are released. */
  private async race(field: Field, favourite: Trial, rivals: readonly Candidate[]): Promise<Chosen> {
    const { job, origin } = field;
    let trials: [Trial, ...Trial[]];
    try {
      trials = [await this.trials.measured(favourite)];
    } catch (error) {
      await this.trials.release(favourite);
      recordFailure(job, origin, favourite.candidate, error);
      return this.fromTrials(field);
    }
    for (const rival of rivals) {
      // What one trial has fetched may be the next one's, too.
      await trials.at(-1)?.file.stored;
      const trial = await this.rivalTrial(field, rival);
      if (trial !== null) trials.push(trial);
      if (!this.runtime.isSpoilt && !job.signal.aborted) continue;
      // What the rival did to this worker costs the favourite its session, too: it gets another one, without the rival.
      await Promise.all(trials.map((each) => this.trials.release(each)));
      job.requireWanted('warm-up');
      throw new ElsewhereSignal(favourite.candidate.provider);
    }
    const winner = judge(job, trials);
    await Promise.all(trials.filter((trial) => trial !== winner).map((trial) => this.trials.release(trial)));
    const chosen = this.finish(field, winner, { by: trials.length > 1 ? 'measurement' : 'rule', isRemembered: false }, null);
    await this.remember(field, chosen);
    return chosen;
  }

  /** Null when the rival failed, which costs it its chance and nobody else anything. */
  private async rivalTrial({ job, origin }: Field, rival: Candidate): Promise<Trial | null> {
    try {
      const trial = await this.attempt(job, origin, rival);
      try {
        return await this.trials.measured(trial);
      } catch (error) {
        await this.trials.release(trial);
        throw error;
      }
    } catch (error) {
      recordFailure(job, origin, rival, error);
      return null;
    }
  }

  /** Behind the first result: times the candidates for the next load, which will find the verdict. A model that is closed meanwhile leaves none. */
  private async timeLater(field: Field, favourite: Trial, rivals: readonly Candidate[], signal: AbortSignal): Promise<void> {
    const considered = field.job.considered.filter(({ verdict }) => verdict !== 'chosen' && verdict !== 'not-asked');
    const job = field.job.quietly(considered, signal);
    const later = { ...field, job };
    const trials: [Trial, ...Trial[]] = [await this.trials.measured(favourite)];
    for (const rival of rivals) {
      const trial = await this.rivalTrial(later, rival);
      if (trial !== null) {
        trials.push(trial);
        await this.trials.release(trial);
      }
      job.requireWanted('warm-up');
    }
    const trial = judge(job, trials);
    completeConsidered(later);
    await this.remember(later, { trial, choice: { by: trials.length > 1 ? 'measurement' : 'rule', isRemembered: false } });
  }

  private async eligible({ job, origin, asked }: Field): Promise<readonly Candidate[]> {
    const eligible: Candidate[] = [];
    for (const candidate of asked) if (await this.canRun(job, origin, candidate)) eligible.push(candidate);
    return eligible;
  }

  /** False for what was considered already, too. */
  private async canRun(job: LoadJob, origin: Origin, candidate: Candidate): Promise<boolean> {
    if (job.hasConsidered(candidate)) return false;
    const reason = await obstacle(candidate, inputsOf(origin), this.device, job.request.variant !== null);
    if (reason !== null) job.consider(candidate, 'unavailable', reason);
    return reason === null;
  }

  /**
   * A cached manifest may be of a version that no load has seen yet, fetched behind an earlier visit with one of its files.
   * That file comes first, so that the visit needs no network.
   */
  private async atHandFirst(origin: Origin, finalists: readonly Candidate[]): Promise<readonly Candidate[]> {
    if (!origin.isCached) return finalists;
    const missing = await Promise.all(finalists.map(({ variant }) => this.source.missingBytes(chunksOf(origin, variant))));
    return [...finalists.filter((_, index) => missing[index] === 0), ...finalists.filter((_, index) => missing[index] !== 0)];
  }

  private async measuringOf({ job, origin }: Field, finalists: readonly Candidate[]): Promise<Measuring> {
    const { measure } = job.request;
    const [favourite, ...rivals] = [...new Set(finalists.map(({ variant }) => variant))];
    if (finalists.length < 2 || favourite === undefined || measure === 'never') return 'none';
    if (measure === 'before') return 'before';
    const totalBytes = [favourite, ...rivals].reduce((sum, variant) => sum + bytesOf(variant, inputsOf(origin)), 0);
    if (totalBytes > (this.device.memoryBytes ?? Number.POSITIVE_INFINITY) * MEMORY_SHARE_RATIO_MAX) return 'none';
    const own = new Set(chunksOf(origin, favourite).map(({ sha256 }) => sha256));
    const others = rivals.flatMap((variant) => chunksOf(origin, variant));
    const extraBytes = await this.source.missingBytes(others.filter(({ sha256 }) => !own.has(sha256)));
    if (extraBytes > 0 && savesData()) return 'none';
    if (measure === 'auto' && extraBytes <= MEASURE_BYTES_MAX) return 'before';
    return extraBytes <= MEASURE_BACKGROUND_BYTES_MAX && typeof (await this.source.openStore()) !== 'string' ? 'background' : 'none';
  }

  /** @throws {SdkError} of the last candidate that failed. */
  private async firstThatHolds(job: LoadJob, origin: Origin, candidates: readonly Candidate[]): Promise<Trial> {
    let lastError: unknown = null;
    for (const candidate of candidates) {
      if (!(await this.canRun(job, origin, candidate))) continue;
      try {
        return await this.attempt(job, origin, candidate);
      } catch (error) {
        if (isFatal(error)) throw error;
        lastError = error;
        recordFailure(job, origin, candidate, error);
      }
    }
    throw lastError ?? noCandidateError(job.request, job.considered);
  }

  private async attempt(job: LoadJob, origin: Origin, candidate: Candidate): Promise<Trial> {
    const starting = this.runtime.claim(job, candidate.provider);
    const build = job.build as RuntimeBuild;
    const key = origin.manifest === null ? null : trustKey(job.modelVersion, this.runtime.threadCount, candidate, build);
    // Read while the runtime starts.
    const remembered = this.verdicts.of(key).then((verdict) => verdict !== null);
    const trial = await this.trials.start(job, origin, candidate, starting, remembered);
    if (!trial.isTrustedFromMemory) {
      const chosen = { variant: candidate.variant.id, provider: candidate.provider, by: 'rule' } as const;
      void this.verdicts.keep(key, { adapterClass: null, chosen, considered: [] }).catch(() => undefined);
    }
    return trial;
  }

  /**
   * Behind the first result of a session that is trusted from memory: the output that is wrong all the same, or null.
   *
   * Why this late: the goldens of an image model cost as much as the first result itself, in which they would be told right once more.
   */
  async retested(trial: Trial): Promise<string | null> {
    const wrong = await this.trials.wrongOutput(trial);
    if (wrong !== null) this.distrust(trial);
    return wrong;
  }

  /** It was right once and is not any more: the next load asks it again before it believes it. */
  distrust({ modelVersion, candidate, factory }: Trial): void {
    this.verdicts.forget(trustKey(modelVersion, this.runtime.threadCount, candidate, factory.build));
  }

  private finish(field: Field, trial: Trial, choice: Choice, review: Chosen['review']): Chosen {
    completeConsidered(field);
    return { trial, choice, review };
  }

  /** A GPU that was put in, taken out or got another driver may make another pair the best: the next load looks anew. */
  private async reviewAdapter(key: string | null, adapterClass: string): Promise<void> {
    if ((await this.gpu.adapterClass()) !== adapterClass) this.verdicts.forget(key);
  }

  /** A verdict that cannot be kept costs the next load the same work again, and this one nothing. */
  private async remember({ key, job: { considered } }: Field, chosen: Pick<Chosen, 'trial' | 'choice'> | null): Promise<void> {
    if (key === null) return;
    const adapterClass = this.gpu.isAsked ? await this.gpu.adapterClass() : null;
    const isFinal = chosen !== null && isConclusive(considered);
    const { variant, provider } = chosen?.trial.candidate ?? {};
    const record = isFinal ? { variant: variant?.id as string, provider: provider as Provider, by: chosen.choice.by } : null;
    await this.verdicts.keep(key, { adapterClass, chosen: record, considered: [...considered] }).catch(() => undefined);
  }
}

function inputsOf({ manifest }: Origin): Inputs {
  return manifest?.inputs ?? [];
}

function chunksOf(origin: Origin, variant: ManifestVariant): readonly ManifestVariant['chunks'][number][] {
  return filesWithPreprocess(inputsOf(origin), variant).flatMap(({ chunks }) => chunks);
}
