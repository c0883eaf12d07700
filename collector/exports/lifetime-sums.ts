/**
 * Lifetime sums: everything that pages have reported, added up over all hours, at the cost of the last eight days.
 *
 * Why two parts: Prometheus wants counters that begin once and never go down, and asks four times a minute. Hours about which no report is
 * accepted any more are settled: they are read once, and each hour is added when it settles.
 *
 * Invariants
 *  - A sum never goes down while the collector runs, nor over a restart with the same least number of reports.
 *  - A series of fewer reports than are shown is in no sum. From the report on that makes them enough, all of it is.
 *  - A clock that is set back by more than SETTLED_MARGIN_HOURS opens settled hours again: they are read anew.
 *
 * Not here: when it is read and by whom (exports.ts).
 */
import { setImmediate } from 'node:timers/promises';
import { OUTBOX_AGE_MS_MAX } from '../../protocol/limits.ts';
import { SETTLED_MARGIN_HOURS } from '../../protocol/read/export-limits.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { CellRange, LifetimeSum, Store } from '../store/store.ts';

/** Later than any hour that a clock tells. */
const LAST_HOUR = 0xffff_ffff;

interface LifetimeSumsOptions {
  readonly store: Pick<Store, 'lifetimes'>;
  readonly reportCountMin: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class LifetimeSums {
  private readonly options: LifetimeSumsOptions;
  /** Up to this hour, itself included, `settled` holds all of the plans in `settledPlans`. */
  private settledHour = -1;
  private settled: readonly LifetimeSum[] = [];
  private settledPlans: ReadonlySet<string> = new Set();

  constructor(options: LifetimeSumsOptions) {
    this.options = options;
  }

  /** One after the other. @param cells What is wanted of each plan. The cells of one plan are always the same. */
  async read(cells: readonly CellRange[]): Promise<readonly LifetimeSum[]> {
    const oldestHour = Math.floor((this.options.now() - OUTBOX_AGE_MS_MAX) / HOUR_MS);
    const settledHour = Math.max(-1, oldestHour - 1 - SETTLED_MARGIN_HOURS);
    await this.settle(cells, settledHour, oldestHour <= this.settledHour);
    return added(this.settled, await this.sumsOf(cells, this.settledHour + 1, LAST_HOUR));
  }

  private async settle(cells: readonly CellRange[], settledHour: number, isOpenAgain: boolean): Promise<void> {
    if (isOpenAgain) {
      this.settled = [];
      this.settledPlans = new Set();
      this.settledHour = settledHour;
    }
    const upTo = Math.max(settledHour, this.settledHour);
    const isKnown = ({ plan }: CellRange) => this.settledPlans.has(plan);
    const [known, fresh] = [cells.filter(isKnown), cells.filter((range) => !isKnown(range))];
    const before = this.settled.filter(({ plan }) => known.some((range) => range.plan === plan));
    const grown = upTo > this.settledHour ? await this.sumsOf(known, this.settledHour + 1, upTo) : [];
    const first = await this.sumsOf(fresh, 0, upTo);
    // All at once, behind the last read: one that fails leaves what was.
    const settled = await added(await added(before, grown), first);
    this.settled = settled;
    this.settledPlans = new Set(cells.map(({ plan }) => plan));
    this.settledHour = upTo;
  }

  private sumsOf(cells: readonly CellRange[], fromHour: number, toHour: number): Promise<readonly LifetimeSum[]> {
    if (cells.length === 0 || toHour < fromHour) return Promise.resolve([]);
    return this.options.store.lifetimes({ fromHour, toHour, cells, reportCountMin: this.options.reportCountMin });
  }
}

/** Gives the event loop back between models. */
async function added(some: readonly LifetimeSum[], others: readonly LifetimeSum[]): Promise<readonly LifetimeSum[]> {
  if (others.length === 0) return some;
  const sums = new Map(some.map((sum) => [keyOf(sum), sum]));
  for (const other of others) {
    const sum = sums.get(keyOf(other));
    sums.set(keyOf(other), sum === undefined ? other : addedOne(sum, other));
    await setImmediate();
  }
  return [...sums.values()];
}

function addedOne(sum: LifetimeSum, other: LifetimeSum): LifetimeSum {
  const counts = new Map(sum.counts);
  for (const [cell, count] of other.counts) counts.set(cell, count + (counts.get(cell) ?? 0));
  return { ...sum, reports: sum.reports + other.reports, runs: sum.runs + other.runs, counts };
}

function keyOf({ modelVersion, plan, arm }: LifetimeSum): string {
  return `${modelVersion} ${plan} ${arm}`;
}
