/**
 * Chooser: which candidate a load ends with. From memory where an earlier visit has decided, else by the rules, by trust and by time.
 *
 * With a verdict a load goes straight to its candidate: it asks for no adapter that this one does not need and starts the
 * smallest runtime that runs it. Without one, a load that could use a GPU starts the runtime that has both kinds of provider, so that
 * they are compared in one worker without a second download of a runtime.
 *
 * Invariants
 *  - No trial is handed out that has not reproduced every golden output of its manifest: at this start, or, on wasm, at an earlier one of the
 *    same model version, runtime and threads, and then again behind the first result.
 *  - A candidate that failed is released, recorded in `considered`, and not tried again in this load; one that failed for
 *    good reason is not tried again under the verdict's key.
 *  - A variant beyond the limit of quality is tried only by name.
 *  - A verdict is believed whole or forgotten. What failed for want of a file or of memory is never held against a candidate.
 *  - What is timed within a load costs at most MEASURE_BYTES_MAX more to fetch, unless the load asked for more.
 */
import { MEASURE_BACKGROUND_BYTES_MAX, MEASURE_BYTES_MAX, MEMORY_SHARE_RATIO_MAX } from '../../protocol/limits.ts';
import { filesWithPreprocess, type ManifestVariant, type Provider } from '../../protocol/manifest/manifest.ts';
import { type Choice, RUNTIME_BUILDS, type RuntimeBuild } from '../../protocol/worker/loading.ts';
import { savesData } from '../device/device-facts.ts';
import type { Gpu } from '../device/gpu.ts';
import type { ModelSource } from '../source/model-source.ts';
import { type Candidate, isSameCandidate } from '../trust/candidate.ts';
import {
  bytesOf,
  candidatesToTime,
  type Device,
  type Inputs,
  isLeftOpen,
  noCandidateError,
  obstacle,
  qualityObstacle,
  ruleOrder,
} from './candidates.ts';
import {
  type ChoiceContext,
  chooseFastest,
  completeConsidered,
  isFatal,
  recordFailure,
  rememberRejections,
  trustReason,
} from './consideration.ts';
import type { LoadJob } from './load-job.ts';
import { OtherWorkerSignal, type RuntimeSlot } from './runtime-slot.ts';
import type { Trial, TrialSource, Trials } from './trial.ts';
import { isConclusive, rejectionsIn, trustKey, type Verdict, Verdicts, verdictKey } from './verdict.ts';

export interface Chosen {
  readonly trial: Trial;
  readonly choice: Choice;
  /** What is still to be found out once the first result is there: nothing, other candidates' times, or whether the GPU is the same. */
  readonly retest: ((signal: AbortSignal) => Promise<void>) | null;
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

  /** @throws {SdkError} @throws {OtherWorkerSignal} */
  async choose(job: LoadJob, trialSource: TrialSource): Promise<Chosen> {
    for (const entry of job.request.considered) {
      // It was right once and is not any more: the next visit asks it again before it believes it.
      const wrong = trialSource.candidates.find((each) => entry.outcome === 'wrong-outputs' && isSameCandidate(each, entry));
      if (wrong === undefined) continue;
      for (const build of RUNTIME_BUILDS) this.verdicts.forget(trustKey(job.modelVersion, this.runtime.threadCount, wrong, build));
    }
    const candidates = ruleOrder(trialSource.candidates).filter((candidate) => isLeftOpen(candidate, job.request));
    this.leaveByQuality(job, trialSource, candidates);
    // After a loss on this page, or a runtime that was not there, what is found out holds for this load alone.
    const isRemembered = candidates.length > 1 && trialSource.manifest !== null && isConclusive(job.request.considered);
    const key = isRemembered ? verdictKey(job.modelVersion, this.runtime.threadCount, job.request) : null;
    const context = { job, trialSource, candidates, key };
    const verdict = await this.verdicts.of(key);
    const remembered = verdict === null ? null : await this.fromMemory(context, verdict);
    return remembered ?? this.fromTrials(context);
  }

