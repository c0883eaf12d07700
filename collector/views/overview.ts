/**
 * Overview: how every model did in the last week, by half days, in one answer. What a list of a hundred models needs.
 *
 * Why not a series for each: a series has every cell of a model by the hour, megabytes for the few numbers that a row of a list shows.
 *
 * Invariants
 *  - An answer has a few numbers for each registered model, however much was counted.
 *  - What is shown to nobody is in no number here (series.ts).
 *  - Half days that are over are read again every OVERVIEW_KEPT_MS: what comes late is in them by then.
 */
import { OVERVIEW_KEPT_MS } from '../../protocol/limits.ts';
import type { Overview, OverviewEntry } from '../../protocol/read/read-api.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { RegisteredModel } from '../models/registered-model.ts';
import type { Registry } from '../models/registry.ts';
import type { CellRange, LifetimeSum, Store } from '../store/store.ts';

/** Fourteen half days are as many points as a line in a row can show. Slots begin at multiples of their hours. */
const SLOT_HOURS = 12;
const SLOT_COUNT = 14;
/** The last slots are read each time: reports come within a minute, most of the rest within a day. */
const MOVING_SLOT_COUNT = 2;

interface OverviewOptions {
  readonly store: Pick<Store, 'lifetimes'>;
  readonly registry: Registry;
  readonly shownReportsMin: number;
}

/** Cells by index in their plan. */
interface WantedOf {
  readonly plan: string;
  readonly report: Plan['report'];
  readonly ranges: readonly CellRange[];
  /** Cells of usable outputs. */
  readonly usable: ReadonlySet<number>;
}

type Sums = { readonly [N in Exclude<keyof OverviewEntry, 'modelVersion'>]: number[] };

interface KeptSlot {
  readonly readAtMs: number;
  /** Hashes of the plans that were asked for. */
  readonly plans: string;
  readonly sums: readonly LifetimeSum[];
}

export class OverviewReader {
  private readonly options: OverviewOptions;
  /** By first hour. */
  private slots = new Map<number, KeptSlot>();

  constructor(options: OverviewOptions) {
    this.options = options;
  }

  /** One after the other (read-queue.ts). @param nowMs Milliseconds since 1970. */
  async read(nowMs: number): Promise<Overview> {
    const { registry, shownReportsMin } = this.options;
    const nowHour = Math.floor(nowMs / HOUR_MS);
    const fromHour = nowHour - (nowHour % SLOT_HOURS) - (SLOT_COUNT - 1) * SLOT_HOURS;
    const wanted = new Map(registry.models.flatMap((model) => wantedOf(registry, model)).map((of) => [of.plan, of]));
    const slots = new Map<number, KeptSlot>();
    const sums = new Map<string, Sums>();
    for (let slot = 0; slot < SLOT_COUNT && wanted.size > 0; slot++) {
      const firstHour = fromHour + slot * SLOT_HOURS;
      const kept = await this.readSlot(firstHour, slot < SLOT_COUNT - MOVING_SLOT_COUNT, wanted, nowMs);
      slots.set(firstHour, kept);
      for (const sum of kept.sums) if (registry.find(sum.modelVersion) !== undefined) add(sums, slot, sum, wanted.get(sum.plan));
    }
    this.slots = slots;
    const models = [...sums].map(([modelVersion, of]): OverviewEntry => ({ modelVersion, ...of }));
    return { nowMs, fromHour, slotHours: SLOT_HOURS, slotCount: SLOT_COUNT, shownReportsMin, models };
  }

  /** @param isOver Little comes any more about its hours. */
  private async readSlot(firstHour: number, isOver: boolean, wanted: ReadonlyMap<string, WantedOf>, nowMs: number): Promise<KeptSlot> {
    const plans = [...wanted.keys()].join();
    const kept = this.slots.get(firstHour);
    const isKept = kept !== undefined && kept.plans === plans && Math.abs(nowMs - kept.readAtMs) < OVERVIEW_KEPT_MS;
    if (isOver && isKept) return kept;
    const cells = [...wanted.values()].flatMap(({ ranges }) => ranges);
    // Pages whose clock is ahead are in the last slot.
    const toHour = firstHour + SLOT_HOURS - 1 + (firstHour + SLOT_HOURS > Math.floor(nowMs / HOUR_MS) ? SLOT_HOURS : 0);
    const query = { fromHour: firstHour, toHour, cells, reportCountMin: this.options.shownReportsMin };
    return { readAtMs: nowMs, plans, sums: await this.options.store.lifetimes(query) };
  }
}

const known = new WeakMap<RegisteredModel, readonly WantedOf[]>();

/** A plan never changes, so it is looked through once for each registration. */
function wantedOf(registry: Registry, model: RegisteredModel): readonly WantedOf[] {
  const wanted = known.get(model) ?? registry.plansOf(model).flatMap(({ hash, plan }) => wantedIn(hash, plan));
  known.set(model, wanted);
  return wanted;
}

/** Of data the states of outputs; of software one cell, because a plan without a wanted cell is in no sum. */
function wantedIn(hash: string, { report, metrics }: Plan): readonly WantedOf[] {
  if (report === 'noised') return [];
  const states = report === 'data' ? metrics.filter(({ role, of }) => role === 'state' && of?.side === 'output') : [];
  const rangeOf = ({ offset, cells }: PlacedMetric): CellRange => ({ plan: hash, firstCell: offset, endCell: offset + cells.length });
  const ranges = states.length > 0 ? states.map(rangeOf) : [{ plan: hash, firstCell: 0, endCell: 1 }];
  const usable = new Set(states.flatMap(({ offset, cells }) => (cells.includes('ok') ? [offset + cells.indexOf('ok')] : [])));
  return [{ plan: hash, report, ranges, usable }];
}

function add(sums: Map<string, Sums>, slot: number, sum: LifetimeSum, wanted: WantedOf | undefined): void {
  const none = () => new Array<number>(SLOT_COUNT).fill(0);
  const of = sums.get(sum.modelVersion) ?? { reports: none(), runs: none(), outputs: none(), usableOutputs: none() };
  sums.set(sum.modelVersion, of);
  const more = (numbers: number[], count: number) => {
    numbers[slot] = (numbers[slot] as number) + count;
  };
  more(of.reports, sum.reports);
  if (wanted?.report !== 'data') return;
  more(of.runs, sum.runs);
  if (wanted.usable.size === 0) return;
  for (const [cell, count] of sum.counts) {
    more(of.outputs, count);
    if (wanted.usable.has(cell)) more(of.usableOutputs, count);
  }
}
