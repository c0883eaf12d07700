/**
 * Histogram: field shares as bars, baseline shares as outlines over them, the same numbers as a table behind.
 *
 * Invariants
 *  - Shares, not counts: a baseline of 300 and a field of a million stand side by side.
 *  - What the picture shows, the table says: the picture itself is hidden from screen readers.
 */
import { fractionsOf } from '../../../counts/statistics/summary.ts';
import { element, table } from '../../../site/element.ts';
import { cellLabel, percent } from './figures.ts';

interface HistogramInput {
  readonly labels: readonly string[];
  readonly field: ArrayLike<number>;
  readonly base: ArrayLike<number> | null;
  /** Under each bar, or only at both ends. */
  readonly axis: 'each' | 'ends';
}

/** Puts a histogram in place of the last one; a table that the reader has opened stays open, and keeps the focus. */
export function showHistogram(place: HTMLElement, input: HistogramInput): void {
  const isOpen = place.querySelector('details')?.open === true;
  const hasFocus = place.contains(document.activeElement);
  const drawn = histogram(input);
  const behind = drawn.querySelector('details');
  if (behind !== null) behind.open = isOpen;
  place.replaceChildren(drawn);
  if (hasFocus) behind?.querySelector('summary')?.focus();
}

function histogram({ labels, field, base, axis }: HistogramInput): HTMLElement {
  const fieldShares = fractionsOf(field);
  const baseShares = base === null ? null : fractionsOf(base);
  const shown = shownRange(fieldShares, baseShares, axis === 'each');
  const top = Math.max(...shown.map((cell) => Math.max(fieldShares[cell] as number, baseShares?.[cell] ?? 0)), 1e-9);
  const slots = shown.map((cell) => {
    const slot = element(
      'div',
      { class: 'slot' },
      element('div', { class: 'field' }),
      baseShares === null ? null : element('div', { class: 'base' }),
    );
    slot.style.setProperty('--field', String((fieldShares[cell] as number) / top));
    slot.style.setProperty('--base', String((baseShares?.[cell] ?? 0) / top));
    return slot;
  });
  const bars = element('div', { class: 'bars', 'aria-hidden': 'true' }, ...slots);
  const ends = axis === 'each' ? shown : [shown[0] as number, shown.at(-1) as number];
  const ticks = element(
    'div',
    { class: axis === 'each' ? 'axis' : 'axis ends', 'aria-hidden': 'true' },
    ...ends.map((cell) => element('span', {}, cellLabel(labels[cell] as string))),
  );
  const rows = shown.map((cell) => [
    labels[cell] as string,
    percent(fieldShares[cell] as number),
    baseShares === null ? '–' : percent(baseShares[cell] as number),
  ]);
  const behind = element(
    'details',
    {},
    element('summary', {}, 'As a table'),
    element('div', { class: 'scroll' }, table(['cell', 'field', 'baseline'], rows)),
  );
  return element('div', {}, legend(base !== null), bars, ticks, behind);
}

/** Leaves out empty cells at both ends, so that the interesting part is wide. */
function shownRange(field: ArrayLike<number>, base: ArrayLike<number> | null, isWhole: boolean): number[] {
  const all = Array.from(field, (_, cell) => cell);
  if (isWhole) return all.filter((cell) => cell < all.length - 1 || (field[cell] as number) > 0);
  const used = all.filter((cell) => (field[cell] as number) > 0 || (base?.[cell] ?? 0) > 0);
  if (used.length === 0) return all;
  return all.slice(Math.max(0, (used[0] as number) - 1), (used.at(-1) as number) + 2);
}

function legend(hasBase: boolean): HTMLElement {
  const key = (className: string, text: string) => element('span', {}, element('i', { class: className }), text);
  return element('div', { class: 'legend' }, key('key-field', 'field'), hasBase ? key('key-base', 'baseline') : null);
}
