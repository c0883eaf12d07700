/**
 * Verdict: what a load has found out about a model's candidates on this device, kept for the next visit.
 *
 * Why: looking for an adapter, a second file, a second session and the timing of both cost a second; their outcome changes
 * when the model, the runtime, the threads or the GPU change, and not before.
 *
 * Invariants
 *  - One verdict per model version, runtime, threads, kinds of runtime that the browser can hold, and what the load asked for.
 *  - A verdict of another GPU is dropped when that is noticed: at once by a load that uses the GPU, behind the first result
 *    by one that does not.
 *  - It stays on the device. It holds names of the manifest, times, and a hash in place of the GPU's name.
 *  - A record that cannot be read is one that is not there.
 */
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Provider } from '../../protocol/manifest/manifest.ts';
import type { Choice, Consideration, LoadRequest, RuntimeBuild } from '../../protocol/worker/loading.ts';
import type { ModelSource } from '../source/model-source.ts';
import type { Candidate } from '../trust/candidate.ts';

/** Raised when the rules or the record change, so that an older release's verdicts are not believed. */
const VERDICT_SCHEMA = 2;
/** What would fail again under the same key. Want of memory, a lost device or a download would not. */
const LASTING: readonly ErrorCode[] = ['model-outputs-wrong', 'session-failed'];

export interface Verdict {
  /** Of the GPU that was there; null when none was asked for. */
  readonly adapterClass: string | null;
  /** Null: candidates are still to be timed, but what failed need not be tried. */
  readonly chosen: { readonly variant: string; readonly provider: Provider; readonly by: Choice['by'] } | null;
  readonly considered: readonly Consideration[];
}

export function verdictKey(modelVersion: string, threadCount: number, request: LoadRequest): string {
  const kinds = ['Suspending' in WebAssembly && 'jspi', 'gpu' in navigator && 'gpu', 'ml' in navigator && 'ml'].filter(Boolean);
  const wanted = [request.variant ?? '', request.provider, request.measure === 'never' ? 'unmeasured' : ''];
  return [VERDICT_SCHEMA, modelVersion, __RUNTIME__, kinds.join('+'), threadCount, ...wanted].join('|');
}

/**
 * Of a candidate that has reproduced the golden outputs here. Only of wasm: the same bytes on the same build of the runtime compute the same, while a GPU's
 * driver may be another one than yesterday's.
 */
export function trustKey(modelVersion: string, threadCount: number, { variant, provider }: Candidate, build: RuntimeBuild): string | null {
  return provider === 'wasm' ? [VERDICT_SCHEMA, 'trust', modelVersion, __RUNTIME__, build, threadCount, variant.id].join('|') : null;
}

export class Verdicts {
  private readonly source: ModelSource;

  constructor(source: ModelSource) {
    this.source = source;
  }

  /** Null where there is none, or no store to keep one. */
  async of(key: string | null): Promise<Verdict | null> {
    if (key === null) return null;
    const store = await this.source.openStore();
    return typeof store === 'string' ? null : asVerdict(await store.verdict(key).catch(() => null));
  }

  async keep(key: string | null, verdict: Verdict | null): Promise<void> {
    const store = await this.source.openStore();
    if (key !== null && typeof store !== 'string') await store.keepVerdict(key, verdict);
  }

  /** Nobody waits for it. */
  forget(key: string | null): null {
    void this.keep(key, null).catch(() => undefined);
    return null;
  }
}

/** The record as a verdict, or null when it is none. */
function asVerdict(record: unknown): Verdict | null {
  const { chosen, considered } = (record ?? {}) as Partial<Verdict>;
  return Array.isArray(considered) && chosen !== undefined ? (record as Verdict) : null;
}

/** Candidates that failed for good reason: they are not tried again while the key is the same. */
export function rejectionsIn(considered: readonly Consideration[]): readonly Consideration[] {
  return considered.filter(({ error }) => error !== undefined && LASTING.includes(error));
}

/** False when a candidate failed for a reason that may be gone next time: a file, memory, a lost GPU. */
export function isConclusive(considered: readonly Consideration[]): boolean {
  const failed = considered.filter(({ outcome }) => outcome === 'failed' || outcome === 'wrong-outputs');
  return rejectionsIn(failed).length === failed.length;
}
