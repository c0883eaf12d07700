/**
 * Table votes: what the rows of a table would have voted, had they been runs in pages.
 *
 * A visit is a browser. Its rows of one hour are one window, and the first window of its UTC day is marked, as the first of the ISO week
 * where no earlier one of the week was. Without a column that tells visits apart each row is a visit of its own, which votes at once.
 *
 * Invariants
 *  - Votes follow from the rows, in whatever order they come: nothing of them depends on a row's place.
 *  - Drawn by the very code that draws in a collector, added by the very code that adds there.
 *  - Bounded: HELD_NUMBER_COUNT_MAX numbers.
 *
 * What differs from the field: a page sends no window of fewer than 8 runs, and ends a window after a minute. Whether a run repeats another
 * one follows from the order of a browser's runs, and is left out.
 *
 * Not here: reading and counting rows (cli/data/, cli/count/), marks of real browsers (sdk/delivery/marks.ts).
 */
import { createHash } from 'node:crypto';
import type { AcceptedWindow, SlotVotes } from '../../collector/store/store.ts';
import { sumVotes, votesIn } from '../../collector/store/vote-sums.ts';
import { NEW_CELL, REPEAT_CELL } from '../../counts/layout/plan.ts';
import { drawVotes } from '../../counts/votes/draw-votes.ts';
import { HELD_NUMBER_COUNT_MAX } from '../../protocol/read/backtest-limits.ts';
import type { VotesSlot } from '../../protocol/read/monitoring.ts';
import { HOUR_MS, VOTE_CADENCES, type VoteCadence, weekOf } from '../../protocol/report/window.ts';
import { type HistoryPlan, sparseVotes, tooMuch, VoteHistory } from './vote-history.ts';

const DAY_HOURS = 24;
/** Windows that are added up at a stretch, as a collector's group is. */
const GROUP_WINDOW_COUNT = 256;

/** A visit's window: what it did in the first hour of a day in which it did anything. */
interface FirstHour {
  hour: number;
  cells: Map<number, number>;
}

type Cells = ReadonlyMap<number, number>;

export class TableVotes {
  readonly #model: HistoryPlan & { readonly modelVersion: string };
  readonly #visits = new Map<string, Map<number, FirstHour>>();
  /** By hour, then by mark: sums of a store (collector/store/vote-sums.ts). */
  readonly #hours = new Map<number, Record<VoteCadence, Map<number, number>>>();
  #pending: AcceptedWindow[] = [];
  #numberCount = 0;

  constructor(model: HistoryPlan & { readonly modelVersion: string }) {
    this.#model = model;
  }

  /** @param pairs Cells and counts, alternating. @param visit null: a visit of its own. @throws {CommandError} when there is no room for more. */
  add(atMs: number, visit: string | null, pairs: Uint32Array): void {
    const hour = Math.floor(atMs / HOUR_MS);
    if (visit === null) this.#vote(cellsOf(pairs), hour, 'week', null);
    else this.#addToVisit(visit, hour, pairs);
    if (this.#numberCount > HELD_NUMBER_COUNT_MAX) throw tooMuch();
  }

  /** The votes of all rows. To be called once, behind the last. */
  history(): VoteHistory {
    for (const [visit, days] of this.#visits) {
      let week: number | null = null;
      for (const [day, { hour, cells }] of [...days].sort(([one], [other]) => one - other)) {
        this.#vote(cells, hour, weekOf(day) === week ? 'day' : 'week', visit);
        week = weekOf(day);
      }
    }
    this.#visits.clear();
    this.#flush();
    const history = new VoteHistory();
    const { hash } = this.#model;
    const hours = [...this.#hours].sort(([one], [other]) => one - other);
    for (const cadence of VOTE_CADENCES) history.add(hash, cadence, this.#slots(hours, cadence));
    return history;
  }

  /** Keeps the earliest hour of the visit's day. */
  #addToVisit(visit: string, hour: number, pairs: Uint32Array): void {
    const day = Math.floor(hour / DAY_HOURS);
    const days = this.#visits.get(visit) ?? new Map<number, FirstHour>();
    this.#visits.set(visit, days);
    const known = days.get(day);
    if (known !== undefined && known.hour < hour) return;
    const isSame = known?.hour === hour;
    if (known !== undefined && !isSame) this.#numberCount -= 2 * known.cells.size;
    const cells = isSame ? known.cells : new Map<number, number>();
    const before = cells.size;
    addPairs(cells, pairs);
    this.#numberCount += 2 * (cells.size - before);
    days.set(day, { hour, cells });
  }

  #vote(cells: Cells, hour: number, cadence: VoteCadence, visit: string | null): void {
    const { modelVersion, hash, plan } = this.#model;
    const sorted = [...cells].sort(([one], [other]) => one - other);
    const [indices, counts] = [Uint32Array.from(sorted, ([cell]) => cell), Uint32Array.from(sorted, ([, count]) => count)];
    const id = windowId(visit, hour, indices, counts);
    const metrics = drawVotes(plan, { id, cells: indices, counts });
    this.#pending.push({
      ...{ id, modelVersion, plan: hash, report: 'data', hour, arm: 'stable', segment: 0, runs: 1, cells: indices, counts },
      votes: { cadence, hour, metrics },
    });
    if (this.#pending.length >= GROUP_WINDOW_COUNT) this.#flush();
  }

  #flush(): void {
    for (const { votes, entries } of sumVotes(this.#pending)) {
      const marks = this.#hours.get(votes.hour) ?? { day: new Map<number, number>(), week: new Map<number, number>() };
      this.#hours.set(votes.hour, marks);
      const sums = marks[votes.cadence];
      const before = sums.size;
      for (const [entry, sum] of entries) sums.set(entry, (sums.get(entry) ?? 0) + sum);
      this.#numberCount += 2 * (sums.size - before);
    }
    this.#pending = [];
  }

  /** Votes by day hold those by week, as a store answers them. */
  #slots(hours: readonly (readonly [number, Record<VoteCadence, Map<number, number>>])[], cadence: VoteCadence): VotesSlot[] {
    return hours.flatMap(([hour, { day, week }]) => {
      const entries = new Map(week);
      if (cadence === 'day') for (const [entry, sum] of day) entries.set(entry, (entries.get(entry) ?? 0) + sum);
      if (entries.size === 0) return [];
      const { windows, metrics } = votesIn(entries, this.#model.plan.metrics);
      return [{ arm: 'stable', segment: 0, hour, slotHours: 1, windows, metrics: sparseMetrics(metrics) } as const];
    });
  }
}

function sparseMetrics(metrics: SlotVotes['metrics']): VotesSlot['metrics'] {
  return [...metrics].map(([metric, votes]) => sparseVotes(metric, votes));
}

function cellsOf(pairs: Uint32Array): Cells {
  const cells = new Map<number, number>();
  addPairs(cells, pairs);
  return cells;
}

function addPairs(cells: Map<number, number>, pairs: Uint32Array): void {
  for (let index = 0; index < pairs.length; index += 2) {
    const cell = pairs[index] as number;
    if (cell === REPEAT_CELL || cell === NEW_CELL) continue;
    cells.set(cell, (cells.get(cell) ?? 0) + (pairs[index + 1] as number));
  }
}

/** Made of what the window is, for a draw must not follow from the order of rows. Rows without a visit that are alike to the last count draw alike. */
function windowId(visit: string | null, hour: number, cells: Uint32Array, counts: Uint32Array): string {
  const hash = createHash('sha256').update(`${hour}\0`);
  if (visit === null) hash.update(cells).update(counts);
  else hash.update(visit);
  return hash.digest('hex').slice(0, 32);
}