  /** Neither a rule, nor time, nor an earlier visit's choice brings back what is left here. */
  private leaveByQuality(job: LoadJob, { manifest }: TrialSource, candidates: readonly Candidate[]): void {
    if (job.request.variant !== null) return;
    for (const candidate of candidates) {
      const reason = qualityObstacle(candidate.variant, manifest?.qualityLimit);
      if (reason !== null && !job.hasConsidered(candidate)) job.consider(candidate, 'unavailable', reason);
    }
  }

  /** The remembered choice, or null when there is none or it does not hold. */
  private async fromMemory(context: ChoiceContext, verdict: Verdict): Promise<Chosen | null> {
    const { job, candidates, trialSource, key } = context;
    const { chosen, considered, adapterClass } = verdict;
    const candidate = candidates.find((each) => chosen !== null && isSameCandidate(each, chosen) && !job.hasConsidered(each));
    const usesGpu = (candidate === undefined ? rejectionsIn(considered) : [candidate]).some(({ provider }) => provider !== 'wasm');
    // The runtime starts while the adapter is looked for. A failed start shows in the trial.
    if (usesGpu && candidate !== undefined) this.runtime.claim(job, candidate.provider).catch(() => undefined);
    if (usesGpu && adapterClass !== (await this.gpu.adapterClass())) return this.verdicts.forget(key);
    if (chosen === null || candidate === undefined) return rememberRejections(context, considered);
    try {
      const trial = await this.tryCandidate(job, trialSource, candidate);
      job.considered.push(...considered.filter((entry) => !job.hasConsidered(entry)));
      const retest = usesGpu || adapterClass === null ? null : () => this.retestAdapter(key, adapterClass);
      return this.finish(context, trial, { by: chosen.by, isRemembered: true }, retest);
    } catch (error) {
      if (isFatal(error)) throw error;
      this.verdicts.forget(key);
      recordFailure(job, trialSource, candidate, error);
      return null;
    }
  }

  private async fromTrials(context: ChoiceContext): Promise<Chosen> {
    const { job, trialSource, candidates } = context;
    const canMeasure = job.request.measure !== 'never' && (trialSource.manifest?.golden.length ?? 0) > 0 && candidates.length > 1;
    const toTime = canMeasure ? await this.atHandFirst(trialSource, candidatesToTime(await this.runnable(context))) : [];
    const onGpu = toTime.find(({ provider }) => provider !== 'wasm');
    // Before the first trial: in the plain wasm build the GPU could not be tried any more. A failed start shows in the trial.
    if (onGpu !== undefined) this.runtime.claim(job, onGpu.provider).catch(() => undefined);
    const measuring = await this.measuringOf(context, toTime);
    const first = await this.firstThatHolds(job, trialSource, [...toTime, ...candidates.filter((each) => !toTime.includes(each))]);
    const others = toTime.filter((candidate) => candidate !== first.candidate && !job.hasConsidered(candidate));
    if (measuring === 'before' && others.length > 0) return this.timeNow(context, first, others);
    job.consider(first.candidate, 'chosen', trustReason(first));
    const isOpen = measuring === 'background' && others.length > 0;
    const retest = isOpen ? (signal: AbortSignal) => this.timeLater(context, first, others, signal) : null;
    const isNamed = job.request.variant !== null || job.request.provider !== 'auto';
    const chosen = this.finish(context, first, { by: isNamed ? 'name' : 'rule', isRemembered: false }, retest);
    await this.remember(context, isOpen ? null : chosen);
    return chosen;
  }

