/**
 * Histogram: field shares as bars, baseline shares as outlines over them; over the number line, or one bar for each of a few labels.
 *
 * Invariants
 *  - Shares, not counts: a baseline of 300 and a field of a million stand side by side.
 *  - At most BAR_COUNT_MAX bars and TICK_COUNT_MAX numbers under them, however many cells there are: neighbours are added up.
 *  - Hidden from screen readers: what the picture shows, the table behind it says (distribution.ts).
 */
import { element } from '../../../site/element.ts';
import { axisNumber, percent } from './figures.ts';

/** As many as are told apart on a phone: 300 px make bars of 4 px. */
const BAR_COUNT_MAX = 72;
/** Numbers under the bars. Five of "-1.2e-5" fit side by side on a phone. */
const TICK_COUNT_MAX = 5;

export interface Shares {
  readonly field: ArrayLike<number>;
  readonly base: ArrayLike<number> | null;
}

/** Lower edges of the cells that lie on the number line, and the first such cell; the cell before it is open downward. */
export interface Edges {
  readonly firstCell: number;
  readonly values: readonly number[];
}

/** The larger share of a cell: how much there is to see of it. */
export function weightsOf({ field, base }: Shares): (cell: number) => number {
  return (cell) => Math.max(field[cell] ?? 0, base?.[cell] ?? 0);
}

/** Cells that lie next to each other on the line, `from` to `to - 1`. */
interface Bar {
  readonly from: number;
  readonly to: number;
}

/** The cells of the line that field or baseline have met, one to spare on both sides. */
export function lineChart(shares: Shares, edges: Edges, labels: readonly string[]): HTMLElement {
  const bars = barsOf(shares, edges);
  const sums = (of: ArrayLike<number>) => bars.map(({ from, to }) => sumOf(of, from, to));
  const drawn = barRow(sums(shares.field), shares.base === null ? null : sums(shares.base));
  const chart = element('div', {}, drawn, ticksOf(bars, edges));
  const beside = offTheLine(shares, edges, labels);
  if (beside !== null) chart.append(element('p', { class: 'muted figures' }, beside));
  return chart;
}

/** One bar for each label, and the label under it: for a few short ones. */
export function labelChart({ field, base }: Shares, labels: readonly string[]): HTMLElement {
  const ofLabels = (of: ArrayLike<number>) => labels.map((_, cell) => of[cell] ?? 0);
  const drawn = barRow(ofLabels(field), base === null ? null : ofLabels(base));
  const names = labels.map((label) => element('span', {}, label));
  return element('div', {}, drawn, element('div', { class: 'axis', 'aria-hidden': 'true' }, ...names));
}

function barRow(field: readonly number[], base: readonly number[] | null): HTMLElement {
  const top = [...field, ...(base ?? [])].reduce((most, share) => Math.max(most, share), 1e-9);
  const slots = field.map((share, index) => {
    const outline = base === null ? null : element('div', { class: 'base' });
    const slot = element('div', { class: 'slot' }, element('div', { class: 'bar-field' }), outline);
    slot.style.setProperty('--field', String(share / top));
    slot.style.setProperty('--base', String((base?.[index] ?? 0) / top));
    return slot;
  });
  return element('div', { class: field.length > 24 ? 'bars dense' : 'bars', 'aria-hidden': 'true' }, ...slots);
}

function barsOf(shares: Shares, { firstCell, values }: Edges): readonly Bar[] {
  const [start, end] = [firstCell - 1, firstCell + values.length];
  const weightOf = weightsOf(shares);
  const isUsed = (cell: number) => weightOf(cell) > 0;
  let [first, last] = [start, end - 1];
  while (first < end && !isUsed(first)) first++;
  while (last > start && !isUsed(last)) last--;
  const [from, to] = first > last ? [start, end] : [Math.max(start, first - 1), Math.min(end, last + 2)];
  const width = Math.ceil((to - from) / BAR_COUNT_MAX);
  return Array.from({ length: Math.ceil((to - from) / width) }, (_, index) => {
    return { from: from + index * width, to: Math.min(to, from + (index + 1) * width) };
  });
}

function ticksOf(bars: readonly Bar[], { firstCell, values }: Edges): HTMLElement {
  /** null: open. */
  const lowerOf = (cell: number): number | null => values[cell - firstCell] ?? null;
  const count = Math.min(TICK_COUNT_MAX, bars.length + 1);
  const ticks = Array.from({ length: count }, (_, index) => {
    const at = Math.round((index / (count - 1)) * bars.length);
    const bar = bars[at];
    const edge = bar === undefined ? lowerOf((bars.at(-1) as Bar).to) : lowerOf(bar.from);
    const text = edge === null ? '' : axisNumber(edge);
    const tick = element('span', { class: index === 0 ? 'first' : index === count - 1 ? 'last' : null }, text || (at === 0 ? '−∞' : '∞'));
    tick.style.setProperty('--at', String(at / bars.length));
    return tick;
  });
  return element('div', { class: 'axis line', 'aria-hidden': 'true' }, ...ticks);
}

/** What has no place on the line, in words; null when nothing has. */
function offTheLine({ field, base }: Shares, { firstCell, values }: Edges, labels: readonly string[]): string | null {
  const cells = labels.flatMap((label, cell) => {
    const isOnLine = cell >= firstCell - 1 && cell < firstCell + values.length;
    const [ofField, ofBase] = [field[cell] ?? 0, base?.[cell] ?? 0];
    if (isOnLine || (ofField === 0 && ofBase === 0)) return [];
    return [`${label} ${percent(ofField)}${base === null ? '' : ` (baseline ${percent(ofBase)})`}`];
  });
  return cells.length === 0 ? null : `Not on the axis: ${cells.join(', ')}.`;
}

function sumOf(shares: ArrayLike<number>, from: number, to: number): number {
  let sum = 0;
  for (let cell = from; cell < to; cell++) sum += shares[cell] ?? 0;
  return sum;
}
