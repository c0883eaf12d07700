/**
 * Distribution: how often each cell was met, as the picture that suits it, and the same numbers as a table behind.
 *
 * Invariants
 *  - A table that the reader has opened stays open, and keeps the focus, when the next numbers come. It is made when it is opened:
 *    a number line has 4,096 cells.
 *
 * Not here: the pictures (histogram.ts, share-list.ts).
 */
import { fractionsOf } from '../../../counts/statistics/summary.ts';
import { element, table } from '../../../site/element.ts';
import { percent, whole } from './figures.ts';
import { type Edges, labelChart, lineChart, type Shares, weightsOf } from './histogram.ts';
import { shareList } from './share-list.ts';

/** Labels that stand side by side under bars: a dozen of three letters fit a phone. */
const SIDE_BY_SIDE_COUNT_MAX = 12;
const SIDE_BY_SIDE_LENGTH_MAX = 5;
/** Rows of the table: nobody reads more, and every update writes them anew. */
const ROW_COUNT_MAX = 500;

interface DistributionInput {
  /** One for each cell. */
  readonly labels: readonly string[];
  readonly field: ArrayLike<number>;
  readonly base: ArrayLike<number> | null;
  /** null: cells that have no order. */
  readonly edges: Edges | null;
}

/** Puts a distribution in place of the last one. */
export function showDistribution(place: HTMLElement, { labels, field, base, edges }: DistributionInput): void {
  const isOpen = place.querySelector('details')?.open === true;
  const hasFocus = place.contains(document.activeElement);
  const shares = { field: fractionsOf(field), base: base === null ? null : fractionsOf(base) };
  const rows = element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table' });
  const behind = element('details', {}, element('summary', {}, 'As a table'), rows);
  const fill = () => rows.replaceChildren(...tableOf(shares, labels));
  behind.addEventListener('toggle', () => {
    if (behind.open && rows.firstChild === null) fill();
  });
  if (isOpen) {
    behind.open = true;
    fill();
  }
  place.replaceChildren(legend(base !== null), pictureOf(shares, labels, edges), behind);
  if (hasFocus) behind.querySelector('summary')?.focus();
}

function pictureOf(shares: Shares, labels: readonly string[], edges: Edges | null): HTMLElement {
  if (edges !== null) return lineChart(shares, edges, labels);
  // What lies beyond the list is worth a place once it was met.
  const isOtherMet = labels.at(-1) !== 'other' || weightsOf(shares)(labels.length - 1) > 0;
  const named = isOtherMet ? labels : labels.slice(0, -1);
  const isSideBySide = named.length <= SIDE_BY_SIDE_COUNT_MAX && named.every(({ length }) => length <= SIDE_BY_SIDE_LENGTH_MAX);
  return isSideBySide ? labelChart(shares, named) : shareList(shares, named);
}

/** Cells that were met, in their order; all when they are few, the most frequent when they are too many. */
function tableOf(shares: Shares, labels: readonly string[]): HTMLElement[] {
  const { field, base } = shares;
  const weightOf = weightsOf(shares);
  const all = labels.map((_, cell) => cell);
  const met = all.length <= SIDE_BY_SIDE_COUNT_MAX ? all : all.filter((cell) => weightOf(cell) > 0);
  const most = [...met].sort((one, other) => weightOf(other) - weightOf(one)).slice(0, ROW_COUNT_MAX);
  const rows = most
    .sort((one, other) => one - other)
    .map((cell) => [labels[cell] as string, percent(field[cell] ?? 0), base === null ? '–' : percent(base[cell] ?? 0)]);
  const drawn = table(['cell', 'field', 'baseline'], rows);
  if (met.length <= ROW_COUNT_MAX) return [drawn];
  return [element('p', { class: 'muted' }, `The ${ROW_COUNT_MAX} most frequent of ${whole(met.length)} cells.`), drawn];
}

function legend(hasBase: boolean): HTMLElement {
  const key = (className: string, text: string) => element('span', {}, element('i', { class: className }), text);
  return element('div', { class: 'legend' }, key('key-field', 'field'), hasBase ? key('key-base', 'baseline') : null);
}
