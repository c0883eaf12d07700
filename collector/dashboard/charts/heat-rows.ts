/**
 * Heat rows: which cells of a metric share a row of its heat map, from the bottom up. Pure.
 *
 * Cells of a number line stay in their order; neighbours are taken together, and both thin ends are a row each, so that one value far out does
 * not press all others into a line. Of categories the most frequent have a row each, the others one together.
 *
 * Invariants
 *  - Each cell that was met is in exactly one row, so that no count is lost. At most ROW_COUNT_MAX rows.
 */
import { axisNumber, whole } from './figures.ts';
import type { Edges } from './histogram.ts';

/** Rows that are told apart in the height of a card: 20 px each would be 480. */
export const ROW_COUNT_MAX = 24;
/** Categories with a row of their own. */
const CATEGORY_COUNT_MAX = 12;
/** Of all: what each end of a number line may hold in a row of its own. */
const TAIL_RATIO = 0.001;
/** Rows for cells off the number line: not a number, infinite, not counted. */
const OFF_LINE_COUNT_MAX = 4;

export interface HeatRow {
  readonly label: string;
  readonly cells: readonly number[];
}

interface CellsOf {
  /** One for each cell. */
  readonly labels: readonly string[];
  /** null: cells that have no order. */
  readonly edges: Edges | null;
}

/** @param weights How much of each cell there is to see, field and baselines taken together. */
export function heatRows({ labels, edges }: CellsOf, weights: ArrayLike<number>): readonly HeatRow[] {
  return edges === null ? categoryRows(labels, weights) : [...lineRows(edges, weights), ...offLineRows(labels, edges, weights)];
}

/** Of each cell its row; -1 where it has none. */
export function rowOfCells(rows: readonly HeatRow[], cellCount: number): Int16Array {
  const rowOf = new Int16Array(cellCount).fill(-1);
  for (const [row, { cells }] of rows.entries()) for (const cell of cells) rowOf[cell] = row;
  return rowOf;
}

/** Sums of a metric's counts by row. */
export function rowSums(rows: readonly HeatRow[], counts: ArrayLike<number>): readonly number[] {
  return rows.map(({ cells }) => cells.reduce((sum, cell) => sum + (counts[cell] ?? 0), 0));
}

function categoryRows(labels: readonly string[], weights: ArrayLike<number>): readonly HeatRow[] {
  const cells = labels.map((_, cell) => cell);
  const met = cells.filter((cell) => (weights[cell] ?? 0) > 0);
  // Few categories all have their row: that one was never met says something.
  const listed = labels.length <= CATEGORY_COUNT_MAX ? cells : [...met].sort((one, other) => (weights[other] ?? 0) - (weights[one] ?? 0));
  const own = listed.slice(0, CATEGORY_COUNT_MAX);
  const among = new Set(own);
  const rest = cells.filter((cell) => !among.has(cell));
  const rows = own.map((cell) => ({ label: labels[cell] as string, cells: [cell] }));
  // The most frequent on top, the rest below it.
  return rest.length === 0 ? rows.reverse() : [{ label: `${whole(rest.length)} others`, cells: rest }, ...rows.reverse()];
}

function lineRows({ firstCell, values }: Edges, weights: ArrayLike<number>): readonly HeatRow[] {
  const [start, end] = [firstCell - 1, firstCell + values.length];
  const [low, high] = bulkOf(weights, start, end);
  const isCutLow = low > start;
  const isCutHigh = high < end;
  const room = ROW_COUNT_MAX - OFF_LINE_COUNT_MAX - Number(isCutLow) - Number(isCutHigh);
  const width = Math.ceil((high - low) / room);
  const rows: HeatRow[] = [];
  if (isCutLow) rows.push({ label: `< ${edgeOf(values, low - firstCell)}`, cells: span(start, low) });
  for (let from = low; from < high; from += width) {
    const to = Math.min(high, from + width);
    rows.push({ label: labelOf(values, from - firstCell, to - firstCell), cells: span(from, to) });
  }
  if (isCutHigh) rows.push({ label: `≥ ${edgeOf(values, high - firstCell)}`, cells: span(high, end) });
  return rows;
}

/** The stretch of the line that holds all but its thin ends; all of it where nothing was counted. */
function bulkOf(weights: ArrayLike<number>, start: number, end: number): readonly [low: number, high: number] {
  let total = 0;
  for (let cell = start; cell < end; cell++) total += weights[cell] ?? 0;
  if (total === 0) return [start, end];
  let [low, high, below, above] = [start, end, 0, 0];
  while (low < high - 1 && below + (weights[low] ?? 0) <= total * TAIL_RATIO) below += weights[low++] ?? 0;
  while (high > low + 1 && above + (weights[high - 1] ?? 0) <= total * TAIL_RATIO) above += weights[--high] ?? 0;
  return [low, high];
}

/** From the edge of one cell to that of another; both are open at the line's ends. */
function labelOf(values: readonly number[], from: number, to: number): string {
  if (from < 0) return `< ${edgeOf(values, to)}`;
  return to >= values.length ? `≥ ${edgeOf(values, from)}` : `${edgeOf(values, from)}–${edgeOf(values, to)}`;
}

function edgeOf(values: readonly number[], index: number): string {
  const value = values[Math.min(Math.max(0, index), values.length - 1)];
  return value === undefined ? '–' : axisNumber(value);
}

/** What is no number stands above the line, as far as it was met. */
function offLineRows(labels: readonly string[], { firstCell, values }: Edges, weights: ArrayLike<number>): readonly HeatRow[] {
  const off = [...span(0, firstCell - 1), ...span(firstCell + values.length, labels.length)];
  const met = off.filter((cell) => (weights[cell] ?? 0) > 0);
  if (met.length === 0) return [];
  const own = met.slice(0, met.length > OFF_LINE_COUNT_MAX ? OFF_LINE_COUNT_MAX - 1 : OFF_LINE_COUNT_MAX);
  const rows = own.map((cell) => ({ label: labels[cell] as string, cells: [cell] }));
  const rest = met.slice(own.length);
  return rest.length === 0 ? rows : [...rows, { label: `${whole(rest.length)} others`, cells: rest }];
}

function span(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
