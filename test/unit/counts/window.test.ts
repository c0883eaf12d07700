/**
 * The page's window: exact sums, in the order of the wire.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CountWindow } from '../../../counts/tally/window.ts';
import { WINDOW_RUN_COUNT_MAX } from '../../../protocol/limits.ts';
import { decodeWindow, encodeWindow } from '../../../protocol/report/report.ts';

const HEADER = { report: 'data', id: 'ab'.repeat(16), plan: 'cd'.repeat(8), hour: 5, arm: 'stable', segment: 0 } as const;
const CELL_COUNT = 40;

const anyPairs = fc.array(fc.tuple(fc.nat(CELL_COUNT - 1), fc.integer({ min: 1, max: 1_000 })), { maxLength: 30 });

function windowOf(runs: (readonly (readonly [number, number])[])[]): CountWindow {
  const window = new CountWindow(HEADER, CELL_COUNT);
  for (const pairs of runs) {
    window.add(pairs.flat());
    window.addRun();
  }
  return window;
}

function plainSums(runs: (readonly (readonly [number, number])[])[]): [number, number][] {
  const sums = new Map<number, number>();
  for (const [cell, count] of runs.flat()) sums.set(cell, (sums.get(cell) ?? 0) + count);
  return [...sums].sort(([a], [b]) => a - b);
}

test('a window holds the sum of what was added, in rising order of cells', () => {
  fc.assert(
    fc.property(fc.array(anyPairs, { maxLength: 10 }), (runs) => {
      const window = windowOf(runs).toWindow();
      expect(Array.from(window.cells, (cell, index) => [cell, window.counts[index]])).toEqual(plainSums(runs));
      expect(window.runs).toBe(runs.length);
      expect(decodeWindow(encodeWindow(window))).toEqual(window);
    }),
  );
});

test('merging two windows gives what one window would have counted', () => {
  fc.assert(
    fc.property(fc.array(anyPairs, { maxLength: 5 }), fc.array(anyPairs, { maxLength: 5 }), (a, b) => {
      const merged = windowOf(a);
      merged.merge(windowOf(b).toWindow());
      expect(merged.toWindow()).toEqual(windowOf([...a, ...b]).toWindow());
    }),
  );
});

test('taking the wire form changes nothing, and later counts do not reach into it', () => {
  const window = windowOf([[[1, 1]]]);
  const taken = window.toWindow();
  window.add([1, 5]);
  expect(taken.counts).toEqual(Uint32Array.of(1));
  expect(window.toWindow().counts).toEqual(Uint32Array.of(6));
});

test('a window is empty until something is counted', () => {
  expect(windowOf([]).isEmpty).toBe(true);
  expect(windowOf([[]]).isEmpty).toBe(false);
  expect(windowOf([[[0, 1]]]).isEmpty).toBe(false);
});

test('a window is full at its run limit and long before a cell reaches 2^32', () => {
  const byCells = new CountWindow(HEADER, CELL_COUNT);
  byCells.add([3, 2 ** 31 - 1]);
  expect(byCells.isFull).toBe(false);
  byCells.add([3, 1]);
  expect(byCells.isFull).toBe(true);
  const byRuns = new CountWindow(HEADER, CELL_COUNT);
  for (let run = 0; run < WINDOW_RUN_COUNT_MAX; run++) byRuns.addRun();
  expect(byRuns.isFull).toBe(true);
});

test('a cell outside the plan and a count beyond u32 are refused whole, and leave the window as it was', () => {
  const window = windowOf([[[2, 0xffff_fff0]]]);
  const before = window.toWindow();
  expect(() => window.add([0, 1, CELL_COUNT, 1])).toThrow(RangeError);
  expect(() => window.add([0, 1, 2, 0x20])).toThrow(RangeError);
  expect(() => window.merge({ ...before, cells: Uint32Array.of(0, 2), counts: Uint32Array.of(1, 0x20) })).toThrow(RangeError);
  expect(() => window.merge({ ...before, plan: '00'.repeat(8) })).toThrow(RangeError);
  expect(window.toWindow()).toEqual(before);
});
