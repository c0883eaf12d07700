/**
 * Table votes: rows vote as the browsers of their visits would have, whatever order they come in.
 *
 * Method: every row is given to pages in the order of its time; the page's own marks say which window votes, and sums are made by hand.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TableVotes } from '../../../../cli/backtest/table-votes.ts';
import type { VoteHistory } from '../../../../cli/backtest/vote-history.ts';
import { VOTE_ITEM_COUNT_MAX } from '../../../../protocol/limits.ts';
import { HOUR_MS, VOTE_CADENCES, type VoteCadence } from '../../../../protocol/report/window.ts';
import { claimMark, type MarkedDays } from '../../../../sdk/delivery/marks.ts';
import { DATA_PLAN, DATA_PLAN_HASH, MODEL_VERSION } from '../../../fixtures/reports.ts';

const MODEL = { modelVersion: MODEL_VERSION, hash: DATA_PLAN_HASH, plan: DATA_PLAN };
const METRICS = DATA_PLAN.metrics.filter(({ cells }) => cells.length > 3).slice(0, 3);
const START_HOUR = 20_457 * 24;

interface Row {
  readonly hour: number;
  readonly visit: string | null;
  readonly pairs: readonly number[];
}

function rowsOf(countMax: number, visits: fc.Arbitrary<string | null>): fc.Arbitrary<Row[]> {
  const pair = fc.tuple(fc.nat(METRICS.length - 1), fc.nat(2), fc.integer({ min: 1, max: countMax }));
  const pairs = fc
    .array(pair, { minLength: 1, maxLength: 3 })
    .map((all) => all.flatMap(([m, cell, n]) => [(METRICS[m]?.offset ?? 0) + cell, n]));
  return fc.array(fc.record({ hour: fc.nat(24 * 17).map((hour) => START_HOUR + hour), visit: visits, pairs }), {
    minLength: 1,
    maxLength: 60,
  });
}

function historyOf(rows: readonly Row[]): VoteHistory {
  const votes = new TableVotes(MODEL);
  for (const { hour, visit, pairs } of rows) votes.add(hour * HOUR_MS + 1, visit, Uint32Array.from(pairs));
  return votes.history();
}

const asked = (history: VoteHistory, cadence: VoteCadence, slotHours: 1 | 24 = 1) =>
  history.votes({
    ...{ modelVersion: MODEL_VERSION, plan: DATA_PLAN_HASH, cadence, fromHour: 0, toHour: START_HOUR + 10_000, slotHours },
    ...{ arm: null, segment: null, metrics: METRICS },
  });

interface Sums {
  windows: number;
  metrics: Record<string, { windows: number; items: number; squaredItems: number; squaredCells: number; counts: number[] }>;
}

function addWindow(hours: Map<number, Sums>, hour: number, cells: ReadonlyMap<number, number>): void {
  const sums = hours.get(hour) ?? { windows: 0, metrics: {} };
  hours.set(hour, sums);
  sums.windows++;
  for (const { id, offset, cells: names } of METRICS) {
    const counts = names.map((_, cell) => cells.get(offset + cell) ?? 0);
    const items = counts.reduce((sum, count) => sum + count, 0);
    if (items === 0) continue;
    const known = sums.metrics[id] ?? { windows: 0, items: 0, squaredItems: 0, squaredCells: 0, counts: names.map(() => 0) };
    sums.metrics[id] = {
      ...{ windows: known.windows + 1, items: known.items + items, squaredItems: known.squaredItems + items ** 2 },
      squaredCells: known.squaredCells + counts.reduce((sum, count) => sum + count ** 2, 0),
      counts: known.counts.map((count, cell) => count + (counts[cell] as number)),
    };
  }
}

/** By hand: the windows of each visit in the order of time, marked by the page's own code. */
function expected(rows: readonly Row[], cadence: VoteCadence): Map<number, Sums> {
  const windows = new Map<string, { hour: number; visit: string | null; cells: Map<number, number> }>();
  for (const [index, { hour, visit, pairs }] of rows.entries()) {
    const key = visit === null ? `row ${index}` : `${visit} ${hour}`;
    const window = windows.get(key) ?? { hour, visit: visit ?? key, cells: new Map<number, number>() };
    windows.set(key, window);
    for (let at = 0; at < pairs.length; at += 2)
      window.cells.set(pairs[at] as number, (window.cells.get(pairs[at] as number) ?? 0) + (pairs[at + 1] as number));
  }
  const marked = new Map<string | null, readonly MarkedDays[]>();
  const hours = new Map<number, Sums>();
  for (const { hour, visit, cells } of [...windows.values()].sort((one, other) => one.hour - other.hour)) {
    const claim = claimMark(marked.get(visit) ?? [], 'data', Math.floor(hour / 24));
    marked.set(visit, claim.marked);
    if (claim.mark !== null && VOTE_CADENCES.indexOf(claim.mark) >= VOTE_CADENCES.indexOf(cadence)) addWindow(hours, hour, cells);
  }
  return hours;
}

const visits = fc.constantFrom('a', 'b', 'c');

test.each(VOTE_CADENCES)('by %s the windows vote that a page would have marked, with the sums of a store', async (cadence) => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(rowsOf(3, visits), rowsOf(3, fc.constant(null))), async (rows) => {
      const slots = await asked(historyOf(rows), cadence);
      const found = slots.map(({ hour, windows, metrics }): [number, Sums] => [
        hour,
        { windows, metrics: Object.fromEntries([...metrics].map(([id, votes]) => [id, { ...votes, counts: [...votes.counts] }])) },
      ]);
      expect(found).toEqual([...expected(rows, cadence)].sort(([one], [other]) => one - other));
    }),
  );
});

test('whatever the order of rows, the votes are the same, also where only some items of a window vote', async () => {
  const both = fc.oneof(rowsOf(3 * VOTE_ITEM_COUNT_MAX, visits), rowsOf(3 * VOTE_ITEM_COUNT_MAX, fc.constant(null)));
  const shuffled = both.chain((rows) => fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows, { minLength: rows.length })));
  await fc.assert(
    fc.asyncProperty(shuffled, async ([rows, others]) => {
      const [one, other] = [historyOf(rows), historyOf(others)];
      for (const cadence of VOTE_CADENCES) expect(await asked(other, cadence)).toEqual(await asked(one, cadence));
    }),
  );
});

test('a window gives at most so many items of a metric', async () => {
  const rows = [{ hour: START_HOUR, visit: 'a', pairs: [METRICS[0]?.offset ?? 0, 500] }];
  const [slot] = await asked(historyOf(rows), 'day');
  expect([...(slot?.metrics.values() ?? [])].map(({ items }) => items)).toEqual([VOTE_ITEM_COUNT_MAX]);
});

test('votes by day are those of the hours, added up', async () => {
  await fc.assert(
    fc.asyncProperty(rowsOf(3, visits), async (rows) => {
      const history = historyOf(rows);
      const hours = await asked(history, 'day');
      for (const { hour, slotHours, windows, metrics } of await asked(history, 'day', 24)) {
        expect([hour % 24, slotHours]).toEqual([0, 24]);
        const own = hours.filter((slot) => slot.hour >= hour && slot.hour < hour + 24);
        expect(windows).toBe(own.reduce((sum, slot) => sum + slot.windows, 0));
        for (const [id, { items }] of metrics) expect(items).toBe(own.reduce((sum, slot) => sum + (slot.metrics.get(id)?.items ?? 0), 0));
      }
    }),
  );
});