  /** Times the first trial and the other candidates within the load; all but the fastest are released. */
  private async timeNow(context: ChoiceContext, first: Trial, others: readonly Candidate[]): Promise<Chosen> {
    const { job, trialSource } = context;
    let trials: [Trial, ...Trial[]];
    try {
      trials = [await this.trials.measured(first)];
    } catch (error) {
      await this.trials.release(first);
      recordFailure(job, trialSource, first.candidate, error);
      return this.fromTrials(context);
    }
    for (const candidate of others) {
      // What one trial has fetched may be the next one's, too.
      await trials.at(-1)?.file.stored;
      const trial = await this.timedTrial(context, candidate);
      if (trial !== null) trials.push(trial);
      if (!this.runtime.isSpoilt && !job.signal.aborted) continue;
      // What this candidate did to the worker costs the first one its session, too: it gets another one, without this candidate.
      await Promise.all(trials.map((each) => this.trials.release(each)));
      job.requireWanted('warm-up');
      throw new OtherWorkerSignal(first.candidate.provider);
    }
    const fastest = chooseFastest(job, trials);
    await Promise.all(trials.filter((trial) => trial !== fastest).map((trial) => this.trials.release(trial)));
    const chosen = this.finish(context, fastest, { by: trials.length > 1 ? 'measurement' : 'rule', isRemembered: false }, null);
    await this.remember(context, chosen);
    return chosen;
  }

  /** Null when the candidate failed, which costs it its chance and nobody else anything. */
  private async timedTrial({ job, trialSource }: ChoiceContext, candidate: Candidate): Promise<Trial | null> {
    try {
      const trial = await this.tryCandidate(job, trialSource, candidate);
      try {
        return await this.trials.measured(trial);
      } catch (error) {
        await this.trials.release(trial);
        throw error;
      }
    } catch (error) {
      recordFailure(job, trialSource, candidate, error);
      return null;
    }
  }

  /** Behind the first result: times the candidates for the next load, which will find the verdict. A model that is closed meanwhile leaves none. */
  private async timeLater(context: ChoiceContext, first: Trial, others: readonly Candidate[], signal: AbortSignal): Promise<void> {
    const considered = context.job.considered.filter(({ outcome }) => outcome !== 'chosen' && outcome !== 'not-asked');
    const job = context.job.quietly(considered, signal);
    const later = { ...context, job };
    const trials: [Trial, ...Trial[]] = [await this.trials.measured(first)];
    for (const candidate of others) {
      const trial = await this.timedTrial(later, candidate);
      if (trial !== null) {
        trials.push(trial);
        await this.trials.release(trial);
      }
      job.requireWanted('warm-up');
    }
    const trial = chooseFastest(job, trials);
    completeConsidered(later);
    await this.remember(later, { trial, choice: { by: trials.length > 1 ? 'measurement' : 'rule', isRemembered: false } });
  }

  private async runnable({ job, trialSource, candidates }: ChoiceContext): Promise<readonly Candidate[]> {
    const runnable: Candidate[] = [];
    for (const candidate of candidates) if (await this.canRun(job, trialSource, candidate)) runnable.push(candidate);
    return runnable;
  }

  /** False for what was considered already, too. */
  private async canRun(job: LoadJob, trialSource: TrialSource, candidate: Candidate): Promise<boolean> {
    if (job.hasConsidered(candidate)) return false;
    const reason = await obstacle(candidate, inputsOf(trialSource), this.device, job.request.variant !== null);
    if (reason !== null) job.consider(candidate, 'unavailable', reason);
    return reason === null;
  }

  /**
   * A cached manifest may be of a version that no load has seen yet, fetched behind an earlier visit with one of its files.
   * That file comes first, so that the visit needs no network.
   */
  private async atHandFirst(trialSource: TrialSource, toTime: readonly Candidate[]): Promise<readonly Candidate[]> {
    if (!trialSource.isCached) return toTime;
    const missing = await Promise.all(toTime.map(({ variant }) => this.source.missingBytes(chunksOf(trialSource, variant))));
    return [...toTime.filter((_, index) => missing[index] === 0), ...toTime.filter((_, index) => missing[index] !== 0)];
  }

