/**
 * One load in progress: what it was asked, what it has looked at, how long each phase took, and whether it is still wanted.
 *
 * Invariants
 *  - Phases that overlap are each measured by themselves, so timings may add up to more than the load took.
 *  - Progress of bytes never goes back within a phase.
 */
import { isSdkError, SdkError } from '../../protocol/errors.ts';
import { PROGRESS_INTERVAL_MS } from '../../protocol/limits.ts';
import { UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import type { Consideration, LoadHooks, LoadRequest, LoadTimings, RuntimeBuild } from '../../protocol/worker/loading.ts';
import { Access } from '../download/access.ts';
import type { DownloadHooks } from '../download/fetch-files.ts';
import { type Candidate, type CandidateName, isSameCandidate } from '../trust/candidate.ts';
import { TimeLeft } from './time-left.ts';

type TimedPhase = keyof LoadTimings;

export class LoadJob implements DownloadHooks {
  readonly id: number;
  readonly request: LoadRequest;
  readonly signal: AbortSignal;
  readonly considered: Consideration[];
  private readonly withoutKernels: Candidate[] = [];
  modelVersion = UNKNOWN_MODEL_VERSION;
  /** The runtime in which this load began to try; null before. */
  build: RuntimeBuild | null = null;
  private readonly hooks: LoadHooks;
  private readonly spentMs: Record<TimedPhase, number> = { manifest: 0, runtime: 0, download: 0, verify: 0, compile: 0, 'warm-up': 0 };
  readonly access: Access;
  private bytesPhase: 'download' | 'verify' | null = null;
  private loadedBytes = 0;
  private totalBytes = 0;
  private remainingMs: number | null = null;
  private readonly timeLeft = new TimeLeft();
  private reportedAtMs = 0;
  /** By software metric; the last value counts. */
  readonly measures: Record<string, number> = {};

  constructor(id: number, request: LoadRequest, signal: AbortSignal, hooks: LoadHooks) {
    this.id = id;
    const { source } = request;
    this.access =
      'url' in source
        ? new Access(source.url, request.request, request.hasRefresh ? (url) => hooks.refresh(url) : null)
        : new Access(self.origin, null, null);
    this.request = request;
    this.signal = signal;
    this.hooks = hooks;
    this.considered = [...request.considered];
  }

  /** The same load once more, behind the first result: nobody waits for it, and it reports to nobody. */
  quietly(considered: readonly Consideration[], signal: AbortSignal): LoadJob {
    const job = new LoadJob(this.id, { ...this.request, considered }, signal, {
      ...this.hooks,
      progress: () => undefined,
    });
    job.modelVersion = this.modelVersion;
    job.build = this.build;
    return job;
  }

  get timings(): LoadTimings {
    return { ...this.spentMs };
  }

  /** Reports the phase, waits for its work, books its time. `phaseAfter` names the phase when only the result tells which it was. */
  async timed<T>(phase: TimedPhase, work: () => Promise<T>, phaseAfter?: (result: T) => TimedPhase): Promise<T> {
    this.requireWanted(phase);
    this.enter(phase);
    const startMs = performance.now();
    const result = await work();
    this.spentMs[phaseAfter?.(result) ?? phase] += performance.now() - startMs;
    return result;
  }

  measured(metric: string, value: number): void {
    this.measures[metric] = value;
  }

  private enter(phase: TimedPhase): void {
    const remainingMs = phase === 'download' ? this.remainingMs : null;
    this.hooks.progress({ phase, loadedBytes: this.loadedBytes, totalBytes: this.totalBytes, remainingMs });
  }

  onBytes(phase: 'download' | 'verify', loadedBytes: number, totalBytes: number): void {
    const isNewPhase = phase !== this.bytesPhase;
    this.bytesPhase = phase;
    this.loadedBytes = isNewPhase || totalBytes !== this.totalBytes ? loadedBytes : Math.max(this.loadedBytes, loadedBytes);
    this.totalBytes = totalBytes;
    const nowMs = performance.now();
    if (phase === 'download') this.remainingMs = this.timeLeft.after(nowMs, loadedBytes, totalBytes);
    if (!isNewPhase && loadedBytes < totalBytes && nowMs - this.reportedAtMs < PROGRESS_INTERVAL_MS) return;
    this.reportedAtMs = nowMs;
    this.enter(phase);
  }

  consider(
    { variant, provider }: Candidate,
    outcome: Consideration['outcome'],
    reason: string,
    more: Pick<Consideration, 'measuredMs' | 'error'> = {},
  ): void {
    const quality = variant.quality === undefined ? {} : { quality: variant.quality };
    this.considered.push({ variant: variant.id, provider, ...quality, outcome, reason, ...more });
  }

  hasConsidered(candidate: Candidate | CandidateName): boolean {
    return this.considered.some((entry) => isSameCandidate(entry, candidate));
  }

  /** The runtime that this load is in has no kernels for it; on wasm the plain build may have. */
  lackKernels(candidate: Candidate): void {
    if (candidate.provider === 'wasm' && this.build !== 'wasm') this.withoutKernels.push(candidate);
  }

  /** True when some are left to be tried in the plain build: they count as not considered. */
  leaveBuildWithoutKernels(): boolean {
    for (const candidate of this.withoutKernels) {
      const at = this.considered.findIndex((entry) => isSameCandidate(entry, candidate));
      if (at >= 0) this.considered.splice(at, 1);
    }
    return this.withoutKernels.splice(0).length > 0;
  }

  requireWanted(stage: string): void {
    if (this.signal.aborted) throw new SdkError('aborted', { stage });
  }
}

/** Errors of the model's files, which no other provider or runtime would cure. */
export function isFileError(error: unknown): boolean {
  return (
    isSdkError(error) && (error.code.startsWith('model-') || error.code.startsWith('manifest-')) && error.code !== 'model-outputs-wrong'
  );
}
