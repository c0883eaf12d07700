/**
 * Tabular rows: each column is a metric of its own, numbers between frozen edges or categories of a closed list.
 *
 * Invariants
 *  - Columns are counted apart: how values of two columns go together in a row is never counted.
 *  - A missing value is a cell: NaN, an empty text, a text that is no number, or the number that the manifest names.
 */
import type { ManifestColumn } from '../../protocol/manifest/manifest.ts';
import { binFinder, binLayout } from '../layout/bins.ts';
import { categoryFinder, categoryLayout } from '../layout/categories.ts';
import type { KindMetric } from '../layout/plan.ts';
import type { Book } from '../tally/book.ts';

export function tabularMetrics(columns: readonly ManifestColumn[]): KindMetric[] {
  return columns.map((column) => {
    const isNumeric = column.kind === 'numeric';
    const { cells, edges } = isNumeric ? binLayout(column.bins) : categoryLayout(column.categories);
    return {
      id: column.name,
      title: isNumeric ? 'Value of one column' : 'Category of one column, as index in the public list',
      unit: 'items',
      per: 'item',
      why: 'The distribution of a feature: shift, scale, missing values, values never seen in training.',
      // A number that is not one is a value that is missing.
      cells: isNumeric ? ['missing', ...cells.slice(1)] : cells,
      edges,
    };
  });
}

type Finder = (value: number | string) => number;

/** Positions of the cells of each column, found once per model. */
export function columnFinders(columns: readonly ManifestColumn[]): readonly Finder[] {
  return columns.map((column): Finder => {
    if (column.kind === 'categorical') return categoryFinder(column.categories);
    const find = binFinder(column.bins);
    return (value) => {
      const number = typeof value === 'number' ? value : value === '' ? Number.NaN : Number(value);
      return find(number === column.missing ? Number.NaN : number);
    };
  });
}

export function countColumns(
  columns: readonly ManifestColumn[],
  finders: readonly Finder[],
  values: ArrayLike<number | string>,
  start: number,
  book: Book,
): void {
  for (let at = 0; at < columns.length; at++) {
    book.bump((columns[at] as ManifestColumn).name, (finders[at] as Finder)(values[start + at] as number | string));
  }
}