  private async measuringOf({ job, trialSource }: ChoiceContext, toTime: readonly Candidate[]): Promise<Measuring> {
    const { measure } = job.request;
    const [first, ...rest] = [...new Set(toTime.map(({ variant }) => variant))];
    if (toTime.length < 2 || first === undefined || measure === 'never') return 'none';
    if (measure === 'before') return 'before';
    const totalBytes = [first, ...rest].reduce((sum, variant) => sum + bytesOf(variant, inputsOf(trialSource)), 0);
    if (totalBytes > (this.device.memoryBytes ?? Number.POSITIVE_INFINITY) * MEMORY_SHARE_RATIO_MAX) return 'none';
    const own = new Set(chunksOf(trialSource, first).map(({ sha256 }) => sha256));
    const others = rest.flatMap((variant) => chunksOf(trialSource, variant));
    const extraBytes = await this.source.missingBytes(others.filter(({ sha256 }) => !own.has(sha256)));
    if (extraBytes > 0 && savesData()) return 'none';
    if (measure === 'auto' && extraBytes <= MEASURE_BYTES_MAX) return 'before';
    return extraBytes <= MEASURE_BACKGROUND_BYTES_MAX && typeof (await this.source.openStore()) !== 'string' ? 'background' : 'none';
  }

  /** @throws {SdkError} of the last candidate that failed. */
  private async firstThatHolds(job: LoadJob, trialSource: TrialSource, candidates: readonly Candidate[]): Promise<Trial> {
    let lastError: unknown = null;
    for (const candidate of candidates) {
      if (!(await this.canRun(job, trialSource, candidate))) continue;
      try {
        return await this.tryCandidate(job, trialSource, candidate);
      } catch (error) {
        if (isFatal(error)) throw error;
        lastError = error;
        recordFailure(job, trialSource, candidate, error);
      }
    }
    throw lastError ?? noCandidateError(job.request, job.considered);
  }

  private async tryCandidate(job: LoadJob, trialSource: TrialSource, candidate: Candidate): Promise<Trial> {
    const starting = this.runtime.claim(job, candidate.provider);
    const build = job.build as RuntimeBuild;
    const key = trialSource.manifest === null ? null : trustKey(job.modelVersion, this.runtime.threadCount, candidate, build);
    // Read while the runtime starts.
    const remembered = this.verdicts.of(key).then((verdict) => verdict !== null);
    const trial = await this.trials.start(job, trialSource, candidate, starting, remembered);
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

  private finish(context: ChoiceContext, trial: Trial, choice: Choice, retest: Chosen['retest']): Chosen {
    completeConsidered(context);
    return { trial, choice, retest };
  }

  /** A GPU that was put in, taken out or got another driver may make another candidate the best: the next load tries them anew. */
  private async retestAdapter(key: string | null, adapterClass: string): Promise<void> {
    if ((await this.gpu.adapterClass()) !== adapterClass) this.verdicts.forget(key);
  }

  /** A verdict that cannot be kept costs the next load the same work again, and this one nothing. */
  private async remember({ key, job: { considered } }: ChoiceContext, chosen: Pick<Chosen, 'trial' | 'choice'> | null): Promise<void> {
    if (key === null) return;
    const adapterClass = this.gpu.isAsked ? await this.gpu.adapterClass() : null;
    const isFinal = chosen !== null && isConclusive(considered);
    const { variant, provider } = chosen?.trial.candidate ?? {};
    const record = isFinal ? { variant: variant?.id as string, provider: provider as Provider, by: chosen.choice.by } : null;
    await this.verdicts.keep(key, { adapterClass, chosen: record, considered: [...considered] }).catch(() => undefined);
  }
}

function inputsOf({ manifest }: TrialSource): Inputs {
  return manifest?.inputs ?? [];
}

function chunksOf(trialSource: TrialSource, variant: ManifestVariant): readonly ManifestVariant['chunks'][number][] {
  return filesWithPreprocess(inputsOf(trialSource), variant).flatMap(({ chunks }) => chunks);
}
