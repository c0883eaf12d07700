/**
 * Refusals: how many reports were refused, by reason, and what the operator is told of it.
 *
 * Why: a page waits ten minutes for a model version to be registered, gives its counts up after a week, and tells nobody but its own console.
 * Whoever can register it reads the log of the collector.
 *
 * Invariants
 *  - A reason is of a closed list. Of what was sent a sentence has a model version and a plan at the most: 16 hex digits each.
 *  - A reason is told once in REFUSAL_TOLD_INTERVAL_MS, with what came meanwhile. A version that is not registered, or a plan of one, is told once; of
 *    those at most REFUSED_TOLD_COUNT_MAX in that time, the most refused first.
 *  - At most REFUSED_VERSION_COUNT_MAX are known by name. One more takes the place of the one that was refused least: who makes versions up crowds
 *    out no page that comes again.
 *
 * Not here: what is refused (intake.ts, collector/http/report-routes.ts), the numbers' names in an export (collector/exports/own-load.ts).
 */
import {
  BODY_BYTES_MAX,
  OUTBOX_AGE_MS_MAX,
  REFUSAL_TOLD_INTERVAL_MS,
  REFUSED_TOLD_COUNT_MAX,
  REFUSED_VERSION_COUNT_MAX,
} from '../../protocol/limits.ts';

const DAYS = OUTBOX_AGE_MS_MAX / (24 * 3_600_000);

/** By reason: what the operator reads. null: nothing that a person could act on, or said elsewhere. */
const SENTENCES = {
  'unregistered-model': null,
  'unregistered-plan': null,
  'write-key-unknown': 'the write key is unknown here. Name it in INSITU_WRITE_KEYS, or correct the key in the page',
  'write-key-not-for-model': 'the write key may not report about that model. Change INSITU_WRITE_KEYS, or the key in the page',
  'hour-over': `the hour was over for more than ${DAYS} days. Check the clock of this machine; pages whose own clock is behind correct themselves`,
  'hour-ahead': 'the hour lies ahead. Check the clock of this machine; pages whose own clock is ahead correct themselves',
  'not-a-report': 'the bytes are no report. Something else sends to this address, or something on the way changes what pages send',
  'too-long': `a report has at most ${BODY_BYTES_MAX} bytes, and no page sends more`,
  'cut-off': null,
  implausible: 'no page can have counted that. Somebody makes reports up, or changes them on the way',
  'one-by-one': null,
  full: 'more comes than can be stored. Pages keep theirs and come again',
  failed: null,
  stopping: null,
} as const;

export type RefusalReason = keyof typeof SENTENCES;

const REASONS = Object.keys(SENTENCES) as readonly RefusalReason[];

/** A model version, or a plan of one, that is not registered. */
export interface Unregistered {
  readonly modelVersion: string;
  /** null: the version itself is not. */
  readonly plan: string | null;
}

interface Known {
  readonly about: Unregistered;
  count: number;
  isTold: boolean;
}

interface RefusalsOptions {
  readonly log: (sentence: string) => void;
  /** Milliseconds by the monotonic clock. */
  readonly elapsedMs: () => number;
}

export class Refusals {
  private readonly options: RefusalsOptions;
  private readonly countsOf = new Map<RefusalReason, number>(REASONS.map((reason) => [reason, 0]));
  /** By reason: when it was told, and how many there had been by then. */
  private readonly told = new Map<RefusalReason, { readonly atMs: number; readonly count: number }>();
  /** By version and plan. */
  private readonly known = new Map<string, Known>();
  private budget = { sinceMs: -Infinity, toldCount: 0 };

  constructor(options: RefusalsOptions) {
    this.options = options;
  }

  /** Every reason, also those that never came. */
  get counts(): ReadonlyMap<RefusalReason, number> {
    return this.countsOf;
  }

  refused(reason: RefusalReason): void {
    const count = (this.countsOf.get(reason) ?? 0) + 1;
    this.countsOf.set(reason, count);
    const sentence = SENTENCES[reason];
    const nowMs = this.options.elapsedMs();
    const last = this.told.get(reason);
    if (sentence === null || (last !== undefined && nowMs - last.atMs < REFUSAL_TOLD_INTERVAL_MS)) return;
    this.told.set(reason, { atMs: nowMs, count });
    const freshCount = count - (last?.count ?? 0);
    this.options.log(`${freshCount === 1 ? 'A report was' : `${freshCount} reports were`} refused: ${sentence}.`);
  }

  unregistered(about: Unregistered): void {
    this.refused(about.plan === null ? 'unregistered-model' : 'unregistered-plan');
    const known = this.known.get(keyOf(about)) ?? this.newlyKnown(about);
    known.count++;
    this.tellUnregistered();
  }

  /** Of a version that was registered, so that it is told anew should it be removed. */
  registered(modelVersion: string): void {
    for (const [key, { about }] of this.known) if (about.modelVersion === modelVersion) this.known.delete(key);
  }

  private newlyKnown(about: Unregistered): Known {
    if (this.known.size >= REFUSED_VERSION_COUNT_MAX) {
      const [least] = [...this.known].sort(([, one], [, other]) => one.count - other.count);
      if (least !== undefined) this.known.delete(least[0]);
    }
    const known: Known = { about, count: 0, isTold: false };
    this.known.set(keyOf(about), known);
    return known;
  }

  private tellUnregistered(): void {
    const nowMs = this.options.elapsedMs();
    if (nowMs - this.budget.sinceMs >= REFUSAL_TOLD_INTERVAL_MS) this.budget = { sinceMs: nowMs, toldCount: 0 };
    while (this.budget.toldCount < REFUSED_TOLD_COUNT_MAX) {
      const untold = [...this.known.values()].filter(({ isTold }) => !isTold);
      const [most] = untold.sort((one, other) => other.count - one.count);
      if (most === undefined) return;
      most.isTold = true;
      this.budget.toldCount++;
      this.options.log(sentenceOf(most));
    }
  }
}

function keyOf({ modelVersion, plan }: Unregistered): string {
  return `${modelVersion} ${plan ?? ''}`;
}

function sentenceOf({ about: { modelVersion, plan }, count }: Known): string {
  const times = count === 1 ? 'A report' : `${count} reports`;
  const wait = `Pages keep such counts for ${DAYS} days.`;
  if (plan === null) {
    return `${times} of model version ${modelVersion} came, which is not registered here. Register it: put its folder into --models, or POST /v1/models. ${wait}`;
  }
  return `${times} of model version ${modelVersion} came by plan ${plan}, which is not known here: those pages run another release. Register the plan: POST /v1/models with "plans". ${wait}`;
}
